//! A server that sends these bytes, and then does this.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// After the bytes.
#[derive(Clone, Copy)]
pub enum Then {
    Close,
    Silence,
    /// These again and again.
    Forever(&'static [u8]),
}

/// The server; it ends when it is dropped.
pub struct Raw {
    pub port: u16,
    task: JoinHandle<()>,
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers each request with these parts, each in a packet of its own.
pub async fn raw(parts: Vec<Vec<u8>>, then: Then) -> Raw {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let mut open = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            open.spawn(answer(stream, parts.clone(), then));
        }
    });
    Raw { port, task }
}

/// As [`raw`]: an answer in chunks, as Ollama sends its lines.
pub async fn stream(parts: &[&[u8]], then: Then) -> Raw {
    let mut all =
        vec![b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec()];
    all.extend(parts.iter().filter(|part| !part.is_empty()).map(|part| chunk(part)));
    if matches!(then, Then::Close) {
        all.push(b"0\r\n\r\n".to_vec());
    }
    raw(all, then).await
}

fn chunk(part: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat()
}

async fn answer(mut stream: TcpStream, parts: Vec<Vec<u8>>, then: Then) {
    let _ = stream.set_nodelay(true);
    let mut asked = Vec::new();
    let mut buffer = [0_u8; 4096];
    while !asked.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(read @ 1..) => asked.extend_from_slice(&buffer[..read]),
            Ok(_) | Err(_) => return,
        }
    }
    for part in parts {
        if stream.write_all(&part).await.is_err() {
            return;
        }
        tokio::task::yield_now().await;
    }
    match then {
        Then::Close => {
            let _ = stream.shutdown().await;
        }
        Then::Silence => std::future::pending().await,
        Then::Forever(bytes) => {
            let bytes = chunk(bytes);
            while stream.write_all(&bytes).await.is_ok() {}
        }
    }
}
