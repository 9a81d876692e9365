//! HTTP to a server that is backed up.

use crate::contract::Output;
use crate::failure::Failure;
use crate::setup::Setup;
use bytes::Bytes;
use http_body_util::channel::Channel;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::ClientConfig;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use zentoria_net::failure::said;
use zentoria_types::Secret;
use zentoria_types::backup_job::secrets::SOURCE_CA;
use zentoria_types::backup_job::{JobError, Server};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(30);
/// How long the server may think before it begins to answer: it may write a snapshot first.
const THINK: Duration = Duration::from_secs(3600);
/// How long it may be silent in the midst of an answer.
const SILENCE: Duration = Duration::from_secs(120);
/// How much of an answer that is read whole is read: bytes.
const WHOLE: usize = 16 * 1024 * 1024;

type Body = BoxBody<Bytes, Infallible>;

/// A server that speaks HTTP, and the header that we log in with.
pub struct Http {
    client: Client<HttpsConnector<HttpConnector>, Body>,
    base: String,
    /// What it is, for people: `Qdrant at 10.0.0.1:6333`.
    pub name: String,
    login: Option<(&'static str, Secret)>,
}

/// An answer that was not the expected one.
#[derive(Debug)]
pub struct Refused {
    /// Status of HTTP.
    pub status: u16,
    /// The beginning of what it says.
    pub said: String,
}

impl Http {
    /// The server, nothing connected to yet.
    ///
    /// # Errors
    /// [`JobError::Setup`], when the CA cannot be read.
    pub fn new(
        kind: &str,
        server: &Server,
        tls: bool,
        login: Option<(&'static str, Secret)>,
        setup: &Setup,
    ) -> Result<Self, Failure> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(trust(setup)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let host = if server.host.contains(':') { format!("[{}]", server.host) } else { server.host.clone() };
        let scheme = if tls { "https" } else { "http" };
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            base: format!("{scheme}://{host}:{}", server.port),
            name: format!("{kind} at {}:{}", server.host, server.port),
            login,
        })
    }

    /// Asks for something, and gives back the whole answer.
    ///
    /// # Errors
    /// It cannot be reached, or broke off. A refusal is not an error here.
    pub async fn ask(&self, method: Method, path: &str) -> Result<Result<Bytes, Refused>, Failure> {
        match self.begin(method, path, Empty::new().boxed(), None).await? {
            Ok(response) => Ok(Ok(self.whole(response).await?)),
            Err(refused) => Ok(Err(refused)),
        }
    }

