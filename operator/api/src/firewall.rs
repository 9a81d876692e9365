//! `FirewallRule`: rows of the firewall matrix; and what containers and clusters say of firewalls.

mod guest;
mod peer;
mod rule;
mod status;

pub use guest::{ClusterFirewall, FirewallMode, ForeignRules, GuestFirewallSpec, Host, Policy, Service};
pub use peer::{EveryPeer, Peer};
pub use rule::{Action, Direction, FirewallRule, FirewallRuleSpec, LogLevel, Port, Protocol};
pub use status::{DatacenterFirewall, FirewallProbe, FirewallRuleStatus, GuestFirewallStatus};
