//! What the containers of a namespace use of its quota.

use crate::cluster::Cluster;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use std::borrow::Borrow;
use zentoria_api::ZentoriaContainer;
use zentoria_api::cluster::Quota;
use zentoria_api::common::Size;
use zentoria_api::conditions::{ContainerReason, STALLED};
use zentoria_api::container::Source;
use zentoria_core::cluster::quota::{Asked, Member, OverQuota, Usage};
use zentoria_core::estate::key_of;
use zentoria_types::size::Bytes;
use zentoria_types::vmid::Vmid;

/// What the container asks for beyond the quotas of its namespace.
pub(super) fn over_quota(
    mine: &ZentoriaContainer,
    quotas: &[Quota],
    all: &[impl Borrow<ZentoriaContainer>],
    pve: &Cluster,
) -> Option<OverQuota> {
    let key = key_of(mine);
    let here: Vec<&ZentoriaContainer> =
        all.iter().map(Borrow::borrow).filter(|other| key_of(other).namespace == key.namespace).collect();
    let counted = here.iter().filter(|other| key_of(other) == key || !waits_for_a_person(other));
    let members: Vec<Member> = counted.map(|container| member(container, &here, pve)).collect();
    zentoria_core::cluster::quota::over_quota(quotas, &key.namespace, &key.name, &members)
}

/// One that has no guest and cannot get any before somebody acts: it must not keep others out, however old it is. What only
/// waits for the quota keeps its place.
fn waits_for_a_person(container: &ZentoriaContainer) -> bool {
    let Some(status) = container.status.as_ref().filter(|status| status.created.is_none()) else { return false };
    let is_current =
        status.observed_generation.is_some() && status.observed_generation == container.metadata.generation;
    let stalled = |condition: &&Condition| condition.type_ == STALLED && condition.status == "True";
    let reason = status.conditions.iter().find(stalled).map(|condition| condition.reason.as_str());
    is_current && reason.is_some_and(|reason| reason != ContainerReason::QuotaExceeded.as_str())
}

fn member(container: &ZentoriaContainer, here: &[&ZentoriaContainer], pve: &Cluster) -> Member {
    let created = container.metadata.creation_timestamp.as_ref().map_or(0, |time| time.0.as_second());
    let holds = container.status.as_ref().is_some_and(|status| status.created.is_some());
    Member {
        name: key_of(container).name,
        asked: asked(container),
        has: if holds { has(container, pve) } else { origin(container, here, pve) },
        holds,
        age: (created, container.metadata.uid.clone().unwrap_or_default()),
    }
}

/// What its guest has.
fn has(container: &ZentoriaContainer, pve: &Cluster) -> Option<Usage> {
    let vmid = container.status.as_ref()?.vmid?;
    pve.usage_of(Vmid::new(vmid.0).ok()?)
}

/// A copy has what its source has, where its spec does not say otherwise.
fn origin(container: &ZentoriaContainer, here: &[&ZentoriaContainer], pve: &Cluster) -> Option<Usage> {
    let clone = match container.spec.source.as_ref()? {
        Source::Clone(clone) => clone,
        Source::Template(_) | Source::Image(_) | Source::Backup(_) => return None,
    };
    match (&clone.vmid, &clone.container) {
        (Some(vmid), _) => pve.usage_of(Vmid::new(vmid.0).ok()?),
        (None, Some(name)) => has(here.iter().find(|other| key_of(other).name == *name)?, pve),
        (None, None) => None,
    }
}

fn asked(container: &ZentoriaContainer) -> Asked {
    let spec = &container.spec;
    let bytes = |size: &Size| Bytes::parse_quantity(&size.0).ok();
    let limit = spec.resources.cpu_limit.map(|limit| limit.ceil() as u32).filter(|cores| *cores > 0);
    let volumes = spec.mounts.iter().filter_map(|mount| bytes(&mount.volume.as_ref()?.size));
    Asked {
        cores: spec.resources.cores.or(limit),
        memory: spec.resources.memory.as_ref().and_then(bytes),
        root_disk: spec.root_disk.as_ref().and_then(|disk| bytes(&disk.size)),
        volumes: volumes.fold(Bytes(0), |sum, size| Bytes(sum.0.saturating_add(size.0))),
    }
}
