//! HTTP to a model server: every wait and every body is limited.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::{Method, Request, Response, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;
use zentoria_net::failure::{find, innermost, said};
use zentoria_net::{DialConnector, InTime, Unmapped};

use crate::{Endpoint, ModelError};

/// How much of an answer that is read whole is read: bytes. The list of a server with 10 000 models has less.
const WHOLE: usize = 8 * 1024 * 1024;
/// How much of what a server says about a failure is shown.
const SHOWN: usize = 300;
/// A connection is closed before the servers close it (Ollama after 2 minutes), so that no request meets its end.
const IDLE_CONNECTION: Duration = Duration::from_secs(20);

/// A server that speaks HTTP.
pub(crate) struct Http {
    client: Client<InTime<HttpsConnector<DialConnector>>, Full<Bytes>>,
    endpoint: Endpoint,
    kind: &'static str,
}

/// An answer with another status than 2xx.
#[derive(Debug)]
pub(crate) struct Refused {
    pub status: StatusCode,
    /// Its body, not more than [`WHOLE`].
    pub body: Bytes,
}

impl Http {
    /// The server, nothing connected to yet. `kind` is what people call it: `Ollama`.
    pub fn new(kind: &'static str, endpoint: Endpoint) -> Result<Self, ModelError> {
        let setup = |why: String| ModelError::Setup(format!("the CA of {kind} at {endpoint}: {why}"));
        // those of the system take long to read, and without TLS nobody asks for them
        let plain = endpoint.base.scheme_str() == Some("http") && endpoint.ca.is_none();
        let roots =
            if plain { Ok(rustls::RootCertStore::empty()) } else { zentoria_net::roots(endpoint.ca.as_deref()) };
        let roots = roots.map_err(|why| setup(why.problem))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|why| setup(why.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(DialConnector { dialer: endpoint.dialer.clone() });
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_CONNECTION)
            .pool_max_idle_per_host(1)
            .build(InTime { connector, timeout: endpoint.connect_timeout });
        Ok(Self { client, endpoint, kind })
    }

    /// What people know the server by.
    pub fn name(&self) -> String {
        format!("{} at {}", self.kind, self.endpoint)
    }

    /// Asks, and waits at most `think` for the beginning of the answer.
    pub async fn begin(
        &self,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
        think: Duration,
    ) -> Result<Result<Response<Incoming>, Refused>, ModelError> {
        let what = format!("{method} {path}");
        let request = self.request(method, path, body)?;
        let response = timeout(think, self.client.request(request))
            .await
            .map_err(|_| ModelError::TimedOut { server: self.name(), what: what.clone(), after: think })?
            .map_err(|error| self.unreachable(&what, &error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(Ok(response));
        }
        if status.is_redirection() {
            let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or("nowhere");
            // what follows is another one each time, and may be a secret
            let to = to.split(['?', '#']).next().unwrap_or_default();
            return Err(self.not_this(format!("it sends {what} to {}", short(to))));
        }
        let body = self.whole(&what, response).await?;
        Ok(Err(Refused { status, body }))
    }

    /// Asks, and reads the whole answer.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<Result<Bytes, Refused>, ModelError> {
        let what = format!("{method} {path}");
        match self.begin(method, path, body, self.endpoint.idle_timeout).await? {
            Ok(response) => Ok(Ok(self.whole(&what, response).await?)),
            Err(refused) => Ok(Err(refused)),
        }
    }

    /// As [`Http::ask`], for an answer in JSON of a known shape. A refusal is an error.
    pub async fn json<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, ModelError> {
        match self.ask(Method::GET, path, None).await? {
            Ok(body) => serde_json::from_slice(&body).map_err(|why| self.not_json(&format!("GET {path}"), &body, &why)),
            Err(refused) => Err(self.failed(&format!("GET {path}"), &refused)),
        }
    }

