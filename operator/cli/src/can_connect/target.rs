//! `TO:PORT[/PROTOCOL]`.

use crate::error::Error;
use zentoria_api::firewall::Protocol;

/// To whom, and at which port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whom, as it was written.
    pub whom: String,
    /// At which port.
    pub port: Port,
}

/// What is asked for at the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Port {
    /// A port of a protocol.
    Number(u16, Protocol),
    /// A service that the target declares.
    Service(String),
    /// An echo request.
    Ping,
}

impl Target {
    /// Reads it.
    ///
    /// # Errors
    /// Where it names no port, or no protocol that there is.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |why: &str| {
            Error::Refused(format!("{text:?}: {why}; write TO:PORT, such as zentoria-db:5432 or dns:53/udp"))
        };
        let (whom, port) = match text.strip_prefix('[') {
            Some(rest) => {
                rest.split_once("]:").ok_or_else(|| wrong("an IPv6 address stands in brackets, and its port behind"))?
            }
            None => text.rsplit_once(':').ok_or_else(|| wrong("it names no port"))?,
        };
        if whom.is_empty() {
            return Err(wrong("it names nobody"));
        }
        if !text.starts_with('[') && whom.contains(':') {
            return Err(wrong("an IPv6 address stands in brackets: [fd00::1]:443"));
        }
        let (port, protocol) = match port.split_once('/') {
            Some((port, protocol)) => (port, Some(protocol)),
            None => (port, None),
        };
        let port = match (port.to_ascii_lowercase().as_str(), protocol.map(str::to_ascii_lowercase).as_deref()) {
            ("icmp" | "icmpv6" | "ping", None) => Port::Ping,
            (number, protocol) if number.starts_with(|c: char| c.is_ascii_digit()) => {
                let number: u16 =
                    number.parse().ok().filter(|n| *n > 0).ok_or_else(|| wrong("a port is 1 to 65535"))?;
                let protocol = match protocol {
                    None | Some("tcp") => Protocol::TCP,
                    Some("udp") => Protocol::UDP,
                    Some("sctp") => Protocol::SCTP,
                    Some(_) => return Err(wrong("a protocol is tcp, udp or sctp")),
                };
                Port::Number(number, protocol)
            }
            ("", _) => return Err(wrong("it names no port")),
            (name, None) => Port::Service(name.to_owned()),
            (_, Some(_)) => return Err(wrong("a service says its protocol itself")),
        };
        Ok(Self { whom: whom.to_owned(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_names_or_addresses_with_a_port() {
        let number = |port, protocol| Port::Number(port, protocol);
        let cases = [
            ("zentoria-db:5432", "zentoria-db", number(5432, Protocol::TCP)),
            ("shop/db:53/udp", "shop/db", number(53, Protocol::UDP)),
            ("10.0.0.4:443/TCP", "10.0.0.4", number(443, Protocol::TCP)),
            ("[fd00::4]:443", "fd00::4", number(443, Protocol::TCP)),
            ("external:123/udp", "external", number(123, Protocol::UDP)),
            ("db:postgres", "db", Port::Service("postgres".into())),
            ("db:icmp", "db", Port::Ping),
            ("db:3com", "db", number(0, Protocol::TCP)),
        ];
        for (text, whom, port) in cases {
            match (Target::parse(text), &port) {
                (Err(_), Port::Number(0, _)) => {}
                (read, _) => assert_eq!(read.unwrap(), Target { whom: whom.into(), port }, "{text}"),
            }
        }
    }

    #[test]
    fn what_names_no_port_is_refused_with_what_to_write() {
        for text in
            ["db", "db:", ":5432", "db:0", "db:65536", "db:5432/quic", "fd00::4:443", "[fd00::4]", "db:postgres/tcp"]
        {
            let error = Target::parse(text).unwrap_err().to_string();
            assert!(error.contains("write TO:PORT"), "{error}");
        }
    }
}
