//! What a real PVE does that one would not expect, one test for each surprise that touches our calls.

use serde_json::{Value, json};

use super::support::{recorded, recordings};
use crate::config::GuestConfig;
use crate::decode::{Answer, Call, decode};
use crate::error::PveError;
use crate::lenient::Row;
use crate::lxc::GuestStatus;
use crate::resources::{Resource, RunState};
use crate::tasks::{TaskOutcome, TaskRow, TaskStatus, tail};

fn error(name: &str) -> PveError {
    recorded(name).decode::<Value>().unwrap_err()
}

fn pending(name: &str) -> GuestConfig {
    let one = recorded(name);
    GuestConfig::from_pending(one.call(), &one.decode::<Vec<Row>>().unwrap()).unwrap()
}

fn config(name: &str) -> GuestConfig {
    let one = recorded(name);
    GuestConfig::from_config(one.call(), &one.decode().unwrap()).unwrap()
}

fn task(name: &str) -> TaskStatus {
    let one = recorded(name);
    TaskStatus::read(one.call(), one.decode()).unwrap()
}

fn outcome(name: &str) -> TaskOutcome {
    match task(name) {
        TaskStatus::Stopped { exit } => TaskOutcome::from_exit(&exit, vec![]),
        other => panic!("{name}: {other:?}"),
    }
}

fn get(path: &str, status: u16, reason: &str, body: &'static str) -> Result<Value, PveError> {
    let answer = Answer { status, reason: reason.to_owned(), body: body.into() };
    decode(Call { method: "GET", path }, &answer).map(|decoded| decoded.data)
}

#[test]
fn errors_stand_in_the_status_line_and_in_message_with_a_newline_at_its_end() {
    let line = get("/nodes/pve1/lxc/120/status/start", 500, "CT 120 already running", "").unwrap_err();
    assert_eq!(line, PveError::WrongState { message: "CT 120 already running".to_owned() });
    let body = "{\"data\":null,\"message\":\"CT 120 already running\\n\"}";
    assert_eq!(get("/nodes/pve1/lxc/120/status/start", 500, "", body).unwrap_err(), line);
}

#[test]
fn a_guest_that_does_not_exist_is_500_and_never_404() {
    let missing = error("lxc-config:config-get-missing-guest");
    assert_eq!(missing, PveError::Absent { what: "CT 999 on node pve1".to_owned() });
    let not_found = get("/nodes/pve1/lxc/999/config", 404, "Not Found", "").unwrap_err();
    assert_eq!(not_found.kind(), "unexpected");
}

#[test]
fn absence_is_proved_only_by_the_own_file_of_the_asked_guest() {
    let path = "/nodes/pve1/lxc/160/config";
    let others = [
        "Configuration file 'nodes/pve1/lxc/161.conf' does not exist",
        "Configuration file 'nodes/pve2/lxc/160.conf' does not exist",
        "storage 'nosuch' does not exist",
        "unable to open file '/etc/pve/nodes/pve1/lxc/160.conf' - Permission denied",
        "CT 160 does not exist",
    ];
    for text in others {
        assert_eq!(get(path, 500, text, "").unwrap_err().kind(), "unexpected", "{text}");
    }
}

#[test]
fn an_unknown_path_is_501() {
    assert_eq!(error("http-errors:unknown-path").kind(), "unexpected");
}

#[test]
fn the_deadline_outlasts_the_ten_second_lock_wait_and_a_401_that_comes_three_seconds_late() {
    let limits = crate::client::Limits::default();
    assert!(limits.deadline.as_secs() > 30);
    assert!(limits.connect < limits.deadline / 2, "another endpoint is to be tried within the deadline");
}

#[test]
fn a_401_has_an_empty_body() {
    let want = PveError::Unauthenticated { reason: "Authentication failed!".to_owned() };
    assert_eq!(error("version-auth:token-bad-secret"), want);
    let want = PveError::Unauthenticated { reason: "Permission denied - invalid csrf token".to_owned() };
    assert_eq!(error("version-auth:csrf-missing-post"), want);
}

