//! The calls of a guest's whole life: snapshots, templates, moves, restores.

use std::collections::BTreeMap;
use std::time::Duration;

use super::calls::{UPID, line, node, texts, vmid};
use super::server::{Server, failed, ok};
use super::support::{recorded, upid};
use crate::error::PveError;
use crate::lenient::Row;
use crate::moving::{Migrate, MoveVolume};
use crate::params::RestoreLxc;
use crate::problem::TaskProblem;
use crate::snapshot::{Feature, SnapshotRow};
use crate::tasks::{TaskOutcome, TaskStatus};
use zentoria_types::{ConfigDigest, SnapshotName};

fn snapshots(name: &str) -> Vec<SnapshotRow> {
    let one = recorded(name);
    let rows = one.decode::<Vec<Row>>().unwrap();
    rows.iter().map(|row| SnapshotRow::from_row(one.call(), row).unwrap()).collect()
}

pub(super) fn problem(name: &str) -> Option<TaskProblem> {
    let one = recorded(name);
    let TaskStatus::Stopped { exit } = TaskStatus::read(one.call(), one.decode()).unwrap() else { panic!("{name}") };
    TaskOutcome::from_exit(&exit, vec![]).error(&upid())?.task_problem()
}

fn restore() -> RestoreLxc {
    RestoreLxc {
        vmid: vmid(134),
        archive: "local:backup/vzdump-lxc-101-2026_11_21-09_17_37.tar.zst".to_owned(),
        storage: "local-dir".parse().unwrap(),
        options: texts(&[("hostname", "back"), ("onboot", "0")]),
        unique: true,
        pool: None,
    }
}

#[tokio::test]
async fn every_call_looks_as_pve_wants_it() {
    let server = Server::start(|seen| match seen.target.as_str() {
        template if template.ends_with("/template") => ok("null"),
        _ => ok(UPID),
    })
    .await;
    let client = server.client();
    let (node, ct) = (node(), vmid(111));
    let name: SnapshotName = "before-1".parse().unwrap();
    client.create_snapshot(&node, ct, &name, Some("a change")).await.unwrap();
    client.create_snapshot(&node, ct, &name, None).await.unwrap();
    client.delete_snapshot(&node, ct, &name).await.unwrap();
    client.convert_to_template(&node, ct).await.unwrap();
    let digest = ConfigDigest::new("abc");
    let fast = "fast".parse().unwrap();
    let volume = MoveVolume { volume: "mp0".to_owned(), storage: fast, delete: false, digest };
    client.move_volume(&node, ct, &volume).await.unwrap();
    let target = "pve2".parse().unwrap();
    let migrate = Migrate { target, restart: true, timeout: Some(Duration::from_secs(90)) };
    client.migrate(&node, ct, &migrate).await.unwrap();
    client.migrate(&node, ct, &Migrate { restart: false, ..migrate }).await.unwrap();
    assert_eq!(client.restore(&node, &restore()).await.unwrap(), upid());
    client.restore(&node, &RestoreLxc { unique: false, options: BTreeMap::new(), ..restore() }).await.unwrap();
    let archive = "ostemplate=local%3Abackup%2Fvzdump-lxc-101-2026_11_21-09_17_37.tar.zst";
    let lines: Vec<String> = server.seen().iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "POST /nodes/pve1/lxc/111/snapshot description=a+change&snapname=before-1".to_owned(),
            "POST /nodes/pve1/lxc/111/snapshot snapname=before-1".to_owned(),
            "DELETE /nodes/pve1/lxc/111/snapshot/before-1".to_owned(),
            "POST /nodes/pve1/lxc/111/template".to_owned(),
            "POST /nodes/pve1/lxc/111/move_volume delete=0&digest=abc&storage=fast&volume=mp0".to_owned(),
            "POST /nodes/pve1/lxc/111/migrate restart=1&target=pve2&timeout=90".to_owned(),
            "POST /nodes/pve1/lxc/111/migrate target=pve2".to_owned(),
            format!(
                "POST /nodes/pve1/lxc hostname=back&onboot=0&{archive}&restore=1&storage=local-dir&unique=1&vmid=134"
            ),
            format!("POST /nodes/pve1/lxc {archive}&restore=1&storage=local-dir&vmid=134"),
        ]
    );
}

