//! Where a model server is, and how it is spoken to.

use std::fmt;
use std::time::Duration;

use ::http::Uri;
use zentoria_net::Dialer;
use zentoria_types::Secret;

/// A server over HTTP. Its Debug shows no secret.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// `http(s)://host[:port][/prefix]`; see [`Endpoint::parse`].
    pub base: Uri,
    /// PEM of the CA that signed its certificate; without it those that the system trusts.
    pub ca: Option<String>,
    /// Sent as `Authorization: Bearer`.
    pub token: Option<Secret>,
    /// For a connection, TLS included.
    pub connect_timeout: Duration,
    /// For the beginning of an answer, and for each of its parts.
    pub idle_timeout: Duration,
    /// The way.
    pub dialer: Dialer,
}

/// A text that is no address of a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadEndpoint {
    /// It cannot be read, or has no scheme or host.
    #[error("it is not a URL such as http://10.0.0.1:11434")]
    Syntax,
    /// Neither http nor https.
    #[error("its scheme is neither http nor https")]
    Scheme,
    /// `user:password@`.
    #[error("credentials do not belong into it: put the token into a Secret and name that")]
    Credentials,
    /// `?...` or `#...`.
    #[error("a query or fragment does not belong into it")]
    Query,
}

impl Endpoint {
    /// Reads an address.
    ///
    /// # Errors
    /// Where the text is not one; the error does not show it, for it may hold a password.
    pub fn parse(text: &str) -> Result<Uri, BadEndpoint> {
        if text.contains('@') {
            return Err(BadEndpoint::Credentials);
        }
        if text.contains(['?', '#']) {
            return Err(BadEndpoint::Query);
        }
        let uri: Uri = text.trim().parse().map_err(|_| BadEndpoint::Syntax)?;
        match uri.scheme_str() {
            Some("http" | "https") => {}
            Some(_) => return Err(BadEndpoint::Scheme),
            None => return Err(BadEndpoint::Syntax),
        }
        uri.host().filter(|host| !host.is_empty()).ok_or(BadEndpoint::Syntax)?;
        Ok(uri)
    }

    /// The address of a path below the base.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{self}{path}")
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.base.to_string().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_and_a_host_and_no_password() {
        for (text, want) in [
            ("http://10.0.0.1:11434", None),
            ("https://ollama.example/prefix", None),
            ("http://[fd00::1]:8000", None),
            ("ftp://host", Some(BadEndpoint::Scheme)),
            ("10.0.0.1:11434", Some(BadEndpoint::Syntax)),
            ("host", Some(BadEndpoint::Syntax)),
            ("http://", Some(BadEndpoint::Syntax)),
            ("", Some(BadEndpoint::Syntax)),
            ("http://user:secret@host", Some(BadEndpoint::Credentials)),
            ("http://host/?key=1", Some(BadEndpoint::Query)),
        ] {
            assert_eq!(Endpoint::parse(text).err(), want, "{text}");
        }
    }
}
