//! `ZentoriaContainer`: one LXC container.

mod network;
mod placement;
mod policy;
mod source;
mod spec;
mod status;
mod storage;

pub use network::{Dns, Interface, Ipv4, Ipv6, Nameserver, Network};
pub use placement::{AntiAffinity, Placement, Strategy};
pub use policy::{
    Approval, BeforeChange, DeletionPolicy, GuardedClass, KeepMethod, OnExternalStop, OnImpossible, Power, PowerState,
    RebootPolicy, ReplacePolicy,
};
pub use source::{BackupSource, CloneSource, ImageSource, PullPolicy, Source, TemplateSource};
pub use spec::{
    Adoption, Condition as DependencyCondition, Console, ConsoleMode, ContainerMode, Dependency, Features, OnMissing,
    Provision, Resources, Startup, Tag, ZentoriaContainer, ZentoriaContainerSpec,
};
pub use status::{
    ChangeClass, Created, MountStatus, Origin, PendingChange, PowerStatus, RecordedDefaults, Replacing, RunState,
    TaskAction, TaskStatus, ZentoriaContainerStatus,
};
pub use storage::{Bind, Device, Mount, MountVolume, ReclaimPolicy, RootDisk};
