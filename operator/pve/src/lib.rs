//! The Proxmox VE client: one typed, fenced, observable way to the API of a PVE cluster.
//!
//! It knows nothing of Kubernetes. Every answer is decoded leniently (PVE's types waver), every failure is a
//! [`PveError`], and no mutating call is ever sent twice.

mod access;
mod auth;
mod backup;
mod backup_jobs;
mod capabilities;
mod client;
mod cluster;
mod config;
mod decode;
mod download;
mod duties;
mod error;
mod firewall;
mod guest_interfaces;
mod inventory;
mod lenient;
mod lxc;
mod moving;
mod network;
mod observer;
mod params;
mod path;
mod problem;
mod resources;
mod retry;
mod snapshot;
mod storage;
mod tasks;
pub mod transport;
mod wire;

#[cfg(test)]
mod tests;

pub use access::Permissions;
pub use auth::ApiToken;
pub use backup::{BackupConfig, BackupMode, Vzdump};
pub use backup_jobs::{BackupJob, BackupJobWish};
pub use capabilities::{Capabilities, InvalidVersion, PveVersion};
pub use client::{Client, ClientConfig, Fence, Limits};
pub use cluster::{ClusterNode, ClusterStatus, Version};
pub use config::{ConfigChange, GuestConfig};
pub use download::{DownloadTemplate, PullImage};
pub use duties::{HaResource, ReplicationJob, Vnet};
pub use error::PveError;
pub use firewall::{FirewallAlias, FirewallGroup, FirewallIpset, FirewallIpsetEntry, FirewallOptions, FirewallRule};
pub use guest_interfaces::GuestInterface;
pub use inventory::Inventory;
pub use lxc::{Destroy, GuestStatus};
pub use moving::{Migrate, MoveVolume};
pub use network::Bridge;
pub use observer::{Observer, RequestRecord};
pub use params::{CloneLxc, CreateLxc, RestoreLxc};
pub use problem::TaskProblem;
pub use resources::{Guest, GuestKind, NodeCapacity, Resource, RunState, StorageCapacity};
pub use retry::Retry;
pub use snapshot::{Feature, SnapshotRow};
pub use storage::{NodeStorage, Volume};
pub use tasks::{TaskFilter, TaskOutcome, TaskRow, TaskSource, TaskStatus};
pub use transport::{ConfigError, Endpoint, Fingerprint, Trust};
pub use zentoria_net::Dialer;
