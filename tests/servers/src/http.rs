//! A server that answers as a test says.

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The server; it ends when it is dropped.
pub struct Double {
    /// Where it listens, on loopback.
    pub port: u16,
    task: JoinHandle<()>,
}

impl Drop for Double {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves these routes.
pub async fn serve(routes: Router) -> Double {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let task = tokio::spawn(async move { axum::serve(listener, routes).await.expect("it serves") });
    Double { port, task }
}