#[test]
fn only_400_has_errors_by_parameter() {
    let refused = recordings().into_iter().find(|one| one.status == 400 && one.path.ends_with("/lxc")).unwrap();
    let PveError::Rejected { message, errors } = refused.decode::<Value>().unwrap_err() else { panic!() };
    assert_eq!(message, "Parameter verification failed.");
    assert!(!errors.is_empty());
}

#[test]
fn a_403_names_path_and_privilege_or_says_that_only_root_may() {
    let PveError::Forbidden { path, privilege, .. } = error("destroy:destroy-no-privilege") else { panic!() };
    assert_eq!((path.as_deref(), privilege.as_deref()), (Some("/vms/101"), Some("VM.Allocate")));
    let root_only = error("lxc-create:refused-features-keyctl-user-token");
    assert!(root_only.needs_root(), "{root_only}");
    assert!(!error("destroy:destroy-no-privilege").needs_root());
    assert_eq!(
        root_only.to_string(),
        "refused by PVE: Permission check failed (changing feature flags (except nesting) is only allowed for root@pam)"
    );
}

#[test]
fn a_node_that_cannot_be_reached_is_595_with_an_empty_body_or_a_hostname_lookup() {
    let refused = recordings().into_iter().find(|one| one.status == 595).unwrap();
    assert_eq!(refused.decode::<Value>().unwrap_err().kind(), "node_unreachable");
    let unknown = error("lxc-create:create-nosuch-node");
    let PveError::NodeUnreachable { node, .. } = unknown else { panic!("{unknown}") };
    assert_eq!(node, "pve9");
}

#[test]
fn a_put_waits_ten_seconds_for_the_lock_and_then_says_got_timeout() {
    let busy = error("tasks:put-config-meanwhile");
    assert_eq!(busy.kind(), "busy");
    assert!(busy.is_retryable());
}

#[test]
fn a_200_with_a_upid_whose_task_fails_is_a_failure() {
    assert!(recorded("status:start-missing").decode::<String>().unwrap().starts_with("UPID:"));
    let TaskOutcome::Failed { exit, .. } = outcome("status:start-missing.task-status") else { panic!() };
    assert_eq!(exit, "Configuration file 'nodes/pve1/lxc/999.conf' does not exist");
    let log: Vec<Row> = recorded("status:start-missing.task-log").decode().unwrap();
    assert_eq!(tail(&log, 5), [format!("TASK ERROR: {exit}")]);
}

#[test]
fn warnings_are_success() {
    assert_eq!(outcome("tasks:warnings-start.task-status"), TaskOutcome::Warnings(1));
    assert!(TaskOutcome::from_exit("WARNINGS: 12", vec![]).is_success());
    assert!(!TaskOutcome::from_exit("WARNINGS: many", vec![]).is_success());
}

#[test]
fn an_aborted_task_ends_in_unexpected_status() {
    let TaskOutcome::Failed { exit, .. } = outcome("tasks:task-abort.status") else { panic!() };
    assert_eq!(exit, "unexpected status");
}

#[test]
fn a_lost_upid_is_unknown_and_not_a_failure() {
    assert_eq!(task("tasks:upid-unknown-well-formed-status"), TaskStatus::Unknown);
    let garbage = recordings().into_iter().find(|one| one.name == "tasks:upid-garbage").unwrap();
    assert!(TaskStatus::read(garbage.call(), garbage.decode()).is_err());
}

