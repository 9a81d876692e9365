//! Decisions about one container, by step: `want` (what the spec asks for), `seen` (what was observed), `ownership`
//! (whose guest it is), `siting` (on which node it belongs), `options` (what differs), `plan` and `delete` (what to do),
//! `guard` (what must never be done), `report` (what the status says), `forecast` (what lies ahead, for people).

pub mod allow;
pub mod claims;
pub mod delete;
pub mod dependencies;
pub mod devices;
pub mod forecast;
pub mod guard;
pub mod interfaces;
pub mod mounts;
pub mod options;
pub mod ownership;
pub mod plan;
pub mod power;
pub mod pull;
pub mod report;
pub mod seen;
pub mod siting;
pub mod step;
pub mod usage;
pub mod validate;
pub mod vmid;
pub mod want;
