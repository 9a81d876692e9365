//! The checksum of a file, as `algorithm:hex`.

use std::fmt;
use std::str::FromStr;

/// A hash function that Proxmox VE verifies a download with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChecksumAlgorithm {
    /// MD5.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl ChecksumAlgorithm {
    const ALL: [Self; 6] = [Self::Md5, Self::Sha1, Self::Sha224, Self::Sha256, Self::Sha384, Self::Sha512];

    /// The word for it: `sha256`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// How many hex digits its value has.
    fn digits(self) -> usize {
        match self {
            Self::Md5 => 32,
            Self::Sha1 => 40,
            Self::Sha224 => 56,
            Self::Sha256 => 64,
            Self::Sha384 => 96,
            Self::Sha512 => 128,
        }
    }
}

/// A checksum: `sha256:9f86...`, the digits in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Checksum {
    algorithm: ChecksumAlgorithm,
    value: String,
}

/// A text that is no checksum.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidChecksum {
    /// No algorithm that Proxmox VE knows.
    #[error("{0:?} is not a checksum: it must begin with md5:, sha1:, sha224:, sha256:, sha384: or sha512:")]
    Algorithm(String),
    /// Not as many hex digits as the algorithm gives.
    #[error("{value:?} is not a {algorithm} checksum: that has {digits} hex digits")]
    Value {
        /// The algorithm's word.
        algorithm: &'static str,
        /// What stands there.
        value: String,
        /// How many digits it must have.
        digits: usize,
    },
}

impl Checksum {
    /// The algorithm.
    #[must_use]
    pub fn algorithm(&self) -> ChecksumAlgorithm {
        self.algorithm
    }

    /// The hex digits.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl FromStr for Checksum {
    type Err = InvalidChecksum;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once(':').and_then(|(word, value)| {
            let algorithm = ChecksumAlgorithm::ALL.into_iter().find(|one| one.as_str() == word)?;
            Some((algorithm, value.to_ascii_lowercase()))
        });
        let (algorithm, value) = parts.ok_or_else(|| InvalidChecksum::Algorithm(text.to_owned()))?;
        let digits = algorithm.digits();
        if value.len() != digits || !value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidChecksum::Value { algorithm: algorithm.as_str(), value, digits });
        }
        Ok(Self { algorithm, value })
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.as_str(), self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_checksum_names_its_algorithm_and_has_its_length() {
        for algorithm in ChecksumAlgorithm::ALL {
            let text = format!("{}:{}", algorithm.as_str(), "aB".repeat(algorithm.digits() / 2));
            let read: Checksum = text.parse().unwrap();
            assert_eq!((read.algorithm(), read.to_string()), (algorithm, text.to_ascii_lowercase()));
            assert!(format!("{text}0").parse::<Checksum>().is_err());
        }
        for text in ["", "9f86", "crc32:aabbccdd", "sha256:", "SHA256:00", "sha256:zz"] {
            assert!(text.parse::<Checksum>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_wrong_checksum_is_told_with_what_it_should_be() {
        let error = "sha256:abc".parse::<Checksum>().unwrap_err();
        assert_eq!(error.to_string(), "\"abc\" is not a sha256 checksum: that has 64 hex digits");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*|(md5|sha1):[0-9a-f]*") {
            if let Ok(read) = text.parse::<Checksum>() {
                prop_assert_eq!(read.to_string().parse::<Checksum>(), Ok(read));
            }
        }
    }
}
