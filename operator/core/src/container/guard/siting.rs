//! No guest is made or moved where its placement does not have it, nor made beyond the quota or in a pool that is not
//! granted, nor moved by us while somebody else moves it or holds copies of it; and nothing is fetched from a host that is
//! not granted.

use crate::container::allow::{host_of_url, registry_of};
use crate::container::seen::Seen;
use crate::container::step::{CloneGuest, Create, Plan, Pulled, Restore, Step};
use crate::container::want::Want;
use zentoria_types::names::NodeName;

/// Why the plan must not be carried out, by its nodes.
pub(super) fn refusal(plan: &Plan, want: &Want, seen: &Seen) -> Option<String> {
    let target = plan.target.as_ref()?;
    let nodes = &want.placement.nodes;
    let strange = |node: &NodeName| !nodes.is_empty() && !nodes.contains(node);
    plan.steps.iter().find_map(|step| match step {
        Step::Create(_) | Step::Clone(_) | Step::Restore(_) if strange(&target.node) => {
            Some(format!("a guest would be made on node {}, which its placement does not name", target.node))
        }
        Step::Create(Create { pool, .. })
        | Step::Clone(CloneGuest { pool, .. })
        | Step::Restore(Restore { pool, .. }) => match (&seen.over_quota, pool) {
            (Some(over), _) => Some(format!("a guest would be made although {over}")),
            (None, Some(pool)) if !want.grant.pools.contains(pool) => {
                Some(format!("a guest would be made in pool {pool}, which is not granted"))
            }
            (None, _) => None,
        },
        Step::Pull(pull) => {
            let host = match &pull.what {
                Pulled::Template(download) => host_of_url(&download.url),
                Pulled::Image(reference) => Some(registry_of(reference).to_owned()),
            };
            let granted = host.is_some_and(|host| want.grant.allows_download(&host));
            (!granted).then(|| format!("{} would be fetched from a host that is not granted", pull.volume))
        }
        Step::Migrate { to, .. } if !want.placement.enforce || strange(to) => {
            Some(format!("guest {} would be moved to node {to}, which nothing asks for", target.vmid))
        }
        Step::Migrate { .. } if seen.cluster.replicated.contains(&target.vmid) => {
            Some(format!("guest {} would be moved away from its replication", target.vmid))
        }
        Step::Migrate { .. }
        | Step::Mark(_)
        | Step::Configure(_)
        | Step::ClearFirewall
        | Step::Finish
        | Step::Resize { .. }
        | Step::MoveVolume { .. }
        | Step::Snapshot(_)
        | Step::DeleteSnapshot { .. }
        | Step::Backup(_)
        | Step::DeleteBackup { .. }
        | Step::ConvertToTemplate
        | Step::Start
        | Step::Shutdown
        | Step::Reboot
        | Step::Destroy { .. }
        | Step::ForgetVmid => None,
    })
}
