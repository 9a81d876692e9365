//! Several endpoints of one cluster.

use std::time::Duration;

use super::server::{Reply, Server, config, nobody, ok};
use crate::client::Client;
use crate::error::PveError;
use crate::transport::Trust;

const VERSION: &str = "{\"version\":\"9.2.11\"}";
const STARTED: &str = "\"UPID:pve1:00003B9A:000557FA:6B015BE5:vzstart:111:ops@pve!operator:\"";

async fn good() -> Server {
    Server::start(|seen| if seen.method == "GET" { ok(VERSION) } else { ok(STARTED) }).await
}

fn start(client: &Client) -> impl Future<Output = Result<zentoria_types::Upid, PveError>> {
    let client = client.clone();
    async move { client.start(&"pve1".parse().unwrap(), zentoria_types::Vmid::new(111).unwrap()).await }
}

#[tokio::test]
async fn a_dead_endpoint_is_passed_over_and_the_healthy_one_is_kept() {
    let server = good().await;
    let client = Client::new(config(&[nobody().await, server.url()], Trust::Fingerprint(server.fingerprint))).unwrap();
    client.version().await.unwrap();
    start(&client).await.unwrap();
    client.version().await.unwrap();
    assert_eq!(server.seen().len(), 3);
    // One connection served all: the dead endpoint was not tried again.
    assert!(server.seen().iter().all(|seen| seen.connection == 0));
}

#[tokio::test]
async fn a_write_that_could_not_be_sent_goes_to_the_next_endpoint() {
    let server = good().await;
    let client = Client::new(config(&[nobody().await, server.url()], Trust::Fingerprint(server.fingerprint))).unwrap();
    start(&client).await.unwrap();
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_write_that_may_have_been_sent_does_not_go_to_the_next_endpoint_but_a_read_does() {
    let broken = Server::start(|_| Reply::Drop).await;
    let server = good().await;
    let both = format!("{}\n{}", broken.certificate_pem, server.certificate_pem);
    let urls = [broken.url(), server.url()];
    let client = Client::new(config(&urls, Trust::CaBundle(both))).unwrap();
    let error = start(&client).await.unwrap_err();
    assert!(matches!(error, PveError::Transport { maybe_sent: true, .. }), "{error:?}");
    assert_eq!((broken.seen().len(), server.seen().len()), (1, 0));
    client.version().await.unwrap();
    assert_eq!((broken.seen().len(), server.seen().len()), (2, 1));
}

#[tokio::test]
async fn another_endpoint_serves_when_the_certificate_of_one_changed() {
    let (changed, server) = (good().await, good().await);
    let urls = [changed.url(), server.url()];
    let client = Client::new(config(&urls, Trust::Fingerprint(server.fingerprint))).unwrap();
    client.version().await.unwrap();
    assert_eq!((changed.seen().len(), server.seen().len()), (0, 1));
}

#[tokio::test]
async fn a_changed_certificate_is_told_although_the_other_endpoint_is_down() {
    let (changed, other) = (good().await, good().await);
    for urls in [[changed.url(), nobody().await], [nobody().await, changed.url()]] {
        let client = Client::new(config(&urls, Trust::Fingerprint(other.fingerprint))).unwrap();
        let error = client.version().await.unwrap_err();
        let PveError::Certificate { endpoint, expected, found, .. } = error else { panic!("{error:?}") };
        assert_eq!(endpoint, changed.address.to_string());
        assert_eq!((expected, found), (Some(other.fingerprint), changed.fingerprint));
    }
}

#[tokio::test]
async fn when_all_endpoints_are_down_the_call_was_certainly_not_sent() {
    let server = good().await;
    let urls = [nobody().await, nobody().await];
    let client = Client::new(config(&urls, Trust::Fingerprint(server.fingerprint))).unwrap();
    let error = start(&client).await.unwrap_err();
    let PveError::Transport { maybe_sent, message, .. } = &error else { panic!("{error:?}") };
    assert!(!maybe_sent && message.contains("refused"), "{message}");
}

#[tokio::test]
async fn an_endpoint_that_accepts_and_says_nothing_is_passed_over() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = good().await;
    let urls = [format!("https://{}", silent.local_addr().unwrap()), server.url()];
    let mut config = config(&urls, Trust::Fingerprint(server.fingerprint));
    config.limits.connect = Duration::from_millis(200);
    start(&Client::new(config).unwrap()).await.unwrap();
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn after_a_timeout_the_next_request_begins_at_the_next_endpoint() {
    let hanging = Server::start(|_| Reply::Hang).await;
    let server = good().await;
    let both = format!("{}\n{}", hanging.certificate_pem, server.certificate_pem);
    let mut config = config(&[hanging.url(), server.url()], Trust::CaBundle(both));
    config.limits.deadline = Duration::from_millis(500);
    let client = Client::new(config).unwrap();
    assert_eq!(start(&client).await.unwrap_err().kind(), "timeout");
    start(&client).await.unwrap();
    assert_eq!((hanging.seen().len(), server.seen().len()), (1, 1));
}
