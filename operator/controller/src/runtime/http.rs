//! The operator's own HTTP server: `/healthz`, `/readyz`, `/metrics`.

use std::{io, net::SocketAddr};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::net::TcpListener;

use super::{health::Health, metrics::Metrics, shutdown::Shutdown};

/// A server that is bound and not yet answering.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    routes: Router,
}

#[derive(Clone, Debug)]
struct Shown {
    health: Health,
    metrics: Metrics,
}

impl Server {
    /// Binds to `address`; port 0 takes a free one. The bound address is logged.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(address: SocketAddr, health: Health, metrics: Metrics) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        tracing::info!(%address, "serving /healthz, /readyz and /metrics");
        let routes = Router::new()
            .route("/healthz", get(healthz))
            .route("/readyz", get(readyz))
            .route("/metrics", get(exposition))
            .with_state(Shown { health, metrics });
        Ok(Self { listener, address, routes })
    }

    /// Where the server listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until the shutdown is requested, then finishes the requests in flight.
    ///
    /// # Errors
    /// When accepting connections fails for good.
    pub async fn run(self, shutdown: Shutdown) -> io::Result<()> {
        axum::serve(self.listener, self.routes).with_graceful_shutdown(shutdown.requested()).await
    }
}

async fn healthz(State(shown): State<Shown>) -> Response {
    verdict(shown.health.why_not_alive())
}

async fn readyz(State(shown): State<Shown>) -> Response {
    verdict(shown.health.why_not_ready())
}

async fn exposition(State(shown): State<Shown>) -> Response {
    match shown.metrics.encode() {
        Ok(text) => {
            let openmetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, openmetrics)], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

fn verdict(reasons: Vec<String>) -> Response {
    if reasons.is_empty() {
        (StatusCode::OK, "ok\n").into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n").into_response()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
        time::timeout,
    };

    use super::super::{metrics::BuildInfo, shutdown};
    use super::*;

    async fn fetch(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn probes_and_metrics_are_served_until_the_shutdown() {
        let (trigger, shutdown) = shutdown::pair();
        let health = Health::new();
        let metrics = Metrics::new(BuildInfo { version: "1.2.3", revision: "abc" });
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), health.clone(), metrics).await.unwrap();
        let address = server.address();
        assert_ne!(address.port(), 0);
        let task = tokio::spawn(server.run(shutdown));

        assert!(fetch(address, "/healthz").await.starts_with("HTTP/1.1 200"));
        let gate = health.gate("caches");
        let answer = fetch(address, "/readyz").await;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("caches: not ready yet"), "{answer}");
        gate.set(true);
        assert!(fetch(address, "/readyz").await.starts_with("HTTP/1.1 200"));
        health.died("the task \"x\" ended");
        assert!(fetch(address, "/healthz").await.starts_with("HTTP/1.1 503"));
        let answer = fetch(address, "/metrics").await;
        assert!(answer.contains("zentoria_build_info{version=\"1.2.3\",revision=\"abc\"} 1"), "{answer}");
        assert!(answer.trim_end().ends_with("# EOF"), "{answer}");

        trigger.request();
        timeout(Duration::from_secs(5), task).await.expect("the server ends within 5 s").unwrap().unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}
