//! What makes an endpoint's certificate trusted.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::ConfigError;

/// The SHA-256 of a certificate, as PVE shows it: `AA:BB:...`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(crate) fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02X}", if at == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = ConfigError;

    /// Upper or lower case, with or without colons.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let wrong = || ConfigError::Fingerprint { given: text.to_owned() };
        let digits: Vec<u8> = text.trim().bytes().filter(|byte| *byte != b':').collect();
        if digits.len() != 64 {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
            if pair.starts_with('+') {
                return Err(wrong());
            }
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

/// How the certificate of an endpoint is verified. There is no way to switch verification off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// By these CA certificates (PEM), and by the name in the certificate.
    CaBundle(String),
    /// By the SHA-256 of the leaf certificate alone; its name and dates do not matter.
    Fingerprint(Fingerprint),
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_fingerprint_round_trips(bytes in any::<[u8; 32]>()) {
            let print = Fingerprint(bytes);
            prop_assert_eq!(print.to_string().parse::<Fingerprint>().unwrap(), print);
            let bare = print.to_string().replace(':', "").to_lowercase();
            prop_assert_eq!(bare.parse::<Fingerprint>().unwrap(), print);
        }

        #[test]
        fn no_text_makes_the_fingerprint_parser_panic(text in ".{0,100}") {
            let _ = text.parse::<Fingerprint>();
        }
    }
}
