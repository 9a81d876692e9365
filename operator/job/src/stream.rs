//! The process that restic starts for a part: it prints the part, and leaves behind how that went.
//!
//! restic stores what it prints, and makes no snapshot when it ends with another code than 0. Size, digest, or the
//! failure go to a file, because restic would say only that a command failed.

use crate::cancel::Cancel;
use crate::contract::Part;
use crate::failure::Failure;
use crate::pipe;
use crate::setup::Setup;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use zentoria_types::backup_job::{JobError, Operation};

/// How the stream of a part went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Streamed {
    /// Whole.
    Whole(Digested),
    /// Broken off.
    Failed(Failure),
}

/// Size and digest of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digested {
    /// Bytes.
    pub bytes: u64,
    /// SHA-256, in hex.
    pub sha256: String,
}

/// Passes bytes on and counts and digests them.
pub struct Digesting<W> {
    inner: W,
    bytes: u64,
    hash: Sha256,
}

impl<W> Digesting<W> {
    /// Nothing yet.
    pub fn new(inner: W) -> Self {
        Self { inner, bytes: 0, hash: Sha256::new() }
    }

    /// What went through.
    pub fn finish(self) -> Digested {
        self.into_parts().1
    }

    /// What it passed on to or from, and what went through.
    pub fn into_parts(self) -> (W, Digested) {
        let sha256 = self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        (self.inner, Digested { bytes: self.bytes, sha256 })
    }

    fn passed(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Digesting<W> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        let written = std::task::ready!(Pin::new(&mut self.inner).poll_write(cx, buf))?;
        self.passed(buf.get(..written).unwrap_or_default());
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Digesting<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        std::task::ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        self.passed(buf.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

/// Prints the part to standard output and writes the [`Streamed`] to the file `report`.
///
/// # Errors
/// The failure that is in the report, or that it could not be written.
pub async fn stream(setup: &Setup, part: &Part, token: &str, report: &Path) -> Result<(), Failure> {
    let streamed = print(setup, part, token).await;
    let told = match &streamed {
        Ok(digested) => Streamed::Whole(digested.clone()),
        Err(failure) => Streamed::Failed(failure.clone()),
    };
    let written =
        serde_json::to_vec(&told).map_err(std::io::Error::other).and_then(|text| std::fs::write(report, text));
    written
        .map_err(|error| Failure::new(JobError::Setup, format!("{} cannot be written: {error}", report.display())))?;
    streamed.map(|_| ())
}

async fn print(setup: &Setup, part: &Part, token: &str) -> Result<Digested, Failure> {
    let source = match &setup.spec.operation {
        Operation::Backup { source, .. } => (setup.sources)(source, setup)?,
        Operation::Init
        | Operation::Inspect
        | Operation::Check { .. }
        | Operation::Maintain { .. }
        | Operation::Unlock { .. }
        | Operation::Copy { .. }
        | Operation::Restore { .. } => {
            return Err(Failure::new(JobError::Setup, "only a backup has a source to stream"));
        }
    };
    let mut out = Digesting::new(pipe::stdout());
    setup.cancel.or(source.stream(part, token, &mut out)).await?;
    // restic is the reader: when it is gone, it has its own word to say
    out.flush().await.map_err(|_| Cancel::failure())?;
    Ok(out.finish())
}
