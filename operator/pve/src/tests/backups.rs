//! Backups, and what a node fetches by itself.

use super::calls::{UPID, line, node, vmid};
use super::life::problem;
use super::server::{Server, ok};
use super::support::{recorded, upid};
use crate::backup::{BackupMode, Vzdump};
use crate::backup_jobs::{BackupJob, BackupJobWish};
use crate::download::{DownloadTemplate, PullImage};
use crate::error::PveError;
use crate::problem::TaskProblem;
use zentoria_types::{StorageName, Upid};

fn local() -> StorageName {
    "local".parse().unwrap()
}

/// A server that answers as it was recorded.
async fn replay(name: &str) -> Server {
    let body = recorded(name).body["data"].to_string();
    Server::start(move |_| ok(&body)).await
}

#[tokio::test]
async fn a_backup_never_prunes_others() {
    let server = Server::start(|_| ok(UPID)).await;
    let notes_template = Some("zentoria {{guestname}}".to_owned());
    let what =
        Vzdump { vmid: vmid(101), storage: local(), mode: BackupMode::Snapshot, notes_template, protected: true };
    assert_eq!(server.client().vzdump(&node(), &what).await.unwrap(), upid());
    let plain = |mode| Vzdump { mode, notes_template: None, protected: false, ..what.clone() };
    server.client().vzdump(&node(), &plain(BackupMode::Stop)).await.unwrap();
    server.client().vzdump(&node(), &plain(BackupMode::Suspend)).await.unwrap();
    let lines: Vec<String> = server.seen().iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "POST /nodes/pve1/vzdump compress=zstd&mode=snapshot&notes-template=zentoria+%7B%7Bguestname%7D%7D&\
             protected=1&remove=0&storage=local&vmid=101",
            "POST /nodes/pve1/vzdump compress=zstd&mode=stop&remove=0&storage=local&vmid=101",
            "POST /nodes/pve1/vzdump compress=zstd&mode=suspend&remove=0&storage=local&vmid=101",
        ]
    );
}

