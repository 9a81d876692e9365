//! A small HTTPS server that answers as a script says and notes what it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::auth::ApiToken;
use crate::client::{Client, ClientConfig, Limits};
use crate::transport::{Fingerprint, Trust};
use zentoria_net::Dialer;
use zentoria_types::Secret;

/// A request as it came over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The head, in lower case but for values.
    pub head: String,
    pub body: String,
    /// Which connection it came on, from 0.
    pub connection: usize,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        found.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// What the server does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Writes this and keeps the connection.
    Keep(String),
    /// Writes this and closes.
    Close(String),
    /// Closes without a word.
    Drop,
    /// Never answers.
    Hang,
}

/// A whole answer with PVE's reason.
pub(crate) fn http(status: u16, reason: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} {reason}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// A good answer.
pub(crate) fn ok(data: &str) -> Reply {
    Reply::Keep(http(200, "OK", &format!("{{\"data\":{data}}}")))
}

/// An error as PVE gives it: in the status line, with the connection closed after it.
pub(crate) fn failed(status: u16, reason: &str) -> Reply {
    Reply::Close(http(status, reason, ""))
}

type Script = dyn Fn(&Seen) -> Reply + Send + Sync;

/// The running server; it stops with the test.
pub(crate) struct Server {
    pub address: SocketAddr,
    pub certificate_pem: String,
    pub fingerprint: Fingerprint,
    seen: Arc<Mutex<Vec<Seen>>>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Server {
    pub async fn start(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let issued = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        Self::serve(script, issued.cert.pem(), &issued.signing_key.serialize_pem()).await
    }

    /// A server that shows the certificate of another but has not its key.
    pub async fn impostor(of: &Self, script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        Self::serve(script, of.certificate_pem.clone(), &own.signing_key.serialize_pem()).await
    }

    async fn serve(
        script: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
        certificate_pem: String,
        key_pem: &str,
    ) -> Self {
        let certificate = CertificateDer::from_pem_slice(certificate_pem.as_bytes()).unwrap();
        let fingerprint = Fingerprint::of(&certificate);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = provider.key_provider.load_private_key(PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).unwrap());
        let certified = rustls::sign::CertifiedKey::new(vec![certificate], key.unwrap());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let tls = TlsAcceptor::from(Arc::new(tls));
        let accepting = tokio::spawn(accept(listener, tls, Arc::new(script), Arc::clone(&seen)));
        Self { address, certificate_pem, fingerprint, seen, accepting }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Settings for a client of this server alone, by its pinned certificate.
    pub fn config(&self) -> ClientConfig {
        config(&[self.url()], Trust::Fingerprint(self.fingerprint))
    }

    pub fn client(&self) -> Client {
        Client::new(self.config()).unwrap()
    }
}

pub(crate) fn config(urls: &[String], trust: Trust) -> ClientConfig {
    ClientConfig {
        endpoints: urls.iter().map(|url| url.parse().unwrap()).collect(),
        trust,
        token: ApiToken::new("ops@pve!operator", &Secret::new("s3cret")).unwrap(),
        root_password: None,
        dialer: Dialer::direct(),
        fence: Arc::new(|| true),
        observer: None,
        limits: Limits { deadline: Duration::from_secs(20), ..Limits::default() },
    }
}

/// The URL of a port where nobody listens.
pub(crate) async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("https://{}", listener.local_addr().unwrap())
}

/// Polls until `done`, for at most ten seconds.
pub(crate) async fn until(what: &str, done: impl Fn() -> bool) {
    let since = Instant::now();
    while !done() {
        assert!(since.elapsed() < Duration::from_secs(10), "waited 10 s for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, script: Arc<Script>, seen: Arc<Mutex<Vec<Seen>>>) {
    for connection in 0.. {
        let Ok((stream, _)) = listener.accept().await else { return };
        let (tls, script, seen) = (tls.clone(), Arc::clone(&script), Arc::clone(&seen));
        tokio::spawn(async move {
            let Ok(mut stream) = tls.accept(stream).await else { return };
            while let Some(mut request) = read_request(&mut stream).await {
                request.connection = connection;
                seen.lock().unwrap().push(request.clone());
                let (text, close) = match script(&request) {
                    Reply::Keep(text) => (text, false),
                    Reply::Close(text) => (text, true),
                    Reply::Drop => (String::new(), true),
                    Reply::Hang => std::future::pending().await,
                };
                if stream.write_all(text.as_bytes()).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
                if close {
                    let _ = stream.shutdown().await;
                    return;
                }
            }
        });
    }
}

async fn read_request<S: AsyncReadExt + Unpin>(stream: &mut S) -> Option<Seen> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut words = head.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut seen = Seen { method, target, head, body: String::new(), connection: 0 };
    let length: usize = seen.header("content-length").map_or(0, |length| length.trim().parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    seen.body = String::from_utf8(body).unwrap();
    Some(seen)
}
