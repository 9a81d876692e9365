//! The encryption: age, to keys or by a passphrase.

use super::passphrase;
use crate::error::Error;
use crate::options::RecoveryKit;
use age::secrecy::SecretString;
use std::io::Write;

/// What opens the file.
pub(super) enum Lock {
    /// The private keys of these recipients.
    Recipients(Vec<age::x25519::Recipient>),
    /// A passphrase.
    Passphrase(SecretString),
}

impl Lock {
    /// As the flags have it.
    pub(super) fn of(what: &RecoveryKit) -> Result<Self, Error> {
        if let Some(path) = &what.passphrase_file {
            let long_enough = passphrase::long_enough(passphrase::of_file(path)?);
            let why = |why| Error::File { file: path.display().to_string(), why };
            return long_enough.map(Self::Passphrase).map_err(why);
        }
        if what.passphrase {
            return passphrase::chosen().map(Self::Passphrase);
        }
        let mut recipients = Vec::new();
        for text in &what.recipients {
            recipients.push(text.parse().map_err(|why: &str| {
                Error::Refused(format!(
                    "--recipient {text:?}: {why}; write the age1... that age-keygen prints as public key"
                ))
            })?);
        }
        Ok(Self::Recipients(recipients))
    }

    /// Encrypts.
    pub(super) fn seal(self, text: &[u8]) -> Result<Vec<u8>, Error> {
        let failed = |error: &dyn std::fmt::Display| Error::Refused(format!("the file cannot be encrypted: {error}"));
        let encryptor = match self {
            Self::Passphrase(passphrase) => age::Encryptor::with_user_passphrase(passphrase),
            Self::Recipients(recipients) => {
                let all = recipients.iter().map(|recipient| recipient as &dyn age::Recipient);
                age::Encryptor::with_recipients(all).map_err(|error| failed(&error))?
            }
        };
        let mut sealed = Vec::new();
        let mut writer = encryptor.wrap_output(&mut sealed).map_err(|error| failed(&error))?;
        writer.write_all(text).map_err(|error| failed(&error))?;
        writer.finish().map_err(|error| failed(&error))?;
        Ok(sealed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn flags(recipients: Vec<String>) -> RecoveryKit {
        RecoveryKit { recipients, ..RecoveryKit::default() }
    }

    fn open(sealed: &[u8], identity: &dyn age::Identity) -> Vec<u8> {
        let mut reader = age::Decryptor::new(sealed).unwrap().decrypt(std::iter::once(identity)).unwrap();
        let mut text = Vec::new();
        reader.read_to_end(&mut text).unwrap();
        text
    }

    #[test]
    fn any_of_the_keys_opens_it_and_no_other() {
        let keys = [age::x25519::Identity::generate(), age::x25519::Identity::generate()];
        let recipients = keys.iter().map(|key| key.to_public().to_string()).collect();
        let sealed = Lock::of(&flags(recipients)).unwrap().seal(b"secret words").unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        for key in &keys {
            assert_eq!(open(&sealed, key), b"secret words");
        }
        let other = age::x25519::Identity::generate();
        let refused = age::Decryptor::new(&sealed[..]).unwrap().decrypt(std::iter::once(&other as &dyn age::Identity));
        assert!(refused.is_err());
    }

    #[test]
    fn a_recipient_that_is_none_and_a_short_passphrase_are_refused() {
        let said = Lock::of(&flags(vec!["ssh-ed25519 AAAA".to_owned()])).err().unwrap().to_string();
        assert!(said.contains("age1"), "{said}");
        let path = std::env::temp_dir().join(format!("zentoria-passphrase-{}", std::process::id()));
        std::fs::write(&path, "short\n").unwrap();
        let refused = Lock::of(&RecoveryKit { passphrase_file: Some(path.clone()), ..RecoveryKit::default() }).err();
        std::fs::remove_file(&path).unwrap();
        assert!(refused.unwrap().to_string().contains("12 characters"));
    }
}
