//! Decisions about one ProxmoxCluster.

pub mod access;
pub mod breaker;
pub mod gate;
pub mod identity;
pub mod maintenance;
pub mod permissions;
pub mod quota;
pub mod report;
pub mod span;
pub mod trash;
pub mod version;
