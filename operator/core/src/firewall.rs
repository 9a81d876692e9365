//! The firewall matrix: what rules, containers and derived needs together mean for the firewall of each guest
//! ([`estate`], [`compile`](mod@compile), [`guest`]), how a guest's firewall is brought there without opening or locking
//! out anybody, and whether a flow passes.

pub mod compile;
pub mod estate;
pub mod external;
pub mod guest;
pub mod nets;
pub mod ports;
mod words;

pub use compile::compile;
pub use estate::{Estate, estate};
