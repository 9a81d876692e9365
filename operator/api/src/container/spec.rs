//! The wish.

use super::network::Network;
use super::placement::Placement;
use super::policy::{Approval, BeforeChange, DeletionPolicy, Power, RebootPolicy, ReplacePolicy};
use super::source::Source;
use super::status::ZentoriaContainerStatus;
use super::storage::{Device, Mount, RootDisk};
use crate::common::{LocalRef, Size, VmidField};
use crate::firewall::{GuestFirewallSpec, Service};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One LXC container on a Proxmox VE cluster.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "zentoria.ai",
    version = "v1alpha1",
    kind = "ZentoriaContainer",
    plural = "zentoriacontainers",
    shortname = "zc",
    category = "zentoria",
    namespaced,
    status = "ZentoriaContainerStatus",
    derive = "PartialEq",
    printcolumn = r#"{"name":"Vmid","type":"integer","jsonPath":".status.vmid"}"#,
    printcolumn = r#"{"name":"Node","type":"string","jsonPath":".status.node"}"#,
    printcolumn = r#"{"name":"IP","type":"string","jsonPath":".status.addresses[0]"}"#,
    printcolumn = r#"{"name":"Power","type":"string","jsonPath":".status.power.state"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Status","type":"string","jsonPath":".status.summary"}"#,
    printcolumn = r#"{"name":"Pending","type":"string","jsonPath":".status.pendingSummary"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Cores","type":"integer","priority":1,"jsonPath":".spec.resources.cores"}"#,
    printcolumn = r#"{"name":"Memory","type":"string","priority":1,"jsonPath":".spec.resources.memory"}"#,
    printcolumn = r#"{"name":"Disk","type":"string","priority":1,"jsonPath":".spec.rootDisk.size"}"#,
    printcolumn = r#"{"name":"Zone","type":"string","priority":1,"jsonPath":".spec.zone"}"#,
    printcolumn = r#"{"name":"Message","type":"string","priority":1,"jsonPath":".status.conditions[?(@.type==\"Ready\")].message"}"#,
    validation = Rule::new("has(self.spec.hostname) || self.metadata.name.matches('^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$')").message("metadata.name is the hostname and must be one DNS label, or set spec.hostname"),
    validation = Rule::new("!has(oldSelf.status) || !has(oldSelf.status.vmid) || !has(self.spec.vmid) || self.spec.vmid == oldSelf.status.vmid").message("spec.vmid cannot differ from status.vmid: the VMID is part of the guest's identity"),
    validation = Rule::new("!has(self.spec.source) || !has(self.spec.source.clone) || !has(self.spec.source.clone.container) || self.spec.source.clone.container != self.metadata.name").message("a container cannot be a clone of itself"),
    validation = Rule::new("!has(self.spec.dependsOn) || self.spec.dependsOn.all(d, d.name != self.metadata.name)").message("a container cannot depend on itself"),
    validation = Rule::new("self.metadata.name.size() <= 63").message("metadata.name must have at most 63 characters")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "!has(self.source) || !has(self.source.clone) || !has(self.vmid) || !has(self.source.clone.vmid) || self.source.clone.vmid != self.vmid", "message": "a container cannot be a clone of its own vmid"}
]))]
pub struct ZentoriaContainerSpec {
    /// The ProxmoxCluster to run on. Cannot be changed.
    #[schemars(extend("x-kubernetes-validations" = [{"rule": "self == oldSelf", "message": "a container cannot move to another ProxmoxCluster"}]))]
    pub cluster_ref: LocalRef,

    /// VMID of the container. Without it a free one of the namespace's ranges is taken. Cannot be changed
    /// once the guest exists (status.vmid).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vmid: Option<VmidField>,

