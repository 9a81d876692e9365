use super::*;
use serde_json::{Value, json};

fn cluster(status: Value) -> ProxmoxCluster {
    serde_json::from_value(json!({
        "apiVersion": "zentoria.ai/v1alpha1",
        "kind": "ProxmoxCluster",
        "metadata": {"name": "pve"},
        "spec": {
            "estateId": "home", "mode": "Enforce", "endpoints": ["https://10.10.0.2:8006"],
            "tls": {"caSecretRef": {"name": "pve-ca"}}, "credentials": {"tokenSecretRef": {"name": "pve-token"}},
        },
        "status": status,
    }))
    .unwrap()
}

fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": message,
           "lastTransitionTime": "2026-06-01T12:00:00Z"})
}

fn container(name: &str, depends_on: &[&str], reason: &str, summary: &str, message: &str) -> ZentoriaContainer {
    let ready = if ["Running", "Stopped"].contains(&reason) { "True" } else { "False" };
    let depends_on: Vec<Value> = depends_on.iter().map(|name| json!({"name": name})).collect();
    serde_json::from_value(json!({
        "apiVersion": "zentoria.ai/v1alpha1",
        "kind": "ZentoriaContainer",
        "metadata": {"name": name, "namespace": "zentoria"},
        "spec": {"clusterRef": {"name": "pve"}, "dependsOn": depends_on},
        "status": {"summary": summary, "conditions": [condition("Ready", ready, reason, message)]},
    }))
    .unwrap()
}

fn now() -> Timestamp {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

#[test]
fn an_estate_in_trouble_says_what_waits_what_is_stuck_and_what_to_do() {
    let mut clusters = vec![cluster(json!({
        "version": "9.2.11", "nodesSummary": "2/3", "quorum": "Yes", "summary": "MissingGuests",
        "nodes": [{"name": "pve1", "online": true}, {"name": "pve3", "online": false}],
        "guests": {"managed": 9, "unmanaged": 2, "foreign": 1, "copies": 1, "retained": 0, "trashed": 1},
        "copies": ["CopyOf 405 at 905"],
        "foreignControlPlanes": ["deadbeef"],
        "breaker": {"reason": "MissingGuests", "digest": "0123456789ab",
                    "message": "4 of 9 managed guests are not shown by Proxmox VE any more (400, 401, 402, 403)"},
        "trash": [
            {"vmid": 440, "of": "zentoria/old-web", "until": "2026-06-04T12:00:00Z"},
            {"vmid": 441, "of": "zentoria/old-db", "until": "2026-06-01T10:00:00Z", "held": "DeletionBreaker"},
        ],
        "conditions": [condition("Ready", "False", "MissingGuests", "4 of 9 managed guests")],
    }))];
    clusters.push(cluster(json!({"conditions": [condition("Ready", "Unknown", "Unreachable", "connection refused")],
                                 "summary": "Unreachable"})));
    clusters[1].metadata.name = Some("attic".into());
    let mut all = vec![
        container("zentoria-vault", &[], "Running", "Running", "runs"),
        container(
            "zentoria-db",
            &["zentoria-vault"],
            "NotFound",
            "NotFound",
            "template local:vztmpl/debian-13.tar.zst does not exist on node pve1: download it there (pveam download), or \
             correct the name",
        ),
        container(
            "zentoria-backend",
            &["zentoria-db"],
            "WaitingFor",
            "WaitingFor zentoria-db",
            "waits until it is Ready",
        ),
        container("zentoria-frontend", &["zentoria-backend"], "WaitingFor", "WaitingFor zentoria-backend", "waits"),
        container("zentoria-logs", &["zentoria-gone"], "WaitingFor", "WaitingFor zentoria-gone", "waits"),
        container(
            "zentoria-n8n",
            &["zentoria-vault"],
            "StoppedExternally",
            "StoppedBy root@pam",
            "was stopped by root@pam and stays stopped; start it in Proxmox VE, or set power.onExternalStop",
        ),
        container("zentoria-auth", &["zentoria-vault"], "Creating", "Creating", "Create runs in Proxmox VE"),
        container("zentoria-docs", &["zentoria-vault"], "Running", "Running", "runs"),
    ];
    all[7].metadata.annotations = Some([("zentoria.ai/paused".to_owned(), "true".to_owned())].into());
    all[0].status.as_mut().unwrap().pending_changes = serde_json::from_value(json!([
        {"field": "features", "from": "(unset)", "to": "nesting=1", "class": "Reboot", "digest": "aaaaaaaaaaaa",
         "message": "stored"},
        {"field": "unprivileged", "from": "true", "to": "false", "class": "Replace", "digest": "bbbbbbbbbbbb",
         "message": "cannot be changed in place"},
    ]))
    .unwrap();
    all[0].metadata.annotations = Some([("zentoria.ai/approve".to_owned(), "aaaaaaaaaaaa".to_owned())].into());
    crate::golden::compare("status-trouble", &screen(&clusters, &all, now()));
}

#[test]
fn an_estate_at_rest_fits_a_few_lines() {
    let clusters = [cluster(json!({
        "version": "9.2.11", "nodesSummary": "1/1", "quorum": "SingleNode", "summary": "Ready",
        "nodes": [{"name": "pve1", "online": true}],
        "guests": {"managed": 3, "unmanaged": 0, "foreign": 0, "copies": 0, "retained": 0, "trashed": 0},
        "conditions": [condition("Ready", "True", "Ready", "1 of 1 nodes online")],
    }))];
    let all = [
        container("zentoria-vault", &[], "Running", "Running", "runs"),
        container("zentoria-db", &["zentoria-vault"], "Running", "Running", "runs"),
        container("zentoria-web", &["zentoria-db"], "Running", "Running", "runs"),
    ];
    crate::golden::compare("status-rest", &screen(&clusters, &all, now()));
}