#[test]
fn the_active_list_says_running_in_capitals_and_the_token_in_user() {
    let active: Vec<Row> = recorded("tasks:list-active").decode().unwrap();
    let archive: Vec<Row> = recorded("tasks:list-vmid").decode().unwrap();
    let active = TaskRow::from_row(&active[0]).unwrap();
    let archive = TaskRow::from_row(&archive[0]).unwrap();
    assert_eq!((active.exit.as_deref(), active.ended), (None, None));
    assert_eq!(archive.exit.as_deref(), Some("OK"));
    assert_eq!((active.user.as_str(), archive.user.as_str()), ("ops@pve!operator", "ops@pve!operator"));
    assert_eq!(active.upid, archive.upid);
}

#[test]
fn pending_values_are_shown_as_if_they_held() {
    let shown = config("lxc-config:pending-config");
    let holds = config("lxc-config:pending-config-current");
    assert_eq!(shown.digest, holds.digest);
    assert_eq!((shown.get("nameserver"), holds.get("nameserver")), (Some("10.10.40.1"), None));
    let both = pending("lxc-config:pending-delete-of-set.pending");
    assert_eq!((both.get("nameserver"), both.after_start("nameserver")), (None, Some("10.10.40.1")));
    assert_eq!(both.get("cores"), both.after_start("cores"));
}

#[test]
fn delete_leaves_a_pending_option_pending_and_revert_takes_it_back() {
    let after_delete = pending("lxc-config:pending-delete-of-set.pending");
    assert_eq!(after_delete.pending.get("nameserver"), Some(&Some("10.10.40.1".to_owned())));
    let after_revert = pending("lxc-config:pending-revert-one.pending");
    assert!(!after_revert.pending.contains_key("nameserver"));
    assert_ne!(after_delete.digest, after_revert.digest);
}

#[test]
fn a_delete_in_force_waits_as_delete_1() {
    let config = pending("lxc-config:pending-delete-nameserver.pending");
    assert_eq!(config.get("nameserver"), Some("10.10.40.2"));
    assert_eq!(config.pending.get("nameserver"), Some(&None));
    assert_eq!(config.after_start("nameserver"), None);
}

#[test]
fn during_create_a_config_has_only_its_digest_and_the_lock() {
    let config = config("concurrency:during-create-config");
    assert_eq!(config.lock.as_deref(), Some("create"));
    assert!(config.current.is_empty(), "{config:?}");
    let one = recorded("concurrency:during-create-current");
    let status = GuestStatus::from_row(one.call(), &one.decode().unwrap()).unwrap();
    assert_eq!((status.lock.as_deref(), status.state), (Some("create"), RunState::Stopped));
}

#[test]
fn a_put_that_fails_may_be_stored() {
    let refused = error("lxc-config:stopped-put-net1-missing-bridge");
    assert!(refused.may_have_happened(), "{refused}");
    let stored = config("lxc-config:stopped-put-net1-missing-bridge.config");
    assert!(stored.get("net1").is_some_and(|net| net.contains("vmbr77")));
}

#[test]
fn a_stale_digest_is_500_and_not_409() {
    assert_eq!(error("lxc-config:put-digest-stale"), PveError::DigestMismatch);
}

#[test]
fn types_waver_within_one_configuration() {
    let full = config("lxc-config:config-get-full");
    assert_eq!((full.get("cpulimit"), full.get("cores"), full.get("onboot")), (Some("1.5"), Some("2"), Some("1")));
    assert_eq!(full.get("description"), Some("first line\nsecond line: \u{fc}n\u{ef}code\n"));
}

#[test]
fn raw_lxc_lines_are_kept_as_lines() {
    let row = json!({"digest": "da39a3ee5e6b4b0d3255bfef95601890afd80709", "lxc": [["lxc.a", "1"], ["lxc.b", "x y"]]});
    let call = Call { method: "GET", path: "/nodes/pve1/lxc/101/config" };
    let config = GuestConfig::from_config(call, &serde_json::from_value(row).unwrap()).unwrap();
    assert_eq!(config.get("lxc"), Some("lxc.a: 1\nlxc.b: x y"));
}

