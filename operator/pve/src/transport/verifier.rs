//! Certificate verification for rustls: a CA or one pinned leaf, signatures checked in both cases.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, OtherError, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::{ConfigError, Fingerprint, Trust};

/// A refused certificate, as it travels through rustls' error.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct RefusedCertificate {
    pub expected: Option<Fingerprint>,
    pub found: Fingerprint,
    pub reason: String,
}

#[derive(Debug)]
enum Rule {
    Pinned(Fingerprint),
    Ca(Arc<WebPkiServerVerifier>),
}

#[derive(Debug)]
struct LeafVerifier {
    rule: Rule,
    provider: Arc<CryptoProvider>,
}

/// The TLS settings for a rule of trust, with ring as the provider and without a client certificate.
pub(crate) fn tls_config(trust: &Trust) -> Result<ClientConfig, ConfigError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let rule = match trust {
        Trust::Fingerprint(print) => Rule::Pinned(*print),
        Trust::CaBundle(pem) => Rule::Ca(ca_verifier(pem, &provider)?),
    };
    let verifier = LeafVerifier { rule, provider: Arc::clone(&provider) };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|why| ConfigError::Tls { problem: why.to_string() })?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

fn ca_verifier(pem: &str, provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, ConfigError> {
    let wrong = |problem: String| ConfigError::CaBundle { problem };
    let roots = zentoria_net::roots(Some(pem)).map_err(|why| wrong(why.problem))?;
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|why| wrong(why.to_string()))
}

impl ServerCertVerifier for LeafVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let found = Fingerprint::of(leaf);
        let refused = match &self.rule {
            Rule::Pinned(expected) if *expected == found => return Ok(ServerCertVerified::assertion()),
            Rule::Pinned(expected) => RefusedCertificate {
                expected: Some(*expected),
                found,
                reason: "its fingerprint is not the pinned one".to_owned(),
            },
            Rule::Ca(verifier) => match verifier.verify_server_cert(leaf, chain, name, ocsp, now) {
                Ok(verified) => return Ok(verified),
                Err(why) => RefusedCertificate { expected: None, found, reason: why.to_string() },
            },
        };
        let other = OtherError(Arc::new(refused));
        Err(rustls::Error::InvalidCertificate(CertificateError::Other(other)))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, leaf, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, leaf, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
