//! The firewall of a guest is written as a whole only before its first start, as the rules have it.

use super::Scene;
use crate::Fact;
use crate::container::interfaces::slots;
use crate::container::seen::Guest;
use crate::container::step::{Plan, Step};
use crate::firewall::guest::GuestFirewall;
use zentoria_api::firewall::FirewallMode;

/// Why the firewall must not be written.
pub(super) fn writing(scene: &Scene<'_>, firewall: &GuestFirewall, guest: &Guest, plan: &Plan) -> Option<String> {
    let Some((_, seen)) = scene.living else {
        return Some("a firewall for an object that is deleted".to_owned());
    };
    if !seen.recorded.is_in_making() || guest.running == Fact::Known(true) {
        return Some("the whole firewall of a guest that may have run".to_owned());
    }
    let cleared = plan.steps.windows(2).any(|pair| pair[0] == Step::ClearFirewall && is_write(&pair[1]));
    if !cleared {
        return Some("a firewall beside what an earlier guest left behind".to_owned());
    }
    let wish = seen.firewall.as_ref().filter(|compiled| compiled.mode == FirewallMode::Enforce);
    let wish = wish.and_then(|compiled| compiled.wish_at(&slots(&guest.config)).ok());
    (wish.as_ref() != Some(firewall)).then(|| "a firewall that no rule asks for".to_owned())
}

const fn is_write(step: &Step) -> bool {
    matches!(step, Step::WriteFirewall(_))
}
