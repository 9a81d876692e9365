//! What a failed exchange means: was the request sent, was it the certificate, was it the dial map.

use zentoria_net::Unmapped;
use zentoria_net::failure::{find, innermost};

use super::verifier::RefusedCertificate;
use crate::error::PveError;

/// A failed attempt at one endpoint.
#[derive(Debug)]
pub(super) struct Failure {
    pub error: PveError,
    /// Whether the request may have left: then only a read may be tried again.
    pub maybe_sent: bool,
    /// Whether a kept connection had been closed before the request began; the same endpoint is worth another try.
    pub stale: bool,
}

/// Reads the error of hyper's client.
pub(super) fn classify(endpoint: &str, error: &hyper_util::client::legacy::Error) -> Failure {
    if let Some(refused) = find::<RefusedCertificate>(error) {
        let error = PveError::Certificate {
            endpoint: endpoint.to_owned(),
            expected: refused.expected,
            found: refused.found,
            reason: refused.reason.clone(),
        };
        return Failure { error, maybe_sent: false, stale: false };
    }
    if let Some(unmapped) = find::<Unmapped>(error) {
        let error = PveError::NotMapped { address: unmapped.address.clone() };
        return Failure { error, maybe_sent: false, stale: false };
    }
    // hyper says "canceled" only of a request that it hands back because it had not begun to write it.
    let stale = find::<hyper::Error>(error).is_some_and(hyper::Error::is_canceled);
    let maybe_sent = !(stale || error.is_connect());
    let message = innermost(error);
    Failure { error: PveError::Transport { endpoint: endpoint.to_owned(), message, maybe_sent }, maybe_sent, stale }
}
