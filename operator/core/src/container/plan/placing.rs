//! The node for a new guest, or why there is none.

use crate::container::seen::Seen;
use crate::container::siting::{Siting, choose, unmeasured};
use crate::container::step::Verdict;
use crate::container::want::{Source, Want};
use crate::placement::{NoPlace, Why};
use std::borrow::Cow;
use zentoria_api::conditions::ContainerReason;
use zentoria_types::names::NodeName;

/// The node for a new guest.
pub(super) fn node(want: &Want, seen: &Seen) -> Result<NodeName, Verdict> {
    if let Some(only) = only_candidate(want, seen) {
        exists(seen, only)?;
        has_storage(want, seen, only)?;
    }
    choose(want, &siting(seen), None).map_err(|error| no_place(&error))
}

/// Whether a node takes a guest that can be made there alone: a copy, on the node of its source.
pub(super) fn admit(want: &Want, seen: &Seen, node: &NodeName) -> Result<(), Verdict> {
    exists(seen, node)?;
    choose(want, &siting(seen), Some(node)).map(|_| ()).map_err(|error| no_place(&error))
}

fn siting(seen: &Seen) -> Cow<'_, Siting> {
    seen.siting.as_ref().map_or_else(|| Cow::Owned(unmeasured(&seen.cluster.nodes)), Cow::Borrowed)
}

/// The node that is named, or the only one that there is: what is wrong with it is said of it alone.
fn only_candidate<'a>(want: &'a Want, seen: &'a Seen) -> Option<&'a NodeName> {
    match want.placement.nodes.as_slice() {
        [node] => Some(node),
        [] if seen.cluster.nodes.len() == 1 => seen.cluster.nodes.keys().next(),
        _ => None,
    }
}

fn exists(seen: &Seen, node: &NodeName) -> Result<(), Verdict> {
    match seen.cluster.nodes.get(node) {
        Some(facts) if facts.online => Ok(()),
        Some(_) => {
            let message = format!("node {node} is offline; the guest is created when it is back");
            Err(Verdict::about(ContainerReason::NodeOffline, node.to_string(), message))
        }
        None => {
            let names: Vec<_> = seen.cluster.nodes.keys().map(ToString::to_string).collect();
            let message = format!("placement.node {node} does not exist; the cluster has {}", names.join(", "));
            Err(Verdict::new(ContainerReason::NotFound, message))
        }
    }
}

fn has_storage(want: &Want, seen: &Seen, node: &NodeName) -> Result<(), Verdict> {
    let facts = seen.cluster.nodes.get(node);
    match (&want.storage, &want.source) {
        (Some(storage), Some(Source::Template { .. } | Source::Image { .. } | Source::Backup(_)))
            if facts.is_some_and(|facts| !facts.rootdir_storages.contains(storage.as_str())) =>
        {
            let message = format!(
                "storage {storage} does not exist on node {node}, or does not take root disks (content rootdir)"
            );
            Err(Verdict::new(ContainerReason::NotFound, message))
        }
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}

/// Room may come; a node or a storage that is not there, or more than any node has, takes another spec.
pub(super) fn no_place(error: &NoPlace) -> Verdict {
    let asks_too_much = error.per_node.iter().flat_map(|(_, whys)| whys).any(|why| matches!(why, Why::Short { .. }));
    let reason = match (error.can_come(), asks_too_much) {
        (true, _) => ContainerReason::NoCapacity,
        (false, true) => ContainerReason::InvalidSpec,
        (false, false) => ContainerReason::NotFound,
    };
    Verdict::new(reason, error.to_string())
}
