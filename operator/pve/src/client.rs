//! The client: one cluster, one identity, a fence before every write and a bulkhead for every node.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderMap, Method};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zentoria_net::Dialer;
use zentoria_types::Secret;

use crate::auth::{ApiToken, RootSession, SessionHeaders, TICKET_PATH};
use crate::decode::{Answer, Call, Decoded, decode};
use crate::error::PveError;
use crate::observer::{Observer, RequestRecord};
use crate::path;
use crate::transport::{ConfigError, Endpoint, HttpTransport, Request, Trust};

/// Says whether this process may write now. It is asked right before every sending of a mutating request.
pub type Fence = Arc<dyn Fn() -> bool + Send + Sync>;

/// How much time and room a request gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For a whole request, waiting included. PVE itself waits up to 10 s for a guest's lock, and gives up after 30 s.
    pub deadline: Duration,
    /// For one TCP connection.
    pub connect: Duration,
    /// Requests under way to one node at a time, so that a hanging node does not take all of them.
    pub per_node: usize,
    /// The largest answer, in bytes.
    pub max_body: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(35),
            connect: Duration::from_secs(5),
            per_node: 8,
            max_body: 32 * 1024 * 1024,
        }
    }
}

/// What a [`Client`] is made of.
pub struct ClientConfig {
    /// The APIs of several nodes of one cluster, in the order in which they are tried.
    pub endpoints: Vec<Endpoint>,
    /// How their certificates are verified.
    pub trust: Trust,
    /// The identity of all calls that are not marked as root's.
    pub token: ApiToken,
    /// The password of root@pam, for [`Client::as_root`].
    pub root_password: Option<Secret>,
    /// The way to the endpoints.
    pub dialer: Dialer,
    /// Whether this process may write.
    pub fence: Fence,
    /// Who is told about each request.
    pub observer: Option<Arc<dyn Observer>>,
    /// Time and room of a request.
    pub limits: Limits,
}

/// A client of one PVE cluster. Cloning is cheap; all clones share connections, limits and the root session.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    identity: Identity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Identity {
    Token,
    Root,
}

struct Shared {
    transport: HttpTransport,
    token: ApiToken,
    root: Option<RootSession>,
    fence: Fence,
    observer: Option<Arc<dyn Observer>>,
    limits: Limits,
    nodes: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("token", &self.shared.token).field("identity", &self.identity).finish()
    }
}

/// The parameters of a request, already encoded.
pub(crate) enum Parameters {
    Query(String),
    Form(String),
}

impl Client {
    /// A client; nothing is contacted yet.
    ///
    /// # Errors
    /// [`ConfigError`] when no endpoint is given or the CA bundle cannot be used.
    pub fn new(config: ClientConfig) -> Result<Self, ConfigError> {
        let ClientConfig { endpoints, trust, token, root_password, dialer, fence, observer, limits } = config;
        let transport = HttpTransport::new(endpoints, &trust, dialer, limits.connect, limits.max_body)?;
        let root = root_password.map(RootSession::new);
        let nodes = Mutex::new(HashMap::new());
        let shared = Shared { transport, token, root, fence, observer, limits, nodes };
        Ok(Self { shared: Arc::new(shared), identity: Identity::Token })
    }

    /// The same client with the identity of root@pam, for calls that PVE refuses to every token
    /// ([`PveError::needs_root`]). None when no root password is configured.
    #[must_use]
    pub fn as_root(&self) -> Option<Self> {
        self.shared.root.as_ref().map(|_| Self { shared: Arc::clone(&self.shared), identity: Identity::Root })
    }

    /// Whether [`Client::as_root`] gives a client.
    #[must_use]
    pub fn has_root(&self) -> bool {
        self.shared.root.is_some()
    }

