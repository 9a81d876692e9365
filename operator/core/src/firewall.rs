//! The firewall matrix: what rules, containers and derived needs together mean for the firewall of each guest
//! ([`estate`], [`compile`], [`guest`]), how a guest's firewall is brought there without opening or locking out anybody
//! ([`enforce`], from what was [`seen`]), and whether a flow passes ([`evaluate`]).

pub mod compile;
pub mod enforce;
pub mod estate;
pub mod evaluate;
pub mod flows;
pub mod guest;
pub mod reach;
pub mod seen;

pub use compile::compile;
pub use estate::{Estate, estate};
