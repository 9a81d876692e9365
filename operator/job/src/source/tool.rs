//! Programs of others, as streams: what they print goes out, what they complain about is kept for people.

use crate::pipe::widen;
use std::process::{ExitStatus, Stdio};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

/// How much of the end of a complaint is kept, in bytes.
const COMPLAINT: usize = 2048;
/// Bytes that are passed on at a time.
const PIECE: usize = 256 * 1024;

/// A program that did not succeed.
#[derive(Debug)]
pub struct ToolFailure {
    /// Its name.
    pub name: String,
    /// Its exit code; `None`, when it never ran, was killed, or its stream broke.
    pub code: Option<i32>,
    /// The end of what it said, or why it never ran.
    pub said: String,
}

impl std::fmt::Display for ToolFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let said = if self.said.is_empty() { "it said nothing" } else { &self.said };
        match self.code {
            Some(code) => write!(f, "{} ended with code {code}: {said}", self.name),
            None => write!(f, "{}: {said}", self.name),
        }
    }
}

/// Runs the program; all that it prints goes to `out`. Gives back how many bytes that were.
///
/// # Errors
/// It could not be started, `out` takes no more, or it ended with another code than 0.
pub async fn print(mut command: Command, out: &mut (dyn AsyncWrite + Send + Unpin)) -> Result<u64, ToolFailure> {
    let name = name_of(&command);
    let mut child = start(&mut command, Stdio::null(), Stdio::piped(), &name)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let copied = async {
        let Some(stdout) = stdout else { return Ok(0) };
        widen(&stdout);
        let copied = tokio::io::copy_buf(&mut BufReader::with_capacity(PIECE, stdout), out).await?;
        out.flush().await?;
        Ok::<u64, std::io::Error>(copied)
    };
    // a broken `out` has to end the program, or it would wait for ever to get rid of its bytes
    let (copied, said) = tokio::join!(copied, tail(stderr));
    let status = child.wait().await;
    judge(&name, status, said)?;
    copied.map_err(|error| ToolFailure {
        name,
        code: None,
        said: format!("its output could not be passed on: {error}"),
    })
}

/// Runs the program and feeds it `input`. What it prints is thrown away.
///
/// # Errors
/// As [`print`]; `input` breaking off is a failure too.
pub async fn feed(mut command: Command, input: &mut (dyn AsyncRead + Send + Unpin)) -> Result<(), ToolFailure> {
    let name = name_of(&command);
    let mut child = start(&mut command, Stdio::piped(), Stdio::null(), &name)?;
    let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
    let fed = async {
        let Some(mut stdin) = stdin else { return Ok(()) };
        widen(&stdin);
        pass(input, &mut stdin).await
    };
    let (fed, said) = tokio::join!(fed, tail(stderr));
    let status = child.wait().await;
    judge(&name, status, said)?;
    fed.map_err(|error| ToolFailure { name, code: None, said: format!("what it reads broke off: {error}") })
}

/// Runs the program and gives back what it printed, which is expected to be short.
///
/// # Errors
/// As [`print`].
pub async fn ask(command: Command) -> Result<String, ToolFailure> {
    let mut said = Vec::new();
    print(command, &mut said).await?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}

/// Copies until the end. That the reader has gone is no error here: its exit code says why. But what is left of `input` is
/// read, so that its digest can still be judged.
async fn pass(input: &mut (dyn AsyncRead + Send + Unpin), to: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<()> {
    let mut buffer = vec![0_u8; PIECE];
    let mut open = true;
    loop {
        let read = input.read(&mut buffer).await?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        if open && to.write_all(bytes).await.is_err() {
            open = false;
        }
    }
    // an error here is the same as above
    let _ = to.shutdown().await;
    Ok(())
}

fn start(command: &mut Command, stdin: Stdio, stdout: Stdio, name: &str) -> Result<Child, ToolFailure> {
    command.stdin(stdin).stdout(stdout).stderr(Stdio::piped()).kill_on_drop(true).spawn().map_err(|error| ToolFailure {
        name: name.to_owned(),
        code: None,
        said: format!("could not be started: {error}; the image of the Jobs has to hold it"),
    })
}

fn judge(name: &str, status: std::io::Result<ExitStatus>, said: String) -> Result<(), ToolFailure> {
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            let said = if status.code().is_none() { format!("{status} {said}").trim().to_owned() } else { said };
            Err(ToolFailure { name: name.to_owned(), code: status.code(), said })
        }
        Err(error) => Err(ToolFailure { name: name.to_owned(), code: None, said: error.to_string() }),
    }
}

/// The end of what comes, on one line.
async fn tail(from: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut from) = from else { return String::new() };
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

fn name_of(command: &Command) -> String {
    let program = std::path::Path::new(command.as_std().get_program());
    program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned()
}
