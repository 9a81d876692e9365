//! From a spec to a [`Want`]: every value parsed once, every right checked. What the schema cannot say is said here.

mod boot;
mod network;
mod rights;
mod source;
mod storage;

use super::seen::{GuestFact, Seen};
use super::want::{FeatureWish, Identity, Options, PlacementWish, Refusal, Want};
use crate::cluster::access;
use std::collections::BTreeMap;
use zentoria_api::cluster::ProxmoxClusterSpec;
use zentoria_api::common::{Mode, Size};
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::{
    Adoption, Dns, Features, OnMissing, Origin, Placement, PowerState, RecordedDefaults, ZentoriaContainerSpec,
    ZentoriaContainerStatus,
};
use zentoria_api::wire::GUEST_TAG;
use zentoria_types::names::Hostname;
use zentoria_types::size::Bytes;
use zentoria_types::tags::Tags;
use zentoria_types::vmid::Vmid;

/// What a container's wish is made from.
pub struct Input<'a> {
    /// Who we are.
    pub identity: Identity,
    /// The spec.
    pub spec: &'a ZentoriaContainerSpec,
    /// The status: what was recorded at creation stays part of the wish.
    pub status: Option<&'a ZentoriaContainerStatus>,
    /// The ProxmoxCluster.
    pub cluster: &'a ProxmoxClusterSpec,
    /// Labels of the namespace.
    pub namespace_labels: &'a BTreeMap<String, String>,
    /// What the status does not say yet.
    pub as_if: AsIf,
    /// When the container comes among those of its namespace, by their dependencies: the first are 1. `None` where it is
    /// not known.
    pub wave: Option<u32>,
}

/// How the guest came, or will come, to be ours, where that decides what is managed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsIf {
    /// As the status says; without a status, as a guest that we make.
    Recorded,
    /// The guest is gone and another one is made in its place: however the old one came to be ours, the new one gets
    /// everything that a new guest gets.
    New,
    /// There is a guest to take over: what the spec does not name is not managed.
    Adopted,
}

impl AsIf {
    /// How the guest will come to be ours, where the status does not say it and what is seen does.
    #[must_use]
    pub fn of(want: &Want, seen: &Seen) -> Self {
        match &seen.guest {
            GuestFact::Absent
                if seen.recorded.is_finished()
                    && (want.on_missing == OnMissing::Recreate || seen.recorded.replacing.is_some()) =>
            {
                Self::New
            }
            GuestFact::Present(_) if seen.recorded.created.is_none() && want.adoption == Adoption::IfExists => {
                Self::Adopted
            }
            GuestFact::Present(_)
            | GuestFact::Absent
            | GuestFact::NoVmid
            | GuestFact::OtherKind
            | GuestFact::Unknown { .. } => Self::Recorded,
        }
    }
}

