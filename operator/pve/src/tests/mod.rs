//! Tests against recorded answers of a real PVE and against a small TLS server.

mod backups;
mod calls;
mod failover;
mod firewall;
mod identity;
mod life;
mod recordings;
mod robust;
pub(crate) mod server;
pub(crate) mod support;
mod surprises;
mod wire;
