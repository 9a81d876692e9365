//! The steps of an enforcement, one call each. Before the first the guest's mark is read in the same act; a rule is found
//! by its content in a list that was just read; and before a guest begins to filter, everything is read once more.

use super::look::{look, rules};
use crate::cluster::Cluster;
use crate::container::act::Turn;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use zentoria_api::conditions::FirewallReason;
use zentoria_api::firewall::ForeignRules;
use zentoria_core::container::ownership::{Ownership, ownership};
use zentoria_core::container::want::Identity;
use zentoria_core::firewall::enforce::{Place, RuleRef, Step, guard, plan};
use zentoria_core::firewall::flip::{back_to, flip_at};
use zentoria_core::firewall::guest::GuestFirewall;
use zentoria_core::firewall::seen::{Seen, SeenRule};
use zentoria_core::firewall::suspended::without;
use zentoria_pve::PveError;
use zentoria_types::names::NodeName;
use zentoria_types::vmid::Vmid;

/// Locks under which a guest's firewall may be written: it is not about to become another guest, or none.
const HARMLESS: [&str; 5] = ["backup", "snapshot", "snapshot-delete", "mounted", "fstrim"];

/// Whose firewall is written.
pub struct Subject<'a> {
    /// The cluster.
    pub cluster: &'a Arc<Cluster>,
    /// Who we are.
    pub identity: &'a Identity,
    /// The guest's node.
    pub node: &'a NodeName,
    /// The guest.
    pub vmid: Vmid,
}

/// What it shall hold.
#[derive(Clone, Copy)]
pub struct Wish<'a> {
    /// The whole of it.
    pub firewall: &'a GuestFirewall,
    /// What happens to rules of others.
    pub foreign: ForeignRules,
    /// Rules that are not looked at.
    pub suspended: &'a BTreeSet<String>,
}

/// Why nothing more was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// What was planned for is not what is there: look again.
    Replan(String),
    /// A call failed, or must not be made.
    Say(FirewallReason, String),
    /// We may not write any more.
    Fenced,
}

/// Carries the steps out, in their order; they rest on what was `seen`.
///
/// # Errors
/// [`Stop`]; what was written by then is safe as it is, for every prefix of the steps is.
pub async fn act(subject: &Subject<'_>, wish: Wish<'_>, steps: &[Step], seen: &Seen) -> Result<(), Stop> {
    if steps.is_empty() {
        return Ok(());
    }
    guard(steps, wish.firewall, seen, wish.foreign)
        .map_err(|refusal| Stop::Say(FirewallReason::Bug, bug(&refusal.to_string())))?;
    let _turn = subject.verified().await?;
    let run = Run { subject, wish };
    let flip = flip_at(steps, &seen.options);
    for (at, step) in steps.iter().enumerate() {
        if Some(at) == flip {
            run.still_next(step).await?;
        }
        run.step(step).await?;
    }
    Ok(())
}

/// Everything into the empty firewall of a guest that never ran and whose mark was just read.
///
/// # Errors
/// As for [`act`].
pub(crate) async fn first(subject: &Subject<'_>, firewall: &GuestFirewall) -> Result<usize, Stop> {
    let suspended = BTreeSet::new();
    let wish = Wish { firewall, foreign: ForeignRules::Keep, suspended: &suspended };
    let answer = look(subject.cluster, subject.node, subject.vmid).await;
    let seen = answer.map_err(|error| subject.failed("look at the firewall of", &error))?;
    let steps = plan(firewall, &seen, ForeignRules::Keep).steps;
    guard(&steps, firewall, &seen, ForeignRules::Keep)
        .map_err(|refusal| Stop::Say(FirewallReason::Bug, bug(&refusal.to_string())))?;
    let run = Run { subject, wish };
    for step in &steps {
        run.step(step).await?;
    }
    Ok(steps.len())
}

