//! Recorded answers and small makers.

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use zentoria_types::Upid;

use crate::decode::{Answer, Call};
use crate::error::PveError;
use crate::transport::Fingerprint;

/// One recorded exchange with a real PVE.
#[derive(Debug, Deserialize)]
pub(crate) struct Recording {
    /// `file:name`.
    pub name: String,
    pub method: String,
    pub path: String,
    pub status: u16,
    pub reason: String,
    pub body: serde_json::Value,
    /// The kind of error that it means; none for a good answer.
    pub expect: Option<String>,
}

impl Recording {
    pub fn call(&self) -> Call<'_> {
        Call { method: &self.method, path: &self.path }
    }

    pub fn answer(&self) -> Answer {
        let body = match &self.body {
            serde_json::Value::Null => Vec::new(),
            serde_json::Value::String(text) => text.clone().into_bytes(),
            json => serde_json::to_vec(json).unwrap(),
        };
        Answer { status: self.status, reason: self.reason.clone(), body: Bytes::from(body) }
    }

    pub fn decode<T: serde::de::DeserializeOwned>(&self) -> Result<T, PveError> {
        crate::decode::decode(self.call(), &self.answer()).map(|decoded| decoded.data)
    }
}

const FIXTURES: &[&str] = &[
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/pve/access.jsonl")),
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/pve/backup.jsonl")),
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/pve/cluster.jsonl")),
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/pve/config.jsonl")),
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/pve/firewall.jsonl")),
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/pve/http.jsonl")),
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/pve/life.jsonl")),
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/pve/lxc.jsonl")),
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/pve/storage.jsonl")),
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/pve/tasks.jsonl")),
];

pub(crate) fn recordings() -> Vec<Recording> {
    let lines = FIXTURES.iter().flat_map(|file| file.lines());
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn recorded(name: &str) -> Recording {
    recordings().into_iter().find(|one| one.name == name).unwrap_or_else(|| panic!("no recording {name}"))
}

pub(crate) fn upid() -> Upid {
    "UPID:pve1:00003B9A:000557FA:6B015BE5:vzcreate:111:ops@pve!operator:".parse().unwrap()
}

pub(crate) fn fingerprint(byte: u8) -> Fingerprint {
    vec![format!("{byte:02X}"); 32].join(":").parse().unwrap()
}

/// One error of each kind, in the order of the enum.
pub(crate) fn one_of_each() -> Vec<PveError> {
    let text = String::from;
    vec![
        PveError::Transport { endpoint: text("pve1:8006"), message: text("Connection refused"), maybe_sent: false },
        PveError::Timeout { call: text("GET /version"), after: Duration::from_secs(35) },
        PveError::NodeUnreachable { node: text("pve2"), reason: text("No route to host") },
        PveError::Busy { message: text("can't lock file '/run/lock/x' - got timeout") },
        PveError::Unauthenticated { reason: text("No ticket") },
        PveError::RootRefused { reason: text("authentication failure") },
        PveError::Forbidden {
            path: Some(text("/vms/160")),
            privilege: Some(text("VM.Config.Disk|VM.Config.CPU")),
            message: text("Permission check failed (/vms/160, VM.Config.Disk|VM.Config.CPU)"),
        },
        PveError::Absent { what: text("CT 160 on node pve1") },
        PveError::Exists { message: text("CT 101 already exists on node 'pve1'") },
        PveError::Locked { lock: text("backup") },
        PveError::DigestMismatch,
        PveError::WrongState { message: text("CT 120 already running") },
        PveError::NoQuorum { message: text("cluster not ready - no quorum?") },
        PveError::Rejected {
            message: text("Parameter verification failed."),
            errors: [(text("memory"), text("value must have a minimum value of 16"))].into(),
        },
        PveError::TaskFailed { upid: upid(), exit: text("container did not stop"), log_tail: vec![] },
        PveError::Payload { call: text("GET /version"), problem: text("HTML instead of JSON"), start: text("<html>") },
        PveError::Certificate {
            endpoint: text("pve1:8006"),
            expected: Some(fingerprint(0xAA)),
            found: fingerprint(0xBB),
            reason: text("its fingerprint is not the pinned one"),
        },
        PveError::NotMapped { address: text("10.10.0.1:8006") },
        PveError::Fenced { call: text("PUT /nodes/pve1/lxc/101/config") },
        PveError::Unexpected { status: 500, reason: text("bridge 'vmbr77' does not exist"), body: text("") },
    ]
}

#[test]
fn the_texts_that_a_person_acts_on() {
    let pin = |byte| fingerprint(byte).to_string();
    let want = [
        "cannot talk to pve1:8006: Connection refused".to_owned(),
        "no answer to GET /version within 35s".to_owned(),
        "node pve2 cannot be reached: No route to host".to_owned(),
        "busy: can't lock file '/run/lock/x' - got timeout".to_owned(),
        "PVE does not accept the credentials (No ticket): check the token's id, secret and expiry".to_owned(),
        "the password of root@pam was refused (authentication failure); the API token is not concerned".to_owned(),
        "missing privilege VM.Config.Disk or VM.Config.CPU on /vms/160".to_owned(),
        "CT 160 on node pve1 does not exist".to_owned(),
        "already exists: CT 101 already exists on node 'pve1'".to_owned(),
        "the guest is locked (backup)".to_owned(),
        "the configuration was changed by somebody else since it was read".to_owned(),
        "CT 120 already running".to_owned(),
        "the PVE cluster has no quorum: cluster not ready - no quorum?".to_owned(),
        "Parameter verification failed. memory: value must have a minimum value of 16".to_owned(),
        "task vzcreate of guest 111 failed: container did not stop".to_owned(),
        "nonsense in the answer to GET /version: HTML instead of JSON (it begins with \"<html>\")".to_owned(),
        format!("the certificate of pve1:8006 is not the pinned one: expected {}, found {}", pin(0xAA), pin(0xBB)),
        "10.10.0.1:8006 is not in the dial map, and with a dial map no other address is contacted".to_owned(),
        "not sent: this process may not write now (PUT /nodes/pve1/lxc/101/config)".to_owned(),
        "unexpected answer 500: bridge 'vmbr77' does not exist".to_owned(),
    ];
    let texts: Vec<String> = one_of_each().iter().map(ToString::to_string).collect();
    assert_eq!(texts, want);
}
