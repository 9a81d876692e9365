//! How each call looks on the wire, and what several calls make together.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use super::server::{Reply, Seen, Server, http, ok};
use crate::config::ConfigChange;
use crate::error::PveError;
use crate::lxc::Destroy;
use crate::params::{CloneLxc, CreateLxc};
use crate::tasks::{TaskFilter, TaskOutcome, TaskSource};
use crate::tests::support::upid;
use zentoria_types::{ConfigDigest, NodeName, Vmid};

pub(super) const UPID: &str = "\"UPID:pve1:00003B9A:000557FA:6B015BE5:vzcreate:111:ops@pve!operator:\"";

pub(super) fn node() -> NodeName {
    "pve1".parse().unwrap()
}

pub(super) fn vmid(number: u32) -> Vmid {
    Vmid::new(number).unwrap()
}

pub(super) fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// `METHOD /path a=1&b=2` with the parameters in order, whether they came as a query or as a form.
pub(super) fn line(seen: &Seen) -> String {
    let target = seen.target.trim_start_matches("/api2/json");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut parameters: Vec<&str> =
        [query, &seen.body].into_iter().flat_map(|text| text.split('&')).filter(|one| !one.is_empty()).collect();
    parameters.sort_unstable();
    format!("{} {path} {}", seen.method, parameters.join("&")).trim_end().to_owned()
}

#[tokio::test]
async fn a_create_is_a_form_that_starts_nothing() {
    let server = Server::start(|_| ok(UPID)).await;
    let what = CreateLxc {
        vmid: vmid(111),
        ostemplate: "local:vztmpl/debian.tar.zst".to_owned(),
        options: texts(&[
            ("hostname", "web"),
            ("memory", "1024"),
            ("unprivileged", "1"),
            ("net0", "name=eth0,bridge=vmbr0"),
        ]),
        ssh_public_keys: vec!["ssh-ed25519 AAAA one".to_owned(), "ssh-ed25519 BBBB two".to_owned()],
        pool: None,
    };
    assert_eq!(server.client().create(&node(), &what).await.unwrap(), upid());
    assert_eq!(
        line(&server.seen()[0]),
        "POST /nodes/pve1/lxc hostname=web&memory=1024&net0=name%3Deth0%2Cbridge%3Dvmbr0&\
         ostemplate=local%3Avztmpl%2Fdebian.tar.zst&\
         ssh-public-keys=ssh-ed25519+AAAA+one%0Assh-ed25519+BBBB+two&unprivileged=1&vmid=111"
    );
    assert_eq!(server.seen()[0].header("content-type"), Some("application/x-www-form-urlencoded"));
    for key in ["start", "force", "restore", "lock"] {
        let dangerous = CreateLxc { options: texts(&[(key, "1")]), ..what.clone() };
        let refused = server.client().create(&node(), &dangerous).await.unwrap_err();
        assert_eq!(refused.kind(), "rejected", "{key}");
    }
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn every_writing_call_looks_as_pve_wants_it() {
    let server = Server::start(|seen| match seen.target.as_str() {
        put if put.ends_with("/config") || put.contains("/firewall/") => ok("null"),
        _ => ok(UPID),
    })
    .await;
    let client = server.client();
    let digest = ConfigDigest::new("abc").unwrap();
    let (node, ct) = (node(), vmid(111));
    let clone = CloneLxc { hostname: Some("web".to_owned()), ..CloneLxc::full(vmid(112)) };
    client.clone_guest(&node, ct, &clone).await.unwrap();
    let change = ConfigChange {
        set: texts(&[("memory", "512"), ("entrypoint", "/sbin/init")]),
        delete: vec!["net1".to_owned(), "tags".to_owned()],
        revert: vec!["nameserver".to_owned()],
        digest: digest.clone(),
    };
    client.set_config(&node, ct, &change).await.unwrap();
    client.set_config(&node, ct, &ConfigChange::new(digest.clone())).await.unwrap();
    client.resize(&node, ct, "rootfs", "12G", &digest).await.unwrap();
    client.start(&node, ct).await.unwrap();
    client.shutdown(&node, ct, Duration::from_secs(60), true).await.unwrap();
    client.stop(&node, ct).await.unwrap();
    client.reboot(&node, ct, Duration::from_secs(30)).await.unwrap();
    client.destroy(&node, ct, Destroy { purge: true, force: false }).await.unwrap();
    client.delete_firewall_rule(&node, ct, 3, "def").await.unwrap();
    client.delete_firewall_ipset(&node, ct, "peers").await.unwrap();
    client.create_firewall_rule(&node, ct, &texts(&[("type", "in"), ("action", "ACCEPT")])).await.unwrap();
    let lines: Vec<String> = server.seen().iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "POST /nodes/pve1/lxc/111/clone full=1&hostname=web&newid=112",
            "PUT /nodes/pve1/lxc/111/config delete=net1%2Ctags&digest=abc&entrypoint=%2Fsbin%2Finit&memory=512&revert=nameserver",
            "PUT /nodes/pve1/lxc/111/resize digest=abc&disk=rootfs&size=12G",
            "POST /nodes/pve1/lxc/111/status/start",
            "POST /nodes/pve1/lxc/111/status/shutdown forceStop=1&timeout=60",
            "POST /nodes/pve1/lxc/111/status/stop",
            "POST /nodes/pve1/lxc/111/status/reboot timeout=30",
            "DELETE /nodes/pve1/lxc/111 destroy-unreferenced-disks=0&purge=1",
            "DELETE /nodes/pve1/lxc/111/firewall/rules/3 digest=def",
            "DELETE /nodes/pve1/lxc/111/firewall/ipset/peers force=1",
            "POST /nodes/pve1/lxc/111/firewall/rules action=ACCEPT&type=in",
        ]
    );
}

