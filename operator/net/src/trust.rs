//! Certification authorities.

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// A CA bundle without a usable certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct CaError {
    /// What is wrong.
    pub problem: String,
}

/// The certificates of a PEM bundle, and no others; without one, those that the system trusts.
///
/// # Errors
/// Where the bundle is no PEM, or holds no certificate, or one that cannot be used.
pub fn roots(pem: Option<&str>) -> Result<RootCertStore, CaError> {
    let wrong = |problem: String| CaError { problem };
    let mut roots = RootCertStore::empty();
    let Some(pem) = pem else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|why| wrong(format!("not PEM: {why}")))?;
        roots.add(certificate).map_err(|why| wrong(why.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("it holds no certificate".to_owned()));
    }
    Ok(roots)
}
