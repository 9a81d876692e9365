//! The whole way of a backup, with a real PostgreSQL, Redis and S3 server: made, proved, restored, and lost again.

use std::path::Path;
use zentoria_api::backup::{BackupPolicy, BackupRepository, RestorePhase};
use zentoria_api_tests::wait::within;
use zentoria_e2e_tests::Stage;
use zentoria_e2e_tests::stage::POD_TIME;

const OVER_THE_SOURCE: &str = r"
apiVersion: zentoria.ai/v1alpha1
kind: BackupRestore
metadata:
  name: back
  labels: {zentoria.ai/shard: SHARD}
spec:
  policyRef: {name: db}
  into: {source: {}}
  confirm: db
";

#[tokio::test]
async fn a_database_is_backed_up_proved_and_brought_back() {
    let mut stage = Stage::new("cycle").await;
    stage.furnish_postgres(2000);
    stage.start_operator().await;
    stage.apply_file("backup.yaml");

    let id = stage.repository_ready("main").await;
    assert_eq!(id.len(), 64, "{id}");
    assert_eq!(stage.storage("ls /data/s3/backups/main/config"), "/data/s3/backups/main/config");

    let snapshot = stage.back_up("db", "hourly", "first").await;
    assert!(snapshot.bytes > 1_000_000, "{snapshot:?}");

    // The CronJob of the restore test, started now.
    assert!(stage.run_cron_job("bp-db-restore-test", "test-now").await, "the restore test");
    let evidence = stage
        .until("the policy is verified", "db", |policy: &BackupPolicy| {
            let status = policy.status.as_ref()?;
            status.verified.as_ref()?;
            status.evidence.clone()
        })
        .await;
    assert!(evidence.compared.contains("1 database"), "{evidence:?}");
    assert_eq!(evidence.snapshot, snapshot.id);

    // A restore into a scratch place, as the demo does.
    stage.apply_file("restore.yaml");
    let proof = stage.restored("proof").await;
    let status = proof.status.expect("a status");
    assert_eq!(status.phase, RestorePhase::Succeeded, "{status:?}");
    assert!(status.results["db"].evidence.is_some(), "{status:?}");

    // What somebody deletes comes back; what came later goes, and is in the backup that is taken first.
    let counted =
        "select (select count(*) from documents), (select count(*) from embeddings), (select count(*) from customers)";
    let before = stage.sql(counted);
    let _ = stage.sql("delete from documents; insert into customers values (9999, 'later'); drop view busy;");
    stage.apply(OVER_THE_SOURCE);
    let back = stage.restored("back").await;
    let status = back.status.expect("a status");
    assert_eq!(status.phase, RestorePhase::Succeeded, "{status:?}");
    assert_eq!(stage.sql(counted), before);
    assert_eq!(stage.sql("select count(*) from busy"), "500");

    // Nothing of this was more than looked at by the repository's own Jobs.
    assert!(stage.run_cron_job("br-main-check", "check-now").await, "the check");
    assert!(stage.run_cron_job("br-main-maintain", "maintain-now").await, "the maintenance");
    let snapshots = stage
        .until("the repository was checked and maintained", "main", |repository: &BackupRepository| {
            let status = repository.status.as_ref()?;
            status.check.last_success.as_ref()?;
            status.maintenance.last_success.as_ref()?;
            status.snapshots
        })
        .await;
    assert!(snapshots >= 2, "{snapshots}");

    // What a person sees.
    let seen = stage.kubectl(&["get", "bp,br,brs"]);
    for word in ["db", "main", "proof", "Succeeded"] {
        assert!(seen.contains(word), "no {word} in:\n{seen}");
    }
}

#[tokio::test]
async fn a_backup_whose_pod_is_killed_leaves_nothing_that_counts_and_its_lock_goes() {
    let mut stage = Stage::new("killed").await;
    let _ = stage.sql(
        "create table big (id int primary key, body bytea);
         alter table big alter body set storage external;
         insert into big select n, decode(string_agg(md5(n::text || '.' || part), ''), 'hex') from generate_series(1, 4000) n,
         generate_series(1, 2048) part group by n;",
    );
    stage.start_operator().await;
    stage.apply_file("backup.yaml");
    let _ = stage.repository_ready("main").await;

    // Maintenance is not to wait for half an hour for a lock that nobody holds.
    let _ =
        stage.kubectl(&["patch", "br", "main", "--type=merge", "-p", r#"{"spec":{"maintenance":{"retryLock":"5s"}}}"#]);
    let server = stage.container("app=storage", "s3").await;
    let packs = stage.root_of(&server).join("data/s3/backups/main/data");
    stage.annotate_run("db", "doomed/hourly");
    // The roles and the small databases are stored first. Of the large one, which has 130 MB, the upload takes a second or
    // two, and each call of kubectl one of them: so it stands still in the middle.
    within(POD_TIME, "the upload of the large database", || async {
        let stored = bytes_in(&packs);
        if stored > 30_000_000 { Ok(()) } else { Err(format!("{stored} bytes")) }
    })
    .await;
    stage.signal(&server, "STOP");
    let container = stage.container("zentoria.ai/operation=backup-hourly", "job").await;
    stage.signal(&container, "KILL");
    let lock = stage.storage("ls /data/s3/backups/main/locks || true");
    assert!(!lock.is_empty(), "the killed backup had no time to remove its lock");
    stage.signal(&server, "CONT");

    // The Job's own next pod, or the next run, succeeds: the lock of a backup is in no other's way.
    let snapshot = stage
        .until("a backup after the killed one", "db", |policy: &BackupPolicy| {
            policy.status.as_ref()?.tiers.get("hourly")?.snapshot.clone()
        })
        .await;
    assert!(snapshot.bytes > 100_000_000, "{snapshot:?}");

    // Maintenance needs the repository alone: it finds the lock, whose holder is proved to be gone, and gets it removed.
    assert!(!stage.run_cron_job("br-main-maintain", "maintain-first").await, "maintenance beside a lock");
    let none = "[ -e /data/s3/backups/main/config ] && [ -z \"$(ls /data/s3/backups/main/locks 2>/dev/null)\" ] && echo none || true";
    let _ = stage.storage_says("the lock of the killed pod is removed", none).await;
    assert!(stage.run_cron_job("br-main-maintain", "maintain-second").await, "the maintenance after the unlock");
    let _ = stage
        .until("status shows no lock, and the maintenance", "main", |repository: &BackupRepository| {
            let status = repository.status.as_ref()?;
            (status.locks.is_empty() && status.maintenance.last_success.is_some()).then_some(())
        })
        .await;
}

/// The size of the files in the directories of a directory, which may not be there yet.
fn bytes_in(directory: &Path) -> u64 {
    let entries = |path: &Path| std::fs::read_dir(path).into_iter().flatten().flatten();
    let files = entries(directory).flat_map(|inner| entries(&inner.path()));
    files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
}
