//! What the containers of an estate mean to each other: who has to be woken for whom. What they claim and wait for is
//! read in the core and in ops.

pub mod waves;

use crate::context::{Context, key_of, reference};
use std::net::IpAddr;
use zentoria_api::ZentoriaContainer;
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::Source;
pub use zentoria_core::estate::ready_reason;

/// The addresses that the guest sets up itself, as status shows them.
#[must_use]
pub fn extra_addresses(container: &ZentoriaContainer) -> Vec<String> {
    let all = container.spec.network.interfaces.iter().flat_map(|interface| &interface.extra_addresses);
    all.filter_map(|text| text.parse::<IpAddr>().ok()).map(|address| address.to_string()).collect()
}

/// Wakes the containers that something about this one may free: those that depend on it or clone it, those that a
/// claim held back, those for which it left too little room, and the one that it is a copy of, which may have a snapshot
/// for it.
pub fn wake_related(context: &Context, container: &ZentoriaContainer) {
    let key = key_of(container);
    for other in context.containers_on(&container.spec.cluster_ref.name) {
        let other_key = key_of(&other);
        if other_key == key {
            continue;
        }
        let related = match ready_reason(&other) {
            Some(ContainerReason::Conflict | ContainerReason::NoFreeVmid | ContainerReason::VmidTaken) => true,
            Some(
                ContainerReason::WaitingFor
                | ContainerReason::DependencyMissing
                | ContainerReason::DependencyCycle
                | ContainerReason::QuotaExceeded
                | ContainerReason::NoCapacity,
            ) => other_key.namespace == key.namespace,
            Some(_) => false,
            None => false,
        };
        if related || is_copied(container, &other) {
            context.containers.wake.wake(reference(&other_key));
        }
    }
}

/// Whether `other` is what the container is a copy of.
fn is_copied(container: &ZentoriaContainer, other: &ZentoriaContainer) -> bool {
    let Some(Source::Clone(source)) = &container.spec.source else { return false };
    let vmid = other.status.as_ref().and_then(|status| status.vmid);
    let by_vmid = source.vmid.is_some() && source.vmid == vmid;
    let by_name = source.container.is_some() && source.container == other.metadata.name;
    by_vmid || (by_name && container.metadata.namespace == other.metadata.namespace)
}
