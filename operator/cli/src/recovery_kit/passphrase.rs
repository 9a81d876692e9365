//! Passphrases: from a file, or from a person at the terminal, who does not see what is typed.

use crate::error::Error;
use age::secrecy::{ExposeSecret, SecretString};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

/// The shortest that locks a kit.
const SHORTEST: usize = 12;

/// The first line of a file.
pub(super) fn of_file(path: &Path) -> Result<SecretString, Error> {
    let failed = |why: String| Error::File { file: path.display().to_string(), why };
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    line(&mut BufReader::new(file)).map_err(|error| failed(error.to_string()))
}

/// A passphrase that is long enough to lock a kit; or what is wrong with it.
pub(super) fn long_enough(passphrase: SecretString) -> Result<SecretString, String> {
    if passphrase.expose_secret().chars().count() < SHORTEST {
        return Err(format!("a passphrase for this has at least {SHORTEST} characters"));
    }
    Ok(passphrase)
}

/// Asks for a new one, twice.
pub(super) fn chosen() -> Result<SecretString, Error> {
    let first = long_enough(asked("Passphrase of the new recovery kit: ")?).map_err(Error::Refused)?;
    let second = asked("Once more: ")?;
    if first.expose_secret() != second.expose_secret() {
        return Err(Error::Refused("the two passphrases differ: nothing was written".to_owned()));
    }
    Ok(first)
}

/// Asks at the terminal, whatever standard input is.
pub(super) fn asked(question: &str) -> Result<SecretString, Error> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty").map_err(|_| {
        Error::Refused(
            "there is no terminal to ask for the passphrase at: add --identity FILE or --passphrase-file FILE"
                .to_owned(),
        )
    })?;
    let failed = |error: std::io::Error| Error::File { file: "/dev/tty".to_owned(), why: error.to_string() };
    let _quiet = Quiet::of(&terminal).map_err(failed)?;
    terminal.write_all(question.as_bytes()).map_err(failed)?;
    let answer = line(&mut BufReader::new(&terminal)).map_err(failed);
    terminal.write_all(b"\n").map_err(failed)?;
    answer
}

fn line(reader: &mut impl BufRead) -> std::io::Result<SecretString> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    while line.ends_with(['\r', '\n']) {
        line.pop();
    }
    Ok(SecretString::from(line))
}

/// A terminal that does not show what is typed, until this is dropped.
struct Quiet {
    terminal: File,
    before: Termios,
}

impl Quiet {
    fn of(terminal: &File) -> std::io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(terminal, OptionalActions::Flush, &quiet)?;
        Ok(Self { terminal: terminal.try_clone()?, before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // There is nothing to be done about a terminal that is gone.
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
    }
}
