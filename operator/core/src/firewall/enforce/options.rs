//! The options: written together, before anything is removed, and the switch by itself at the very end.

use crate::firewall::guest::Options;
use crate::firewall::seen::Seen;
use std::collections::BTreeMap;

/// Those that are not written so. One that is not written at all is written too: PVE's documentation and its rules differ
/// in what holds then (`dhcp`, `ndp`).
pub fn differing(options: &Options, seen: &Seen) -> BTreeMap<String, String> {
    let mut wished = options.fields();
    wished.retain(|key, value| seen.options.get(key) != Some(value));
    wished
}
