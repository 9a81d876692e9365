//! No answer, however strange, makes the client panic, and its futures can be spawned.

use proptest::prelude::*;
use serde_json::Value;

use crate::client::Client;
use crate::config::{ConfigChange, GuestConfig};
use crate::decode::{Answer, Call, decode};
use crate::lenient::Row;
use crate::lxc::Destroy;
use crate::params::{CloneLxc, CreateLxc};
use crate::resources::Resource;
use crate::tasks::{TaskOutcome, TaskRow};
use zentoria_types::{NodeName, Upid, Vmid};

fn json() -> impl Strategy<Value = Value> {
    let keys =
        prop::sample::select(vec!["type", "vmid", "node", "status", "key", "value", "pending", "delete", "digest"]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(vec!["lxc", "node", "storage", "101", "pve1", "", " ", "-1"]).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(keys.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_answer_makes_the_reading_panic(
        status in prop::sample::select(vec![200u16, 302, 400, 401, 403, 404, 500, 501, 595, 599]),
        reason in ".{0,60}",
        body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let answer = Answer { status, reason, body: body.into() };
        let call = Call { method: "GET", path: "/nodes/pve1/lxc/101/config" };
        if let Err(error) = decode::<Row>(call, &answer) {
            let _ = (error.to_string(), error.retry());
        }
    }

    #[test]
    fn only_the_exact_words_prove_an_absence(reason in ".{0,60}") {
        let answer = Answer { status: 500, reason, body: bytes::Bytes::new() };
        let call = Call { method: "GET", path: "/nodes/pve1/lxc/101/config" };
        prop_assert_ne!(decode::<Row>(call, &answer).unwrap_err().kind(), "absent");
    }

    #[test]
    fn no_json_makes_the_types_panic(value in json()) {
        let _ = Resource::from_value(&value);
        let row: Row = serde_json::from_value(value.clone()).unwrap_or_default();
        let call = Call { method: "GET", path: "/x" };
        let _ = GuestConfig::from_config(call, &row);
        let _ = GuestConfig::from_pending(call, std::slice::from_ref(&row));
        let _ = TaskRow::from_row(&row);
    }

    #[test]
    fn no_exit_text_makes_the_outcome_panic(exit in ".{0,80}") {
        let outcome = TaskOutcome::from_exit(&exit, vec![]);
        prop_assert_eq!(outcome.is_success(), matches!(outcome, TaskOutcome::Ok | TaskOutcome::Warnings(_)));
    }
}

fn spawnable<T: Send>(_: T) {}

/// Never run: that it compiles is the test.
#[allow(dead_code)]
fn all_calls_can_be_spawned(client: &Client, node: &NodeName, vmid: Vmid, upid: &Upid, change: &ConfigChange) {
    fn made<T>() -> T {
        unreachable!()
    }
    let (create, clone) = (made::<CreateLxc>(), made::<CloneLxc>());
    spawnable(client.create(node, &create));
    spawnable(client.clone_guest(node, vmid, &clone));
    spawnable(client.set_config(node, vmid, change));
    spawnable(client.resize(node, vmid, "rootfs", "1G", &change.digest));
    spawnable(client.destroy(node, vmid, Destroy::default()));
    spawnable(client.pending(node, vmid));
    spawnable(client.clear_guest_firewall(node, vmid));
    spawnable(client.task_outcome(upid));
    spawnable(client.resources());
}
