//! What the containers of an estate mean to each other, read from their objects: claims, dependencies, who has which
//! VMID. The controller reads them from its caches, the command line from a list or from files.

use crate::conditions::is_true;
use crate::container::claims::{Address, Claim, conflict};
use crate::container::dependencies::Graph;
use crate::container::plan::copy_snapshot;
use crate::container::seen::DependencyState;
use crate::container::want::{Key, Want};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use zentoria_api::ZentoriaContainer;
use zentoria_api::conditions::{CREATED, ContainerReason, READY, RUNNING, STALLED};
use zentoria_api::container::{DependencyCondition, PowerState, Source, ZentoriaContainerStatus};
use zentoria_api::wire::{APPROVE_ANNOTATION, PAUSED_ANNOTATION};
use zentoria_types::mark::EstateId;
use zentoria_types::net::HostCidr;
use zentoria_types::vmid::Vmid;

/// The key of a container.
#[must_use]
pub fn key_of(container: &ZentoriaContainer) -> Key {
    let ObjectMeta { namespace, name, .. } = &container.metadata;
    Key { namespace: namespace.clone().unwrap_or_default(), name: name.clone().unwrap_or_default() }
}

/// An annotation of an object.
#[must_use]
pub fn annotation<'a>(metadata: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

/// `zentoria.ai/paused: "true"`.
#[must_use]
pub fn is_paused(metadata: &ObjectMeta) -> bool {
    annotation(metadata, PAUSED_ANNOTATION) == Some("true")
}

/// The digests of `zentoria.ai/approve`.
#[must_use]
pub fn approved(metadata: &ObjectMeta) -> BTreeSet<String> {
    let text = annotation(metadata, APPROVE_ANNOTATION).unwrap_or("");
    text.split(',').map(str::trim).filter(|digest| !digest.is_empty()).map(str::to_owned).collect()
}

/// Since when a container has its guest: a destruction before that was of another guest with its VMID.
#[must_use]
pub fn born(container: &ZentoriaContainer, status: &ZentoriaContainerStatus) -> Timestamp {
    let object = container.metadata.creation_timestamp.as_ref().map_or(Timestamp::MIN, |time| time.0);
    let finished = status.created.as_ref().and_then(|created| created.finished_at.as_ref());
    finished.map_or(object, |finished| finished.0.max(object))
}

/// The VMID that a container has or asks for.
#[must_use]
pub fn vmid_of(container: &ZentoriaContainer) -> Option<Vmid> {
    let has = container.status.as_ref().and_then(|status| status.vmid);
    has.or(container.spec.vmid).and_then(|vmid| Vmid::new(vmid.0).ok())
}

/// What a container claims, as far as its spec can be read.
fn claim(container: &ZentoriaContainer, default_bridge: Option<&str>) -> Claim {
    let (spec, status) = (&container.spec, container.status.as_ref());
    let recorded = status.and_then(|status| status.defaults.as_ref()?.bridge.as_deref());
    let default_bridge = recorded.or(default_bridge);
    let addresses = spec.network.interfaces.iter().flat_map(|interface| {
        let bridge = interface.bridge.as_deref().or(default_bridge).unwrap_or_default().to_owned();
        let v4 = interface.ipv4.as_ref().map(|ip| &ip.address);
        let v6 = interface.ipv6.as_ref().map(|ip| &ip.address);
        let own = v4.into_iter().chain(v6).filter_map(|text| Some(text.parse::<HostCidr>().ok()?.addr()));
        let extra = interface.extra_addresses.iter().filter_map(|text| text.parse().ok());
        let place = |address| Address { bridge: bridge.clone(), vlan: interface.vlan, address };
        own.chain(extra).map(place).collect::<Vec<_>>()
    });
    let key = key_of(container);
    let created = container.metadata.creation_timestamp.as_ref().map_or(0, |time| time.0.as_second());
    Claim {
        cluster: spec.cluster_ref.name.clone(),
        vmid: vmid_of(container),
        addresses: addresses.collect(),
        hostname: spec.hostname.as_ref().unwrap_or(&key.name).to_ascii_lowercase(),
        holds: status.is_some_and(|status| status.created.is_some()),
        age: (created, container.metadata.uid.clone().unwrap_or_default()),
        key,
    }
}

