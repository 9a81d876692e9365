//! The way to PVE: dialing, TLS by CA or pinned fingerprint, several endpoints with failover, and the proof whether a
//! failed request may have been sent.

mod endpoint;
mod failure;
mod http;
mod trust;
mod verifier;

pub use endpoint::Endpoint;
pub use trust::{Fingerprint, Trust};

pub(crate) use http::{HttpTransport, Request};

/// A setting that the transport cannot work with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// No endpoint was given.
    #[error("no endpoint is given")]
    NoEndpoint,
    /// An endpoint is not an https URL of a host and an optional port.
    #[error("{given:?} is not an endpoint: {problem}")]
    Endpoint {
        /// What was given.
        given: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A fingerprint is not 32 bytes in hexadecimal.
    #[error("{given:?} is not a SHA-256 fingerprint: 32 bytes in hexadecimal are expected, as AA:BB:...")]
    Fingerprint {
        /// What was given.
        given: String,
    },
    /// The CA bundle has no usable certificate.
    #[error("the CA bundle cannot be used: {problem}")]
    CaBundle {
        /// What is wrong.
        problem: String,
    },
    /// The TLS library refused its settings.
    #[error("TLS cannot be set up: {problem}")]
    Tls {
        /// What it said.
        problem: String,
    },
    /// The API token cannot stand in a header.
    #[error("the API token is not usable: {problem}")]
    Token {
        /// What is wrong; never the token itself.
        problem: &'static str,
    },
}
