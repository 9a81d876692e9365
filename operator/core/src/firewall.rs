//! The firewall matrix: what rules, containers and derived needs together mean for the firewall of each guest
//! ([`guest`]), how a guest's firewall is brought there without opening or locking out anybody ([`enforce`], from what was
//! [`seen`]), and whether a flow passes ([`evaluate`]).

pub mod enforce;
pub mod evaluate;
pub mod guest;
pub mod seen;
