//! One exchange over HTTP: endpoints in turn, one deadline, a capped body, and never a second sending of a write.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::ext::ReasonPhrase;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use zentoria_net::{DialConnector, Dialer, InTime};

use super::failure::{Failure, classify};
use super::verifier::tls_config;
use super::{ConfigError, Endpoint, Trust};
use crate::decode::{self, Answer, Call};
use crate::error::PveError;

/// How long an idle connection is kept; pveproxy itself closes most of them at once.
const IDLE: Duration = Duration::from_secs(20);

/// A request, ready to be sent to any endpoint. It has no Debug: the form of a login holds the password.
pub(crate) struct Request<'a> {
    pub method: Method,
    /// Below `/api2/json`.
    pub path: &'a str,
    pub query: &'a str,
    /// A form; none for GET and DELETE, which PVE refuses with a body.
    pub form: Option<String>,
    /// The credentials.
    pub headers: HeaderMap,
    /// Whether PVE changes something: then it is sent at most once.
    pub mutating: bool,
}

impl Request<'_> {
    pub fn call(&self) -> Call<'_> {
        Call { method: self.method.as_str(), path: self.path }
    }
}

/// The endpoints of one cluster.
pub(crate) struct HttpTransport {
    client: HyperClient<InTime<HttpsConnector<DialConnector>>, Full<Bytes>>,
    endpoints: Vec<Endpoint>,
    /// The endpoint that answered last.
    healthy: AtomicUsize,
    max_body: usize,
}

impl HttpTransport {
    pub fn new(
        endpoints: Vec<Endpoint>,
        trust: &Trust,
        dialer: Dialer,
        connect_timeout: Duration,
        max_body: usize,
    ) -> Result<Self, ConfigError> {
        if endpoints.is_empty() {
            return Err(ConfigError::NoEndpoint);
        }
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls_config(trust)?)
            .https_only()
            .enable_http1()
            .wrap_connector(DialConnector { dialer });
        let connector = InTime { connector, timeout: connect_timeout };
        let client = HyperClient::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            // Repeating is decided here, where the fence is asked again.
            .retry_canceled_requests(false)
            .build(connector);
        Ok(Self { client, endpoints, healthy: AtomicUsize::new(0), max_body })
    }

    /// Sends a request. `may_send` is asked right before every sending of a mutating request.
    pub async fn exchange(
        &self,
        request: &Request<'_>,
        may_send: &(dyn Fn() -> bool + Send + Sync),
    ) -> Result<Answer, PveError> {
        let first = self.healthy.load(Ordering::Relaxed);
        let count = self.endpoints.len();
        let mut certificate = None;
        let mut last = None;
        for index in (0..count).map(|step| (first + step) % count) {
            let Some(endpoint) = self.endpoints.get(index) else { continue };
            match self.at_endpoint(endpoint, request, may_send).await {
                Ok(answer) => {
                    self.keep(index, first);
                    return Ok(answer);
                }
                Err(Failure { error: error @ PveError::Certificate { .. }, .. }) => {
                    tracing::warn!(%endpoint, %error, "the certificate of an endpoint is not trusted");
                    certificate.get_or_insert(error);
                }
                Err(failure) if failure.maybe_sent && request.mutating => return Err(failure.error),
                Err(Failure { error: error @ (PveError::Fenced { .. } | PveError::Payload { .. }), .. }) => {
                    return Err(error);
                }
                Err(failure) => last = Some(failure.error),
            }
        }
        // A changed certificate needs a person; that another endpoint is down as well does not.
        Err(certificate.or(last).unwrap_or_else(|| PveError::Transport {
            endpoint: String::new(),
            message: "no endpoint".to_owned(),
            maybe_sent: false,
        }))
    }

    /// Starts the next request at the next endpoint: this one gave no answer in time.
    pub fn distrust(&self) {
        let held = self.healthy.load(Ordering::Relaxed);
        let next = (held + 1) % self.endpoints.len();
        // Of many requests that time out together only one moves on.
        let _ = self.healthy.compare_exchange(held, next, Ordering::Relaxed, Ordering::Relaxed);
    }

    fn keep(&self, index: usize, first: usize) {
        if index != first {
            self.healthy.store(index, Ordering::Relaxed);
            if let (Some(from), Some(to)) = (self.endpoints.get(first), self.endpoints.get(index)) {
                tracing::info!(%from, %to, "another endpoint answers");
            }
        }
    }

    /// Tries one endpoint, again while kept connections turn out to be closed: those requests were never begun.
    async fn at_endpoint(
        &self,
        endpoint: &Endpoint,
        request: &Request<'_>,
        may_send: &(dyn Fn() -> bool + Send + Sync),
    ) -> Result<Answer, Failure> {
        const STALE_CONNECTIONS: u32 = 3;
        let mut left = STALE_CONNECTIONS;
        loop {
            if request.mutating && !may_send() {
                let error = PveError::Fenced { call: request.call().to_string() };
                return Err(Failure { error, maybe_sent: false, stale: false });
            }
            match self.once(endpoint, request).await {
                Err(failure) if failure.stale && left > 0 => left -= 1,
                outcome => return outcome,
            }
        }
    }

    async fn once(&self, endpoint: &Endpoint, request: &Request<'_>) -> Result<Answer, Failure> {
        let built = build(endpoint, request).map_err(|why| Failure {
            error: broken(endpoint, format!("the request cannot be built: {why}"), false),
            maybe_sent: false,
            stale: false,
        })?;
        let response = self.client.request(built).await.map_err(|why| classify(&endpoint.authority(), &why))?;
        let status = response.status();
        let reason = match response.extensions().get::<ReasonPhrase>() {
            Some(reason) => String::from_utf8_lossy(reason.as_bytes()).trim_end().to_owned(),
            None => status.canonical_reason().unwrap_or_default().to_owned(),
        };
        let body = Limited::new(response.into_body(), self.max_body).collect().await;
        match body {
            Ok(body) => Ok(Answer { status: status.as_u16(), reason, body: body.to_bytes() }),
            Err(why) => Err(self.broken_body(request, why.as_ref())),
        }
    }

    /// The head came, the body did not: too large, or the connection was closed within it.
    fn broken_body(&self, request: &Request<'_>, why: &(dyn std::error::Error + Send + Sync + 'static)) -> Failure {
        let problem = if why.is::<http_body_util::LengthLimitError>() {
            format!("the body is larger than {} bytes", self.max_body)
        } else {
            "the body is cut off".to_owned()
        };
        Failure { error: decode::payload(request.call(), problem, b""), maybe_sent: true, stale: false }
    }
}

fn build(endpoint: &Endpoint, request: &Request<'_>) -> Result<http::Request<Full<Bytes>>, http::Error> {
    let mut built =
        http::Request::builder().method(request.method.clone()).uri(endpoint.uri(request.path, request.query)?);
    if let Some(headers) = built.headers_mut() {
        headers.extend(request.headers.clone());
        headers.insert(header::ACCEPT, header::HeaderValue::from_static("application/json"));
        if let Some(form) = &request.form {
            let kind = header::HeaderValue::from_static("application/x-www-form-urlencoded");
            headers.insert(header::CONTENT_TYPE, kind);
            headers.insert(header::CONTENT_LENGTH, form.len().into());
        }
    }
    built.body(Full::new(Bytes::from(request.form.clone().unwrap_or_default())))
}

fn broken(endpoint: &Endpoint, message: String, maybe_sent: bool) -> PveError {
    PveError::Transport { endpoint: endpoint.authority(), message, maybe_sent }
}
