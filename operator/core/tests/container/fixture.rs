//! One small estate that every test starts from, and marks written without the codec under test.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::collections::{BTreeMap, BTreeSet};
use zentoria_api::cluster::ProxmoxClusterSpec;
use zentoria_api::conditions::FirewallReason;
use zentoria_api::container::{Created, Origin, ZentoriaContainerSpec};
use zentoria_api::firewall::{Action, FirewallMode, LogLevel, Policy, Protocol};
use zentoria_core::container::seen::{
    Capabilities, ClusterFacts, Guest, GuestFact, NodeFacts, PullFact, Recorded, Seen, TaskFact, Window,
};
use zentoria_core::container::want::{Identity, Key};
use zentoria_core::firewall::compile::CompiledGuest;
use zentoria_core::firewall::guest::{Ends, GuestFirewall, Options, PortRange, Rule, Service, Way};
use zentoria_types::mark::{ControlPlaneId, EstateId};
use zentoria_types::names::NodeName;
use zentoria_types::vmid::Vmid;

/// The VMID of the container under test.
pub const VMID: u32 = 404;
/// A foreign guest that may be cloned.
pub const CLONE_SOURCE: u32 = 900;
/// This control plane.
pub const CP: &str = "1a2b3c4d";
/// The one before it.
pub const OLD_CP: &str = "deadbeef";
/// The template of the cluster's defaults.
pub const TEMPLATE: &str = "local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst";

const CLUSTER: &str = "
estateId: home
mode: Enforce
endpoints: ['https://10.10.0.2:8006']
tls: {fingerprintSha256: 'AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA'}
credentials: {tokenSecretRef: {name: token}}
access:
- namespaceSelector: {matchLabels: {estate: home}}
  vmidRanges: [400-409]
  cidrs: [10.10.0.0/16, 'fd00::/64']
  allow:
    storages: [local, local-zfs, tank]
    bridges: [vmbr0, vmbr1]
    cloneSources: [900]
    features: [nesting, keyctl, fuse]
    vlans: ['20', 100-199]
    bindPaths: [/srv/data]
    devices: ['/dev/dri/*', /dev/kfd]
    hookscripts: ['local:snippets/hook.sh']
    downloadHosts: [10.10.0.9, docker.io]
    pools: [lab]
defaults:
  template: 'local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst'
  storage: local-zfs
  bridge: vmbr0
  gateway: 10.10.0.1
  nameservers: [10.10.0.53]
  tags: [estate]
";

pub fn vmid(number: u32) -> Vmid {
    Vmid::new(number).unwrap()
}

pub fn node(name: &str) -> NodeName {
    NodeName::new(name).unwrap()
}