/// Takes a flip back: `enable` and `policy_in` are again what they were before.
///
/// # Errors
/// As for [`act`].
pub async fn roll_back(subject: &Subject<'_>, before: &BTreeMap<String, String>) -> Result<(), Stop> {
    let _turn = subject.verified().await?;
    let (set, delete) = back_to(before);
    let client = subject.cluster.client();
    let failed = |error: PveError| subject.failed("take back the policy of", &error);
    let options = client.firewall_options(subject.node, subject.vmid).await.map_err(failed)?;
    let _write = subject.cluster.firewall_turn().await;
    client.set_firewall_options(subject.node, subject.vmid, &set, &delete, &options.digest).await.map_err(failed)
}

fn bug(why: &str) -> String {
    format!("the guard refused a step ({why}); this is a fault of the operator, please report it")
}

impl Subject<'_> {
    /// The turn to act on the guest, once its mark was read.
    async fn verified(&self) -> Result<Turn, Stop> {
        let Some(turn) = self.cluster.turn(self.vmid) else {
            return Err(Stop::Replan(format!("something else is done to guest {} just now", self.vmid)));
        };
        let before = self.cluster.known(self.vmid).and_then(|known| known.config.digest);
        let config = self.cluster.read_config(self.vmid, self.node).await.map_err(|e| self.failed("look at", &e))?;
        if before.is_some() && before != config.digest {
            // The container's own look would find nothing new, for what was read here is what is known now.
            self.cluster.wake(&self.identity.key);
        }
        match ownership(self.identity, self.vmid, config.description()) {
            Ownership::Ours(mark) if mark.retained.is_none() && mark.trash_until.is_none() => {}
            Ownership::Ours(_)
            | Ownership::OtherControlPlane(_)
            | Ownership::CopyOf(_)
            | Ownership::Foreign(_)
            | Ownership::Unmarked
            | Ownership::Unreadable(_) => {
                return Err(Stop::Replan(format!("guest {} does not carry our mark any more", self.vmid)));
            }
        }
        match config.lock() {
            Some(lock) if !HARMLESS.contains(&lock) => {
                Err(Stop::Replan(format!("guest {} is locked by Proxmox VE ({lock})", self.vmid)))
            }
            Some(_) | None => Ok(turn),
        }
    }

    /// What a failed call means.
    fn failed(&self, doing: &str, error: &PveError) -> Stop {
        read(&format!("{doing} guest {} on node {}", self.vmid, self.node), error)
    }
}

/// Reads an error of a call to a firewall. `doing` names what was tried.
#[must_use]
pub fn read(doing: &str, error: &PveError) -> Stop {
    let text = format!("{doing}: {error}");
    match error {
        PveError::Fenced { .. } => Stop::Fenced,
        PveError::DigestMismatch | PveError::Absent { .. } => Stop::Replan(text),
        PveError::Forbidden { .. } => Stop::Say(
            FirewallReason::PermissionDenied,
            format!("{text}: grant it to the operator's token (pveum acl modify)"),
        ),
        PveError::Transport { .. }
        | PveError::Timeout { .. }
        | PveError::NodeUnreachable { .. }
        | PveError::Busy { .. }
        | PveError::Unauthenticated { .. }
        | PveError::RootRefused { .. }
        | PveError::Exists { .. }
        | PveError::Locked { .. }
        | PveError::WrongState { .. }
        | PveError::NoQuorum { .. }
        | PveError::Rejected { .. }
        | PveError::TaskFailed { .. }
        | PveError::Payload { .. }
        | PveError::Certificate { .. }
        | PveError::NotMapped { .. }
        | PveError::Unexpected { .. } => Stop::Say(FirewallReason::PveError, text),
    }
}

struct Run<'a> {
    subject: &'a Subject<'a>,
    wish: Wish<'a>,
}

