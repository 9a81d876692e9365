//! What the status of a ProxmoxCluster says.

use super::version;
use crate::conditions::{Conditions, Truth};
use jiff::Timestamp;
use zentoria_api::cluster::{Breaker, ClusterIdentity, GuestCounts, NodeStatus, ProxmoxClusterStatus, Trashed};
use zentoria_api::conditions::{AUTHORIZED, ClusterReason, Phase, REACHABLE};
use zentoria_api::firewall::DatacenterFirewall;

/// What is to be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The reason of Ready.
    pub reason: ClusterReason,
    /// The message.
    pub message: String,
}

/// What was seen of a cluster that answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sight {
    /// PVE's version.
    pub version: String,
    /// Which cluster it is.
    pub identity: ClusterIdentity,
    /// Whether it has quorum; `None` for a node alone.
    pub quorate: Option<bool>,
    /// Its nodes.
    pub nodes: Vec<NodeStatus>,
    /// Guests by kind.
    pub guests: GuestCounts,
    /// Other control planes whose marks guests of this estate carry.
    pub foreign_control_planes: Vec<String>,
    /// Copies, as `CopyOf 405 at 905`.
    pub copies: Vec<String>,
    /// Privileges that are missing.
    pub missing_permissions: Vec<String>,
    /// Guests in the trash.
    pub trash: Vec<Trashed>,
    /// The datacenter's firewall, where it was looked at.
    pub firewall: Option<DatacenterFirewall>,
}

/// The verdict on a cluster that answers, the worst first.
#[must_use]
pub fn judge(sight: &Sight, breaker: Option<&Breaker>) -> Verdict {
    let say = |reason, message: String| Verdict { reason, message };
    if let Some(breaker) = breaker {
        let reason = match breaker.reason.as_str() {
            "IdentityChanged" => ClusterReason::IdentityChanged,
            _ => ClusterReason::MissingGuests,
        };
        return say(reason, breaker.message.clone());
    }
    if let Some(refusal) = version::refusal(&sight.version) {
        return say(ClusterReason::NotSupported, refusal);
    }
    if !sight.missing_permissions.is_empty() {
        let list = sight.missing_permissions.join(", ");
        return say(ClusterReason::MissingPermissions, format!("the operator's token lacks {list}"));
    }
    if sight.quorate == Some(false) {
        return say(ClusterReason::NoQuorum, "the cluster has no quorum; nothing is written until it has".into());
    }
    let online = sight.nodes.iter().filter(|node| node.online).count();
    say(ClusterReason::Ready, format!("{online} of {} nodes online", sight.nodes.len()))
}

/// The new status. `sight` is `None` while the cluster was not reached; what was known of it stays.
#[must_use]
pub fn status(
    before: &ProxmoxClusterStatus,
    generation: i64,
    now: &Timestamp,
    sight: Option<&Sight>,
    breaker: Option<&Breaker>,
    verdict: &Verdict,
) -> ProxmoxClusterStatus {
    let mut next = before.clone();
    next.summary = Some(verdict.reason.to_string());
    if verdict.reason.phase() == Phase::Silent {
        return next;
    }
    next.observed_generation = Some(generation);
    next.breaker = breaker.cloned();
    let mut conditions = Conditions::from(&before.conditions, generation, now);
    conditions.set_phase(verdict.reason.phase(), verdict.reason.as_str(), &verdict.message);
    contact(&mut conditions, sight, verdict);
    if let Some(sight) = sight {
        seen(&mut next, sight, breaker);
    }
    next.conditions = conditions.finish();
    next
}

