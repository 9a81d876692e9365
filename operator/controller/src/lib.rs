//! The operator: thin controllers over the core and ops. `runtime` holds what every controller needs, `container` and
//! `cluster` one kind each, `operator` the wiring.

pub mod backup;
pub mod cluster;
pub mod container;
pub mod context;
pub mod estate;
pub mod firewall;
pub mod model;
pub mod operator;
pub mod options;
mod outside;
mod report;
pub mod runtime;
