//! What a container's spec asks for, in values that are known to be well-formed.

mod source;
mod storage;

pub use source::{BackupFrom, CloneFrom, Download, Source};
pub use storage::{MountWish, Mounted};

use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use zentoria_api::cluster::Quota;
use zentoria_api::common::Mode;
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::{
    Adoption, AntiAffinity, Approval, BeforeChange, ConsoleMode, DeletionPolicy, Dependency, OnExternalStop, OnMissing,
    PowerState, RebootPolicy, RecordedDefaults, ReplacePolicy, Strategy,
};
use zentoria_types::mark::{ControlPlaneId, EstateId, Mark};
use zentoria_types::names::{Hostname, NodeName, StorageName};
use zentoria_types::net::HostCidr;
use zentoria_types::property::PropertyString;
use zentoria_types::size::Bytes;
use zentoria_types::tags::Tags;
use zentoria_types::vmid::{Vmid, VmidRange};

/// Namespace and name of a container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Who we are, as a guest's mark tells it. The VMID completes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// `spec.estateId` of the ProxmoxCluster.
    pub estate: EstateId,
    /// Namespace and name of the container.
    pub key: Key,
    /// First characters of the uid of namespace kube-system.
    pub control_plane: ControlPlaneId,
}

impl Identity {
    /// The mark that a guest of ours at this VMID carries.
    #[must_use]
    pub fn mark(&self, vmid: Vmid) -> Mark {
        Mark::new(self.estate.clone(), &self.key.namespace, &self.key.name, vmid, self.control_plane.clone())
    }
}

/// A spec that cannot work, or may not: which field, what is wrong with it, what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason for conditions and events.
    pub reason: ContainerReason,
    /// The whole message, with field, value and remedy.
    pub message: String,
}

/// Where a guest may be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlacementWish {
    /// The nodes to choose from; empty for every node.
    pub nodes: Vec<NodeName>,
    /// How the node is chosen.
    pub strategy: Strategy,
    /// Who should not be on the same node.
    pub anti_affinity: Vec<AntiAffinity>,
    /// Whether a guest elsewhere is moved back.
    pub enforce: bool,
}

/// Some keys of a property string (`net0`, `features`, `startup`): their values, `None` for a key that must be absent.
/// Keys that are not named stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys(pub BTreeMap<&'static str, Option<String>>);

impl Keys {
    /// `current` with the named keys put in; unknown keys and their order are kept.
    #[must_use]
    pub fn over(&self, current: &PropertyString) -> PropertyString {
        let mut next = current.clone();
        for (key, value) in &self.0 {
            match value {
                // An absent switch is off; written out, Proxmox VE would take it for a change of one more feature.
                Some(value) if is_off(key, value) && next.get(key).is_none() => {}
                Some(value) => next.set(key, value),
                None => next.remove(key),
            }
        }
        next
    }

    /// Whether `current` already has every named key as it is wished.
    #[must_use]
    pub fn hold_in(&self, current: &PropertyString) -> bool {
        self.0.iter().all(|(key, value)| match (value, current.get(key)) {
            (Some(want), Some(have)) => want.eq_ignore_ascii_case(have),
            (None, None) => true,
            (Some(want), None) => is_off(key, want),
            (None, Some(_)) => false,
        })
    }
}

/// Whether this says of a switch that it is off, which its absence says, too. A boot order or a delay of 0 is a number,
/// and not what its absence means.
fn is_off(key: &str, value: &str) -> bool {
    const SWITCHES: [&str; 7] = ["firewall", "fuse", "host-managed", "keyctl", "link_down", "mknod", "nesting"];
    value == "0" && SWITCHES.contains(&key)
}

/// `netN`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Its name in the guest, by which it is known: `eth0`.
    pub name: String,
    /// The keys that are managed.
    pub keys: Keys,
    /// Static addresses, for claims and status.
    pub addresses: Vec<HostCidr>,
    /// Addresses that the guest sets up itself.
    pub extra_addresses: Vec<IpAddr>,
    /// VLAN tag and trunks, for the rights.
    pub vlans: Vec<u32>,
}

impl Interface {
    /// The bridge that it names.
    #[must_use]
    pub fn bridge(&self) -> Option<&str> {
        self.keys.0.get("bridge").and_then(|value| value.as_deref())
    }
}

/// The options of the guest that are managed. `None` is "left as it is".
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// Cores.
    pub cores: Option<u32>,
    /// Cores' worth of time.
    pub cpu_limit: Option<f64>,
    /// Weight.
    pub cpu_units: Option<u32>,
    /// MiB.
    pub memory_mib: Option<u64>,
    /// MiB.
    pub swap_mib: Option<u64>,
    /// Host name.
    pub hostname: Option<Hostname>,
    /// The user's text above the mark.
    pub description: Option<String>,
    /// Exactly these tags (with ours).
    pub tags: Option<Tags>,
    /// Network interfaces, each known by its name.
    pub interfaces: Vec<Interface>,
    /// Whether the guest is to have these interfaces and no others.
    pub interfaces_only: bool,
    /// `dev0`, `dev1`, ...: exactly these.
    pub devices: Option<Vec<String>>,
    /// `hookscript`; empty for none.
    pub hookscript: Option<String>,
    /// The console.
    pub console: ConsoleWish,
    /// `entrypoint` of an OCI image.
    pub entrypoint: Option<String>,
    /// `env` of an OCI image.
    pub env: Option<BTreeMap<String, String>>,
    /// DNS servers.
    pub nameservers: Option<Vec<IpAddr>>,
    /// Search domain.
    pub search_domain: Option<String>,
    /// Features that are named, each on or off.
    pub features: Option<FeatureWish>,
    /// Start at boot.
    pub on_boot: Option<bool>,
    /// Boot order.
    pub startup: Keys,
    /// Protection.
    pub protection: Option<bool>,
    /// Time zone.
    pub timezone: Option<String>,
}