#[tokio::test]
async fn the_backups_of_one_guest_are_listed_oldest_first_and_no_other_guests() {
    let server = replay("vzdump:vzdump-stopped.content").await;
    let found = server.client().backups(&node(), &local(), vmid(102)).await.unwrap();
    assert_eq!(line(&server.seen()[0]), "GET /nodes/pve1/storage/local/content content=backup&vmid=102",);
    let rows: Vec<_> = found.iter().map(|one| (one.ctime, one.notes.as_deref(), one.protected)).collect();
    assert_eq!(rows[..2], [(Some(1_795_252_578), Some("ct102 of pve1"), true), (Some(1_795_252_584), None, false)]);
    let oldest = &found[0];
    assert_eq!(oldest.volid, "local:backup/vzdump-lxc-102-2026_11_21-09_16_18.tar.zst");
    assert_eq!((oldest.size, oldest.vmid), (Some(1_086_218), Some(vmid(102))));
    assert_eq!((oldest.format.as_deref(), oldest.subtype.as_deref()), (Some("tar.zst"), Some("lxc")));
    assert!(found.iter().all(|one| one.vmid == Some(vmid(102))));
    assert!(server.client().backups(&node(), &local(), vmid(999)).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_configuration_in_a_backup_is_asked_by_its_volume() {
    let server = replay("vzdump:extractconfig").await;
    let config = server.client().backup_config(&node(), "local:backup/a b.tar.zst").await.unwrap();
    assert_eq!(config.options["hostname"], "ct101");
    let want = "GET /nodes/pve1/vzdump/extractconfig volume=local%3Abackup%2Fa+b.tar.zst";
    assert_eq!(line(&server.seen()[0]), want);
}

#[tokio::test]
async fn nothing_but_a_backup_of_the_named_storage_is_removed() {
    let server = replay("vzdump:backup-delete").await;
    let client = server.client();
    let done = client.delete_backup(&node(), &local(), "local:backup/vzdump-lxc-101.tar.zst").await.unwrap();
    assert_eq!(done.task_type(), "imgdel");
    for volid in ["local:101/vm-101-disk-0.raw", "local:vztmpl/x.tar.zst", "local2:backup/x", "backup/x", ""] {
        let refused = client.delete_backup(&node(), &local(), volid).await.unwrap_err();
        assert_eq!(refused.kind(), "rejected", "{volid}");
    }
    let seen = server.seen();
    let want = "DELETE /nodes/pve1/storage/local/content/local%3Abackup%2Fvzdump-lxc-101.tar.zst";
    assert_eq!(seen.iter().map(line).collect::<Vec<_>>(), [want]);
    assert_eq!(seen[0].body, "");
}

#[tokio::test]
async fn a_template_is_fetched_with_its_checksum_and_an_image_by_its_reference() {
    let server = Server::start(|_| ok(UPID)).await;
    let client = server.client();
    let filename = "x_1_amd64.tar.zst".to_owned();
    let url = "https://example.test/x.tar.zst?a=1&b=2".to_owned();
    let checksum = Some(format!("sha512:{}", "AB".repeat(64)).parse().unwrap());
    let what = DownloadTemplate { filename, url, checksum };
    client.download_template(&node(), &local(), &what).await.unwrap();
    client.download_template(&node(), &local(), &DownloadTemplate { checksum: None, ..what }).await.unwrap();
    let image = PullImage { reference: "docker.io/library/nginx:1.29".to_owned(), filename: None };
    client.pull_image(&node(), &local(), &image).await.unwrap();
    let named = PullImage { filename: Some("web".to_owned()), ..image };
    client.pull_image(&node(), &local(), &named).await.unwrap();
    let file = "filename=x_1_amd64.tar.zst&url=https%3A%2F%2Fexample.test%2Fx.tar.zst%3Fa%3D1%26b%3D2";
    let lines: Vec<String> = server.seen().iter().map(line).collect();
    assert_eq!(
        lines,
        [
            format!(
                "POST /nodes/pve1/storage/local/download-url checksum-algorithm=sha512&checksum={}&content=vztmpl&{file}",
                "ab".repeat(64)
            ),
            format!("POST /nodes/pve1/storage/local/download-url content=vztmpl&{file}"),
            "POST /nodes/pve1/storage/local/oci-registry-pull reference=docker.io%2Flibrary%2Fnginx%3A1.29".to_owned(),
            "POST /nodes/pve1/storage/local/oci-registry-pull filename=web&reference=docker.io%2Flibrary%2Fnginx%3A1.29"
                .to_owned(),
        ]
    );
}

#[test]
fn what_was_not_fetched_or_removed_is_told_by_the_task() {
    assert_eq!(problem("storage:download-url-no-network.task-status"), Some(TaskProblem::DownloadFailed));
    assert_eq!(problem("oci:oci-registry-pull-unreachable.task-status"), Some(TaskProblem::ImagePullFailed));
    assert_eq!(problem("vzdump:backup-delete-protected.task-status"), Some(TaskProblem::VolumeProtected));
    assert_eq!(problem("vzdump:vzdump-locked.task-status"), None);
}

#[test]
fn the_task_of_a_pull_names_the_file_that_it_makes() {
    let upid: Upid = recorded("oci:oci-registry-pull-unreachable").decode::<String>().unwrap().parse().unwrap();
    assert_eq!((upid.task_type(), upid.id()), ("ociregistrypull", "x_1.tar"));
}

#[test]
fn a_token_without_the_network_privilege_is_told_so_for_an_image_but_not_for_a_url() {
    let privilege = |name: &str| match recorded(name).decode::<String>().unwrap_err() {
        PveError::Forbidden { path, privilege, .. } => (path, privilege),
        other => panic!("{name}: {other:?}"),
    };
    let named = (Some("/nodes/pve1".to_owned()), Some("Sys.AccessNetwork".to_owned()));
    assert_eq!(privilege("oci:oci-registry-pull-token"), named);
    assert_eq!(privilege("storage:download-url-token"), (None, None));
}

#[tokio::test]
async fn a_pve_that_knows_no_images_says_that_it_has_no_such_call() {
    let text = "Method 'POST /nodes/pve1/storage/local/oci-registry-pull' not implemented";
    let server = Server::start(move |_| super::server::failed(501, text)).await;
    let image = PullImage { reference: "docker.io/library/nginx:1.29".to_owned(), filename: None };
    let error = server.client().pull_image(&node(), &local(), &image).await.unwrap_err();
    assert!(error.is_not_implemented(), "{error:?}");
}

fn wish() -> BackupJobWish {
    BackupJobWish {
        id: "zentoria-1a2b".to_owned(),
        comment: "zentoria.ai/backup estate=test policy=ns/all tier=weekly".to_owned(),
        schedule: "sun 04:00".to_owned(),
        storage: local(),
        vmids: [vmid(101), vmid(102)].into(),
        notes_template: "zentoria.ai/backup estate=test policy=ns/all tier=weekly".to_owned(),
    }
}

#[tokio::test]
async fn a_backup_job_names_its_guests_and_never_prunes() {
    let server = Server::start(|_| ok("null")).await;
    let client = server.client();
    client.create_backup_job(&wish()).await.unwrap();
    let seen = BackupJob { id: wish().id, prunes: true, others: true, ..BackupJob::default() };
    client.set_backup_job(&seen, &wish()).await.unwrap();
    client.delete_backup_job("zentoria-1a2b").await.unwrap();
    let lines: Vec<String> = server.seen().iter().map(line).collect();
    let notes = "zentoria.ai%2Fbackup+estate%3Dtest+policy%3Dns%2Fall+tier%3Dweekly";
    let head = format!("comment={notes}&compress=zstd");
    let tail =
        format!("mode=snapshot&notes-template={notes}&remove=0&schedule=sun+04%3A00&storage=local&vmid=101%2C102");
    assert_eq!(
        lines,
        [
            format!("POST /cluster/backup {head}&enabled=1&id=zentoria-1a2b&{tail}"),
            format!(
                "PUT /cluster/backup/zentoria-1a2b {head}&delete=prune-backups%2Call%2Cexclude%2Cpool&enabled=1&{tail}"
            ),
            "DELETE /cluster/backup/zentoria-1a2b".to_owned(),
        ]
    );
    let none = BackupJobWish { vmids: std::collections::BTreeSet::new(), ..wish() };
    assert_eq!(client.create_backup_job(&none).await.unwrap_err().kind(), "rejected");
}

#[test]
fn a_job_that_takes_more_prunes_or_rests_is_not_as_it_was_wished() {
    let BackupJobWish { id, comment, schedule, storage, vmids, notes_template } = wish();
    let kept = BackupJob {
        id,
        comment: Some(comment),
        schedule: Some(schedule),
        storage: Some(storage.to_string()),
        vmids,
        enabled: true,
        mode: Some("snapshot".to_owned()),
        notes_template: Some(notes_template),
        remove: false,
        prunes: false,
        others: false,
    };
    assert!(wish().is_met_by(&kept));
    for other in [
        BackupJob { enabled: false, ..kept.clone() },
        BackupJob { remove: true, ..kept.clone() },
        BackupJob { prunes: true, ..kept.clone() },
        BackupJob { others: true, ..kept.clone() },
        BackupJob { vmids: [vmid(101)].into(), ..kept.clone() },
        BackupJob { mode: Some("stop".to_owned()), ..kept.clone() },
        BackupJob { notes_template: None, ..kept.clone() },
    ] {
        assert!(!wish().is_met_by(&other), "{other:?}");
    }
}

#[tokio::test]
async fn the_jobs_of_pve_are_read_with_what_they_do_by_default() {
    let server = replay("vzdump:backup-jobs-list-one").await;
    let jobs = server.client().backup_jobs().await.unwrap();
    let [job] = &jobs[..] else { panic!("{jobs:?}") };
    assert_eq!((job.schedule.as_deref(), job.storage.as_deref()), (Some("02:00"), Some("local")));
    assert_eq!(job.vmids, [vmid(101)].into());
    assert!(job.enabled && job.remove && job.prunes && !job.others, "{job:?}");
}

#[tokio::test]
async fn what_a_backup_server_verified_is_told_with_its_task() {
    let row = r#"[{"volid": "pbs:backup/ct/101/2026-01-01T00:00:00Z", "vmid": 101, "content": "backup", "ctime": 1767225600,
        "verification": {"state": "ok", "upid": "UPID:pbs:00000A1B:00000C2D:0000000E:69560F80:verify:store:root@pam:"}}]"#;
    let server = Server::start(move |_| ok(row)).await;
    let found = server.client().backups(&node(), &local(), vmid(101)).await.unwrap();
    assert_eq!((found[0].verification.as_deref(), found[0].verified_at), (Some("ok"), Some(0x6956_0F80)));
}

#[tokio::test]
async fn a_node_tells_its_time_zone() {
    let row = r#"{"localtime": 1795256268, "time": 1795252668, "timezone": "Europe/Amsterdam"}"#;
    let server = Server::start(move |_| ok(row)).await;
    assert_eq!(server.client().time_zone(&node()).await.unwrap(), "Europe/Amsterdam");
}
