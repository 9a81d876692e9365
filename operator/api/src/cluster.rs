//! `ProxmoxCluster`: how to reach one Proxmox VE cluster, and what may be done there.

mod access;
mod safety;
mod spec;
mod status;

pub use access::{Access, Allow, FeatureName, Quota, VlanRangeField, VmidRangeField};
pub use safety::{FinalBackup, MaintenanceWindow, MissingGuests, Overcommit, Safety};
pub use spec::{Credentials, Defaults, Endpoint, Limits, Poll, ProxmoxCluster, ProxmoxClusterSpec, Tls};
pub use status::{Breaker, ClusterIdentity, Destroy, GuestCounts, NodeStatus, ProxmoxClusterStatus, Trashed};
