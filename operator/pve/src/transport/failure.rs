//! What a failed exchange means: was the request sent, was it the certificate, was it the dial map.

use std::error::Error as StdError;
use std::io;

use super::dialer::Unmapped;
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

/// The errors below `error`, itself first. An `io::Error` hides what it wraps from `source()`, and so does rustls.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |at| below(*at))
}

fn below<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    if let Some(io) = error.downcast_ref::<io::Error>() {
        return io.get_ref().map(|inner| inner as &(dyn StdError + 'static));
    }
    if let Some(rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other))) =
        error.downcast_ref::<rustls::Error>()
    {
        return Some(other.0.as_ref());
    }
    error.source()
}

fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    chain(error).find_map(|at| at.downcast_ref::<T>())
}

/// The last error of the chain, which says most ("Connection refused"), after the first ("client error (Connect)").
fn innermost(error: &(dyn StdError + 'static)) -> String {
    chain(error).last().map_or_else(|| error.to_string(), ToString::to_string)
}
