//! Firewalls: the matrix is compiled once for each change ([`compiled`]), each guest's firewall is looked at and enforced in
//! a queue of its own ([`guest`], [`lockout`], [`report`]), rules say how far they are in force ([`rule`]), and the
//! datacenter's switch is watched ([`datacenter`]).

pub mod compiled;
pub(crate) mod datacenter;
mod guest;
mod lockout;
mod report;
mod rule;

pub use compiled::{Firewalls, watch};
pub use guest::enforce;
pub use rule::reconcile;

/// So many guests are looked at at once.
pub const AT_ONCE: usize = 6;
