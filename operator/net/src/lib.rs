//! Ways out: the one dialer, whom TLS trusts, and what lies below the error of a connection.

mod connector;
mod dialer;
pub mod failure;
mod trust;

pub use connector::{DialConnector, InTime};
pub use dialer::{DialMapError, Dialer, Unmapped};
pub use trust::{CaError, roots};