pub fn now() -> Timestamp {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

pub fn identity() -> Identity {
    Identity {
        estate: EstateId::new("home").unwrap(),
        key: Key { namespace: "zentoria".into(), name: "zentoria-db".into() },
        control_plane: ControlPlaneId::new(CP).unwrap(),
    }
}

pub fn cluster() -> ProxmoxClusterSpec {
    serde_saphyr::from_str(CLUSTER).unwrap()
}

pub fn labels() -> BTreeMap<String, String> {
    BTreeMap::from([("estate".to_owned(), "home".to_owned())])
}

/// A spec from the inside of a YAML flow mapping: `vmid: 404, resources: {cores: 2}`.
pub fn spec(fields: &str) -> ZentoriaContainerSpec {
    let text = format!("{{clusterRef: {{name: pve}}, {fields}}}");
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub fn created(origin: Origin, finished: bool) -> Created {
    Created { origin, intent_at: Time(now()), finished_at: finished.then(|| Time(now())) }
}

pub fn node_facts() -> NodeFacts {
    let set = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    NodeFacts {
        online: true,
        rootdir_storages: set(&["local-zfs", "tank"]),
        bridges: Some(set(&["vmbr0", "vmbr1"])),
        templates: Some(set(&[TEMPLATE])),
        pull_lacks: Vec::new(),
    }
}

/// A quiet cluster of one node, with nothing at the VMID.
pub fn seen() -> Seen {
    let cluster = ClusterFacts {
        nodes: BTreeMap::from([(node("pve1"), node_facts())]),
        taken: BTreeSet::from([vmid(400), vmid(CLONE_SOURCE)]),
        located: BTreeMap::from([(vmid(CLONE_SOURCE), node("pve1")), (vmid(400), node("pve1"))]),
        vmids_by_name: BTreeMap::from([("golden".to_owned(), vmid(400))]),
        version: "9.2.11".to_owned(),
        capabilities: Capabilities { oci: true, host_managed: true },
        ..ClusterFacts::default()
    };
    Seen {
        now: now(),
        guest: GuestFact::Absent,
        task: TaskFact::None,
        stop_cause: None,
        cluster,
        dependencies: BTreeMap::new(),
        cycle: None,
        conflict: None,
        recorded: Recorded::default(),
        ssh_keys: vec!["ssh-ed25519 AAAA zentoria".to_owned()],
        approved: BTreeSet::new(),
        window: Window::None,
        over_quota: None,
        siting: None,
        backups: None,
        snapshot_feature: None,
        keep_failed: None,
        clone_origin: None,
        restorable: None,
        pull: PullFact::None,
        firewall: None,
    }
}

pub fn guest_of(seen: &Seen) -> Option<&Guest> {
    match &seen.guest {
        GuestFact::Present(guest) => Some(guest),
        GuestFact::NoVmid | GuestFact::Absent | GuestFact::OtherKind | GuestFact::Unknown { .. } => None,
    }
}

pub fn guest_mut(seen: &mut Seen) -> Option<&mut Guest> {
    match &mut seen.guest {
        GuestFact::Present(guest) => Some(guest),
        GuestFact::NoVmid | GuestFact::Absent | GuestFact::OtherKind | GuestFact::Unknown { .. } => None,
    }
}

/// Whose guest it really is: known because the test made it so, not because it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    Ours,
    OursRetained,
    OursTrashed,
    OursOfALaterVersion,
    OldControlPlane,
    Copy,
    OtherObject,
    OtherEstate,
    Nobody,
    Unreadable,
    TwoMarks,
}

impl Whose {
    /// All but the one in the trash, which deletions have cases of their own for.
    pub const ALL: [Self; 10] = [
        Self::Ours,
        Self::OursRetained,
        Self::OursOfALaterVersion,
        Self::OldControlPlane,
        Self::Copy,
        Self::OtherObject,
        Self::OtherEstate,
        Self::Nobody,
        Self::Unreadable,
        Self::TwoMarks,
    ];

    pub fn is_ours(self) -> bool {
        matches!(self, Self::Ours | Self::OursRetained | Self::OursTrashed | Self::OursOfALaterVersion)
    }

    /// The line of the mark.
    pub fn line(self) -> Option<String> {
        let line = |cp: &str, estate: &str, name: &str, vmid: u32, more: &str| {
            Some(format!("<!-- zentoria.ai/v1 cp={cp} estate={estate}{more} name={name} ns=zentoria vmid={vmid} -->"))
        };
        match self {
            Self::Ours => line(CP, "home", "zentoria-db", VMID, ""),
            Self::OursRetained => Some(format!(
                "<!-- zentoria.ai/v1 cp={CP} estate=home name=zentoria-db ns=zentoria retained=2026-05-01T00:00:00Z \
                 vmid={VMID} -->"
            )),
            Self::OursTrashed => Some(format!(
                "<!-- zentoria.ai/v1 cp={CP} estate=home name=zentoria-db ns=zentoria onboot=1 \
                 trashUntil=2026-06-01T11:00:00Z vmid={VMID} -->"
            )),
            Self::OursOfALaterVersion => line(CP, "home", "zentoria-db", VMID, " later=x"),
            Self::OldControlPlane => line(OLD_CP, "home", "zentoria-db", VMID, " later=x"),
            Self::Copy => line(CP, "home", "zentoria-db", 405, ""),
            Self::OtherObject => line(CP, "home", "zentoria-web", VMID, ""),
            Self::OtherEstate => line(CP, "office", "zentoria-db", VMID, ""),
            Self::Nobody => None,
            Self::Unreadable => Some("<!-- zentoria.ai/v1 cp=1a2b3c4d estate=home".to_owned()),
            Self::TwoMarks => Self::Ours.line().map(|line| format!("{line}\n{line}")),
        }
    }

    /// The description as Proxmox VE gives it back.
    pub fn description(self, text: &str) -> String {
        match (self.line(), text) {
            (None, "") => String::new(),
            (None, text) => format!("{text}\n"),
            (Some(line), "") => format!("{line}\n"),
            (Some(line), text) => format!("{text}\n{line}\n"),
        }
    }
}

/// A firewall that lets one port in.
pub fn firewall(port: u16) -> GuestFirewall {
    let options = Options {
        policy_in: Policy::Drop,
        policy_out: Policy::Accept,
        ipfilter: false,
        macfilter: true,
        dhcp: false,
        ndp: false,
        radv: false,
        log_level_in: LogLevel::Nolog,
        log_level_out: LogLevel::Nolog,
    };
    let rule = Rule {
        way: Way::In,
        action: Action::Allow,
        service: Service::Ports(Protocol::TCP, vec![PortRange { first: port, last: port }]),
        peer: Ends::Any,
        log: None,
        comment: "zentoria:zentoria/db-from-web#01234567".to_owned(),
    };
    GuestFirewall { options, ipsets: BTreeMap::new(), rules: vec![rule] }
}

/// What the rules make of a guest.
pub fn compiled(mode: FirewallMode, wish: Result<GuestFirewall, (FirewallReason, String)>) -> Box<CompiledGuest> {
    Box::new(CompiledGuest {
        adopted: false,
        mode,
        wish,
        interfaces: BTreeMap::new(),
        probe_ports: vec![22],
        owners: BTreeMap::new(),
        suspended: BTreeSet::new(),
    })
}