/// What the spec says of the console.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsoleWish {
    /// `console`.
    pub enabled: Option<bool>,
    /// `tty`.
    pub tty: Option<u32>,
    /// `cmode`.
    pub mode: Option<ConsoleMode>,
}

/// The features that the spec names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeatureWish {
    /// `nesting`.
    pub nesting: Option<bool>,
    /// `keyctl`.
    pub keyctl: Option<bool>,
    /// `fuse`.
    pub fuse: Option<bool>,
    /// `mknod`.
    pub mknod: Option<bool>,
    /// `mount`.
    pub mount: Option<Vec<String>>,
}

impl FeatureWish {
    /// The keys of `features`.
    #[must_use]
    pub fn keys(&self) -> Keys {
        let switch = |on: bool| Some(if on { "1" } else { "0" }.to_owned());
        let mut keys = BTreeMap::new();
        let switches = [("nesting", self.nesting), ("keyctl", self.keyctl), ("fuse", self.fuse), ("mknod", self.mknod)];
        for (key, on) in switches {
            if let Some(on) = on {
                keys.insert(key, switch(on));
            }
        }
        if let Some(list) = &self.mount {
            keys.insert("mount", (!list.is_empty()).then(|| list.join(";")));
        }
        Keys(keys)
    }

    /// Whether a token may set it: Proxmox VE lets a token change nesting alone.
    #[must_use]
    pub fn needs_root(&self) -> bool {
        self.keyctl == Some(true)
            || self.fuse == Some(true)
            || self.mknod == Some(true)
            || self.mount.as_ref().is_some_and(|list| !list.is_empty())
    }
}

/// What the namespace may do on the cluster: all entries of `access` that select it, together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// VMIDs.
    pub vmids: Vec<VmidRange>,
    /// Ranges of static addresses.
    pub cidrs: Vec<IpNet>,
    /// Storages.
    pub storages: BTreeSet<String>,
    /// Bridges.
    pub bridges: BTreeSet<String>,
    /// Foreign clone sources.
    pub clone_sources: BTreeSet<Vmid>,
    /// Features.
    pub features: BTreeSet<zentoria_api::cluster::FeatureName>,
    /// Privileged containers.
    pub privileged: bool,
    /// VLAN tags, as ranges.
    pub vlans: Vec<(u32, u32)>,
    /// Directories of the node.
    pub bind_paths: BTreeSet<String>,
    /// Devices of the node.
    pub devices: BTreeSet<String>,
    /// Hook scripts.
    pub hookscripts: BTreeSet<String>,
    /// Hosts that templates and images are fetched from.
    pub download_hosts: BTreeSet<String>,
    /// Resource pools.
    pub pools: BTreeSet<String>,
    /// What the namespace may have in all: each entry's, all of which must hold.
    pub quotas: Vec<Quota>,
}

/// What a container's spec asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Want {
    /// Who we are.
    pub identity: Identity,
    /// Whether anything may be written.
    pub mode: Mode,
    /// `spec.vmid`.
    pub vmid: Option<Vmid>,
    /// How a guest is made; `None` where nothing may be created.
    pub source: Option<Source>,
    /// Adoption.
    pub adoption: Adoption,
    /// What a vanished guest means.
    pub on_missing: OnMissing,
    /// Where it may be.
    pub placement: PlacementWish,
    /// Storage for creation.
    pub storage: Option<StorageName>,
    /// Whether the spec names the storage: else the disk stays where it is.
    pub storage_named: bool,
    /// Size of the root disk.
    pub disk: Option<Bytes>,
    /// Mounts.
    pub mounts: Vec<MountWish>,
    /// Resource pool for creation.
    pub pool: Option<String>,
    /// Whether the finished guest is made a template of Proxmox VE.
    pub template: bool,
    /// Options.
    pub options: Options,
    /// Unprivileged at creation.
    pub unprivileged: bool,
    /// Whether the spec names `unprivileged`.
    pub unprivileged_named: bool,
    /// Power, where it is managed.
    pub power: Option<PowerState>,
    /// What an external stop means.
    pub on_external_stop: OnExternalStop,
    /// Dependencies.
    pub depends_on: Vec<Dependency>,
    /// Deletion.
    pub deletion_policy: DeletionPolicy,
    /// Reboots.
    pub reboot_policy: RebootPolicy,
    /// Replacements.
    pub replace_policy: ReplacePolicy,
    /// What is kept before a change.
    pub before_change: Option<BeforeChange>,
    /// Whether a creation waits for an approval.
    pub approval: Approval,
    /// Public SSH keys of the cluster's defaults.
    pub ssh_keys: Vec<String>,
    /// What the namespace may do.
    pub grant: Grant,
    /// The defaults that go into status at creation.
    pub defaults: RecordedDefaults,
}