    /// Host name inside the guest. Default: the name of this object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 253),
        regex(
            pattern = r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$"
        )
    )]
    pub hostname: Option<String>,

    /// Notes of the guest in Proxmox VE. The operator adds its mark below them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    #[schemars(extend("x-kubernetes-validations" = [{"rule": "!self.contains('zentoria.ai/v1')", "message": "the description cannot hold an ownership mark"}]))]
    pub description: Option<String>,

    /// Tags of the guest in Proxmox VE, beside `zentoria`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[schemars(extend("x-kubernetes-validations" = [{"rule": "self.all(t, t.matches('^[a-z0-9_][a-z0-9_+.-]{0,62}$'))", "message": "a tag has lower case letters, digits, _ + . and -"}]))]
    pub tags: Option<Vec<Tag>>,

    /// True: the operator looks away from this container (no writes, no status).
    #[serde(default)]
    pub suspend: bool,

    /// `Observe`: show what would be done to this container, and do nothing. It can only tighten the cluster's mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<ContainerMode>,

    /// What a new container is made from: exactly one of `template`, `clone`, `image` and `backup`. Used at creation
    /// only: a later change is shown as pending and never leads to a new guest. Without it the cluster's default template
    /// is used; with `adoption: IfExists` nothing is created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,

    /// What to do with a guest that already has this VMID.
    #[serde(default)]
    pub adoption: Adoption,

    /// What to do when the guest is gone.
    #[serde(default)]
    pub on_missing: OnMissing,

    /// Where a new container is put.
    #[serde(default)]
    pub placement: Placement,

    /// Processors and memory. What is not named is Proxmox VE's default at creation, and not managed afterwards.
    #[serde(default)]
    pub resources: Resources,

    /// The root disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_disk: Option<RootDisk>,

    /// Further volumes and directories of the node.
    #[serde(default)]
    #[schemars(length(max = 32))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    #[schemars(extend("x-kubernetes-validations" = [
        {"rule": "self.all(m, self.exists_one(n, n.path == m.path))", "message": "two mounts have the same path"},
        {"rule": "self.all(m, !has(m.slot) || self.exists_one(n, has(n.slot) && n.slot == m.slot))", "message": "two mounts have the same slot"}
    ]))]
    pub mounts: Vec<Mount>,

    /// Devices of the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub devices: Option<Vec<Device>>,

    /// LXC features. What is not named stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Features>,

    /// Whether root in the guest is an ordinary user on the node. Default true. Only used at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unprivileged: Option<bool>,

    /// Start at boot of the node, and in which order. A guest that the operator made is started at boot while `power.state`
    /// is Running, in the order that `dependsOn` gives (`order` 1 for those that wait for nobody, 2 for those after
    /// them), where nothing else is said here. So the estate comes back by itself after a power cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub startup: Option<Startup>,

    /// True: Proxmox VE refuses to destroy the guest or its disks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protection: Option<bool>,

    /// Hook script, such as `local:snippets/hook.pl`. It runs as root on the node: needs `access[].allow.hookscripts` and
    /// the cluster's root credential. Empty: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255), regex(pattern = r"^([A-Za-z][A-Za-z0-9_.-]*:snippets/[^,\s]+)?$"))]
    pub hookscript: Option<String>,

    /// The console that Proxmox VE shows. What is not named stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console: Option<Console>,

    /// Resource pool of Proxmox VE that a new container is put into. Only used at creation. Needs `access[].allow.pools`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), regex(pattern = r"^[A-Za-z0-9_/.-]+$"))]
    pub pool: Option<String>,

    /// True: the finished guest is made a template of Proxmox VE, which linked clones need. It never runs, and there is no
    /// way back.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-validations" = [{"rule": "self || !oldSelf", "message": "a template cannot be made a container again"}]))]
    pub template: bool,

    /// Time zone of the guest, such as `Europe/Amsterdam`, or `host`. A change takes effect at the next reboot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z0-9_+/-]+$"))]
    pub timezone: Option<String>,

    /// Network interfaces and name servers.
    #[serde(default)]
    pub network: Network,

    /// Whether the guest runs.
    #[serde(default)]
    pub power: Power,

    /// Containers of this namespace that must be there first.
    #[serde(default)]
    #[schemars(length(max = 64))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub depends_on: Vec<Dependency>,

    /// What happens to the guest when this object is deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,

    /// Whether the operator may reboot the guest for a change that needs it.
    #[serde(default)]
    pub reboot_policy: RebootPolicy,

    /// Whether the operator may make the guest anew for a change that takes a new guest.
    #[serde(default)]
    pub replace_policy: ReplacePolicy,

    /// What is kept of the guest before a change is made to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_change: Option<BeforeChange>,

    /// `Required`: the guest is created once a person approves it (annotation `zentoria.ai/approve`, `kubectl zentoria
    /// approve`).
    #[serde(default)]
    pub approval: Approval,

    /// How software gets into the guest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provision: Option<Provision>,

    /// The zone that it belongs to, for firewall rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
    pub zone: Option<String>,

    /// The ports that it serves, for firewall rules.
    #[serde(default)]
    #[schemars(length(max = 64))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub services: Vec<Service>,

    /// Its firewall in Proxmox VE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firewall: Option<GuestFirewallSpec>,
}

