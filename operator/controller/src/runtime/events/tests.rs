//! Events against a fake API server, in virtual time.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Resource;

use crate::runtime::fake_api::{FakeApi, Seen};

use super::*;

const EVENTS: &str = "/apis/events.k8s.io/v1/namespaces/ns/events";

struct Scene {
    server: FakeApi,
    sink: EventSink,
    worker: tokio::task::JoinHandle<()>,
}

fn scene() -> Scene {
    let server = FakeApi::new();
    let reporter = Reporter { controller: "zentoria.ai/operator".into(), instance: "pod-0".into() };
    let (sink, publisher) = channel(server.client().0, reporter);
    Scene { server, sink, worker: tokio::spawn(publisher.run()) }
}

impl Scene {
    /// The writes, once everything that was handed in is sent.
    async fn finish(self) -> Vec<Seen> {
        drop(self.sink);
        self.worker.await.unwrap();
        self.server.seen()
    }
}

fn about(name: &str, version: &str) -> ObjectReference {
    let metadata = ObjectMeta {
        name: Some(name.into()),
        namespace: Some("ns".into()),
        uid: Some(format!("uid-{name}")),
        resource_version: Some(version.into()),
        ..ObjectMeta::default()
    };
    ConfigMap { metadata, ..ConfigMap::default() }.object_ref(&())
}

fn refused(note: &str) -> Event {
    Event { type_: EventType::Warning, reason: "VmidTaken".into(), action: "ChooseVmid".into(), note: note.into() }
}

async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_names_its_object_without_a_version() {
    let scene = scene();
    scene.sink.publish(about("db", "7"), refused("vmid 101 is taken"));
    let writes = scene.finish().await;
    assert_eq!(writes.len(), 1);
    assert_eq!(writes[0].line(), format!("POST {EVENTS}"));
    let body = &writes[0].body;
    assert_eq!((&body["type"], &body["reason"]), (&"Warning".into(), &"VmidTaken".into()));
    assert_eq!((&body["note"], &body["action"]), (&"vmid 101 is taken".into(), &"ChooseVmid".into()));
    assert_eq!((&body["regarding"]["name"], &body["regarding"]["kind"]), (&"db".into(), &"ConfigMap".into()));
    assert!(body["regarding"].get("resourceVersion").is_none());
    assert_eq!(body["reportingController"], "zentoria.ai/operator");
    assert!(body["metadata"]["name"].as_str().unwrap().starts_with("db."));
}

#[tokio::test(start_paused = true)]
async fn repeats_fold_into_one_event_and_are_written_rarely() {
    let scene = scene();
    for version in 0..60 {
        scene.sink.publish(about("db", &version.to_string()), refused("taken"));
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    scene.sink.publish(about("db", "1"), refused("taken by another one"));
    scene.sink.publish(about("web", "1"), refused("taken"));
    let writes = scene.finish().await;
    let creates = writes.iter().filter(|seen| seen.method == http::Method::POST).count();
    let counts: Vec<_> = writes.iter().filter_map(|seen| seen.body["series"]["count"].as_i64()).collect();
    assert_eq!(creates, 3, "another note and another object are events of their own");
    assert_eq!(counts, [2, 14, 26, 38, 50]);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_expired_in_the_api_server_is_created_anew() {
    let scene = scene();
    scene.sink.publish(about("db", "1"), refused("taken"));
    settle().await;
    let name = scene.server.seen()[0].body["metadata"]["name"].as_str().unwrap().to_owned();
    scene.server.delete(&format!("{EVENTS}/{name}"));
    scene.sink.publish(about("db", "1"), refused("taken"));
    let methods: Vec<_> = scene.finish().await.into_iter().map(|seen| seen.method.to_string()).collect();
    assert_eq!(methods, ["POST", "PATCH", "POST"]);
}

#[tokio::test(start_paused = true)]
async fn a_publication_that_fails_is_tried_again_with_the_next_occurrence() {
    let scene = scene();
    scene.server.fail_next(http::StatusCode::FORBIDDEN, "Forbidden");
    scene.sink.publish(about("db", "1"), refused("taken"));
    scene.sink.publish(about("db", "1"), refused("taken"));
    let methods: Vec<_> = scene.finish().await.into_iter().map(|seen| seen.method.to_string()).collect();
    assert_eq!(methods, ["POST", "POST"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_does_not_hold_up_the_caller() {
    let server = FakeApi::new();
    let (client, link) = server.client();
    link.cut();
    let (sink, publisher) = channel(client, Reporter { controller: "c".into(), instance: "i".into() });
    let worker = tokio::spawn(publisher.run());
    for number in 0..3 * QUEUE {
        sink.publish(about("db", "1"), refused(&number.to_string()));
    }
    worker.abort();
}

#[test]
fn a_note_is_cut_between_two_characters() {
    let long = "ä".repeat(600);
    let key = SeriesKey::new(about("db", "1"), refused(&long));
    assert_eq!(key.event.note.len(), 1024);
    let odd = format!("a{long}");
    assert_eq!(SeriesKey::new(about("db", "1"), refused(&odd)).event.note.len(), 1023);
    assert_eq!(SeriesKey::new(about("db", "1"), refused("short")).event.note, "short");
}
