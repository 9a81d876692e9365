//! A TCP proxy that can be cut: what the operator sees when its way to the API server is lost.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::SystemTime;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Forwards connections to one address; ends when dropped.
pub struct Proxy {
    address: SocketAddr,
    cut: watch::Sender<bool>,
    used: Used,
    accepting: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// Starts forwarding to `target` (`127.0.0.1:6443`).
    ///
    /// # Panics
    /// Where no port of loopback can be had.
    pub async fn start(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port on loopback");
        let address = listener.local_addr().expect("the port's number");
        let (cut, is_cut) = watch::channel(false);
        let target = target.to_owned();
        let used = Used::default();
        let noted = Arc::clone(&used);
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(forward(stream, target.clone(), is_cut.clone(), Arc::clone(&noted)));
            }
        });
        Self { address, cut, used, accepting }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// When a client first and last sent something through it.
    #[must_use]
    pub fn used(&self) -> Option<(SystemTime, SystemTime)> {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on nothing passes: what is open hangs, and what is opened gets no answer.
    pub fn cut(&self) {
        self.cut.send_replace(true);
    }

    /// Lets new connections pass again; the old ones are closed.
    pub fn heal(&self) {
        self.cut.send_replace(false);
    }

    /// A copy of a kubeconfig, in `dir`, that leads through this proxy.
    ///
    /// # Panics
    /// Where the kubeconfig names no server on loopback.
    #[must_use]
    pub fn kubeconfig(&self, original: &Path, dir: &Path) -> PathBuf {
        let text = std::fs::read_to_string(original).expect("a kubeconfig");
        let target = server_of(&text);
        let path = dir.join(format!("kubeconfig-{}", self.address.port()));
        std::fs::write(&path, text.replace(&target, &self.address.to_string())).expect("a kubeconfig of our own");
        path
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// `HOST:PORT` of a kubeconfig's server.
///
/// # Panics
/// Where there is none.
#[must_use]
pub fn server_of(kubeconfig: &str) -> String {
    let (_, rest) = kubeconfig.split_once("https://").expect("an https server in the kubeconfig");
    rest.chars().take_while(|c| !c.is_whitespace() && !matches!(c, '/' | '"' | '\'')).collect()
}

/// When something first and last passed.
type Used = Arc<Mutex<Option<(SystemTime, SystemTime)>>>;

/// The client's side of a connection: what it sends is noted.
struct Noted {
    stream: TcpStream,
    used: Used,
}

impl AsyncRead for Noted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            let now = SystemTime::now();
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            let first = used.map_or(now, |(first, _)| first);
            *used = Some((first, now));
        }
        read
    }
}

impl AsyncWrite for Noted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

async fn forward(near: TcpStream, target: String, mut is_cut: watch::Receiver<bool>, used: Used) {
    let mut near = Noted { stream: near, used };
    let pass = async {
        let mut far = TcpStream::connect(&target).await?;
        copy_bidirectional(&mut near, &mut far).await
    };
    let born_cut = *is_cut.borrow();
    if !born_cut {
        tokio::select! {
            _ = pass => return,
            _ = is_cut.wait_for(|cut| *cut) => {}
        }
    }
    // Held open and silent until it is over, then closed.
    let _ = is_cut.wait_for(|cut| !*cut).await;
}
