//! The PVE double of one world: its process, what it holds, what was asked of it, and its faults.

use crate::http::Http;
use crate::operator::variable;
use crate::process::Process;
use crate::wait::within;
use crate::workspace;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The address that manifests name; the operator's `--dial-map` leads it to the double.
pub const ADDRESS: &str = "10.10.0.2";
/// The operator's user in the journal of calls.
pub const OPERATOR: &str = "zentoria@pve!operator";
/// The token's secret.
pub const TOKEN_SECRET: &str = "5eed0000-0000-4000-8000-0000000000d0";
/// The template of the seed.
pub const TEMPLATE: &str = "local:vztmpl/ubuntu-24.04-standard_24.04-2_amd64.tar.zst";
/// Real seconds of a second of PVE.
const TIME_SCALE: &str = "0.02";

/// The double.
pub struct Pve {
    process: Process,
    /// Its control port.
    pub ctl: Http,
    /// Its API's port on loopback.
    pub port: u16,
    /// PEM of its CA.
    pub ca: String,
    /// Fingerprint of its certificate, as PVE prints it.
    pub fingerprint: String,
}

/// One API call that arrived.
#[derive(Clone, Debug, Deserialize)]
pub struct Request {
    /// Its number, from 1 on.
    pub n: u64,
    /// Its method.
    pub method: String,
    /// Its path without `/api2/json`.
    pub path: String,
    /// Query and body; secrets are `***`.
    #[serde(default)]
    pub params: BTreeMap<String, Value>,
    /// Who called.
    pub user: Option<String>,
    /// When, in Unix seconds.
    pub time: f64,
    /// What was answered; absent while it is at work or held, 0 where the connection was cut.
    pub status: Option<u16>,
}

impl Request {
    /// A parameter as text.
    #[must_use]
    pub fn param(&self, key: &str) -> Option<String> {
        self.params.get(key).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }

    /// `PUT /nodes/pve1/lxc/400/config`.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Whether it reads a task's status or log.
    #[must_use]
    pub fn is_task_poll(&self) -> bool {
        self.method == "GET" && self.path.contains("/tasks/UPID")
    }
}

/// A guest as the double holds it, with what the API does not show.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Guest {
    /// Its VMID.
    pub vmid: u32,
    /// Its node.
    pub node: String,
    /// `running` or `stopped`.
    pub status: String,
    /// The lock on it.
    pub lock: Option<String>,
    /// Its configuration.
    pub config: BTreeMap<String, Value>,
    /// What waits for a reboot.
    pub pending: BTreeMap<String, Value>,
    /// How often it was started.
    pub starts: u32,
    /// The keys that it was created with.
    pub ssh_public_keys: Option<String>,
    /// Its firewall file.
    pub firewall: Option<Value>,
}

impl Guest {
    /// A value of its configuration as text; empty where it has none.
    #[must_use]
    pub fn option(&self, key: &str) -> String {
        self.config.get(key).map_or_else(String::new, text_of)
    }

    /// A part of a property string: `part("net0", "ip")`.
    #[must_use]
    pub fn part(&self, option: &str, key: &str) -> Option<String> {
        let value = self.option(option);
        value.split(',').find_map(|part| part.strip_prefix(&format!("{key}="))).map(str::to_owned)
    }

    /// The line of its description that is our mark.
    #[must_use]
    pub fn mark(&self) -> Option<String> {
        self.option("description").lines().find(|line| line.contains("zentoria.ai/v1")).map(str::to_owned)
    }

    /// Whether its firewall file has rules or options.
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        let full = |value: &Value| match value {
            Value::Array(list) => !list.is_empty(),
            Value::Object(map) => !map.is_empty(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        };
        self.firewall
            .as_ref()
            .is_some_and(|file| ["rules", "options", "ipset", "aliases"].iter().any(|key| full(&file[*key])))
    }

