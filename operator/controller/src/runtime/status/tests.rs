//! Status writes against a fake API server.

use kube::{Api, CustomResource};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::runtime::{
    fake_api::FakeApi,
    leader::Fence,
    metrics::{BuildInfo, Metrics},
    write::{WriteError, Writer},
};

use super::*;

#[derive(CustomResource, Clone, Debug, Serialize, Deserialize)]
#[kube(group = "test.zentoria.ai", version = "v1", kind = "Thing", namespaced, schema = "disabled")]
#[kube(status = "ThingStatus")]
struct ThingSpec {}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct ThingStatus {
    vmid: Option<u32>,
    task: Option<String>,
    #[serde(default)]
    addresses: Vec<String>,
}

const PATH: &str = "/apis/test.zentoria.ai/v1/namespaces/ns/things/x";

struct Scene {
    server: FakeApi,
    api: Api<Thing>,
    metrics: Metrics,
    writer: StatusWriter,
}

fn scene() -> Scene {
    let server = FakeApi::new();
    let api = Api::namespaced(server.client().0, "ns");
    let metrics = Metrics::new(BuildInfo { version: "0", revision: "0" });
    let writer = StatusWriter::new(Writer::new(Fence::always()), metrics.clone());
    Scene { server, api, metrics, writer }
}

impl Scene {
    fn put(&self, uid: &str, status: Value) -> Thing {
        let object = json!({
            "apiVersion": "test.zentoria.ai/v1", "kind": "Thing",
            "metadata": {"name": "x", "namespace": "ns", "uid": uid}, "spec": {}, "status": status,
        });
        serde_json::from_value(self.server.put(PATH, object)).unwrap()
    }
}

fn status(vmid: u32, task: Option<&str>, addresses: &[&str]) -> ThingStatus {
    ThingStatus {
        vmid: Some(vmid),
        task: task.map(str::to_owned),
        addresses: addresses.iter().map(|address| (*address).to_owned()).collect(),
    }
}

#[tokio::test]
async fn only_what_differs_is_sent_and_nothing_when_nothing_differs() {
    let scene = scene();
    let thing = scene.put("u1", json!({"vmid": 101, "task": "UPID:a", "addresses": ["10.0.0.1"], "foreign": true}));
    let wanted = status(101, None, &["10.0.0.1", "10.0.0.2"]);
    let written = scene.writer.patch_if_changed(&scene.api, &thing, &wanted, Precondition::SameObject).await.unwrap();
    let seen = scene.server.seen();
    assert_eq!(seen[0].line(), format!("PATCH {PATH}/status"));
    assert_eq!(
        seen[0].body,
        json!({
            "metadata": {"resourceVersion": "1"},
            "status": {"task": null, "addresses": ["10.0.0.1", "10.0.0.2"]},
        })
    );
    assert_eq!(scene.server.get(PATH).unwrap()["status"]["foreign"], true);

    let thing = written.into_patched().unwrap();
    assert_eq!(thing.status.as_ref(), Some(&wanted));
    let again = scene.writer.patch_if_changed(&scene.api, &thing, &wanted, Precondition::SameObject).await.unwrap();
    assert!(matches!(again, Written::Unchanged));
    assert_eq!(scene.server.seen().len(), 1);
    let text = scene.metrics.encode().unwrap();
    assert!(text.contains("zentoria_status_writes_total{kind=\"Thing\"} 1"), "{text}");
}

#[tokio::test]
async fn an_object_without_a_status_gets_one_and_an_empty_one_is_not_written() {
    let scene = scene();
    let bare = scene.put("u1", Value::Null);
    let empty = json!({});
    let written = scene.writer.patch_if_changed(&scene.api, &bare, &empty, Precondition::SameObject).await.unwrap();
    assert!(matches!(written, Written::Unchanged));
    let wanted = status(101, None, &[]);
    let written = scene.writer.patch_if_changed(&scene.api, &bare, &wanted, Precondition::SameObject).await.unwrap();
    assert_eq!(written.into_patched().unwrap().status, Some(wanted));
}

#[tokio::test]
async fn an_intent_is_not_written_over_a_change_that_we_have_not_seen() {
    let scene = scene();
    let stale = scene.put("u1", json!({}));
    scene.put("u1", json!({"vmid": 102}));
    let wanted = status(101, None, &[]);
    let refused = scene.writer.patch_if_changed(&scene.api, &stale, &wanted, Precondition::Unchanged).await;
    assert!(matches!(refused, Err(WriteError::Conflict)), "{refused:?}");
    assert_eq!(scene.server.get(PATH).unwrap()["status"]["vmid"], 102);
    // What is no intent is applied to the newest version; what we have not seen is kept.
    let wanted = json!({"addresses": ["10.0.0.1"]});
    let written = scene.writer.patch_if_changed(&scene.api, &stale, &wanted, Precondition::SameObject).await.unwrap();
    assert_eq!(written.into_patched().unwrap().status, Some(status(102, None, &["10.0.0.1"])));
}

#[tokio::test]
async fn an_object_that_is_gone_is_no_error() {
    let scene = scene();
    let thing = scene.put("u1", json!({}));
    scene.server.delete(PATH);
    let wanted = status(101, None, &[]);
    let written = scene.writer.patch_if_changed(&scene.api, &thing, &wanted, Precondition::Unchanged).await.unwrap();
    assert!(matches!(written, Written::Gone));
}

#[tokio::test]
async fn another_object_of_the_same_name_does_not_inherit_the_status() {
    let scene = scene();
    let old = scene.put("u1", json!({}));
    scene.put("u2", json!({}));
    let wanted = status(101, None, &[]);
    let written = scene.writer.patch_if_changed(&scene.api, &old, &wanted, Precondition::SameObject).await.unwrap();
    assert!(matches!(written, Written::Gone));
    assert_eq!(scene.server.get(PATH).unwrap()["status"], json!({}));
}
