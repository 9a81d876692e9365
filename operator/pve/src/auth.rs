//! Who we are to PVE: an API token, or root@pam by a ticket for the few options that PVE refuses to every token.

use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use tokio::sync::Mutex;
use zentoria_types::Secret;

use crate::decode::{Answer, Call, decode, payload};
use crate::error::PveError;
use crate::lenient::Row;
use crate::transport::ConfigError;

/// PVE's tickets hold for two hours; a new one is fetched before that.
const RENEW_AFTER: Duration = Duration::from_secs(90 * 60);

pub(crate) const TICKET_PATH: &str = "/access/ticket";

/// An API token: `user@realm!name` and its secret. Never printed.
#[derive(Clone)]
pub struct ApiToken {
    id: String,
    header: HeaderValue,
}

impl ApiToken {
    /// A token from its two parts.
    ///
    /// # Errors
    /// [`ConfigError::Token`] when the id has not the form `user@realm!name` or a part cannot stand in a header.
    pub fn new(id: &str, secret: &Secret) -> Result<Self, ConfigError> {
        let id = id.trim();
        let form = id.split_once('!').filter(|(user, name)| user.contains('@') && !name.is_empty());
        if form.is_none() {
            return Err(ConfigError::Token { problem: "its id must have the form user@realm!name" });
        }
        let value = format!("PVEAPIToken={id}={}", secret.expose().trim());
        let mut header = HeaderValue::from_str(&value)
            .map_err(|_| ConfigError::Token { problem: "its id or secret holds a character that a header cannot" })?;
        header.set_sensitive(true);
        Ok(Self { id: id.to_owned(), header })
    }

    /// `user@realm!name`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn headers(&self) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, self.header.clone())])
    }
}

impl std::fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiToken").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The session of root@pam.
pub(crate) struct RootSession {
    password: Secret,
    ticket: Mutex<Option<Ticket>>,
}

#[derive(Clone)]
struct Ticket {
    headers: HeaderMap,
    since: Instant,
}

/// The headers of a session, and whether they come from an older login (then a 401 is worth a new one).
pub(crate) struct SessionHeaders {
    pub headers: HeaderMap,
    pub kept: bool,
}

impl RootSession {
    pub fn new(password: Secret) -> Self {
        Self { password, ticket: Mutex::new(None) }
    }

    /// The headers of a valid ticket; `login` sends a form to [`TICKET_PATH`]. Concurrent callers log in once.
    pub async fn headers<F>(&self, login: F) -> Result<SessionHeaders, PveError>
    where
        F: AsyncFnOnce(String) -> Result<Answer, PveError>,
    {
        let mut ticket = self.ticket.lock().await;
        if let Some(held) = ticket.as_ref().filter(|held| held.since.elapsed() < RENEW_AFTER) {
            return Ok(SessionHeaders { headers: held.headers.clone(), kept: true });
        }
        let since = Instant::now();
        let fields = [("username", "root@pam"), ("password", self.password.expose())];
        let form = serde_urlencoded::to_string(fields).map_err(|_| unusable("the password cannot be sent"))?;
        let headers = ticket_headers(&login(form).await?)?;
        *ticket = Some(Ticket { headers: headers.clone(), since });
        Ok(SessionHeaders { headers, kept: false })
    }

    /// Forgets a ticket that PVE no longer accepts, unless somebody has already fetched another.
    pub async fn forget(&self, refused: &HeaderMap) {
        let mut ticket = self.ticket.lock().await;
        if ticket.as_ref().is_some_and(|held| held.headers == *refused) {
            *ticket = None;
        }
    }
}

fn unusable(problem: &str) -> PveError {
    payload(Call { method: "POST", path: TICKET_PATH }, problem, b"")
}

/// Cookie and CSRF header from the answer to a login. The ticket is put into the cookie as PVE wrote it.
fn ticket_headers(answer: &Answer) -> Result<HeaderMap, PveError> {
    let call = Call { method: "POST", path: TICKET_PATH };
    // The body of a login never goes into an error: it holds the ticket.
    let row = decode::<Row>(call, answer).map_err(|error| match error {
        PveError::Payload { problem, .. } => unusable(&problem),
        PveError::Unauthenticated { reason } => PveError::RootRefused { reason },
        other => other,
    })?;
    // With a second factor PVE gives half a ticket, which no call accepts.
    if row.data.flag("NeedTFA") == Some(true) {
        return Err(PveError::RootRefused {
            reason: "it has a second factor, which nobody is here to give".to_owned(),
        });
    }
    let part = |key: &str| row.data.word(key).ok_or_else(|| unusable("the answer holds no ticket"));
    let mut headers = HeaderMap::new();
    let mut put = |name: HeaderName, value: String| {
        let mut value = HeaderValue::from_str(&value).map_err(|_| unusable("the ticket cannot stand in a header"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok::<(), PveError>(())
    };
    put(header::COOKIE, format!("PVEAuthCookie={}", part("ticket")?))?;
    put(HeaderName::from_static("csrfpreventiontoken"), part("CSRFPreventionToken")?)?;
    Ok(headers)
}
