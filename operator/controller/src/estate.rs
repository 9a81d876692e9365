//! What the containers of an estate mean to each other: claims, dependencies, quota, who may share a node, who has to be
//! woken for whom.

pub mod quota;
pub mod siting;

use crate::context::{Context, is_paused, key_of, reference};
use kube::ResourceExt;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use zentoria_api::ZentoriaContainer;
use zentoria_api::conditions::{CREATED, ContainerReason, READY, RUNNING, STALLED};
use zentoria_api::container::{DependencyCondition, PowerState};
use zentoria_core::conditions::is_true;
use zentoria_core::container::claims::{Claim, conflict};
use zentoria_core::container::dependencies::Graph;
use zentoria_core::container::seen::DependencyState;
use zentoria_core::container::want::Want;
use zentoria_types::net::HostCidr;
use zentoria_types::vmid::Vmid;

/// What a container claims, as far as its spec can be read.
fn claim(container: &ZentoriaContainer, default_bridge: Option<&String>) -> Claim {
    let (spec, status) = (&container.spec, container.status.as_ref());
    let vmid = status.and_then(|status| status.vmid).or(spec.vmid).and_then(|vmid| Vmid::new(vmid.0).ok());
    let addresses = spec.network.interfaces.iter().flat_map(|interface| {
        let bridge = interface.bridge.as_ref().or(default_bridge).cloned().unwrap_or_default();
        let v4 = interface.ipv4.as_ref().map(|ip| &ip.address);
        let v6 = interface.ipv6.as_ref().map(|ip| &ip.address);
        let parsed = v4.into_iter().chain(v6).filter_map(|text| text.parse::<HostCidr>().ok());
        parsed.map(move |cidr| (bridge.clone(), cidr.addr())).collect::<Vec<_>>()
    });
    let created = container.creation_timestamp().map_or(0, |time| time.0.as_second());
    Claim {
        key: key_of(container),
        cluster: spec.cluster_ref.name.clone(),
        vmid,
        addresses: addresses.collect(),
        hostname: spec.hostname.clone().unwrap_or_else(|| container.name_any()).to_ascii_lowercase(),
        holds: status.is_some_and(|status| status.created.is_some()),
        age: (created, container.uid().unwrap_or_default()),
    }
}

/// Who else claims the same and wins. Two that hold nothing yet are told apart by age.
#[must_use]
pub fn conflict_of(context: &Context, mine: &ZentoriaContainer, all: &[Arc<ZentoriaContainer>]) -> Option<String> {
    let cluster = context.cluster(&mine.spec.cluster_ref.name);
    let bridge = cluster.as_ref().and_then(|cluster| cluster.spec.defaults.bridge.clone());
    let others: Vec<Claim> = all.iter().map(|other| claim(other, bridge.as_ref())).collect();
    conflict(&claim(mine, bridge.as_ref()), &others)
}

/// VMIDs that other containers have or ask for.
#[must_use]
pub fn claimed_vmids(mine: &ZentoriaContainer, all: &[Arc<ZentoriaContainer>]) -> BTreeSet<Vmid> {
    let others = all.iter().filter(|other| other.uid() != mine.uid());
    let named = others.filter_map(|other| {
        let status = other.status.as_ref().and_then(|status| status.vmid);
        status.or(other.spec.vmid).and_then(|vmid| Vmid::new(vmid.0).ok())
    });
    named.collect()
}

/// VMIDs of the containers of a namespace that have a finished guest; one that is to become a template of Proxmox VE is
/// finished once it is one.
#[must_use]
pub fn vmids_by_name(namespace: &str, all: &[Arc<ZentoriaContainer>]) -> BTreeMap<String, Vmid> {
    let here = all.iter().filter(|other| other.namespace().as_deref() == Some(namespace));
    here.filter_map(|other| {
        let status = other.status.as_ref()?;
        status.created.as_ref()?.finished_at.as_ref()?;
        if other.spec.template && ready_reason(other) != Some(ContainerReason::Template) {
            return None;
        }
        Some((other.name_any(), Vmid::new(status.vmid?.0).ok()?))
    })
    .collect()
}

/// How the dependencies stand, and a cycle through this container.
#[must_use]
pub fn dependencies(
    want: &Want,
    all: &[Arc<ZentoriaContainer>],
) -> (BTreeMap<String, DependencyState>, Option<Vec<String>>) {
    if want.depends_on.is_empty() {
        return (BTreeMap::new(), None);
    }
    let key = &want.identity.key;
    let here: BTreeMap<String, &Arc<ZentoriaContainer>> = all
        .iter()
        .filter(|other| other.namespace().as_deref() == Some(&key.namespace))
        .map(|other| (other.name_any(), other))
        .collect();
    let mut graph = Graph::default();
    for (name, other) in &here {
        graph.insert(name, &other.spec.depends_on);
    }
    let states = want.depends_on.iter().map(|dependency| {
        let state = match here.get(&dependency.name) {
            None => DependencyState::Missing,
            Some(other) => {
                let waits_back = dependency.soft && graph.waits_back(&key.name, &dependency.name);
                state_of(other, dependency.condition, waits_back)
            }
        };
        (dependency.name.clone(), state)
    });
    (states.collect(), graph.hard_cycle(&key.name))
}

fn state_of(other: &ZentoriaContainer, condition: DependencyCondition, waits_back: bool) -> DependencyState {
    let empty = Vec::new();
    let conditions = other.status.as_ref().map_or(&empty, |status| &status.conditions);
    let kind = match condition {
        DependencyCondition::Created => CREATED,
        DependencyCondition::Running => RUNNING,
        DependencyCondition::Ready => READY,
    };
    if is_true(conditions, kind) {
        return DependencyState::Met;
    }
    let resting = ready_reason(other) == Some(ContainerReason::StoppedExternally);
    let wants_no_power =
        other.spec.power.state == Some(PowerState::Stopped) && condition == DependencyCondition::Running;
    let held = is_true(conditions, STALLED) || resting || other.spec.suspend || is_paused(other) || wants_no_power;
    let reason = other.status.as_ref().and_then(|status| status.summary.clone());
    DependencyState::NotYet { can_come: !held && !waits_back, reason: reason.unwrap_or_else(|| "not seen yet".into()) }
}

/// The reason of Ready.
#[must_use]
pub fn ready_reason(container: &ZentoriaContainer) -> Option<ContainerReason> {
    let conditions = &container.status.as_ref()?.conditions;
    let reason = &conditions.iter().find(|condition| condition.type_ == READY)?.reason;
    ContainerReason::ALL.iter().find(|known| known.as_str() == reason).copied()
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
