//! The firewall matrix: what rules, containers and derived needs together mean for the firewall of each guest
//! ([`guest`]), how a guest's firewall is brought there without opening or locking out anybody, and whether a flow passes.

pub mod guest;