#[tokio::test]
async fn delete_parameters_are_in_the_query_and_no_body_is_sent() {
    let server = Server::start(|_| ok(UPID)).await;
    server.client().destroy(&node(), vmid(111), Destroy { purge: true, force: true }).await.unwrap();
    let seen = &server.seen()[0];
    assert!(seen.target.contains("?") && seen.target.contains("force=1"), "{}", seen.target);
    assert_eq!((seen.body.as_str(), seen.header("content-length"), seen.header("content-type")), ("", None, None));
}

#[tokio::test]
async fn a_200_with_null_or_html_where_a_upid_is_expected_is_a_payload_error() {
    for body in ["{\"data\":null}", "<html></html>", "{\"data\":\"done\"}", "{}"] {
        let server = Server::start(move |_| Reply::Keep(http(200, "OK", body))).await;
        let error = server.client().start(&node(), vmid(111)).await.unwrap_err();
        let PveError::Payload { call, .. } = &error else { panic!("{body}: {error:?}") };
        assert_eq!(call, "POST /nodes/pve1/lxc/111/status/start");
        assert!(error.may_have_happened());
    }
}

#[tokio::test]
async fn a_task_is_followed_to_its_outcome_with_the_tail_of_its_log() {
    let server = Server::start(|seen| {
        if seen.target.contains("/log?") {
            let rows = "[{\"n\":1,\"t\":\"one\"},{\"n\":2,\"t\":\"TASK ERROR: no\"}]";
            let total = if seen.target.contains("start=0") { 700 } else { 2 };
            return Reply::Keep(http(200, "OK", &format!("{{\"total\":{total},\"data\":{rows}}}")));
        }
        ok("{\"status\":\"stopped\",\"exitstatus\":\"no\"}")
    })
    .await;
    let outcome = server.client().task_outcome(&upid()).await.unwrap().unwrap();
    let log_tail = vec!["one".to_owned(), "TASK ERROR: no".to_owned()];
    assert_eq!(outcome, TaskOutcome::Failed { exit: "no".to_owned(), log_tail: log_tail.clone() });
    assert_eq!(outcome.error(&upid()), Some(PveError::TaskFailed { upid: upid(), exit: "no".to_owned(), log_tail }));
    let lines: Vec<String> = server.seen().iter().map(line).collect();
    let task =
        "/nodes/pve1/tasks/UPID%3Apve1%3A00003B9A%3A000557FA%3A6B015BE5%3Avzcreate%3A111%3Aops%40pve%21operator%3A";
    assert_eq!(
        lines,
        [
            format!("GET {task}/status"),
            format!("GET {task}/log limit=500&start=0"),
            format!("GET {task}/log limit=500&start=680"),
        ]
    );
}

