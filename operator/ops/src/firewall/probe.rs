//! Whether a guest answers at one of its ports, over a connection of its own each time: one that was open before goes on
//! though no rule lets a new one in.

use futures::future::join_all;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use zentoria_net::Dialer;

/// How long an answer may take. A dropped packet has none.
const ANSWER: Duration = Duration::from_secs(2);

/// The most that are tried at once.
const MOST: usize = 24;

/// The first of the candidates that answers, ports in their order.
pub async fn first_answering(dialer: &Dialer, addresses: &[IpAddr], ports: &[u16]) -> Option<SocketAddr> {
    let all = ports.iter().flat_map(|port| addresses.iter().map(|address| SocketAddr::new(*address, *port)));
    let candidates: Vec<SocketAddr> = all.take(MOST).collect();
    let tried = join_all(candidates.iter().map(|target| answers(dialer, *target))).await;
    candidates.into_iter().zip(tried).find(|(_, answers)| *answers).map(|(target, _)| target)
}

/// Whether a new connection is accepted. An address that may not be dialled does not answer.
pub async fn answers(dialer: &Dialer, target: SocketAddr) -> bool {
    let dialled = tokio::time::timeout(ANSWER, dialer.dial(&target.ip().to_string(), target.port())).await;
    matches!(dialled, Ok(Ok(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn the_first_port_that_answers_is_found_and_what_may_not_be_dialled_does_not_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let row = format!("10.10.40.4:5432={}", listener.local_addr().unwrap());
        let dialer = Dialer::from_rows([row]).unwrap();
        let address: IpAddr = "10.10.40.4".parse().unwrap();
        let found = first_answering(&dialer, &[address], &[22, 5432]).await;
        assert_eq!(found, Some(SocketAddr::new(address, 5432)));
        drop(listener);
        assert_eq!(first_answering(&dialer, &[address], &[22, 5432]).await, None);
    }
}