/// A guest that the ProxmoxCluster names as an outsider is nobody's container.
fn outsider(input: &Input<'_>) -> Result<(), Refusal> {
    let ours = input.status.is_some_and(|status| status.created.is_some());
    let host = input.cluster.hosts.iter().find(|host| host.vmid.is_some() && host.vmid == input.spec.vmid);
    match (host, input.spec.vmid) {
        (Some(host), Some(vmid)) if !ours => Err(invalid(format!(
            "spec.vmid: {} is host {} of the ProxmoxCluster (spec.hosts), which is never managed: choose another VMID, or \
             take it off there",
            vmid.0, host.name
        ))),
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}

/// The wish.
///
/// # Errors
/// Where a field cannot work, or the namespace may not have what it asks for.
pub fn validate(input: &Input<'_>) -> Result<Want, Refusal> {
    let spec = input.spec;
    let grant = access::grant(input.cluster, input.namespace_labels, &input.identity.key.namespace)?;
    let created = input.status.and_then(|status| status.created.as_ref()).filter(|_| input.as_if != AsIf::New);
    let origin = created.map(|created| origin_for(spec.adoption, created.origin));
    let origin = if input.as_if == AsIf::Adopted { Some(Origin::Adopted) } else { origin };
    // On a guest that we did not make, what the spec does not name is not managed.
    let made_by_us = origin.is_none_or(is_made);
    let defaults = match (made_by_us, input.status.and_then(|status| status.defaults.as_ref())) {
        (true, Some(recorded)) => recorded.clone(),
        (true, None) => record_defaults(input),
        (false, _) => RecordedDefaults::default(),
    };
    let vmid = spec.vmid.map(|vmid| parse_vmid("spec.vmid", vmid.0)).transpose()?;
    outsider(input)?;
    let adopted = origin == Some(Origin::Adopted);
    let want = Want {
        vmid,
        mode: if spec.mode.is_some() { Mode::Observe } else { input.cluster.mode },
        source: source::source(input, &defaults)?,
        adoption: spec.adoption,
        on_missing: spec.on_missing,
        placement: placement(input, made_by_us)?,
        storage: optional("spec.rootDisk.storage", root_storage(spec, &defaults))?,
        storage_named: spec.root_disk.as_ref().is_some_and(|disk| disk.storage.is_some()),
        disk: spec.root_disk.as_ref().map(|disk| whole("spec.rootDisk.size", &disk.size, GIB)).transpose()?,
        mounts: storage::mounts(input, &defaults)?,
        pool: spec.pool.clone(),
        template: spec.template,
        options: options(input, &defaults, origin)?,
        unprivileged: spec.unprivileged.unwrap_or(true),
        unprivileged_named: spec.unprivileged.is_some(),
        power: spec.power.state.or((!adopted).then_some(PowerState::Running)),
        on_external_stop: spec.power.on_external_stop,
        depends_on: spec.depends_on.clone(),
        deletion_policy: spec.deletion_policy,
        reboot_policy: spec.reboot_policy,
        replace_policy: spec.replace_policy,
        before_change: spec.before_change.clone(),
        approval: spec.approval,
        ssh_keys: input.cluster.defaults.ssh_keys.clone(),
        identity: input.identity.clone(),
        defaults,
        grant,
    };
    rights::check(&want)?;
    Ok(want)
}

/// What a guest's origin counts as: one that `IfExists` allowed to take over may never have been made by us; taken back, it
/// stays an adopted one.
pub(crate) fn origin_for(adoption: Adoption, origin: Origin) -> Origin {
    match origin {
        Origin::TakenBack if adoption == Adoption::IfExists => Origin::Adopted,
        origin @ (Origin::Template
        | Origin::Clone
        | Origin::Image
        | Origin::Backup
        | Origin::Adopted
        | Origin::TakenBack) => origin,
    }
}

/// Whether a guest of this origin was made by us.
pub(crate) const fn is_made(origin: Origin) -> bool {
    match origin {
        Origin::Template | Origin::Clone | Origin::Image | Origin::Backup => true,
        Origin::Adopted | Origin::TakenBack => false,
    }
}

/// Where it may be: the spec's nodes, else the cluster's default.
fn placement(input: &Input<'_>, made_by_us: bool) -> Result<PlacementWish, Refusal> {
    let Placement { node, nodes, strategy, anti_affinity, enforce } = &input.spec.placement;
    let default = input.cluster.defaults.node.as_ref().filter(|_| made_by_us && node.is_none() && nodes.is_empty());
    let named = node.iter().chain(nodes).chain(default);
    Ok(PlacementWish {
        nodes: named
            .map(|name| name.parse().map_err(|error| invalid(format!("spec.placement: {error}"))))
            .collect::<Result<_, _>>()?,
        strategy: *strategy,
        anti_affinity: anti_affinity.clone(),
        enforce: *enforce,
    })
}

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;

pub(super) fn invalid(message: impl Into<String>) -> Refusal {
    Refusal { reason: ContainerReason::InvalidSpec, message: message.into() }
}

fn parse_vmid(field: &str, number: u32) -> Result<Vmid, Refusal> {
    Vmid::new(number).map_err(|error| invalid(format!("{field}: {error}")))
}

pub(super) fn optional<T>(field: &str, text: Option<&String>) -> Result<Option<T>, Refusal>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text.map(|text| text.parse().map_err(|error| invalid(format!("{field}: {error}")))).transpose()
}

fn whole(field: &str, size: &Size, unit: u64) -> Result<Bytes, Refusal> {
    let bytes = Bytes::parse_quantity(&size.0).map_err(|error| invalid(format!("{field}: {error}")))?;
    if bytes.0.is_multiple_of(unit) {
        return Ok(bytes);
    }
    let name = if unit == GIB { "GiB" } else { "MiB" };
    Err(invalid(format!("{field}: {} is not a whole number of {name}, which Proxmox VE counts in", size.0)))
}

