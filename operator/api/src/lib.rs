//! The custom resources of group `zentoria.ai`, version `v1alpha1`, with every constant that goes over the wire:
//! condition types, reasons, annotations, labels, finalizers.
//!
//! This crate knows no client. The CRD manifests under `crds/` are generated from these types.

pub mod backup;
pub mod cluster;
pub mod common;
pub mod conditions;
pub mod container;
pub mod firewall;
pub mod model;
pub mod wire;

pub use backup::{
    BackupPolicy, BackupPolicySpec, BackupPolicyStatus, BackupRepository, BackupRepositorySpec, BackupRepositoryStatus,
    BackupRestore, BackupRestoreSpec, BackupRestoreStatus,
};
pub use cluster::{ProxmoxCluster, ProxmoxClusterSpec, ProxmoxClusterStatus};
pub use container::{ZentoriaContainer, ZentoriaContainerSpec, ZentoriaContainerStatus};
pub use firewall::{FirewallRule, FirewallRuleSpec, FirewallRuleStatus};
pub use model::{ModelPull, ModelPullSpec, ModelPullStatus};

/// API group of every kind.
pub const GROUP: &str = "zentoria.ai";
/// Version of every kind.
pub const VERSION: &str = "v1alpha1";
