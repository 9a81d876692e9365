//! Our program while it runs on the other machine. Dropped, ssh is ended; the program ends at the next line that it says.

use std::collections::VecDeque;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use zentoria_ssh::Refusal;
use zentoria_types::Secret;

use super::said::Said;
use super::{FILES, NO_CLIENT};
use crate::http::{short, shown};
use crate::ndjson::{Lines, TooLong};
use crate::{Class, ModelError};

const LONGEST_LINE: usize = 64 * 1024;
const LONGEST_TALK: usize = 256 * 1024 * 1024;
/// How much of the end of a complaint is kept, in bytes.
const COMPLAINT: usize = 2048;
/// How long ssh may take to end once its output has ended.
const ENDING: Duration = Duration::from_secs(30);

pub(super) struct Running {
    child: Child,
    stdout: ChildStdout,
    complaint: JoinHandle<String>,
    lines: Lines,
    ready: VecDeque<Vec<u8>>,
    place: String,
    ended: bool,
}

/// The machine lacks the client.
pub(super) fn missing(place: &str, program: &str) -> ModelError {
    ModelError::ClientMissing {
        place: place.to_owned(),
        program: program.to_owned(),
        remedy: "install it there (python3 -m venv /opt/hf && /opt/hf/bin/pip install huggingface_hub), or say where `hf` is",
    }
}

impl Running {
    /// Starts ssh, and gives the program the token.
    pub fn start(command: std::process::Command, token: Option<&Secret>, place: &str) -> Result<Self, ModelError> {
        let mut command = Command::from(command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let unstarted = |why: &dyn std::fmt::Display| {
            ModelError::Setup(format!("ssh cannot be started ({why}): the operator's image has to hold it"))
        };
        let mut child = command.spawn().map_err(|why| unstarted(&why))?;
        let streams = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(mut stdin), Some(stdout), Some(stderr)) = streams else { return Err(unstarted(&"no streams")) };
        let line = format!("{}\n", token.map(|token| token.expose().trim()).unwrap_or_default());
        // that it is not read is seen by how ssh ends
        tokio::spawn(async move { drop(stdin.write_all(line.as_bytes()).await) });
        Ok(Self {
            child,
            stdout,
            complaint: tokio::spawn(tail(stderr)),
            lines: Lines::new(LONGEST_LINE, LONGEST_TALK),
            ready: VecDeque::new(),
            place: place.to_owned(),
            ended: false,
        })
    }

    /// What it says next, within this time; `None` when it has ended well.
    pub async fn next(&mut self, within: Duration) -> Result<Option<Said>, ModelError> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return serde_json::from_slice(&line)
                    .map(Some)
                    .map_err(|why| self.foreign(format!("`{}`, {why}", shown(&line))));
            }
            if self.ended {
                return self.end().await.map(|()| None);
            }
            let mut buffer = [0_u8; 8192];
            let silent =
                |_| ModelError::TimedOut { server: self.place.clone(), what: "our program".to_owned(), after: within };
            let read = timeout(within, self.stdout.read(&mut buffer)).await.map_err(silent)?;
            let bytes = buffer.get(..read.unwrap_or(0)).unwrap_or_default();
            if bytes.is_empty() {
                self.ended = true;
                self.ready.extend(self.lines.end());
            } else {
                let whole = self.lines.push(bytes).map_err(|why| self.too_long(why))?;
                self.ready.extend(whole);
            }
        }
    }

    /// How it ended.
    async fn end(&mut self) -> Result<(), ModelError> {
        let ended = timeout(ENDING, self.child.wait()).await;
        let complaint = timeout(ENDING, &mut self.complaint).await;
        let said = complaint.ok().and_then(Result::ok).unwrap_or_default();
        let code = ended.ok().and_then(Result::ok).and_then(|status| status.code());
        match code {
            Some(0) => Ok(()),
            Some(NO_CLIENT) => Err(missing(&self.place, "hf")),
            Some(code) => Err(match Refusal::read(code, &said) {
                Some(refusal) => self.refused(refusal, &said),
                None => {
                    let said = short(&format!("code {code}: {said}"));
                    ModelError::ServerError {
                        server: self.place.clone(),
                        what: "our program".to_owned(),
                        status: None,
                        said,
                    }
                }
            }),
            None => Err(self.refused(Refusal::Broken, &said)),
        }
    }

    fn refused(&self, refusal: Refusal, said: &str) -> ModelError {
        let class = match refusal {
            Refusal::HostKey | Refusal::Login => Class::Stalled,
            Refusal::Unreachable | Refusal::Broken => Class::Retry,
        };
        let why = format!("{}: {}", short(&without_our_files(said)), refusal.remedy("the operator"));
        ModelError::Ssh { place: self.place.clone(), why, class }
    }

    fn foreign(&self, why: String) -> ModelError {
        ModelError::NotThisServer { server: self.place.clone(), kind: "our program", why }
    }

    fn too_long(&self, why: TooLong) -> ModelError {
        let (what, limit) = match why {
            TooLong::Line(limit) => ("in one line", limit),
            TooLong::All(limit) => ("in all", limit),
        };
        ModelError::TooMuch { server: self.place.clone(), kind: "answer of our program", what: what.to_owned(), limit }
    }
}

/// A complaint without the paths of our own files, which are others each time: `Load key "key": invalid format`.
fn without_our_files(said: &str) -> String {
    let pieces = said.split('"').map(|piece| match piece.rsplit_once('/') {
        Some((path, file)) if path.contains(FILES) => file,
        Some(_) | None => piece,
    });
    pieces.collect::<Vec<_>>().join("\"")
}

/// The end of what comes, on one line.
async fn tail(mut from: ChildStderr) -> String {
    let mut kept: Vec<u8> = Vec::new();
    let mut buffer = [0_u8; 4096];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        kept.extend_from_slice(buffer.get(..read).unwrap_or_default());
        if kept.len() > COMPLAINT {
            kept.drain(..kept.len() - COMPLAINT);
        }
    }
    let text = String::from_utf8_lossy(&kept).into_owned();
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}
