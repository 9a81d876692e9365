//! `ProxmoxCluster`: how to reach one Proxmox VE cluster, and what may be done there.

mod spec;
mod status;

pub use spec::{
    Access, Allow, Credentials, Defaults, Endpoint, FeatureName, FinalBackup, Limits, MissingGuests, Poll,
    ProxmoxCluster, ProxmoxClusterSpec, Safety, Tls, VmidRangeField,
};
pub use status::{Breaker, ClusterIdentity, Destroy, GuestCounts, NodeStatus, ProxmoxClusterStatus};
