//! How a connection to PostgreSQL is encrypted, as libpq's `sslmode` has it: so that our own connection and that of
//! `pg_dump` trust the same servers.

use crate::failure::Failure;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::path::Path;
use std::sync::Arc;
use zentoria_types::backup_job::JobError;
use zentoria_types::backup_job::secrets::SOURCE_CA;

/// `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    /// Never encrypted: the scratch server of the same pod.
    Disable,
    /// Encrypted where the server can.
    Prefer,
    /// Encrypted, whoever the server is.
    Require,
    /// And its certificate is of our CA.
    VerifyCa,
    /// And the certificate is of the host that was asked for.
    VerifyFull,
}

impl SslMode {
    /// Of its name in a spec.
    ///
    /// # Errors
    /// [`JobError::Setup`], when there is no such mode.
    pub fn parse(name: &str) -> Result<Self, Failure> {
        match name {
            "disable" => Ok(Self::Disable),
            "prefer" => Ok(Self::Prefer),
            "require" => Ok(Self::Require),
            "verify-ca" => Ok(Self::VerifyCa),
            "verify-full" => Ok(Self::VerifyFull),
            other => Err(Failure::new(JobError::Setup, format!("there is no sslmode `{other}`"))),
        }
    }

    /// Its name for libpq.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }

    /// Whether the server has to prove who it is.
    #[must_use]
    pub fn verifies(self) -> bool {
        matches!(self, Self::VerifyCa | Self::VerifyFull)
    }
}

/// What the TLS side of a connection trusts.
///
/// # Errors
/// [`JobError::Setup`], when the mode needs a CA and there is none that can be read.
pub fn config(mode: SslMode, ca: Option<&Path>) -> Result<ClientConfig, Failure> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::new(JobError::Setup, format!("TLS: {error}")))?;
    let verifier: Arc<dyn ServerCertVerifier> = match mode {
        SslMode::Disable | SslMode::Prefer | SslMode::Require => Arc::new(AnyHost { provider, ca: None }),
        SslMode::VerifyCa => {
            let ca = Some(of_ca(ca, Arc::clone(&provider))?);
            Arc::new(AnyHost { provider, ca })
        }
        SslMode::VerifyFull => of_ca(ca, provider)?,
    };
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

fn of_ca(ca: Option<&Path>, provider: Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, Failure> {
    let failed = |why: String| Failure::new(JobError::Setup, format!("the secret `{SOURCE_CA}` {why}"));
    let ca = ca.ok_or_else(|| failed("is missing: sslMode VerifyCa and VerifyFull need caSecretRef".to_owned()))?;
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(ca).map_err(|error| failed(format!("cannot be read: {error}")))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| failed(format!("is no PEM certificate: {error}")))?;
        roots.add(certificate).map_err(|error| failed(format!("holds a certificate that is none: {error}")))?;
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| failed(format!("holds no certificate: {error}")))
}

/// Takes a certificate of the CA for any host, as `verify-ca` does; without a CA any certificate, as `prefer` and `require`.
/// That the server holds its key is asked for in both.
#[derive(Debug)]
struct AnyHost {
    provider: Arc<CryptoProvider>,
    ca: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for AnyHost {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(ca) = &self.ca else { return Ok(ServerCertVerified::assertion()) };
        match ca.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
