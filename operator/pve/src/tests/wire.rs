//! What goes over the wire with one endpoint.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::server::{Reply, Server, failed, http, ok};
use crate::client::{Client, Limits};
use crate::config::ConfigChange;
use crate::error::PveError;
use crate::observer::{Observer, RequestRecord};
use crate::tests::support::fingerprint;
use crate::transport::Trust;
use zentoria_net::Dialer;
use zentoria_types::{ConfigDigest, NodeName, Vmid};

const VERSION: &str = "{\"version\":\"9.2.11\",\"release\":\"9.2\"}";
const STARTED: &str = "\"UPID:pve1:00003B9A:000557FA:6B015BE5:vzstart:111:ops@pve!operator:\"";

fn node() -> NodeName {
    "pve1".parse().unwrap()
}

fn vmid(number: u32) -> Vmid {
    Vmid::new(number).unwrap()
}

#[tokio::test]
async fn the_reason_of_the_status_line_is_read_from_the_wire() {
    let server = Server::start(|_| failed(500, "CT 111 already running")).await;
    let error = server.client().start(&node(), vmid(111)).await.unwrap_err();
    assert_eq!(error, PveError::WrongState { message: "CT 111 already running".to_owned() });
}

#[tokio::test]
async fn the_token_stands_in_the_authorization_header() {
    let server = Server::start(|_| ok(VERSION)).await;
    assert_eq!(server.client().version().await.unwrap().version, "9.2.11");
    let seen = server.seen();
    assert_eq!(seen[0].target, "/api2/json/version");
    assert_eq!(seen[0].header("authorization"), Some("PVEAPIToken=ops@pve!operator=s3cret"));
}

#[tokio::test]
async fn connections_are_kept_after_good_answers_and_closed_after_errors() {
    let server = Server::start(|seen| match seen.target.as_str() {
        "/api2/json/version" => ok(VERSION),
        _ => failed(500, "CT 111 already running"),
    })
    .await;
    let client = server.client();
    client.version().await.unwrap();
    client.version().await.unwrap();
    client.start(&node(), vmid(111)).await.unwrap_err();
    client.version().await.unwrap();
    let connections: Vec<usize> = server.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [0, 0, 0, 1]);
}

#[tokio::test]
async fn a_write_over_a_connection_that_the_server_closes_after_each_answer_is_sent_once() {
    let server = Server::start(|_| Reply::Close(http(200, "OK", &format!("{{\"data\":{STARTED}}}")))).await;
    let client = server.client();
    for number in 0..20 {
        client.start(&node(), vmid(200 + number)).await.unwrap();
    }
    assert_eq!(server.seen().len(), 20);
}

#[tokio::test]
async fn a_write_whose_connection_breaks_is_not_sent_again() {
    let server = Server::start(|_| Reply::Drop).await;
    let error = server.client().start(&node(), vmid(111)).await.unwrap_err();
    assert!(matches!(error, PveError::Transport { maybe_sent: true, .. }), "{error:?}");
    assert!(error.may_have_happened());
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_late_answer_is_a_timeout() {
    let server = Server::start(|_| Reply::Hang).await;
    let mut config = server.config();
    config.limits.deadline = Duration::from_millis(300);
    let error = Client::new(config).unwrap().version().await.unwrap_err();
    assert_eq!(error, PveError::Timeout { call: "GET /version".to_owned(), after: Duration::from_millis(300) });
}

#[tokio::test]
async fn a_cut_body_and_one_that_is_too_large_are_payload_errors() {
    let server = Server::start(|seen| match seen.target.as_str() {
        "/api2/json/version" => Reply::Close("HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{\"data\":{".to_owned()),
        _ => ok(&format!("[\"{}\"]", "x".repeat(5000))),
    })
    .await;
    let mut config = server.config();
    config.limits.max_body = 4096;
    let client = Client::new(config).unwrap();
    for (error, want) in [
        (client.version().await.unwrap_err(), "the body is cut off"),
        (client.resources().await.unwrap_err(), "the body is larger than 4096 bytes"),
    ] {
        let PveError::Payload { problem, .. } = &error else { panic!("{error:?}") };
        assert_eq!(problem, want);
    }
}

#[tokio::test]
async fn a_hanging_node_does_not_take_the_places_of_others() {
    let server =
        Server::start(
            |seen| {
                if seen.target.contains("/nodes/pve2/") { Reply::Hang } else { ok("{\"status\":\"running\"}") }
            },
        )
        .await;
    let mut config = server.config();
    config.limits = Limits { per_node: 2, deadline: Duration::from_secs(2), ..config.limits };
    let client = Client::new(config).unwrap();
    let hanging: Vec<_> = (0..3)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.status_current(&"pve2".parse().unwrap(), vmid(101)).await })
        })
        .collect();
    super::server::until("two requests to pve2", || server.seen().len() == 2).await;
    client.status_current(&node(), vmid(101)).await.unwrap();
    let mut kinds = Vec::new();
    for one in hanging {
        kinds.push(one.await.unwrap().unwrap_err().kind());
    }
    kinds.sort_unstable();
    assert_eq!(kinds, ["busy", "timeout", "timeout"]);
}

