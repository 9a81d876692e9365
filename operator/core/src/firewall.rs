//! The firewall matrix: what rules, containers and derived needs together mean for the firewall of each guest
//! ([`estate`], [`compile`](mod@compile), [`guest`]), how a guest's firewall is brought there without opening or locking
//! out anybody ([`enforce`], from what was [`seen`]), what is said of it ([`report`]), whether a flow passes
//! ([`evaluate`], [`reach`]), and who the addresses in rules are ([`flows`]).

pub mod compile;
pub mod enforce;
pub mod estate;
pub mod evaluate;
pub mod external;
pub mod flip;
pub mod flows;
pub mod guest;
pub mod nets;
pub mod ports;
pub mod reach;
pub mod report;
pub mod seen;
pub mod suspended;
mod words;

pub use compile::compile;
pub(crate) use estate::selector_words;
pub use estate::{Estate, estate};
