//! Which versions of Proxmox VE are served.

/// The oldest: pending changes, tags and the rights of networks are as we know them from here on.
const OLDEST: u32 = 8;

/// Why nothing is done on a cluster of this version; none where it is served. A version that cannot be read is not held
/// against it.
#[must_use]
pub fn refusal(version: &str) -> Option<String> {
    let major: u32 = version.trim().split(['.', '-', '~']).next()?.parse().ok()?;
    (major < OLDEST).then(|| {
        format!(
            "Proxmox VE {version} is not supported, and nothing is written to it: upgrade it to {OLDEST}.0 or later"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_before_eight_are_refused() {
        let cases =
            [("7.4-3", true), ("6.4", true), ("8.0.0", false), ("8.4.1", false), ("9.2.11", false), ("10.0", false)];
        for (version, refused) in cases {
            assert_eq!(refusal(version).is_some(), refused, "{version}");
        }
        assert_eq!(refusal("nightly"), None);
    }
}
