//! One call of restic: its answer, its words, its end.

use super::Restic;
use super::error::is_hopeless;
use crate::cancel::Cancel;
use crate::failure::Failure;
use crate::pipe::widen;
use std::ffi::OsStr;
use std::path::Path;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader, ReadBuf};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use zentoria_types::backup_job::JobError;

/// How long restic gets to remove its lock and end, once it was asked to.
const GRACE: Duration = Duration::from_secs(20);

/// How long restic has to end by itself, when the reader of its output took its end for an error.
const BROKEN_OFF: Duration = Duration::from_secs(2);

/// How many lines of what it says are kept.
const SAID: usize = 200;

/// How often it may say that something hopeless is tried again.
const HOPELESS: usize = 3;

/// A call that is being put together.
pub struct Call<'a> {
    restic: &'a Restic,
    command: Command,
    limit: Option<Duration>,
    stdin: Stdio,
}

/// A call that ended.
pub struct Finished {
    /// Exit code; `None` when we ended it, after its time limit or because nothing could come of it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: Vec<u8>,
    /// Standard error, a message a line, without secrets.
    pub said: Vec<String>,
}

impl Restic {
    /// Waits for what was asked to end.
    pub async fn settled(&self) {
        let kept = self.kept.lock().map(|mut kept| std::mem::take(&mut *kept)).unwrap_or_default();
        for one in kept {
            let _ = one.await;
        }
    }

    fn keep(&self, one: JoinHandle<()>) {
        if let Ok(mut kept) = self.kept.lock() {
            kept.retain(|other| !other.is_finished());
            kept.push(one);
        }
    }

    /// A call with these arguments.
    pub fn call<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Call<'_> {
        let mut command = self.command();
        command.args(args);
        Call { restic: self, command, limit: None, stdin: Stdio::null() }
    }

    /// The failure that an ended call stands for.
    #[must_use]
    pub fn failed(&self, finished: &Finished) -> Failure {
        self.failure(finished.code, &finished.said)
    }
}

impl Call<'_> {
    /// Waits for locks of others, as long as the Job says.
    #[must_use]
    pub fn waiting_for_locks(mut self) -> Self {
        self.command.arg("--retry-lock").arg(format!("{}s", self.restic.retry_lock_seconds));
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    /// Gives it a file to read.
    ///
    /// # Errors
    /// [`JobError::Setup`], when that cannot be read.
    pub fn stdin(mut self, file: &Path) -> Result<Self, Failure> {
        let opened = std::fs::File::open(file)
            .map_err(|error| Failure::new(JobError::Setup, format!("{}: {error}", file.display())))?;
        self.stdin = Stdio::from(opened);
        Ok(self)
    }

    /// Ends it after this time, or as soon as it tries again what cannot succeed.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Runs it, whatever its exit code.
    ///
    /// # Errors
    /// [`JobError::Setup`], when there is no restic; [`JobError::Cancelled`].
    pub async fn run(self) -> Result<Finished, Failure> {
        let (restic, limit) = (self.restic, self.limit);
        let mut running = Running::start(self.command, self.stdin)?;
        let mut out = Vec::new();
        let hopeless = limit.is_some();
        let work = running.read(restic, &mut out, hopeless);
        let limited = async {
            match limit {
                Some(limit) => timeout(limit, work).await.unwrap_or(Ok(None)),
                None => work.await,
            }
        };
        let ended = tokio::select! {
            ended = limited => ended.map_err(|error| unstartable(&error))?,
            () = restic.cancel.cancelled() => {
                running.end().await;
                return Err(Cancel::failure());
            }
        };
        let code = match ended {
            Some(code) => code,
            None => {
                running.end().await;
                None
            }
        };
        Ok(Finished { code, out, said: running.said })
    }

    /// Runs it; only 0 is well.
    ///
    /// # Errors
    /// As [`Call::run`], and what another exit code means.
    pub async fn output(self) -> Result<Vec<u8>, Failure> {
        let restic = self.restic;
        let finished = self.run().await?;
        if finished.code == Some(0) { Ok(finished.out) } else { Err(restic.failed(&finished)) }
    }

    /// Starts it, to read its output as it comes.
    ///
    /// # Errors
    /// [`JobError::Setup`], when there is no restic.
    pub fn reading(self) -> Result<Reading, Failure> {
        let restic = self.restic;
        let Running { child, stdout, stderr, said: _ } = Running::start(self.command, self.stdin)?;
        stdout.iter().for_each(widen);
        let mut said = stderr;
        let words = tokio::spawn(async move {
            let mut text = Vec::new();
            // what cannot be read of its words is missing from a message, nothing else
            let _ = said.read_to_end(&mut text).await;
            text
        });
        let (let_go, dropped) = oneshot::channel();
        let (ended, end) = oneshot::channel();
        restic.keep(tokio::spawn(keep(child, dropped, ended)));
        Ok(Reading { out: stdout, let_go: Some(let_go), ended: end, words })
    }
}

struct Running {
    child: Child,
    stdout: Option<ChildStdout>,
    stderr: BufReader<ChildStderr>,
    said: Vec<String>,
}

fn unstartable(error: &std::io::Error) -> Failure {
    Failure::new(JobError::Setup, format!("restic cannot be run: {error}; the image of the Jobs has to have it"))
}

