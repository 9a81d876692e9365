//! The drivers against servers that answer as a test says: what a real one does too seldom, or never.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod foreign;
mod ollama;
mod raw;
mod speaches;
mod tls;

use std::time::Duration;
use zentoria_models::{Dialer, Endpoint};

/// A server on this port of loopback.
pub fn at(port: u16) -> Endpoint {
    Endpoint {
        base: Endpoint::parse(&format!("http://127.0.0.1:{port}")).unwrap(),
        ca: None,
        token: None,
        connect_timeout: Duration::from_secs(20),
        idle_timeout: Duration::from_secs(20),
        dialer: Dialer::direct(),
    }
}