/// Who else claims the same and wins. Two that hold nothing yet are told apart by age.
#[must_use]
pub fn conflict_of(
    mine: &ZentoriaContainer,
    all: &[impl Borrow<ZentoriaContainer>],
    default_bridge: Option<&str>,
) -> Option<String> {
    let others: Vec<Claim> = all.iter().map(|other| claim(other.borrow(), default_bridge)).collect();
    conflict(&claim(mine, default_bridge), &others)
}

/// VMIDs that other containers have or ask for.
#[must_use]
pub fn claimed_vmids(mine: &ZentoriaContainer, all: &[impl Borrow<ZentoriaContainer>]) -> BTreeSet<Vmid> {
    let mine = key_of(mine);
    all.iter().map(Borrow::borrow).filter(|other| key_of(other) != mine).filter_map(vmid_of).collect()
}

/// VMIDs of the containers of a namespace that have a finished guest; one that is to become a template of Proxmox VE is
/// finished once it is one.
#[must_use]
pub fn vmids_by_name(namespace: &str, all: &[impl Borrow<ZentoriaContainer>]) -> BTreeMap<String, Vmid> {
    let here = all.iter().map(Borrow::borrow).map(|other| (key_of(other), other));
    here.filter(|(key, _)| key.namespace == namespace)
        .filter_map(|(key, other)| {
            let status = other.status.as_ref()?;
            status.created.as_ref()?.finished_at.as_ref()?;
            if other.spec.template && ready_reason(other) != Some(ContainerReason::Template) {
                return None;
            }
            Some((key.name, Vmid::new(status.vmid?.0).ok()?))
        })
        .collect()
}

/// The names of the snapshots that copies are, or may be, made from: of every container of the namespace that is a copy
/// and stays.
#[must_use]
pub fn copy_snapshots(estate: &EstateId, namespace: &str, all: &[impl Borrow<ZentoriaContainer>]) -> BTreeSet<String> {
    let stays = |other: &&ZentoriaContainer| other.metadata.deletion_timestamp.is_none();
    let is_copy = |other: &&ZentoriaContainer| matches!(other.spec.source, Some(Source::Clone(_)));
    let copies = all.iter().map(Borrow::borrow).filter(stays).filter(is_copy).map(key_of);
    copies.filter(|key| key.namespace == namespace).map(|key| copy_snapshot(estate, &key)).collect()
}

/// Who depends on whom in a namespace.
#[must_use]
pub fn graph(namespace: &str, all: &[impl Borrow<ZentoriaContainer>]) -> Graph {
    let mut graph = Graph::default();
    for other in all.iter().map(Borrow::borrow) {
        let key = key_of(other);
        if key.namespace == namespace {
            graph.insert(&key.name, &other.spec.depends_on);
        }
    }
    graph
}

/// How the dependencies stand, and a cycle through this container.
#[must_use]
pub fn dependencies(
    want: &Want,
    all: &[impl Borrow<ZentoriaContainer>],
) -> (BTreeMap<String, DependencyState>, Option<Vec<String>>) {
    if want.depends_on.is_empty() {
        return (BTreeMap::new(), None);
    }
    let key = &want.identity.key;
    let graph = graph(&key.namespace, all);
    let here: BTreeMap<String, &ZentoriaContainer> = all
        .iter()
        .map(|other| (key_of(other.borrow()), other.borrow()))
        .filter(|(other, _)| other.namespace == key.namespace)
        .map(|(other, container)| (other.name, container))
        .collect();
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
    let held =
        is_true(conditions, STALLED) || resting || other.spec.suspend || is_paused(&other.metadata) || wants_no_power;
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
