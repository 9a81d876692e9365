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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conditions::is_true;
    use zentoria_api::conditions::{READY, RECONCILING, STALLED};

    fn key(name: &str) -> Key {
        Key { namespace: "shop".to_owned(), name: name.to_owned() }
    }

    fn report(guests: &[&str], verdict: Result<RuleReason, (RuleReason, String)>) -> RuleReport {
        RuleReport {
            from: "web".to_owned(),
            to: "db".to_owned(),
            ports: "5432".to_owned(),
            guests: guests.iter().map(|name| key(name)).collect(),
            rules: 1,
            unresolved: Vec::new(),
            notes: Vec::new(),
            elsewhere: false,
            verdict,
        }
    }

    fn on(guests: &[(&str, FirewallReason)]) -> BTreeMap<Key, OnGuest> {
        guests.iter().map(|(name, reason)| (key(name), OnGuest { reason: *reason, message: String::new() })).collect()
    }

    #[test]
    fn a_rule_is_in_force_where_its_guests_are_and_says_where_it_is_not() {
        use FirewallReason as F;
        use RuleReason as R;
        let fine = || Ok(R::Enforced);
        let wrong = || Err((R::NotFound, "spec.to[0]: x".to_owned()));
        let late = || Err((R::Unresolved, "web has no address yet".to_owned()));
        type Case<'a> = (&'a str, RuleReport, &'a [(&'a str, FirewallReason)], RuleReason, &'a str, [bool; 4]);
        // Ready, Reconciling, Stalled, Enforced.
        let cases: [Case<'_>; 9] = [
            (
                "all",
                report(&["a", "b"], fine()),
                &[("a", F::Enforced), ("b", F::NotProbed)],
                R::Enforced,
                "2/2",
                [true, false, false, true],
            ),
            (
                "one to come",
                report(&["a", "b"], fine()),
                &[("a", F::Enforced)],
                R::Enforcing,
                "1/2",
                [false, true, false, false],
            ),
            ("nobody looked", report(&["a"], fine()), &[], R::Pending, "0/1", [false, true, false, false]),
            (
                "one is observed",
                report(&["a", "b"], fine()),
                &[("a", F::Enforced), ("b", F::ObserveOnly)],
                R::ObserveOnly,
                "1/2",
                [true, false, false, false],
            ),
            (
                "one cannot",
                report(&["a", "b"], fine()),
                &[("a", F::Enforced), ("b", F::WouldLockOut)],
                R::NotEnforced,
                "1/2",
                [false, false, true, false],
            ),
            (
                "a call failed",
                report(&["a"], fine()),
                &[("a", F::PveError)],
                R::Enforcing,
                "0/1",
                [false, true, false, false],
            ),
            (
                "hidden",
                report(&["a"], Ok(R::Shadowed)),
                &[("a", F::Enforced)],
                R::Shadowed,
                "1/1",
                [true, false, false, true],
            ),
            ("names nobody", report(&[], wrong()), &[], R::NotFound, "0/0", [false, false, true, false]),
            (
                "waits for an address",
                report(&["a"], late()),
                &[("a", F::Enforced)],
                R::Unresolved,
                "1/1",
                [false, true, false, true],
            ),
        ];
        for (name, report, guests, reason, enforced, truths) in cases {
            let status = rule_status(&FirewallRuleStatus::default(), 3, &Timestamp::UNIX_EPOCH, &report, &on(guests));
            let said = status.conditions.iter().find(|condition| condition.type_ == READY).unwrap();
            assert_eq!((said.reason.as_str(), status.enforced.as_deref()), (reason.as_str(), Some(enforced)), "{name}");
            assert_eq!(status.summary.as_deref(), Some(reason.as_str()), "{name}");
            let found = [READY, RECONCILING, STALLED, ENFORCED].map(|kind| is_true(&status.conditions, kind));
            assert_eq!(found, truths, "{name}");
            let refused = matches!(report.verdict, Err((RuleReason::NotFound, _)));
            assert_eq!(is_true(&status.conditions, ACCEPTED), !refused, "{name}");
            assert_eq!(status.observed_generation, Some(3));
        }
    }

    #[test]
    fn a_paused_rule_keeps_what_was_said_of_it() {
        let now = Timestamp::UNIX_EPOCH;
        let guests = on(&[("a", FirewallReason::Enforced)]);
        let before =
            rule_status(&FirewallRuleStatus::default(), 1, &now, &report(&["a"], Ok(RuleReason::Enforced)), &guests);
        let paused = rule_status(&before, 2, &now, &report(&["a"], Ok(RuleReason::Paused)), &guests);
        assert_eq!(paused.summary.as_deref(), Some("Paused"));
        assert_eq!(paused, FirewallRuleStatus { summary: paused.summary.clone(), ..before });
    }

    #[test]
    fn two_hands_at_one_status_keep_what_the_other_wrote() {
        let now = Timestamp::UNIX_EPOCH;
        let saying = |reason| Saying { reason, message: "m".to_owned(), firewall: None };
        let empty = ZentoriaContainerStatus::default();
        let mut main = empty.clone();
        let mut conditions = Conditions::from(&[], 1, &now);
        conditions.set_phase(Phase::Settled, "Running", "");
        main.conditions = conditions.finish();
        let both = guest_status(&main, 1, &now, &saying(FirewallReason::NotProbed));
        assert!(is_true(&both.conditions, READY) && is_true(&both.conditions, FIREWALL_ENFORCED));
        // The main hand starts from what it saw before, and takes over what the other has said since.
        let mut next = guest_status(&main, 1, &now, &saying(FirewallReason::Enforcing));
        take_firewall(&mut next, &both);
        assert_eq!(next.conditions, both.conditions);
        take_firewall(&mut next, &main);
        assert!(!next.conditions.iter().any(|condition| condition.type_ == FIREWALL_ENFORCED));
    }

    #[test]
    fn every_reason_but_two_means_that_the_firewall_is_not_known_to_be_in_force() {
        let in_force: Vec<&FirewallReason> =
            FirewallReason::ALL.iter().filter(|reason| truth(**reason) == Truth::True).collect();
        assert_eq!(in_force, [&FirewallReason::Enforced, &FirewallReason::NotProbed]);
    }
}