    /// Asks for a file, and writes the whole of it.
    ///
    /// # Errors
    /// As [`Http::ask`]; an answer that ends before its end is an error.
    pub async fn download(&self, path: &str, out: Output<'_>) -> Result<Result<(), Refused>, Failure> {
        let mut body = match self.begin(Method::GET, path, Empty::new().boxed(), None).await? {
            Ok(response) => response.into_body(),
            Err(refused) => return Ok(Err(refused)),
        };
        let broken = |why: String| Failure::new(JobError::SourceFailed, format!("{} broke off: {why}", self.name));
        loop {
            let frame = timeout(SILENCE, body.frame()).await.map_err(|_| broken("it is silent".to_owned()))?;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| broken(said(&error)))?;
            if let Ok(bytes) = frame.into_data() {
                out.write_all(&bytes).await.map_err(|error| broken(error.to_string()))?;
            }
        }
        out.flush().await.map_err(|error| broken(error.to_string()))?;
        Ok(Ok(()))
    }

    /// Sends a file as the body, between `head` and `tail`.
    ///
    /// # Errors
    /// As [`Http::ask`].
    pub async fn upload(
        &self,
        (method, path, content_type): (Method, &str, &str),
        (head, tail): (Bytes, Bytes),
        file: &mut (dyn AsyncRead + Send + Unpin),
    ) -> Result<Result<Bytes, Refused>, Failure> {
        let (mut sender, body) = Channel::<Bytes, Infallible>::new(4);
        let feed = async move {
            let mut sent = sender.send_data(head).await;
            let mut buffer = vec![0_u8; 64 * 1024];
            while sent.is_ok() {
                let read = file.read(&mut buffer).await?;
                if read == 0 {
                    sent = sender.send_data(tail).await;
                    break;
                }
                sent = sender.send_data(Bytes::copy_from_slice(buffer.get(..read).unwrap_or_default())).await;
            }
            // the server takes no more: its answer says why
            drop(sent);
            Ok::<(), std::io::Error>(())
        };
        let ask = self.begin(method, path, body.boxed(), Some(content_type));
        let (fed, answered) = tokio::join!(feed, ask);
        fed.map_err(|error| Failure::new(JobError::TargetFailed, format!("what is sent broke off: {error}")))?;
        match answered? {
            Ok(response) => Ok(Ok(self.whole(response).await?)),
            Err(refused) => Ok(Err(refused)),
        }
    }

    async fn begin(
        &self,
        method: Method,
        path: &str,
        body: Body,
        content_type: Option<&str>,
    ) -> Result<Result<Response<Incoming>, Refused>, Failure> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some((header, secret)) = &self.login {
            let mut value = hyper::header::HeaderValue::from_str(secret.expose()).map_err(|_| {
                Failure::new(JobError::Setup, format!("what logs in to {} cannot stand in a header", self.name))
            })?;
            value.set_sensitive(true);
            request = request.header(*header, value);
        }
        if let Some(content_type) = content_type {
            request = request.header(hyper::header::CONTENT_TYPE, content_type);
        }
        let request = request.body(body).map_err(|error| Failure::new(JobError::Setup, format!("{path}: {error}")))?;
        let response = timeout(THINK, self.client.request(request))
            .await
            .map_err(|_| Failure::new(JobError::SourceFailed, format!("{} does not answer", self.name)))?
            .map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(Ok(response));
        }
        let said = self.whole(response).await.unwrap_or_default();
        let said = String::from_utf8_lossy(said.get(..said.len().min(500)).unwrap_or_default()).trim().to_owned();
        Ok(Err(Refused { status: status.as_u16(), said }))
    }

    async fn whole(&self, response: Response<Incoming>) -> Result<Bytes, Failure> {
        let limited = http_body_util::Limited::new(response.into_body(), WHOLE);
        let read = timeout(SILENCE, limited.collect()).await;
        let broken = |why: String| Failure::new(JobError::SourceFailed, format!("{} broke off: {why}", self.name));
        Ok(read.map_err(|_| broken("it is silent".to_owned()))?.map_err(|error| broken(error.to_string()))?.to_bytes())
    }

    fn unreachable(&self, error: &hyper_util::client::legacy::Error) -> Failure {
        let said = said(error);
        let name = &self.name;
        if said.contains("certificate") || said.contains("TLS") || said.contains("InvalidContentType") {
            return Failure::new(
                JobError::SourceAccessDenied,
                format!("{name} is not trusted ({said}): compare tls and caSecretRef with what the server offers"),
            );
        }
        if error.is_connect() {
            return Failure::new(
                JobError::SourceUnreachable,
                format!(
                    "{name} cannot be reached ({said}): look whether it runs, listens there, and the firewall lets the Jobs in"
                ),
            );
        }
        Failure::new(JobError::SourceFailed, format!("{name} broke off: {said}"))
    }

    /// A refusal as a failure.
    #[must_use]
    pub fn failure(&self, kind: JobError, refused: &Refused, remedy: &str) -> Failure {
        let kind = match refused.status {
            401 | 403 => JobError::SourceAccessDenied,
            _ => kind,
        };
        Failure::new(kind, format!("{} answers {}: {}{remedy}", self.name, refused.status, refused.said))
    }
}

/// The CA of the spec, else those of the system.
fn trust(setup: &Setup) -> Result<ClientConfig, Failure> {
    let failed = |why: String| Failure::new(JobError::Setup, format!("the secret `{SOURCE_CA}` {why}"));
    let ca = setup.secrets.path_if_there(SOURCE_CA).map(std::fs::read_to_string).transpose();
    let ca = ca.map_err(|error| failed(format!("cannot be read: {error}")))?;
    let roots = zentoria_net::roots(ca.as_deref()).map_err(|error| failed(format!("is no CA bundle: {error}")))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::new(JobError::Setup, format!("TLS: {error}")))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
