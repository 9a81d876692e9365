//! What the containers of an estate mean to each other: who has to be woken for whom. What they claim and wait for is
//! read in the core and in ops.

pub mod waves;

use crate::context::{Context, key_of, reference};
use std::net::IpAddr;
use zentoria_api::ZentoriaContainer;
use zentoria_api::conditions::ContainerReason;
pub use zentoria_core::estate::ready_reason;

/// The addresses that the guest sets up itself, as status shows them.
#[must_use]
pub fn extra_addresses(container: &ZentoriaContainer) -> Vec<String> {
    let all = container.spec.network.interfaces.iter().flat_map(|interface| &interface.extra_addresses);
    all.filter_map(|text| text.parse::<IpAddr>().ok()).map(|address| address.to_string()).collect()
}

/// Wakes the containers that something about this one may free: those that depend on it or clone it, those that a
/// claim held back, and those for which it left too little room.
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
        if related {
            context.containers.wake.wake(reference(&other_key));
        }
    }
}
