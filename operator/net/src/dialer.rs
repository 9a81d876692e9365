//! The one place that opens connections to PVE, to guests and to servers in them.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpStream;

/// Opens TCP connections: directly, or only to the targets of a table.
///
/// With a table (demo and tests) nothing outside it is ever contacted, not even for a name lookup.
#[derive(Debug, Clone, Default)]
pub struct Dialer {
    map: Option<Arc<BTreeMap<SocketAddr, SocketAddr>>>,
}

/// A row of a dial map that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a row of a dial map: {problem}")]
pub struct DialMapError {
    /// What was given.
    pub given: String,
    /// What is wrong.
    pub problem: &'static str,
}

/// Why the dialer did not even try.
#[derive(Debug, thiserror::Error)]
#[error("{address} is not in the dial map")]
pub struct Unmapped {
    /// What was to be dialled, `host:port`.
    pub address: String,
}

impl Dialer {
    /// Connects to what is asked for.
    #[must_use]
    pub fn direct() -> Self {
        Self { map: None }
    }

    /// Connects only to addresses that are keys of `map`, at their values.
    ///
    /// # Errors
    /// [`DialMapError`] when a target is not a loopback address.
    pub fn mapped(map: BTreeMap<SocketAddr, SocketAddr>) -> Result<Self, DialMapError> {
        for (from, to) in &map {
            if !to.ip().is_loopback() {
                let given = format!("{from}={to}");
                return Err(DialMapError { given, problem: "the target is not a loopback address" });
            }
        }
        Ok(Self { map: Some(Arc::new(map)) })
    }

    /// Parses rows of the form `IP:PORT=127.0.0.1:PORT`. No row at all gives a dialer that refuses everything.
    ///
    /// # Errors
    /// [`DialMapError`] for a row of another form, a doubled one, or a target that is not loopback.
    pub fn from_rows<I: IntoIterator<Item = S>, S: AsRef<str>>(rows: I) -> Result<Self, DialMapError> {
        let mut map = BTreeMap::new();
        for row in rows {
            let row = row.as_ref();
            let wrong = |problem| DialMapError { given: row.to_owned(), problem };
            let (from, to) = row.split_once('=').ok_or_else(|| wrong("expected IP:PORT=127.0.0.1:PORT"))?;
            let from = from.trim().parse().map_err(|_| wrong("what is mapped is not IP:PORT"))?;
            let to = to.trim().parse().map_err(|_| wrong("the target is not IP:PORT"))?;
            if map.insert(from, to).is_some() {
                return Err(wrong("this address is mapped twice"));
            }
        }
        Self::mapped(map)
    }

    /// Whether a table is in force.
    #[must_use]
    pub fn is_mapped(&self) -> bool {
        self.map.is_some()
    }

    /// Where a connection to `host` really goes, for programs of others that dial themselves.
    ///
    /// # Errors
    /// [`Unmapped`], for an address that the table lacks.
    pub fn target(&self, host: &str, port: u16) -> Result<(String, u16), Unmapped> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let Some(map) = &self.map else { return Ok((host.to_owned(), port)) };
        let asked = host.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, port));
        let target = asked.and_then(|asked| map.get(&asked));
        let target = target.ok_or_else(|| Unmapped { address: format!("{host}:{port}") })?;
        Ok((target.ip().to_string(), target.port()))
    }

    /// Opens a connection to `host`, an IP address (also in brackets) or, without a table, a name.
    ///
    /// # Errors
    /// The operating system's, or `PermissionDenied` for an address that the table lacks.
    pub async fn dial(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let (host, port) =
            self.target(host, port).map_err(|why| io::Error::new(io::ErrorKind::PermissionDenied, why))?;
        let stream = TcpStream::connect((host.as_str(), port)).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_dialer_refuses_what_its_table_lacks_without_a_lookup() {
        let dialer = Dialer::from_rows(["10.10.0.5:22=127.0.0.1:2222"]).unwrap();
        for (host, port) in [("10.10.0.5", 23), ("10.10.0.6", 22), ("pve1.example", 8006), ("127.0.0.1", 2222)] {
            let refused = dialer.dial(host, port).await.unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
            assert_eq!(refused.to_string(), format!("{host}:{port} is not in the dial map"));
        }
    }

    #[tokio::test]
    async fn the_dialer_goes_where_its_table_points() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        let dialer = Dialer::from_rows([format!("10.10.0.5:22={to}")]).unwrap();
        assert_eq!(dialer.dial("10.10.0.5", 22).await.unwrap().peer_addr().unwrap(), to);
    }

    #[test]
    fn a_row_of_the_table_is_checked() {
        let table = [
            ("10.0.0.1:22", "expected IP:PORT=127.0.0.1:PORT"),
            ("web:22=127.0.0.1:22", "what is mapped is not IP:PORT"),
            ("10.0.0.1:22=10.0.0.2:22", "the target is not a loopback address"),
            ("10.0.0.1:22=127.0.0.1", "the target is not IP:PORT"),
        ];
        for (row, want) in table {
            let error = Dialer::from_rows([row]).unwrap_err();
            assert_eq!(error, DialMapError { given: row.to_owned(), problem: want });
        }
    }
}
