//! The moment at which a guest begins to filter: when a mistake locks somebody out.

use super::enforce::Step;
use std::collections::BTreeMap;

/// Options as texts; what is not there has PVE's default.
type Texts = BTreeMap<String, String>;

/// How strict the options are: 0 nothing is filtered, then the policies for what comes in.
fn strictness(options: &Texts) -> u8 {
    let of = |key: &str, default: &'static str| options.get(key).map_or(default, String::as_str).to_owned();
    match (of("enable", "0").as_str(), of("policy_in", "DROP").as_str()) {
        ("1", "ACCEPT") => 1,
        ("1", _) => 2,
        _ => 0,
    }
}

/// The first step that makes the guest filter more of what comes in than the options that were `seen`: `enable=1`, or
/// another policy than `ACCEPT` on a guest that filters.
#[must_use]
pub fn flip_at(steps: &[Step], seen: &Texts) -> Option<usize> {
    let mut options = seen.clone();
    for (at, step) in steps.iter().enumerate() {
        if let Step::SetOptions { set } = step {
            let before = strictness(&options);
            options.extend(set.clone());
            if strictness(&options) > before {
                return Some(at);
            }
        }
    }
    None
}

/// What takes a flip back: options with the values that they had, and those that were not written.
#[must_use]
pub fn back_to(seen: &Texts) -> (Texts, Vec<String>) {
    let (written, unwritten): (Vec<&str>, Vec<&str>) =
        ["enable", "policy_in"].into_iter().partition(|key| seen.contains_key(*key));
    let set = written.into_iter().map(|key| (key.to_owned(), seen.get(key).cloned().unwrap_or_default())).collect();
    (set, unwritten.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(pairs: &[(&str, &str)]) -> Texts {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn set(pairs: &[(&str, &str)]) -> Step {
        Step::SetOptions { set: texts(pairs) }
    }

    #[test]
    fn only_what_lets_less_in_than_before_is_a_flip() {
        let policy = || set(&[("policy_in", "DROP"), ("policy_out", "ACCEPT")]);
        let enable = || set(&[("enable", "1")]);
        let on = [("enable", "1"), ("policy_in", "DROP")];
        type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], Vec<Step>, Option<usize>);
        let table: [Case<'_>; 6] = [
            ("a new guest", &[], vec![policy(), enable()], Some(1)),
            ("an open one that is enabled", &[("enable", "1"), ("policy_in", "ACCEPT")], vec![policy()], Some(0)),
            ("one that filters already", &on, vec![set(&[("log_level_in", "info")])], None),
            ("one that opens", &on, vec![set(&[("policy_in", "ACCEPT")])], None),
            ("the policy of one that is off", &[], vec![policy()], None),
            ("an open wish", &[], vec![set(&[("policy_in", "ACCEPT")]), enable()], Some(1)),
        ];
        for (name, seen, steps, expected) in table {
            assert_eq!(flip_at(&steps, &texts(seen)), expected, "{name}");
        }
    }

    #[test]
    fn what_was_not_written_is_not_written_afterwards() {
        let (set, delete) = back_to(&texts(&[("enable", "0"), ("dhcp", "1")]));
        assert_eq!((set, delete), (texts(&[("enable", "0")]), vec!["policy_in".to_owned()]));
    }
}
