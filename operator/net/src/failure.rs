//! What lies below the error of a connection.

use std::error::Error;
use std::io;

/// The errors below `error`, itself first. An `io::Error` hides what it wraps from `source()`, and so does rustls.
pub fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |at| below(*at))
}

fn below<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    if let Some(io) = error.downcast_ref::<io::Error>() {
        return io.get_ref().map(|inner| inner as &(dyn Error + 'static));
    }
    if let Some(rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other))) =
        error.downcast_ref::<rustls::Error>()
    {
        return Some(other.0.as_ref());
    }
    error.source()
}

/// The first error of this type.
pub fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    chain(error).find_map(|at| at.downcast_ref::<T>())
}

/// The last error of the chain, which says most ("Connection refused"), after the first ("client error (Connect)").
#[must_use]
pub fn innermost(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map_or_else(|| error.to_string(), ToString::to_string)
}

/// An error with all that caused it, but nothing twice.
#[must_use]
pub fn said(error: &(dyn Error + 'static)) -> String {
    let mut said = String::new();
    for part in chain(error).map(ToString::to_string) {
        if said.is_empty() {
            said = part;
        } else if !said.ends_with(&part) {
            said = format!("{said}: {part}");
        }
    }
    said
}
