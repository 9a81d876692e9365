//! Where the API of one node is.

use std::fmt;
use std::str::FromStr;

use http::Uri;

use super::ConfigError;

/// PVE's port when the URL names none.
const DEFAULT_PORT: u16 = 8006;

/// One node's API: an https URL of a host and a port, without a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// As in a URL: an IPv6 address stands in brackets.
    host: String,
    port: u16,
}

impl Endpoint {
    /// `host:port`, as errors name it.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    pub(crate) fn uri(&self, path: &str, query: &str) -> Result<Uri, http::Error> {
        let tail = if query.is_empty() { String::new() } else { format!("?{query}") };
        Uri::builder()
            .scheme("https")
            .authority(self.authority())
            .path_and_query(format!("/api2/json{path}{tail}"))
            .build()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}:{}", self.host, self.port)
    }
}

impl FromStr for Endpoint {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let wrong = |problem| ConfigError::Endpoint { given: text.to_owned(), problem };
        let uri: Uri = text.trim().parse().map_err(|_| wrong("not a URL"))?;
        if uri.scheme_str() != Some("https") {
            return Err(wrong("the scheme must be https"));
        }
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| wrong("no host"))?;
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(wrong("credentials do not belong into the URL"));
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(wrong("a path does not belong into it"));
        }
        Ok(Self { host: host.to_ascii_lowercase(), port: uri.port_u16().unwrap_or(DEFAULT_PORT) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_https_url_of_a_host_and_a_port() {
        let table = [
            ("https://pve1.example:8006", "https://pve1.example:8006"),
            ("https://pve1.example/", "https://pve1.example:8006"),
            ("https://10.10.0.1:443", "https://10.10.0.1:443"),
            ("https://[fd00::1]", "https://[fd00::1]:8006"),
        ];
        for (text, want) in table {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), want);
        }
        for text in ["http://pve1", "pve1:8006", "https://pve1/api2", "https://a:b@pve1", "https://", ""] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