#[tokio::test]
async fn a_restore_never_replaces_a_guest_and_takes_nothing_but_a_backup() {
    let server = Server::start(|_| ok(UPID)).await;
    for key in ["force", "start", "lock", "vmid", "unique"] {
        let dangerous = RestoreLxc { options: texts(&[(key, "1")]), ..restore() };
        let refused = server.client().restore(&node(), &dangerous).await.unwrap_err();
        assert_eq!(refused.kind(), "rejected", "{key}");
    }
    for archive in ["-", "/var/lib/vz/dump/x.tar.zst", "local:vztmpl/x.tar.zst", ":backup/x", "local:101/x.raw"] {
        let other = RestoreLxc { archive: archive.to_owned(), ..restore() };
        let refused = server.client().restore(&node(), &other).await.unwrap_err();
        let PveError::Rejected { errors, .. } = &refused else { panic!("{archive}: {refused:?}") };
        assert!(errors.contains_key("ostemplate"), "{archive}");
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_volume_that_is_no_slot_of_a_guest_is_refused_before_sending() {
    let server = Server::start(|_| ok(UPID)).await;
    let storage: zentoria_types::StorageName = "fast".parse().unwrap();
    for (volume, good) in [("rootfs", true), ("mp255", true), ("unused3", true), ("mp256", false), ("net0", false)] {
        let what = MoveVolume { volume: volume.to_owned(), storage: storage.clone(), delete: true, digest: None };
        assert_eq!(server.client().move_volume(&node(), vmid(111), &what).await.is_ok(), good, "{volume}");
    }
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn features_are_asked_for_a_guest_or_for_one_of_its_snapshots() {
    let server = Server::start(|_| ok("{\"hasFeature\":\"1\"}")).await;
    let client = server.client();
    let name: SnapshotName = "before".parse().unwrap();
    assert!(client.has_feature(&node(), vmid(111), Feature::Snapshot, None).await.unwrap());
    assert!(client.has_feature(&node(), vmid(111), Feature::Clone, Some(&name)).await.unwrap());
    let lines: Vec<String> = server.seen().iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "GET /nodes/pve1/lxc/111/feature feature=snapshot",
            "GET /nodes/pve1/lxc/111/feature feature=clone&snapname=before",
        ]
    );
    let silent = Server::start(|_| ok("{}")).await;
    let error = silent.client().has_feature(&node(), vmid(111), Feature::Copy, None).await.unwrap_err();
    assert_eq!(error.kind(), "payload");
}

#[test]
fn the_guest_itself_stands_among_its_snapshots() {
    let none = snapshots("snapshot:list-none");
    assert_eq!(none.iter().map(|row| row.is_current).collect::<Vec<_>>(), [true]);
    let mut two = snapshots("snapshot:list-two");
    two.sort_by_key(|row| row.snaptime);
    let names: Vec<(&str, Option<&str>, bool)> =
        two.iter().map(|row| (row.name.as_str(), row.parent.as_deref(), row.is_current)).collect();
    assert_eq!(names, [("current", Some("live"), true), ("before", None, false), ("live", Some("before"), false)]);
    assert_eq!((two[1].snaptime, two[1].description.as_deref()), (Some(1_795_252_188), Some("changed")));
    assert_eq!(two[2].description, None);
}

#[test]
fn what_a_snapshot_cannot_do_is_told_by_its_task() {
    assert_eq!(problem("snapshot:create-exists.task-status"), Some(TaskProblem::SnapshotExists));
    assert_eq!(problem("snapshot:delete-missing.task-status"), Some(TaskProblem::SnapshotMissing));
    assert_eq!(problem("snapshot:on-dir-storage.task-status"), Some(TaskProblem::SnapshotUnsupported));
}

#[test]
fn a_conversion_to_a_template_answers_null_and_no_upid() {
    recorded("clone:template-make").decode::<()>().unwrap();
    assert_eq!(recorded("clone:template-again").decode::<()>().unwrap_err().kind(), "wrong_state");
}

#[tokio::test]
async fn what_a_running_guest_cannot_do_is_a_wrong_state() {
    let texts = [
        "Full clone of a running container is only possible from a snapshot",
        "can't migrate running container without --online or --restart",
        "cannot move volumes of a running container",
        "you can't convert a CT to template if the CT is running",
    ];
    for text in texts {
        let server = Server::start(move |_| failed(500, text)).await;
        let error = server.client().convert_to_template(&node(), vmid(111)).await.unwrap_err();
        assert_eq!(error, PveError::WrongState { message: text.to_owned() });
    }
}
