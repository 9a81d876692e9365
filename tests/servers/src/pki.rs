//! Certificates of the test's own.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// A CA, and the certificate and key of a server of it.
pub struct Pki {
    /// PEM of the CA.
    pub ca: String,
    /// PEM of the certificate.
    pub certificate: String,
    /// PEM of its key.
    pub key: String,
}

/// For a server of this name.
#[must_use]
pub fn pki(host: &str) -> Pki {
    let mut params = CertificateParams::new(Vec::<String>::new()).expect("parameters");
    // OpenSSL takes a certificate whose names are equal for one that signs itself
    params.distinguished_name.push(DnType::CommonName, "Test CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a CA");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec![host.to_owned()]).expect("parameters");
    let certificate = params.signed_by(&key, &ca).expect("a certificate");
    Pki { ca: ca.pem(), certificate: certificate.pem(), key: key.serialize_pem() }
}
