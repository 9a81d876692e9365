//! No guest is made or moved where its placement does not have it, nor made beyond the quota, nor moved by us while
//! somebody else moves it or holds copies of it.

use crate::container::seen::Seen;
use crate::container::step::{Plan, Step};
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
        Step::Create(_) | Step::Clone(_) | Step::Restore(_) => {
            seen.over_quota.as_ref().map(|over| format!("a guest would be made although {over}"))
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
        | Step::WriteFirewall(_)
        | Step::Finish
        | Step::Pull(_)
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
