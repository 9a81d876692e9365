//! Who is where, and who may not share a node with whom.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use zentoria_api::ZentoriaContainer;
use zentoria_core::container::siting::{Member, Neighbours, apart};
use zentoria_core::estate::key_of;

/// The containers around this one: those of its namespace.
#[must_use]
pub fn neighbours(mine: &ZentoriaContainer, all: &[impl Borrow<ZentoriaContainer>]) -> Neighbours {
    let key = key_of(mine);
    let here: Vec<(String, &ZentoriaContainer)> = all
        .iter()
        .map(|other| (key_of(other.borrow()), other.borrow()))
        .filter(|(other, _)| other.namespace == key.namespace && other.name != key.name)
        .map(|(other, container)| (other.name, container))
        .collect();
    let nodes = here.iter().filter_map(|(name, other)| {
        let node = other.status.as_ref()?.node.as_ref()?;
        Some((name.clone(), node.parse().ok()?))
    });
    let none = BTreeMap::new();
    let others = here.iter().map(|(name, other)| member(name, other, &none));
    Neighbours { nodes: nodes.collect(), apart: apart(member(&key.name, mine, &none), others) }
}

fn member<'a>(name: &'a str, container: &'a ZentoriaContainer, none: &'a BTreeMap<String, String>) -> Member<'a> {
    let labels = container.metadata.labels.as_ref().unwrap_or(none);
    Member { name, labels, terms: &container.spec.placement.anti_affinity }
}