#[test]
fn an_unknown_row_or_a_bad_one_does_not_lose_the_list() {
    let rows = json!([
        {"type": "brandnew", "id": "brandnew/1"},
        {"type": "lxc", "id": "lxc/101", "vmid": "101", "node": "pve1", "status": "sleeping", "maxmem": "1.5", "cpu": -1,
         "template": true, "tags": " ", "uptime": 1.5, "maxcpu": "2", "lock": null},
        {"type": "lxc", "id": "lxc/102", "node": "pve1"},
        {"type": "lxc", "vmid": 103},
        "nonsense",
        null,
        {"type": "node", "node": "pve1", "status": "online", "maxmem": null},
    ]);
    let read: Vec<Resource> = rows.as_array().unwrap().iter().filter_map(Resource::from_value).collect();
    let [Resource::Guest(one), Resource::Guest(two), Resource::Node(node)] = read.as_slice() else {
        panic!("{read:?}")
    };
    assert_eq!((one.vmid.get(), one.state, one.maxcpu), (101, RunState::Unknown, Some(2.0)));
    assert!(one.template && one.tags == zentoria_types::Tags::default() && one.lock.is_none());
    assert_eq!((two.vmid.get(), node.online), (102, true));
}

#[test]
fn a_new_guest_is_unknown_in_the_list() {
    let states = |kind: RunState| {
        recordings()
            .iter()
            .filter(|one| one.path == "/cluster/resources" && one.expect.is_none())
            .flat_map(|one| one.decode::<Vec<Value>>().unwrap())
            .filter_map(|row| Resource::from_value(&row))
            .any(|row| matches!(row, Resource::Guest(guest) if guest.state == kind))
    };
    assert!(states(RunState::Unknown) && states(RunState::Running) && states(RunState::Stopped));
}

#[test]
fn a_rule_for_a_guest_that_does_not_exist_is_there_when_the_guest_is_made() {
    let rules: Vec<Row> = recorded("firewall:orphan-rules-after-create").decode().unwrap();
    assert_eq!(rules.len(), 1);
}

#[test]
fn nonsense_is_a_payload_error_that_names_the_call_and_the_first_bytes() {
    let table = [
        ("<html><body>Welcome</body></html>", "HTML instead of JSON"),
        ("", "the body is empty"),
        ("{\"data\":{\"version\":\"9.2", "the body is cut off"),
        ("welcome", "not JSON (column 1)"),
    ];
    for (body, problem) in table {
        let error = get("/version", 200, "OK", body).unwrap_err();
        let want =
            PveError::Payload { call: "GET /version".to_owned(), problem: problem.to_owned(), start: body.to_owned() };
        assert_eq!(error, want);
    }
}

#[test]
fn a_200_with_null_is_not_an_empty_list_and_not_a_upid() {
    let answer = Answer { status: 200, reason: "OK".to_owned(), body: "{\"data\":null}".into() };
    let call = Call { method: "GET", path: "/cluster/resources" };
    assert_eq!(decode::<Vec<Row>>(call, &answer).unwrap_err().kind(), "payload");
    assert_eq!(decode::<String>(call, &answer).unwrap_err().kind(), "payload");
    assert!(decode::<()>(call, &answer).is_ok());
}

#[test]
fn busy_gateways_and_lost_quorum_have_their_own_types() {
    for status in [429, 502, 503, 504] {
        assert_eq!(get("/version", status, "x", "").unwrap_err().kind(), "busy");
    }
    let path = "/nodes/pve1/lxc/101/config";
    assert_eq!(get(path, 500, "cluster not ready - no quorum?", "").unwrap_err().kind(), "no_quorum");
    let cfs = "error with cfs lock 'file-user_cfg': got lock request timeout";
    assert_eq!(get(path, 500, cfs, "").unwrap_err().kind(), "busy");
    assert_eq!(get(path, 596, "Connection timed out", "").unwrap_err().kind(), "node_unreachable");
}
