//! Pure decisions: what a resource asks for, what should be done about it, what must never be done, and what its status
//! says. No I/O, no clock but an argument, no randomness: the same input gives the same bytes.

pub mod backup;
pub mod cluster;
pub mod conditions;
pub mod container;
mod cron;
pub mod digest;
pub mod estate;
pub mod fact;
pub mod firewall;
pub mod model;
pub mod placement;
pub mod windows;
pub mod words;

pub use fact::Fact;