/// One tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Tag(#[schemars(length(min = 1, max = 63))] pub String);

/// A mode that only tightens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ContainerMode {
    /// Look and show.
    Observe,
}

/// What to do with a guest that already has this VMID.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Adoption {
    /// Nothing: its VMID is taken.
    Never,
    /// A guest that carries the mark of this very object is taken back.
    #[default]
    IfMarked,
    /// A guest without a mark is taken over as it is. Nothing of it changes but its description and tags.
    IfExists,
}

/// What to do when the guest is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnMissing {
    /// Say so and wait for a person.
    #[default]
    Stall,
    /// Make a new one from `source`.
    Recreate,
}

/// Processors and memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resources {
    /// Number of cores that the guest sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 8192))]
    pub cores: Option<u32>,
    /// Cores' worth of time that it may use at most, such as 1.5; 0 is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 8192.0))]
    pub cpu_limit: Option<f64>,
    /// Its weight against other guests, 8 to 500000; Proxmox VE's default is 100 on cgroup v2 nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 8, max = 500_000))]
    pub cpu_units: Option<u32>,
    /// Memory, at least 16Mi, in whole MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-validations" = [{"rule": "quantity(self).compareTo(quantity('16Mi')) >= 0", "message": "memory must be at least 16Mi"}]))]
    pub memory: Option<Size>,
    /// Swap, in whole MiB; 0 is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swap: Option<Size>,
}

/// LXC features. A change takes effect at the next reboot of the guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Features {
    /// Containers (Docker, LXC) inside the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nesting: Option<bool>,
    /// The keyctl() system call in an unprivileged container. Needs the cluster's root credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyctl: Option<bool>,
    /// FUSE file systems. Needs the cluster's root credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuse: Option<bool>,
    /// Creation of device nodes. Needs the cluster's root credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mknod: Option<bool>,
    /// File system types that the guest may mount, such as `nfs`. Needs the cluster's root credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub mount: Option<Vec<String>>,
}

/// The console that Proxmox VE shows. A change takes effect at the next reboot of the guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Console {
    /// Whether there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Number of terminals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 6))]
    pub tty: Option<u32>,
    /// What it is connected to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<ConsoleMode>,
}

/// What a console is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConsoleMode {
    /// A terminal with a login.
    Tty,
    /// `/dev/console`.
    Console,
    /// A shell, without a login.
    Shell,
}

/// Start at boot of the node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Startup {
    /// True: the node starts the guest when it boots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_boot: Option<bool>,
    /// Position in the boot order; lower starts first, shutdown is in reverse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub order: Option<u32>,
    /// Seconds to wait after the start of this guest before the next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 86_400))]
    pub up_delay_seconds: Option<u32>,
    /// Seconds that this guest is given to shut down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 86_400))]
    pub down_delay_seconds: Option<u32>,
}

/// A container that must be there first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Dependency {
    /// Name of a ZentoriaContainer of this namespace.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// What must hold for it before this container is created. Default `Ready`.
    #[serde(default)]
    pub condition: Condition,
    /// True: wait for it only while it can still come: not when it is missing, stalled, stopped or suspended, nor when
    /// the two wait for each other.
    #[serde(default)]
    pub soft: bool,
}

/// What must hold for a dependency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Condition {
    /// Its condition `Created` is true.
    Created,
    /// Its condition `Running` is true.
    Running,
    /// Its condition `Ready` is true.
    #[default]
    Ready,
}

/// How software gets into the guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Provision {
    /// A Secret of this namespace with an SSH key pair (`ssh-privatekey`, optional `ssh-publickey`). Its public part is
    /// injected at creation. Default: the Secret `zentoria-ssh`, which is generated where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh_key_secret_ref: Option<LocalRef>,
}
