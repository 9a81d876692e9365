//! Values that every layer shares. A leaf: it knows no client, no Kubernetes and no clock.
//!
//! Each type is parsed once, at the border; behind it a wrong value cannot exist.

pub mod backup_job;
pub mod checksum;
pub mod digest;
pub mod mark;
pub mod model;
pub mod names;
pub mod net;
pub mod property;
pub mod secret;
pub mod size;
pub mod ssh;
pub mod tags;
mod text;
pub mod upid;
pub mod vmid;

pub use checksum::{Checksum, ChecksumAlgorithm};
pub use digest::ConfigDigest;
pub use mark::{ControlPlaneId, Description, EstateId, Mark};
pub use model::{HubRepository, OllamaName};
pub use names::{BridgeName, Hostname, NodeName, SnapshotName, StorageName};
pub use net::{HostCidr, MacAddr};
pub use property::PropertyString;
pub use secret::Secret;
pub use size::Bytes;
pub use tags::Tags;
pub use upid::Upid;
pub use vmid::{Vmid, VmidRange};
