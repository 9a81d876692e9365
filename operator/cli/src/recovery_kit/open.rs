//! `recovery-kit open`: what `age -d` does, where there is no age.

use super::{passphrase, restic, write};
use crate::Answer;
use crate::error::Error;
use crate::options::KitOpen;
use age::secrecy::{ExposeSecret, SecretString};
use std::io::{IsTerminal, Read, Write};
use std::path::Path;

/// Decrypts a kit. What it holds goes to a file or a pipe, never through [`Answer`], and never to a screen.
///
/// # Errors
/// Where the file is no kit, or neither key nor passphrase opens it.
pub fn open(what: &KitOpen) -> Result<Answer, Error> {
    let file = what.file.display().to_string();
    if what.output.is_none() && std::io::stdout().is_terminal() {
        return Err(Error::Refused(
            "a recovery kit holds passwords in the clear, which are not shown on a screen: pipe it, or add -o FILE"
                .to_owned(),
        ));
    }
    let sealed = read(&what.file)?;
    let text = decrypt(&sealed, &keys(what)?).map_err(|why| Error::File { file: file.clone(), why })?;
    let page = match &what.restic_env {
        None => text,
        Some(repository) => {
            let text = std::str::from_utf8(&text);
            let text = text.map_err(|_| Error::File { file: file.clone(), why: "it holds no text".to_owned() })?;
            restic::environment(text, repository)?.into_bytes()
        }
    };
    match &what.output {
        Some(output) => {
            write(output, &page)?;
            Ok(Answer::done(format!("{}: opened; delete it when it is not needed any more\n", output.display())))
        }
        None => {
            let mut out = std::io::stdout().lock();
            let told = out.write_all(&page).and_then(|()| out.flush());
            told.map_err(|error| Error::File { file: "standard output".to_owned(), why: error.to_string() })?;
            Ok(Answer::done(""))
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| Error::File { file: path.display().to_string(), why: error.to_string() })
}

type Key = Box<dyn age::Identity>;

/// What opens it, as the flags have it.
fn keys(what: &KitOpen) -> Result<Vec<Key>, Error> {
    if what.identities.is_empty() {
        let passphrase = match &what.passphrase_file {
            Some(path) => passphrase::of_file(path)?,
            None => passphrase::asked(&format!("Passphrase of {}: ", what.file.display()))?,
        };
        return Ok(vec![Box::new(age::scrypt::Identity::new(passphrase))]);
    }
    let mut keys: Vec<Key> = Vec::new();
    for path in &what.identities {
        let file = path.display().to_string();
        let text = String::from_utf8(read(path)?);
        let text = SecretString::from(text.unwrap_or_default());
        let lines = text.expose_secret().lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let key: age::x25519::Identity = line.parse().map_err(|_| Error::File {
                file: file.clone(),
                why: "a line of it is no private key of age (AGE-SECRET-KEY-...)".to_owned(),
            })?;
            keys.push(Box::new(key));
        }
    }
    if keys.is_empty() {
        return Err(Error::Refused("--identity: the files hold no private key (AGE-SECRET-KEY-...)".to_owned()));
    }
    Ok(keys)
}

fn decrypt(sealed: &[u8], keys: &[Key]) -> Result<Vec<u8>, String> {
    let decryptor = age::Decryptor::new(sealed).map_err(|error| format!("it is no recovery kit: {error}"))?;
    let wants_passphrase = decryptor.is_scrypt();
    let opened = decryptor.decrypt(keys.iter().map(AsRef::as_ref)).map_err(|error| {
        let remedy = if wants_passphrase {
            "it was locked by a passphrase, which is another one"
        } else {
            "it was locked to keys: name the file of one of them by --identity"
        };
        format!("it does not open ({error}): {remedy}")
    });
    let mut text = Vec::new();
    opened?.read_to_end(&mut text).map_err(|error| format!("it is damaged: {error}"))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::super::seal::Lock;
    use super::*;
    use crate::options::RecoveryKit;

    fn file(name: &str, text: &[u8]) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("zentoria-open-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        path
    }

    fn opened(what: &KitOpen) -> Result<String, String> {
        let output = std::env::temp_dir().join(format!("zentoria-opened-{}-{:p}", std::process::id(), what));
        let _ = std::fs::remove_file(&output);
        open(&KitOpen { output: Some(output.clone()), ..what.clone() }).map_err(|error| error.to_string())?;
        let text = std::fs::read_to_string(&output).unwrap();
        std::fs::remove_file(&output).unwrap();
        Ok(text)
    }

    #[test]
    fn a_kit_is_opened_by_a_key_that_it_was_locked_to_and_by_no_other() {
        let key = age::x25519::Identity::generate();
        let locked = RecoveryKit { recipients: vec![key.to_public().to_string()], ..RecoveryKit::default() };
        let kit = file("kit", &Lock::of(&locked).unwrap().seal(b"secret words").unwrap());
        let good = file("good", format!("# a key\n{}\n", key.to_string().expose_secret()).as_bytes());
        let other = age::x25519::Identity::generate().to_string();
        let other = file("other", other.expose_secret().as_bytes());
        let with = |identities: &[&std::path::PathBuf]| KitOpen {
            file: kit.clone(),
            identities: identities.iter().map(|path| (*path).clone()).collect(),
            ..KitOpen::default()
        };
        assert_eq!(opened(&with(&[&good])).unwrap(), "secret words");
        assert_eq!(opened(&with(&[&other, &good])).unwrap(), "secret words");
        assert!(opened(&with(&[&other])).unwrap_err().contains("locked to keys"));
        assert!(opened(&with(&[&kit])).unwrap_err().contains("no private key"));
        assert!(opened(&KitOpen { file: good.clone(), ..with(&[&good]) }).unwrap_err().contains("no recovery kit"));
        for path in [&kit, &good, &other] {
            std::fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn a_kit_is_opened_by_its_passphrase() {
        let word = file("word", b"correct horse battery\n");
        let locked = RecoveryKit { passphrase_file: Some(word.clone()), ..RecoveryKit::default() };
        let kit = file("by-word", &Lock::of(&locked).unwrap().seal(b"secret words").unwrap());
        let with = |path: &std::path::PathBuf| KitOpen {
            file: kit.clone(),
            passphrase_file: Some(path.clone()),
            ..KitOpen::default()
        };
        assert_eq!(opened(&with(&word)).unwrap(), "secret words");
        let wrong = file("wrong", b"another word of mine\n");
        assert!(opened(&with(&wrong)).unwrap_err().contains("which is another one"));
        for path in [&word, &kit, &wrong] {
            std::fs::remove_file(path).unwrap();
        }
    }
}
