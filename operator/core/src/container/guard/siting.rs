//! No guest is made or moved where its placement does not have it, nor made beyond the quota or in a pool that is not
//! granted, nor moved by us while somebody else moves it or holds copies of it; and nothing is fetched from a host that is
//! not granted.

use crate::container::allow::{host_of_url, registry_of};
use crate::container::seen::Seen;
use crate::container::step::{Plan, Pulled, Step};
use crate::container::want::{Grant, Want};
use zentoria_types::names::NodeName;

/// Why the plan must not be carried out, by its nodes.
pub(super) fn refusal(plan: &Plan, want: &Want, seen: &Seen) -> Option<String> {
    let target = plan.target.as_ref()?;
    let nodes = &want.placement.nodes;
    let strange = |node: &NodeName| !nodes.is_empty() && !nodes.contains(node);
    plan.steps.iter().find_map(|step| {
        if step.makes_guest() && strange(&target.node) {
            return Some(format!("a guest would be made on node {}, which its placement does not name", target.node));
        }
        if let (true, Some(over)) = (step.makes_guest(), &seen.over_quota) {
            return Some(format!("a guest would be made although {over}"));
        }
        if let Step::Migrate { to, .. } = step {
            return if !want.placement.enforce || strange(to) {
                Some(format!("guest {} would be moved to node {to}, which nothing asks for", target.vmid))
            } else if seen.cluster.replicated.contains(&target.vmid) {
                Some(format!("guest {} would be moved away from its replication", target.vmid))
            } else {
                None
            };
        }
        not_granted(step, &want.grant)
    })
}

/// The pool of a new guest, and the host that a file is fetched from.
fn not_granted(step: &Step, grant: &Grant) -> Option<String> {
    if let Some(pool) = step.pool().filter(|pool| !grant.pools.contains(*pool)) {
        return Some(format!("a guest would be made in pool {pool}, which is not granted"));
    }
    let Step::Pull(pull) = step else { return None };
    let host = match &pull.what {
        Pulled::Template(download) => host_of_url(&download.url),
        Pulled::Image(reference) => Some(registry_of(reference).to_owned()),
    };
    let granted = host.is_some_and(|host| grant.allows_download(&host));
    (!granted).then(|| format!("{} would be fetched from a host that is not granted", pull.volume))
}