    /// The id of the API token, `user@realm!name`.
    #[must_use]
    pub fn token_id(&self) -> &str {
        self.shared.token.id()
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, PveError> {
        self.get_query(path, &[]).await
    }

    pub(crate) async fn get_query<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, PveError> {
        self.get_counted(path, query).await.map(|decoded| decoded.data)
    }

    /// A read whose answer has a `total` beside its data.
    pub(crate) async fn get_counted<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Decoded<T>, PveError> {
        let query = encode(&query)?;
        self.send(Method::GET, path, Parameters::Query(query)).await
    }

    /// Sends a request and reads its answer. Whatever is not a GET is held to change something.
    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        parameters: Parameters,
    ) -> Result<Decoded<T>, PveError> {
        let (query, form) = match parameters {
            Parameters::Query(query) => (query, None),
            Parameters::Form(form) => (String::new(), Some(form)),
        };
        let verb = method.clone();
        let call = Call { method: verb.as_str(), path };
        let mutating = method != Method::GET;
        let request = Request { method, path, query: &query, form, headers: HeaderMap::new(), mutating };
        let started = Instant::now();
        let deadline = self.shared.limits.deadline;
        let answer = match tokio::time::timeout(deadline, self.admitted(request)).await {
            Ok(answer) => answer,
            Err(_) => {
                self.shared.transport.distrust();
                Err(PveError::Timeout { call: call.to_string(), after: deadline })
            }
        };
        let status = answer.as_ref().ok().map(|answer| answer.status);
        let decoded = answer.and_then(|answer| decode(call, &answer));
        self.observe(call, status, decoded.as_ref().err(), started);
        decoded
    }

    fn observe(&self, call: Call<'_>, status: Option<u16>, error: Option<&PveError>, started: Instant) {
        if let Some(observer) = &self.shared.observer {
            let template = path::template(call.path);
            let error = error.map(PveError::kind);
            let duration = started.elapsed();
            observer.on_request(&RequestRecord { method: call.method, template: &template, status, error, duration });
        }
    }

    /// Waits for a place at the node, then sends.
    async fn admitted(&self, request: Request<'_>) -> Result<Answer, PveError> {
        let _place = match path::node_of(request.path) {
            Some(node) => Some(self.place_at(node).await?),
            None => None,
        };
        self.authorized(request).await
    }

    /// A place at a node. Waiting may take half the deadline: an own limit is not to look like a silent node.
    async fn place_at(&self, node: &str) -> Result<OwnedSemaphorePermit, PveError> {
        let Limits { per_node, deadline, .. } = self.shared.limits;
        let places = {
            let mut nodes = self.shared.nodes.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(nodes.entry(node.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(per_node.max(1)))))
        };
        let busy = || PveError::Busy { message: format!("{per_node} requests to node {node} are under way already") };
        match tokio::time::timeout(deadline / 2, places.acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }

    /// Adds the credentials. A ticket that is refused is renewed once; PVE has not run the refused call.
    async fn authorized(&self, mut request: Request<'_>) -> Result<Answer, PveError> {
        let session = match (self.identity, &self.shared.root) {
            (Identity::Root, Some(session)) => session,
            (Identity::Root, None) | (Identity::Token, _) => {
                request.headers = self.shared.token.headers();
                return self.exchange(&request).await;
            }
        };
        let SessionHeaders { headers, kept } = session.headers(async |form| self.login(form).await).await?;
        request.headers = headers;
        let answer = self.exchange(&request).await?;
        if answer.status != 401 {
            return Ok(answer);
        }
        session.forget(&request.headers).await;
        if !kept {
            return Ok(answer);
        }
        request.headers = session.headers(async |form| self.login(form).await).await?.headers;
        self.exchange(&request).await
    }

    async fn exchange(&self, request: &Request<'_>) -> Result<Answer, PveError> {
        self.shared.transport.exchange(request, self.shared.fence.as_ref()).await
    }

    /// A login changes nothing in PVE, so it needs no fence and may be repeated.
    async fn login(&self, form: String) -> Result<Answer, PveError> {
        let headers = HeaderMap::new();
        let request =
            Request { method: Method::POST, path: TICKET_PATH, query: "", form: Some(form), headers, mutating: false };
        let started = Instant::now();
        let answer = self.exchange(&request).await;
        let status = answer.as_ref().ok().map(|answer| answer.status);
        self.observe(request.call(), status, answer.as_ref().err(), started);
        answer
    }
}

/// Encodes parameters as a form or a query. Booleans must be 0 and 1 by now: PVE refuses the words.
pub(crate) fn encode<T: Serialize + ?Sized>(parameters: &T) -> Result<String, PveError> {
    serde_urlencoded::to_string(parameters).map_err(|why| {
        let message = format!("the parameters cannot be encoded: {why}");
        PveError::Rejected { message, errors: std::collections::BTreeMap::new() }
    })
}