/// The defaults that a new guest gets: those of the cluster that the spec leaves open.
fn record_defaults(input: &Input<'_>) -> RecordedDefaults {
    let (spec, cluster) = (input.spec, &input.cluster.defaults);
    let dns = spec.network.dns.clone().unwrap_or_default();
    let nameservers = if dns.nameservers.is_empty() {
        cluster.nameservers.iter().map(|n| zentoria_api::container::Nameserver(n.clone())).collect()
    } else {
        Vec::new()
    };
    let search_domain = if dns.search_domain.is_none() { cluster.search_domain.clone() } else { None };
    let dns = Dns { nameservers, search_domain };
    RecordedDefaults {
        template: source::recorded(spec, cluster.template.as_ref()),
        storage: cluster.storage.clone().filter(|_| spec.root_disk.as_ref().is_none_or(|d| d.storage.is_none())),
        bridge: cluster.bridge.clone(),
        gateway: cluster.gateway.clone(),
        gateway6: cluster.gateway6.clone(),
        dns: (dns != Dns::default()).then_some(dns),
        timezone: cluster.timezone.clone().filter(|_| spec.timezone.is_none()),
        tags: cluster.tags.clone(),
        features: cluster.features.clone().filter(|_| spec.features.is_none()),
    }
}

fn root_storage<'a>(spec: &'a ZentoriaContainerSpec, defaults: &'a RecordedDefaults) -> Option<&'a String> {
    spec.root_disk.as_ref().and_then(|disk| disk.storage.as_ref()).or(defaults.storage.as_ref())
}

fn options(input: &Input<'_>, defaults: &RecordedDefaults, origin: Option<Origin>) -> Result<Options, Refusal> {
    let spec = input.spec;
    let made_by_us = !matches!(origin, Some(Origin::Adopted));
    let resources = &spec.resources;
    let mib = |field: &str, size: &Option<Size>| {
        size.as_ref().map(|size| whole(field, size, MIB).map(|bytes| bytes.0 / MIB)).transpose()
    };
    let hostname = spec.hostname.as_ref().or(made_by_us.then_some(&input.identity.key.name));
    let hostname = hostname
        .map(|name| Hostname::new(name.clone()).map_err(|error| invalid(format!("spec.hostname: {error}"))))
        .transpose()?;
    let dns = spec.network.dns.clone().unwrap_or_default();
    let recorded = defaults.dns.clone().unwrap_or_default();
    let nameservers = if dns.nameservers.is_empty() { recorded.nameservers } else { dns.nameservers };
    let mut options = Options {
        cores: resources.cores,
        cpu_limit: resources.cpu_limit,
        cpu_units: resources.cpu_units,
        memory_mib: mib("spec.resources.memory", &resources.memory)?,
        swap_mib: mib("spec.resources.swap", &resources.swap)?,
        hostname,
        description: spec.description.clone(),
        tags: tags(input, defaults, origin),
        interfaces: network::interfaces(input, defaults, origin)?,
        interfaces_only: !spec.network.interfaces.is_empty() && origin.is_none_or(is_made),
        devices: storage::devices(spec)?,
        hookscript: spec.hookscript.clone(),
        console: storage::console(spec.console.as_ref()),
        entrypoint: None,
        env: None,
        nameservers: (!nameservers.is_empty()).then(|| network::nameservers(&nameservers)).transpose()?,
        search_domain: dns.search_domain.or(recorded.search_domain),
        features: features(spec.features.as_ref().or(defaults.features.as_ref())),
        on_boot: boot::on_boot(spec, made_by_us),
        startup: boot::startup(spec, input.wave.filter(|_| made_by_us)),
        protection: spec.protection,
        timezone: spec.timezone.clone().or_else(|| defaults.timezone.clone()),
    };
    source::run_with(spec, &mut options)?;
    Ok(options)
}

/// The exact tags of a guest that we made, or whose tags the spec names; else they are not managed.
fn tags(input: &Input<'_>, defaults: &RecordedDefaults, origin: Option<Origin>) -> Option<Tags> {
    let spec = input.spec;
    let named = spec.tags.iter().flatten().map(|tag| tag.0.as_str());
    // What a guest was made with is forgotten with the status that is lost: taken back, it has the tags of today's
    // manifests, so that the same files change nothing.
    let defaults = if origin == Some(Origin::TakenBack) { &input.cluster.defaults.tags } else { &defaults.tags };
    let all = named.chain(defaults.iter().map(String::as_str)).chain([GUEST_TAG]).collect();
    let managed = spec.tags.is_some() || origin.is_none_or(is_made);
    managed.then_some(all)
}

fn features(features: Option<&Features>) -> Option<FeatureWish> {
    let Features { nesting, keyctl, fuse, mknod, mount } = features?.clone();
    Some(FeatureWish { nesting, keyctl, fuse, mknod, mount })
}