    /// Whether it runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.status == "running"
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The seed of the demo: one node with room for the estate, and the least privileges for the operator.
///
/// # Panics
/// Where it cannot be read.
#[must_use]
pub fn seed() -> Value {
    let path = workspace().join("hack/fakepve/seeds/zentoria.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("the seed is JSON")
}

impl Pve {
    /// Starts a double with this seed; its files go into `dir`.
    ///
    /// # Panics
    /// Where it does not start.
    pub async fn start(seed: &Value, dir: &Path) -> Self {
        let (seed_file, info_file, ca_file) = (dir.join("seed.json"), dir.join("pve.json"), dir.join("pve-ca.pem"));
        std::fs::write(&seed_file, seed.to_string()).expect("a seed file");
        let mut command = Command::new(variable("ZENTORIA_FAKEPVE"));
        command.arg("--seed").arg(&seed_file).arg("--ca-out").arg(&ca_file).arg("--info-out").arg(&info_file);
        command.args(["--port", "0", "--ctl-port", "0", "--san", ADDRESS, "--time-scale", TIME_SCALE, "--until-eof"]);
        let mut process = Process::start("the PVE double", &mut command, &dir.join("pve.log"));
        // The first start on a machine makes a Python environment.
        let info: Value = within(Duration::from_secs(300), "the PVE double says where it listens", || {
            process.assert_alive();
            let text = std::fs::read_to_string(&info_file).unwrap_or_default();
            async move { serde_json::from_str(&text).map_err(|error| error.to_string()) }
        })
        .await;
        let text = |key: &str| info[key].as_str().unwrap_or_default().to_owned();
        let port = text("url").rsplit(':').next().and_then(|port| port.parse().ok()).expect("the double's port");
        let ca = std::fs::read_to_string(&ca_file).expect("the double's CA");
        Self { process, ctl: Http::new(&text("ctl")), port, ca, fingerprint: text("fingerprint") }
    }

    /// The flag that leads the manifests' address to this double.
    #[must_use]
    pub fn dial_map(&self) -> String {
        format!("{ADDRESS}:8006=127.0.0.1:{}", self.port)
    }

    /// What it logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.output()
    }

    /// All calls of the operator so far, those at work too.
    pub async fn requests(&self) -> Vec<Request> {
        let rows = self.ctl.json("GET", "/ctl/requests", None).await;
        serde_json::from_value(rows).expect("the journal")
    }

    /// The calls that write, of anybody, whatever came of them. Logging in writes nothing.
    pub async fn writes(&self) -> Vec<Request> {
        let mut rows = self.requests().await;
        rows.retain(|row| row.method != "GET" && row.path != "/access/ticket");
        rows
    }

    /// The writes about one guest.
    pub async fn writes_to(&self, vmid: u32) -> Vec<Request> {
        let mut rows = self.writes().await;
        let about = [format!("/lxc/{vmid}/"), format!("/lxc/{vmid}")];
        rows.retain(|row| {
            let path = row.path.contains(&about[0]) || row.path.ends_with(&about[1]);
            path || ["vmid", "newid"].iter().any(|key| row.param(key) == Some(vmid.to_string()))
        });
        rows
    }

    /// Forgets the calls so far.
    pub async fn forget_requests(&self) {
        self.ctl.json("POST", "/ctl/reset-requests", None).await;
    }

    /// All guests.
    pub async fn guests(&self) -> Vec<Guest> {
        serde_json::from_value(self.ctl.json("GET", "/ctl/guests", None).await).expect("guests")
    }

    /// One guest, where it exists.
    ///
    /// # Panics
    /// Where the double gives no sensible answer.
    pub async fn find(&self, vmid: u32) -> Option<Guest> {
        match self.ctl.send("GET", &format!("/ctl/guests/{vmid}"), None).await {
            Ok((200, text)) => Some(serde_json::from_str(&text).expect("a guest")),
            Ok((404, _)) => None,
            other => panic!("guest {vmid}: {other:?}"),
        }
    }

    /// One guest.
    ///
    /// # Panics
    /// Where it does not exist.
    pub async fn guest(&self, vmid: u32) -> Guest {
        self.find(vmid).await.unwrap_or_else(|| panic!("there is no guest {vmid}"))
    }

    /// Adds a guest, in the form of the seed's `containers`.
    pub async fn add_guest(&self, guest: Value) {
        self.ctl.json("POST", "/ctl/guests", Some(&guest)).await;
    }

    /// A fault by its name; the README of the double lists them.
    pub async fn fault(&self, call: &str, args: Value, kwargs: Value) -> Value {
        let body = json!({"call": call, "args": args, "kwargs": kwargs});
        self.ctl.json("POST", "/ctl/call", Some(&body)).await["result"].clone()
    }

    /// Switches all faults off; guests stay.
    pub async fn clear_faults(&self) {
        self.fault("clear", json!([]), json!({})).await;
    }

    /// Changes settings of the double, or, with `vmid`, of one guest.
    pub async fn set(&self, settings: Value) {
        self.ctl.json("POST", "/ctl/set", Some(&settings)).await;
    }

    /// Every task so far, with its log.
    pub async fn tasks(&self) -> Vec<Value> {
        serde_json::from_value(self.ctl.json("GET", "/ctl/tasks", None).await).expect("tasks")
    }

    /// Stops everything at the operator's `at`-th call from now on; `when` is `before` or `after`.
    pub async fn arm_barrier(&self, at: usize, when: &str, mutating_only: bool) {
        let body = json!({"at": at, "when": when, "mutating_only": mutating_only, "user": OPERATOR});
        self.ctl.json("POST", "/ctl/barrier", Some(&body)).await;
    }

    /// Waits until the barrier is hit, at most `seconds`; the call that it was hit by.
    pub async fn barrier_hit(&self, seconds: u32) -> Option<Request> {
        let state = self.ctl.json("GET", &format!("/ctl/barrier?wait={seconds}"), None).await;
        if state["hit"] != json!(true) {
            return None;
        }
        Some(serde_json::from_value(state["entry"].clone()).expect("the call at the barrier"))
    }

    /// Cuts what the barrier holds, and lets calls pass again.
    pub async fn release_barrier(&self) {
        self.ctl.json("DELETE", "/ctl/barrier", None).await;
    }
}
