//! The pipes that a part goes through, from the program that prints it to restic.

use std::os::fd::AsFd;
use tokio::io::AsyncWrite;
use tokio::net::unix::pipe::Sender;

/// Bytes that wait in a pipe; what Linux lets anybody have (`/proc/sys/fs/pipe-max-size`), and sixteen times its default.
const ROOM: usize = 1 << 20;

/// Gives a pipe more room, so that both sides wait less for each other. Where that is refused, it only takes longer.
pub fn widen(pipe: impl AsFd) {
    let _ = rustix::pipe::fcntl_setpipe_size(pipe, ROOM);
}

/// Standard output. Where it is a pipe, it is written to without the thread that tokio's has in between.
pub fn stdout() -> Box<dyn AsyncWrite + Send + Unpin> {
    let out = std::io::stdout();
    widen(&out);
    match out.as_fd().try_clone_to_owned().and_then(Sender::from_owned_fd) {
        Ok(pipe) => Box::new(pipe),
        Err(_) => Box::new(tokio::io::stdout()),
    }
}