fn contact(conditions: &mut Conditions<'_>, sight: Option<&Sight>, verdict: &Verdict) {
    let (reason, message) = (verdict.reason.as_str(), verdict.message.as_str());
    match (sight, verdict.reason) {
        (Some(sight), _) => {
            conditions.set(REACHABLE, Truth::True, "Answers", "");
            let lacks = sight.missing_permissions.join(", ");
            let truth = Truth::from(sight.missing_permissions.is_empty());
            let reason = if lacks.is_empty() { "AllPrivileges" } else { "MissingPermissions" };
            conditions.set(AUTHORIZED, truth, reason, &lacks);
        }
        (None, ClusterReason::Unauthenticated | ClusterReason::MissingPermissions) => {
            conditions.set(REACHABLE, Truth::True, "Answers", "");
            conditions.set(AUTHORIZED, Truth::False, reason, message);
        }
        (None, _) => {
            conditions.set(REACHABLE, Truth::False, reason, message);
            conditions.set(AUTHORIZED, Truth::Unknown, reason, "");
        }
    }
}

fn seen(next: &mut ProxmoxClusterStatus, sight: &Sight, breaker: Option<&Breaker>) {
    let Sight {
        version,
        identity,
        quorate,
        nodes,
        guests,
        foreign_control_planes,
        copies,
        missing_permissions,
        trash,
        firewall,
    } = sight.clone();
    let online = nodes.iter().filter(|node| node.online).count();
    next.version = Some(version);
    next.nodes_summary = Some(format!("{online}/{}", nodes.len()));
    next.nodes = nodes;
    next.guests = Some(guests);
    next.foreign_control_planes = foreign_control_planes;
    next.copies = copies;
    next.missing_permissions = missing_permissions;
    next.trash = trash;
    next.firewall = firewall.or(next.firewall.take());
    next.quorum = Some(match quorate {
        Some(true) => "Yes".to_owned(),
        Some(false) => "No".to_owned(),
        None => "SingleNode".to_owned(),
    });
    // Another cluster is not taken for ours until a person has said so.
    if breaker.is_none_or(|breaker| breaker.reason != "IdentityChanged") {
        next.identity = Some(identity);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_is_said_first() {
        let fine = Sight::default();
        assert_eq!(judge(&fine, None).reason, ClusterReason::Ready);
        let poor =
            Sight { missing_permissions: vec!["/vms: VM.Allocate".into()], quorate: Some(false), ..fine.clone() };
        assert_eq!(judge(&poor, None).reason, ClusterReason::MissingPermissions);
        let old = Sight { version: "7.4-3".into(), ..poor.clone() };
        assert_eq!(judge(&old, None).reason, ClusterReason::NotSupported);
        let quorumless = Sight { quorate: Some(false), ..fine };
        assert_eq!(judge(&quorumless, None).reason, ClusterReason::NoQuorum);
        let breaker = Breaker { reason: "IdentityChanged".into(), ..blank() };
        assert_eq!(judge(&poor, Some(&breaker)).reason, ClusterReason::IdentityChanged);
    }

    fn blank() -> Breaker {
        Breaker { reason: String::new(), message: String::new(), digest: String::new(), missing: Vec::new() }
    }

    #[test]
    fn an_unreached_cluster_keeps_what_was_known_of_it() {
        let now = Timestamp::UNIX_EPOCH;
        let sight = Sight { version: "9.2.11".into(), ..Sight::default() };
        let known = status(&ProxmoxClusterStatus::default(), 1, &now, Some(&sight), None, &judge(&sight, None));
        let away = Verdict { reason: ClusterReason::Unreachable, message: "refused".into() };
        let next = status(&known, 1, &now, None, None, &away);
        assert_eq!(next.version.as_deref(), Some("9.2.11"));
        assert_eq!(next.summary.as_deref(), Some("Unreachable"));
    }

    #[test]
    fn another_cluster_is_not_taken_for_ours() {
        let now = Timestamp::UNIX_EPOCH;
        let identity = ClusterIdentity { name: "other".into(), nodes: vec!["x".into()] };
        let sight = Sight { identity, ..Sight::default() };
        let before = ProxmoxClusterStatus {
            identity: Some(ClusterIdentity { name: "home".into(), nodes: vec!["a".into()] }),
            ..ProxmoxClusterStatus::default()
        };
        let breaker = Breaker { reason: "IdentityChanged".into(), ..blank() };
        let next = status(&before, 1, &now, Some(&sight), Some(&breaker), &judge(&sight, Some(&breaker)));
        assert_eq!(next.identity, before.identity);
    }
}