#[tokio::test]
async fn a_pinned_certificate_is_trusted_and_another_is_refused_with_both_fingerprints() {
    let server = Server::start(|_| ok(VERSION)).await;
    server.client().version().await.unwrap();
    let pinned = fingerprint(0xAB);
    let mut config = server.config();
    config.trust = Trust::Fingerprint(pinned);
    let error = Client::new(config).unwrap().version().await.unwrap_err();
    let PveError::Certificate { expected, found, .. } = error else { panic!("{error:?}") };
    assert_eq!((expected, found), (Some(pinned), server.fingerprint));
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn who_shows_the_pinned_certificate_without_its_key_is_refused() {
    let server = Server::start(|_| ok(VERSION)).await;
    let impostor = Server::impostor(&server, |_| ok(VERSION)).await;
    for trust in [Trust::Fingerprint(server.fingerprint), Trust::CaBundle(server.certificate_pem.clone())] {
        let mut config = impostor.config();
        config.trust = trust;
        let error = Client::new(config).unwrap().version().await.unwrap_err();
        assert!(matches!(&error, PveError::Transport { maybe_sent: false, .. }), "{error:?}");
    }
    assert!(impostor.seen().is_empty());
}

#[tokio::test]
async fn a_certificate_is_verified_by_the_ca_bundle() {
    let server = Server::start(|_| ok(VERSION)).await;
    let stranger = Server::start(|_| ok(VERSION)).await;
    let mut config = server.config();
    config.trust = Trust::CaBundle(server.certificate_pem.clone());
    Client::new(config).unwrap().version().await.unwrap();
    let mut config = server.config();
    config.trust = Trust::CaBundle(stranger.certificate_pem.clone());
    let error = Client::new(config).unwrap().version().await.unwrap_err();
    let PveError::Certificate { expected, found, .. } = error else { panic!("{error:?}") };
    assert_eq!((expected, found), (None, server.fingerprint));
    let mut config = server.config();
    config.trust = Trust::CaBundle("no certificate at all".to_owned());
    assert!(Client::new(config).is_err());
}

#[tokio::test]
async fn an_address_outside_the_dial_map_is_not_contacted() {
    let server = Server::start(|_| ok(VERSION)).await;
    let mut config = server.config();
    config.dialer = Dialer::from_rows(["10.10.0.1:8006=127.0.0.1:1"]).unwrap();
    let error = Client::new(config).unwrap().version().await.unwrap_err();
    assert_eq!(error, PveError::NotMapped { address: server.address.to_string() });
    let mut config = server.config();
    config.endpoints = vec!["https://10.10.0.1".parse().unwrap()];
    config.dialer = Dialer::from_rows([format!("10.10.0.1:8006={}", server.address)]).unwrap();
    Client::new(config).unwrap().version().await.unwrap();
}

#[tokio::test]
async fn the_fence_is_asked_right_before_every_write_and_never_for_a_read() {
    let server = Server::start(|seen| if seen.method == "GET" { ok(VERSION) } else { ok(STARTED) }).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let mut config = server.config();
    let counter = Arc::clone(&asked);
    config.fence = Arc::new(move || counter.fetch_add(1, Ordering::SeqCst) == 0);
    let client = Client::new(config).unwrap();
    client.version().await.unwrap();
    client.start(&node(), vmid(111)).await.unwrap();
    let fenced = |path: &str| PveError::Fenced { call: path.to_owned() };
    let error = client.start(&node(), vmid(111)).await.unwrap_err();
    assert_eq!(error, fenced("POST /nodes/pve1/lxc/111/status/start"));
    let mut change = ConfigChange::new(ConfigDigest::new("abc").unwrap());
    change.set.insert("memory".to_owned(), "512".to_owned());
    let error = client.set_config(&node(), vmid(111), &change).await.unwrap_err();
    assert_eq!(error, fenced("PUT /nodes/pve1/lxc/111/config"));
    assert_eq!((asked.load(Ordering::SeqCst), server.seen().len()), (3, 2));
}

#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Observer for Notes {
    fn on_request(&self, record: &RequestRecord<'_>) {
        let RequestRecord { method, template, status, error, duration: _ } = record;
        self.0.lock().unwrap().push(format!("{method} {template} {status:?} {error:?}"));
    }
}

#[tokio::test]
async fn the_observer_is_told_of_each_request_by_its_template() {
    let server = Server::start(|seen| match seen.target.as_str() {
        "/api2/json/version" => ok(VERSION),
        "/api2/json/cluster/resources" => Reply::Drop,
        _ => failed(500, "Configuration file 'nodes/pve1/lxc/111.conf' does not exist"),
    })
    .await;
    let notes = Arc::new(Notes::default());
    let mut config = server.config();
    config.observer = Some(Arc::clone(&notes) as Arc<dyn Observer>);
    let client = Client::new(config).unwrap();
    client.version().await.unwrap();
    client.config(&node(), vmid(111)).await.unwrap_err();
    client.resources().await.unwrap_err();
    let want = [
        "GET /version Some(200) None",
        "GET /nodes/{node}/lxc/{vmid}/config Some(500) Some(\"absent\")",
        "GET /cluster/resources None Some(\"transport\")",
    ];
    assert_eq!(*notes.0.lock().unwrap(), want);
}