    /// The next part of a body, within the idle time; `None` at its end.
    pub async fn part(&self, what: &str, body: &mut Incoming, idle: Duration) -> Result<Option<Bytes>, ModelError> {
        loop {
            let frame = timeout(idle, body.frame()).await.map_err(|_| ModelError::TimedOut {
                server: self.name(),
                what: what.to_owned(),
                after: idle,
            })?;
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|error| self.broken(what, &innermost(&error)))?;
            if let Ok(bytes) = frame.into_data() {
                return Ok(Some(bytes));
            }
        }
    }

    async fn whole(&self, what: &str, response: Response<Incoming>) -> Result<Bytes, ModelError> {
        let mut body = response.into_body();
        let mut all = Vec::new();
        while let Some(bytes) = self.part(what, &mut body, self.endpoint.idle_timeout).await? {
            if all.len() + bytes.len() > WHOLE {
                return Err(self.too_much(format!("in answer to {what}"), WHOLE));
            }
            all.extend_from_slice(&bytes);
        }
        Ok(all.into())
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<Request<Full<Bytes>>, ModelError> {
        let setup = |why: String| ModelError::Setup(format!("{}: {why}", self.name()));
        let mut request = Request::builder()
            .method(method)
            .uri(self.endpoint.at(path))
            .header(ACCEPT, "application/json, application/x-ndjson");
        if let Some(token) = &self.endpoint.token {
            let value = HeaderValue::from_str(&format!("Bearer {}", token.expose().trim()));
            let mut value =
                value.map_err(|_| setup("the token cannot stand in a header: look at the Secret".to_owned()))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = body.map(ToString::to_string).unwrap_or_default();
        request.body(Full::new(body.into())).map_err(|why| setup(why.to_string()))
    }

    /// A connection that did not come about, or broke before an answer.
    fn unreachable(&self, what: &str, error: &hyper_util::client::legacy::Error) -> ModelError {
        let server = self.name();
        if let Some(unmapped) = find::<Unmapped>(error) {
            return ModelError::Unreachable { server, why: unmapped.to_string() };
        }
        if let Some(tls) = find::<rustls::Error>(error) {
            return ModelError::Tls { server, why: distrust(tls) };
        }
        if error.is_connect() {
            return ModelError::Unreachable { server, why: innermost(error) };
        }
        if find::<hyper::Error>(error).is_some_and(hyper::Error::is_parse) {
            return self.not_this(format!("what it sends is no HTTP: {}", said(error)));
        }
        self.broken(what, &innermost(error))
    }

    /// The answer ended too early.
    pub fn broken(&self, what: &str, why: &str) -> ModelError {
        ModelError::Broken { server: self.name(), what: what.to_owned(), why: why.to_owned() }
    }

    /// Another program answers.
    pub fn not_this(&self, why: String) -> ModelError {
        ModelError::NotThisServer { server: self.name(), kind: self.kind, why }
    }

    /// What came is not the JSON that such a server sends.
    pub fn not_json(&self, what: &str, body: &[u8], why: &serde_json::Error) -> ModelError {
        let beginning = shown(body);
        self.not_this(format!("{what} gives `{beginning}`, {why}"))
    }

    /// The answer has no end.
    pub fn too_much(&self, what: String, limit: usize) -> ModelError {
        ModelError::TooMuch { server: self.name(), kind: self.kind, what, limit }
    }

    /// A refusal that has no better name.
    pub fn failed(&self, what: &str, refused: &Refused) -> ModelError {
        if matches!(refused.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return ModelError::Unauthorized { server: self.name(), status: refused.status.as_u16() };
        }
        let said = shown(&refused.body);
        // a proxy before it has its own pages for a server that is away for the moment
        let other = said.starts_with('<') || refused.status == StatusCode::NOT_FOUND;
        if other && !refused.status.is_server_error() {
            return self.not_this(format!("{what} gives {} `{said}`", refused.status.as_u16()));
        }
        ModelError::ServerError {
            server: self.name(),
            what: what.to_owned(),
            status: Some(refused.status.as_u16()),
            said,
        }
    }
}

/// Why a certificate or connection is not trusted, the same each time: rustls says of some how many seconds ago.
fn distrust(error: &rustls::Error) -> String {
    use rustls::CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
    match error {
        rustls::Error::InvalidCertificate(Expired | ExpiredContext { .. }) => {
            "its certificate has expired: renew it".to_owned()
        }
        rustls::Error::InvalidCertificate(NotValidYet | NotValidYetContext { .. }) => {
            "its certificate is not valid yet: look at the clocks".to_owned()
        }
        other => other.to_string(),
    }
}

/// The beginning of a body, on one line.
pub(crate) fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..body.len().min(4 * SHOWN)).unwrap_or_default());
    short(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The beginning of what a server says, without control characters.
pub(crate) fn short(text: &str) -> String {
    let mut text: String = text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    if let Some((end, _)) = text.char_indices().nth(SHOWN) {
        text.truncate(end);
        text.push_str("...");
    }
    text
}