impl Run<'_> {
    /// A step that makes the guest filter is taken only where a fresh look says the same: somebody may have removed a rule
    /// since, for a new rule takes no digest.
    async fn still_next(&self, step: &Step) -> Result<(), Stop> {
        let Subject { cluster, node, vmid, .. } = self.subject;
        let fresh = look(cluster, node, *vmid).await.map_err(|e| self.subject.failed("look at the firewall of", &e))?;
        let fresh = without(fresh, self.wish.suspended);
        let next = plan(self.wish.firewall, &fresh, self.wish.foreign).steps;
        if next.first() != Some(step) {
            let why = format!("the firewall of guest {vmid} was changed by somebody else meanwhile");
            return Err(Stop::Replan(why));
        }
        Ok(())
    }

    async fn step(&self, step: &Step) -> Result<(), Stop> {
        let Subject { cluster, node, vmid, .. } = self.subject;
        let (client, vmid) = (cluster.client(), *vmid);
        let subject = self.subject;
        let failed = |error: PveError| subject.failed("write the firewall of", &error);
        match step {
            Step::CreateSet { name, comment } => {
                let _turn = cluster.firewall_turn().await;
                client.create_firewall_ipset(node, vmid, &name.0, comment).await.map_err(failed)
            }
            Step::AddEntry { set, cidr } => {
                let _turn = cluster.firewall_turn().await;
                client.add_firewall_ipset_entry(node, vmid, &set.0, cidr).await.map_err(failed)
            }
            Step::InsertRule { fields } => {
                let _turn = cluster.firewall_turn().await;
                client.create_firewall_rule(node, vmid, fields).await.map_err(failed)
            }
            Step::MoveRule { rule, place } => {
                let (pos, to, digest) = self.moving(rule, place).await?;
                let _turn = cluster.firewall_turn().await;
                client.move_firewall_rule(node, vmid, pos, to, &digest).await.map_err(failed)
            }
            Step::UpdateRule { rule, set, delete } => {
                let (pos, digest) = self.at(rule).await?;
                let _turn = cluster.firewall_turn().await;
                client.update_firewall_rule(node, vmid, pos, set, delete, &digest).await.map_err(failed)
            }
            Step::DeleteRule { rule } => {
                let (pos, digest) = self.at(rule).await?;
                let _turn = cluster.firewall_turn().await;
                client.delete_firewall_rule(node, vmid, pos, &digest).await.map_err(failed)
            }
            Step::SetOptions { set } => self.set_options(set).await,
            Step::RemoveEntry { set, cidr } => {
                let entries = client.firewall_ipset_entries(node, vmid, &set.0).await.map_err(failed)?;
                let digest = entries.iter().find(|entry| entry.cidr == *cidr).and_then(|entry| entry.digest.clone());
                let Some(digest) = digest else { return Ok(()) };
                let _turn = cluster.firewall_turn().await;
                client.remove_firewall_ipset_entry(node, vmid, &set.0, cidr, &digest).await.map_err(failed)
            }
            Step::DeleteSet { name } => {
                let _turn = cluster.firewall_turn().await;
                client.delete_firewall_ipset(node, vmid, &name.0).await.map_err(failed)
            }
        }
    }

    async fn set_options(&self, set: &BTreeMap<String, String>) -> Result<(), Stop> {
        let Subject { cluster, node, vmid, .. } = self.subject;
        let failed = |error: PveError| self.subject.failed("write the firewall options of", &error);
        let now = cluster.client().firewall_options(node, *vmid).await.map_err(failed)?;
        let _turn = cluster.firewall_turn().await;
        cluster.client().set_firewall_options(node, *vmid, set, &[], &now.digest).await.map_err(failed)
    }

    /// Position and digest of a rule, in a list that was read for this step alone: every write changes both.
    async fn at(&self, rule: &RuleRef) -> Result<(u64, String), Stop> {
        let (list, digest) = self.fresh_rules().await?;
        let pos = rule.find(&list).ok_or_else(|| self.gone())?;
        Ok((pos, digest))
    }

    async fn moving(&self, rule: &RuleRef, place: &Place) -> Result<(u64, u64, String), Stop> {
        let (list, digest) = self.fresh_rules().await?;
        let pos = rule.find(&list).ok_or_else(|| self.gone())?;
        let to = place.moveto(&list).ok_or_else(|| self.gone())?;
        Ok((pos, to, digest))
    }

    async fn fresh_rules(&self) -> Result<(Vec<SeenRule>, String), Stop> {
        let Subject { cluster, node, vmid, .. } = self.subject;
        let answer = rules(cluster.client(), node, *vmid).await;
        answer.map_err(|error| self.subject.failed("look at the firewall rules of", &error))
    }

    fn gone(&self) -> Stop {
        Stop::Replan(format!("a rule of guest {} was changed by somebody else meanwhile", self.subject.vmid))
    }
}