#[tokio::test]
async fn reading_calls_ask_for_what_they_need() {
    let server = Server::start(|_| ok("[]")).await;
    let client = server.client();
    let filter = TaskFilter {
        vmid: Some(vmid(111)),
        since: Some(1_795_252_292),
        source: TaskSource::All,
        typefilter: Some("vzstop".to_owned()),
        limit: Some(5),
    };
    client.node_tasks(&node(), &filter).await.unwrap();
    client.storage_content(&node(), &"local".parse().unwrap(), Some("vztmpl")).await.unwrap();
    client.bridges(&node()).await.unwrap();
    client.config(&node(), vmid(111)).await.unwrap_err();
    let lines: Vec<String> = server.seen().iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "GET /nodes/pve1/tasks limit=5&since=1795252292&source=all&typefilter=vzstop&vmid=111",
            "GET /nodes/pve1/storage/local/content content=vztmpl",
            "GET /nodes/pve1/network type=any_bridge",
            "GET /nodes/pve1/lxc/111/config current=1",
        ]
    );
}

/// A firewall file that shrinks as it is told, with a digest that changes with every write.
#[derive(Default)]
struct FirewallFile {
    rules: usize,
    sets: usize,
    aliases: usize,
    options: String,
    writes: usize,
}

impl FirewallFile {
    fn answer(&mut self, seen: &Seen) -> Reply {
        let digest = format!("\"digest\":\"d{}\"", self.writes);
        let rows = |count: usize, row: &dyn Fn(usize) -> String| {
            ok(&format!("[{}]", (0..count).map(row).collect::<Vec<_>>().join(",")))
        };
        let path = seen
            .target
            .split('?')
            .next()
            .unwrap_or_default()
            .rsplit("/firewall/")
            .next()
            .unwrap_or_default()
            .to_owned();
        match (seen.method.as_str(), path.as_str()) {
            ("GET", "rules") => rows(self.rules, &|pos| format!("{{\"pos\":{pos},\"type\":\"in\",{digest}}}")),
            ("GET", "ipset") => rows(self.sets, &|at| format!("{{\"name\":\"s{at}\",{digest}}}")),
            ("GET", "aliases") => {
                rows(self.aliases, &|at| format!("{{\"name\":\"a{at}\",\"cidr\":\"10.0.0.1\",{digest}}}"))
            }
            ("GET", "options") => ok(&format!("{{{}{digest}}}", self.options)),
            (_, what) => {
                let stale = !what.starts_with("ipset/")
                    && ![&seen.target, &seen.body]
                        .iter()
                        .any(|text| text.contains(&format!("digest=d{}", self.writes)));
                if stale {
                    return super::server::failed(
                        500,
                        "detected modified configuration - file changed by other user? Try again.",
                    );
                }
                self.writes += 1;
                match what.split('/').next() {
                    Some("rules") => self.rules -= 1,
                    Some("ipset") => self.sets -= 1,
                    Some("aliases") => self.aliases -= 1,
                    _ => self.options.clear(),
                }
                ok("null")
            }
        }
    }
}

async fn firewall_server(file: FirewallFile) -> Server {
    let file = Mutex::new(file);
    Server::start(move |seen| file.lock().unwrap().answer(seen)).await
}

#[tokio::test]
async fn leftover_firewall_configuration_is_removed_and_counted() {
    let options = "\"enable\":1,\"policy_in\":\"DROP\",\"policy_out\":\"REJECT\",".to_owned();
    let server = firewall_server(FirewallFile { rules: 3, sets: 2, aliases: 2, options, writes: 0 }).await;
    let client = server.client();
    // Of the options, `policy_in: DROP` is the default and is left.
    assert_eq!(client.clear_guest_firewall(&node(), vmid(111)).await.unwrap(), 9);
    let written = server.seen().len();
    assert_eq!(client.clear_guest_firewall(&node(), vmid(111)).await.unwrap(), 0);
    assert!(server.seen()[written..].iter().all(|seen| seen.method == "GET"));
}

#[tokio::test]
async fn nothing_is_written_when_a_vmid_has_no_firewall_configuration() {
    let options = "\"enable\":0,".to_owned();
    let server = firewall_server(FirewallFile { options, ..FirewallFile::default() }).await;
    assert_eq!(server.client().clear_guest_firewall(&node(), vmid(111)).await.unwrap(), 0);
    let methods: Vec<String> = server.seen().iter().map(|seen| seen.method.clone()).collect();
    assert_eq!(methods, ["GET", "GET", "GET", "GET"]);
}
