//! `ZentoriaContainer`: one LXC container.

mod network;
mod spec;
mod status;

pub use network::{Dns, Interface, Ipv4, Ipv6, Nameserver, Network};
pub use spec::{
    Adoption, CloneSource, Condition as DependencyCondition, ContainerMode, DeletionPolicy, Dependency, Features,
    OnExternalStop, OnMissing, Placement, Power, PowerState, Provision, RebootPolicy, Resources, RootDisk, Source,
    Startup, Tag, TemplateSource, ZentoriaContainer, ZentoriaContainerSpec,
};
pub use status::{
    ChangeClass, Created, Origin, PendingChange, PowerStatus, RecordedDefaults, RunState, TaskAction, TaskStatus,
    ZentoriaContainerStatus,
};
