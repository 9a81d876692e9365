//! A guest that we make filters from its first start on: its rules are there before.

use crate::Fact;
use crate::container::interfaces::slots;
use crate::container::seen::{Guest, Seen};
use crate::container::step::Step;
use crate::container::want::Want;
use zentoria_api::firewall::FirewallMode;

/// The firewall of a guest that is being made, to be written into the file that was just cleared. Where the rules do not
/// say what it shall be, its condition FirewallEnforced tells why; a template is never started. One that somebody started
/// meanwhile gets its rules as every guest that runs does: with a look whether it still answers.
pub(super) fn first_firewall(want: &Want, seen: &Seen, guest: &Guest) -> Option<Step> {
    if guest.running == Fact::Known(true) {
        return None;
    }
    let compiled =
        seen.firewall.as_ref().filter(|compiled| compiled.mode == FirewallMode::Enforce && !want.template)?;
    let firewall = compiled.wish_at(&slots(&guest.config)).ok()?;
    Some(Step::WriteFirewall(Box::new(firewall)))
}
