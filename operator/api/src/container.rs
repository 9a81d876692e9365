//! `ZentoriaContainer`: one LXC container.

mod network;
mod policy;
mod spec;
mod status;

pub use network::{Dns, Interface, Ipv4, Ipv6, Nameserver, Network};
pub use policy::{DeletionPolicy, OnExternalStop, Power, PowerState, RebootPolicy};
pub use spec::{
    Adoption, CloneSource, Condition as DependencyCondition, ContainerMode, Dependency, Features, OnMissing, Placement,
    Provision, Resources, RootDisk, Source, Startup, Tag, TemplateSource, ZentoriaContainer, ZentoriaContainerSpec,
};
pub use status::{
    ChangeClass, Created, Origin, PendingChange, PowerStatus, RecordedDefaults, RunState, TaskAction, TaskStatus,
    ZentoriaContainerStatus,
};
