//! What the tests of all sources use.

pub mod http;
pub mod job;
pub mod pki;
pub mod process;
pub mod wait;
