//! The environment of an OCI guest: `A=1`, `B=2`, separated by NUL, as Proxmox VE stores it.

use std::collections::BTreeMap;

/// Whether `have` sets every variable as wished.
pub(super) fn holds(want: &BTreeMap<String, String>, have: &str) -> bool {
    let have: BTreeMap<&str, &str> = entries(have).collect();
    want.iter().all(|(name, value)| have.get(name.as_str()) == Some(&value.as_str()))
}

/// `have` with the wished variables put in; the others and their order stay, those of the image among them.
pub(super) fn over(want: &BTreeMap<String, String>, have: &str) -> String {
    let kept =
        entries(have).filter(|(name, _)| !want.contains_key(*name)).map(|(name, value)| format!("{name}={value}"));
    let added = want.iter().map(|(name, value)| format!("{name}={value}"));
    kept.chain(added).collect::<Vec<_>>().join("\0")
}

fn entries(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('\0').filter_map(|entry| entry.split_once('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_keeps_its_own_variables() {
        let want = BTreeMap::from([("MODE".to_owned(), "a=b".to_owned()), ("Z".to_owned(), String::new())]);
        let have = "PATH=/bin:/usr/bin\0MODE=x";
        assert!(!holds(&want, have));
        let next = over(&want, have);
        assert_eq!(next, "PATH=/bin:/usr/bin\0MODE=a=b\0Z=");
        assert!(holds(&want, &next));
        assert_eq!(over(&want, &next), next);
        assert_eq!(over(&want, ""), "MODE=a=b\0Z=");
    }
}
