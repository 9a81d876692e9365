//! Who is where, and who may not share a node with whom.

use kube::ResourceExt;
use std::sync::Arc;
use zentoria_api::ZentoriaContainer;
use zentoria_core::container::siting::{Member, Neighbours, apart};

/// The containers around this one: those of its namespace.
#[must_use]
pub fn neighbours(mine: &ZentoriaContainer, all: &[Arc<ZentoriaContainer>]) -> Neighbours {
    let name = mine.name_any();
    let here: Vec<(String, &Arc<ZentoriaContainer>)> = all
        .iter()
        .filter(|other| other.namespace() == mine.namespace())
        .map(|other| (other.name_any(), other))
        .filter(|(other, _)| *other != name)
        .collect();
    let nodes = here.iter().filter_map(|(name, other)| {
        let node = other.status.as_ref()?.node.as_ref()?;
        Some((name.clone(), node.parse().ok()?))
    });
    let others = here.iter().map(|(name, other)| member(name, other));
    Neighbours { nodes: nodes.collect(), apart: apart(member(&name, mine), others) }
}

fn member<'a>(name: &'a str, container: &'a ZentoriaContainer) -> Member<'a> {
    Member { name, labels: container.labels(), terms: &container.spec.placement.anti_affinity }
}
