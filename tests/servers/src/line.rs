//! A TCP line between a client and a server that counts, slows down, stops and breaks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// How what the server sends comes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As fast as it comes.
    Open,
    /// So many bytes a second on each connection.
    Slow(u64),
    /// Nothing comes through, and nothing is closed.
    Silent,
    /// What is open is closed, and what is opened at once.
    Closed,
}

/// The line; it ends when it is dropped.
pub struct Line {
    /// Where it listens, on loopback.
    pub port: u16,
    way: watch::Sender<Way>,
    carried: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Line {
    /// A line to a port of loopback.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let own = listener.local_addr().expect("its address").port();
        let (way, watched) = watch::channel(Way::Open);
        let carried = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&carried);
        let task = tokio::spawn(async move {
            let mut lines = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                lines.spawn(carry(client, port, watched.clone(), Arc::clone(&counter)));
            }
        });
        Self { port: own, way, carried, task }
    }

    /// From now on it is so.
    pub fn set(&self, way: Way) {
        self.way.send_replace(way);
    }

    /// Bytes that the server sent through it so far.
    #[must_use]
    pub fn carried(&self) -> u64 {
        self.carried.load(Ordering::SeqCst)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(client: TcpStream, port: u16, mut way: watch::Receiver<Way>, carried: Arc<AtomicU64>) {
    if *way.borrow() == Way::Closed {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let mut closing = way.clone();
    let asked = async { tokio::io::copy(&mut from_client, &mut to_server).await.map(drop) };
    let answered = async {
        let mut buffer = vec![0_u8; 16 * 1024];
        loop {
            let now = *way.borrow_and_update();
            let most = match now {
                Way::Open => buffer.len(),
                Way::Slow(rate) => usize::try_from(rate / 50).unwrap_or(usize::MAX).clamp(1, buffer.len()),
                Way::Silent => {
                    if way.changed().await.is_err() {
                        return Ok(());
                    }
                    continue;
                }
                Way::Closed => return Ok(()),
            };
            let read = tokio::select! {
                read = from_server.read(&mut buffer[..most]) => read?,
                // the way it has now holds for what is read next
                _ = way.changed() => continue,
            };
            if read == 0 {
                return to_client.shutdown().await;
            }
            if matches!(now, Way::Slow(_)) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            to_client.write_all(&buffer[..read]).await?;
            carried.fetch_add(read as u64, Ordering::SeqCst);
        }
    };
    let both = async { tokio::join!(asked, answered) };
    tokio::select! {
        _ = both => {}
        _ = closing.wait_for(|way| *way == Way::Closed) => {}
    }
}
