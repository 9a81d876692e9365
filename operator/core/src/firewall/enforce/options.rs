//! The options: written together, before anything is removed, and the switch by itself at the very end.

use crate::firewall::guest::{Options, log_word, policy_word};
use crate::firewall::seen::Seen;
use std::collections::BTreeMap;

/// The managed options as PVE writes them, without `enable`.
pub fn wished(options: &Options) -> BTreeMap<String, String> {
    let flag = |on: bool| if on { "1" } else { "0" };
    [
        ("policy_in", policy_word(options.policy_in)),
        ("policy_out", policy_word(options.policy_out)),
        ("ipfilter", flag(options.ipfilter)),
        ("macfilter", flag(options.macfilter)),
        ("dhcp", flag(options.dhcp)),
        ("ndp", flag(options.ndp)),
        ("radv", flag(options.radv)),
        ("log_level_in", log_word(options.log_level_in)),
        ("log_level_out", log_word(options.log_level_out)),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .collect()
}

/// Those that are not written so. One that is not written at all is written too: PVE's documentation and its rules differ
/// in what holds then (`dhcp`, `ndp`).
pub fn differing(options: &Options, seen: &Seen) -> BTreeMap<String, String> {
    let mut wished = wished(options);
    wished.retain(|key, value| seen.options.get(key) != Some(value));
    wished
}
