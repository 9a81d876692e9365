//! What a look at a guest comes to, in a reason and in words.

use std::collections::BTreeSet;
use zentoria_api::conditions::FirewallReason;
use zentoria_api::firewall::{FirewallMode, GuestFirewallStatus};
use zentoria_core::firewall::enforce::Step;
use zentoria_core::firewall::seen::Seen;

/// The switch of the datacenter, safely: only guests filter.
const SWITCH_ON: &str = "pvesh set /cluster/firewall/options --enable 1 --policy_in ACCEPT --policy_out ACCEPT";

/// Nothing is left to write: what there is beside the rules.
pub(super) struct Standing<'a> {
    /// A flip was taken back, and nothing has changed since.
    pub(super) is_held: bool,
    /// The datacenter's firewall is off.
    pub(super) off: bool,
    /// Interfaces that do not pass through the firewall.
    pub(super) unfiltered: &'a BTreeSet<String>,
    /// A rule of a person, and what it opens.
    pub(super) widens: Option<(String, String)>,
}

impl Standing<'_> {
    /// The worst of it.
    pub(super) fn verdict(&self, shown: &GuestFirewallStatus) -> (FirewallReason, String) {
        if self.is_held {
            let message = "a port that answered before did not answer any more once the guest filtered, so the policy was \
                           taken back; correct the rules or controlPlaneCIDRs, or change an annotation zentoria.ai/... \
                           of the container to have it tried again";
            return (FirewallReason::WouldLockOut, message.to_owned());
        }
        if self.off {
            let message = format!(
                "the firewall of the datacenter is off, so that no rule of any guest has effect; it is switched on \
                 safely by `{SWITCH_ON}`, or by firewall.manageDatacenter: true of the ProxmoxCluster"
            );
            return (FirewallReason::DatacenterFirewallDisabled, message);
        }
        if !self.unfiltered.is_empty() {
            let names = self.unfiltered.iter().cloned().collect::<Vec<_>>().join(", ");
            let message = format!(
                "traffic of {names} does not pass through the firewall: set network.interfaces[].firewall: true"
            );
            return (FirewallReason::InterfaceUnfiltered, message);
        }
        if let Some((rule, opens)) = &self.widens {
            let message = format!(
                "the rule `{rule}`, which a person made, opens {opens}: remove it in Proxmox VE, write a FirewallRule, \
                 or set firewall.foreignRules: Remove of the ProxmoxCluster"
            );
            return (FirewallReason::ForeignRuleWidens, message);
        }
        let rules = shown.rules;
        match &shown.answers {
            Some(target) => (
                FirewallReason::Enforced,
                format!("holds {rules} rules; {target} answered before the guest filtered, and after it"),
            ),
            None => (
                FirewallReason::NotProbed,
                format!(
                    "holds {rules} rules, in force up to 10 s after they were written; no port of the control plane \
                     answered before, so that none could be tried after"
                ),
            ),
        }
    }
}

/// Nothing seen, nothing written.
pub(super) fn empty(mode: FirewallMode) -> GuestFirewallStatus {
    GuestFirewallStatus {
        mode,
        rules: 0,
        ipsets: 0,
        differences: Vec::new(),
        foreign_rules: Vec::new(),
        answers: None,
        probe: None,
        held: None,
    }
}

/// The steps before the first that sets a policy or enables.
pub(super) fn before_policies(steps: &[Step]) -> &[Step] {
    let sets = |step: &Step| match step {
        Step::SetOptions { set } => set.contains_key("enable") || set.contains_key("policy_in"),
        Step::CreateSet { .. }
        | Step::AddEntry { .. }
        | Step::InsertRule { .. }
        | Step::MoveRule { .. }
        | Step::UpdateRule { .. }
        | Step::DeleteRule { .. }
        | Step::RemoveEntry { .. }
        | Step::DeleteSet { .. } => false,
    };
    let at = steps.iter().position(sets).unwrap_or(steps.len());
    &steps[..at]
}

/// How many rules and sets of ours were seen.
pub(super) fn counts(seen: &Seen) -> (u32, u32) {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let rules = seen.rules.iter().filter(|rule| rule.ours()).count();
    let sets = seen.ipsets.keys().filter(|name| name.0.starts_with("zen-") || name.0.starts_with("ipfilter-")).count();
    (count(rules), count(sets))
}
