//! What the status of a container says of its firewall, and what the status of a rule says. No second verdict: everything
//! is derived here.

use super::compile::RuleReport;
use crate::conditions::{Conditions, Truth};
use crate::container::want::Key;
use jiff::Timestamp;
use std::collections::BTreeMap;
use zentoria_api::conditions::{ACCEPTED, ENFORCED, FIREWALL_ENFORCED, FirewallReason, Phase, RuleReason};
use zentoria_api::container::ZentoriaContainerStatus;
use zentoria_api::firewall::{FirewallRuleStatus, GuestFirewallStatus};

/// What is to be said of a guest's firewall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saying {
    /// The reason of FirewallEnforced.
    pub reason: FirewallReason,
    /// The message.
    pub message: String,
    /// What was seen and done; `None` where it was not looked at: what was known stays.
    pub firewall: Option<GuestFirewallStatus>,
}

/// Whether the condition FirewallEnforced with this reason is True.
#[must_use]
pub const fn truth(reason: FirewallReason) -> Truth {
    match reason {
        FirewallReason::Enforced | FirewallReason::NotProbed => Truth::True,
        FirewallReason::PveError | FirewallReason::NotKnown => Truth::Unknown,
        FirewallReason::Off
        | FirewallReason::ObserveOnly
        | FirewallReason::Enforcing
        | FirewallReason::DatacenterFirewallDisabled
        | FirewallReason::InterfaceUnfiltered
        | FirewallReason::ForeignRuleWidens
        | FirewallReason::WouldLockOut
        | FirewallReason::ControlPlaneUnknown
        | FirewallReason::InvalidSpec
        | FirewallReason::PermissionDenied
        | FirewallReason::TooManyRules
        | FirewallReason::Bug => Truth::False,
    }
}

/// The status of a container with what is said of its firewall, and nothing else changed.
#[must_use]
pub fn guest_status(
    before: &ZentoriaContainerStatus,
    generation: i64,
    now: &Timestamp,
    saying: &Saying,
) -> ZentoriaContainerStatus {
    let mut next = before.clone();
    let mut conditions = Conditions::from(&before.conditions, generation, now);
    conditions.set(FIREWALL_ENFORCED, truth(saying.reason), saying.reason.as_str(), &saying.message);
    next.conditions = conditions.finish();
    if let Some(firewall) = &saying.firewall {
        next.firewall = Some(firewall.clone());
    }
    next
}

/// The status of a container with the firewall as another status of it has it: the two are written by different hands.
pub fn take_firewall(next: &mut ZentoriaContainerStatus, from: &ZentoriaContainerStatus) {
    next.firewall.clone_from(&from.firewall);
    let said = from.conditions.iter().find(|condition| condition.type_ == FIREWALL_ENFORCED);
    match (said, next.conditions.iter_mut().find(|condition| condition.type_ == FIREWALL_ENFORCED)) {
        (Some(said), Some(old)) => old.clone_from(said),
        (Some(said), None) => next.conditions.push(said.clone()),
        (None, _) => next.conditions.retain(|condition| condition.type_ != FIREWALL_ENFORCED),
    }
}

/// What became of a rule on one of the guests that it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnGuest {
    /// The reason of the guest's FirewallEnforced.
    pub reason: FirewallReason,
    /// Its message.
    pub message: String,
}

/// How far a rule is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Reach {
    enforced: usize,
    observed: usize,
    pending: Vec<String>,
    /// Those of them that nobody has looked at.
    unseen: usize,
    failed: Vec<String>,
}

impl Reach {
    fn of(report: &RuleReport, guests: &BTreeMap<Key, OnGuest>) -> Self {
        let mut reach = Self::default();
        for key in &report.guests {
            let Some(on) = guests.get(key) else {
                reach.pending.push(key.name.clone());
                reach.unseen += 1;
                continue;
            };
            match (truth(on.reason), on.reason, on.reason.phase()) {
                (Truth::True, _, _) => reach.enforced += 1,
                (_, FirewallReason::ObserveOnly | FirewallReason::Off, _) => reach.observed += 1,
                (_, _, Phase::Stalled) => reach.failed.push(format!("{} ({})", key.name, on.reason)),
                (_, _, Phase::Settled | Phase::Progressing | Phase::Waiting | Phase::Retrying) => {
                    reach.pending.push(key.name.clone());
                }
                (_, _, Phase::Resting | Phase::Silent) => reach.observed += 1,
            }
        }
        reach
    }

    fn verdict(&self, settled: RuleReason, total: usize) -> (RuleReason, String) {
        if !self.failed.is_empty() {
            let message = format!("not in force on {}: see their condition FirewallEnforced", some(&self.failed));
            (RuleReason::NotEnforced, message)
        } else if total > 0 && self.unseen == total {
            (RuleReason::Pending, format!("nobody has looked at {} yet", some(&self.pending)))
        } else if !self.pending.is_empty() {
            (RuleReason::Enforcing, format!("on its way to {}", some(&self.pending)))
        } else if self.observed > 0 {
            let message = format!("in force on {} of {total} guests; the others are in mode Observe", self.enforced);
            (RuleReason::ObserveOnly, message)
        } else {
            (settled, format!("in force on {total} guests"))
        }
    }
}

/// The first few, and how many more.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let more = names.len().saturating_sub(SHOWN);
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

/// The status of a rule: what the compiler says of it, and how far it is in force on its `guests`.
#[must_use]
pub fn rule_status(
    before: &FirewallRuleStatus,
    generation: i64,
    now: &Timestamp,
    report: &RuleReport,
    guests: &BTreeMap<Key, OnGuest>,
) -> FirewallRuleStatus {
    let total = report.guests.len();
    let reach = Reach::of(report, guests);
    let (reason, message) = match &report.verdict {
        Ok(RuleReason::Paused) => (RuleReason::Paused, "paused: what is written for it stays as it is".to_owned()),
        Ok(settled) => reach.verdict(*settled, total),
        Err((reason, message)) => (*reason, message.clone()),
    };
    let mut next = before.clone();
    next.summary = Some(reason.to_string());
    if reason.phase() == Phase::Silent {
        return next;
    }
    next.observed_generation = Some(generation);
    next.from = Some(report.from.clone());
    next.to = Some(report.to.clone());
    next.ports = Some(report.ports.clone());
    next.guests = u32::try_from(total).unwrap_or(u32::MAX);
    next.rules = report.rules;
    next.enforced = Some(format!("{}/{total}", reach.enforced));
    next.unresolved.clone_from(&report.unresolved);
    next.notes.clone_from(&report.notes);
    let mut conditions = Conditions::from(&before.conditions, generation, now);
    conditions.set_phase(reason.phase(), reason.as_str(), &message);
    let refused = report.verdict.is_err() && reason.phase() == Phase::Stalled;
    if refused {
        conditions.set(ACCEPTED, Truth::False, reason.as_str(), &message);
    } else {
        conditions.set(ACCEPTED, Truth::True, "Accepted", "");
    }
    let everywhere = total > 0 && reach.enforced == total && !refused;
    let (why, said) = if everywhere { (RuleReason::Enforced, "") } else { (reason, message.as_str()) };
    conditions.set(ENFORCED, Truth::from(everywhere), why.as_str(), said);
    next.conditions = conditions.finish();
    next
}