impl Running {
    fn start(mut command: Command, stdin: Stdio) -> Result<Self, Failure> {
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| unstartable(&error))?;
        let stdout = child.stdout.take();
        let stderr =
            child.stderr.take().map(BufReader::new).ok_or_else(|| unstartable(&std::io::Error::other("no pipe")))?;
        Ok(Self { child, stdout, stderr, said: Vec::new() })
    }

    /// Reads both of its outputs to the end. `None`: it was cut short, for what it does is hopeless.
    async fn read(
        &mut self,
        restic: &Restic,
        out: &mut Vec<u8>,
        cut_short: bool,
    ) -> std::io::Result<Option<Option<i32>>> {
        let Self { child, stdout, stderr, said } = self;
        let reading = async {
            match stdout {
                Some(stdout) => stdout.read_to_end(out).await.map(|_| true),
                None => Ok(true),
            }
        };
        let listening = async {
            let mut hopeless = 0;
            let mut line = Vec::new();
            while stderr.read_until(b'\n', &mut line).await? > 0 {
                let text = restic.redacted(&message(String::from_utf8_lossy(&line).trim_end()));
                eprintln!("restic: {text}");
                hopeless += usize::from(is_hopeless(&text));
                said.push(text);
                if said.len() > SAID {
                    said.remove(0);
                }
                if cut_short && hopeless >= HOPELESS {
                    return Ok(false);
                }
                line.clear();
            }
            Ok::<bool, std::io::Error>(true)
        };
        tokio::pin!(reading, listening);
        tokio::select! {
            read = &mut reading => {
                read?;
                if !listening.await? {
                    return Ok(None);
                }
            }
            heard = &mut listening => {
                if !heard? {
                    return Ok(None);
                }
                reading.await?;
            }
        }
        Ok(Some(child.wait().await?.code()))
    }

    /// Asks it to end, and ends it if it does not.
    async fn end(&mut self) {
        end(&mut self.child).await;
    }
}

/// SIGTERM, on which restic removes its lock; then SIGKILL.
async fn end(child: &mut Child) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        // it may have ended by itself
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
    if timeout(GRACE, child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}

/// The message of a line of restic's: with `--json` most are objects.
fn message(line: &str) -> String {
    let Ok(value) = serde_json::from_str::<serde_json::Value>(line) else { return line.to_owned() };
    let text = value.get("message").or_else(|| value.get("error")?.get("message")).and_then(|text| text.as_str());
    text.map_or_else(|| line.to_owned(), |text| text.trim().to_owned())
}

/// Lives with a call until it ends, also after its reader was dropped: then it is asked to end and its output is thrown
/// away, for restic removes its lock only when it is neither killed nor stuck.
async fn keep(mut child: Child, dropped: oneshot::Receiver<Option<ChildStdout>>, ended: oneshot::Sender<Option<i32>>) {
    let code = tokio::select! {
        status = child.wait() => status.ok().and_then(|status| status.code()),
        out = dropped => {
            let draining = async {
                if let Ok(Some(mut out)) = out {
                    let _ = tokio::io::copy(&mut out, &mut tokio::io::sink()).await;
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = draining => {}
                () = end(&mut child) => {}
            }
            None
        }
    };
    // nobody may be waiting any more
    let _ = ended.send(code);
}

/// The output of a call, as it comes. To be read to its end, and then [finished](Reading::finish). Dropped before, the
/// call is asked to end; [`Restic::settled`] waits for that.
pub struct Reading {
    out: Option<ChildStdout>,
    let_go: Option<oneshot::Sender<Option<ChildStdout>>>,
    ended: oneshot::Receiver<Option<i32>>,
    words: JoinHandle<Vec<u8>>,
}

impl Reading {
    /// Waits for its end, which says whether what was read is all.
    ///
    /// # Errors
    /// What another exit code than 0 means.
    pub async fn finish(mut self, restic: &Restic) -> Result<(), Failure> {
        let code = (&mut self.ended).await.ok().flatten();
        self.judged(restic, code).await
    }

    /// After its reader broke off: the failure of restic, if that broke off first, or else nothing, and it is ended.
    pub async fn broken_off(mut self, restic: &Restic) -> Option<Failure> {
        match timeout(BROKEN_OFF, &mut self.ended).await {
            Ok(code) => self.judged(restic, code.ok().flatten()).await.err(),
            Err(_) => None,
        }
    }

    async fn judged(mut self, restic: &Restic, code: Option<i32>) -> Result<(), Failure> {
        if code == Some(0) {
            return Ok(());
        }
        let words = (&mut self.words).await.unwrap_or_default();
        let said: Vec<String> =
            String::from_utf8_lossy(&words).lines().map(|line| restic.redacted(&message(line))).collect();
        Err(restic.failure(code, &said))
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if let Some(let_go) = self.let_go.take() {
            // it may have ended by itself
            let _ = let_go.send(self.out.take());
        }
    }
}

impl AsyncRead for Reading {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        match &mut self.out {
            Some(out) => Pin::new(out).poll_read(cx, buf),
            None => Poll::Ready(Ok(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn the_message_is_taken_out_of_json() {
        assert_eq!(message(r#"{"message_type":"exit_error","code":10,"message":"Fatal: no"}"#), "Fatal: no");
        assert_eq!(message(r#"{"message_type":"error","error":{"message":"broken"},"during":"archival"}"#), "broken");
        assert_eq!(message("plain"), "plain");
    }
}
