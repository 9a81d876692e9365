//! Repositories of every kind, and what becomes of them: a REST server, a claim, a copy on an S3 server; CronJobs that come
//! due by themselves; a place that is lost, another one in its stead, data that rots, a place that is full. All in one
//! namespace, one after the other, because the servers take longer to start than most of this.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use zentoria_api::backup::{BackupPolicy, RestorePhase};
use zentoria_e2e_tests::Stage;

/// `VOLUME` is a directory of this machine, which is the node.
const PLACES: &str = r#"
apiVersion: v1
kind: Secret
metadata: {name: places}
stringData:
  password: a password of the repositories
  wrong: another password
  username: demo
  accessKeyId: demoaccesskey
  secretAccessKey: demosecretkey
---
apiVersion: v1
kind: Secret
metadata: {name: rest}
stringData: {username: demo, password: demo-rest}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: SHARD}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  storageClassName: by-hand
  hostPath: {path: VOLUME}
  claimRef: {namespace: SHARD, name: claim}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: claim}
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: by-hand
  volumeName: SHARD
  resources: {requests: {storage: 1Gi}}
---
apiVersion: zentoria.ai/v1alpha1
kind: BackupRepository
metadata: {name: rest, labels: {zentoria.ai/shard: SHARD}}
spec:
  backend: {rest: {url: "http://storage:8000/rest/"}}
  passwordSecretRef: {name: places, key: password}
  credentialsSecretRef: {name: rest}
  copies:
    - {name: bucket, to: {name: bucket}, schedule: "0 5 * * 0"}
---
apiVersion: zentoria.ai/v1alpha1
kind: BackupRepository
metadata: {name: bucket, labels: {zentoria.ai/shard: SHARD}}
spec:
  backend: {s3: {endpoint: "http://storage:9000", bucket: backups, prefix: copies}}
  passwordSecretRef: {name: places, key: password}
  credentialsSecretRef: {name: places}
---
apiVersion: zentoria.ai/v1alpha1
kind: BackupRepository
metadata: {name: claim, labels: {zentoria.ai/shard: SHARD}}
spec:
  backend: {pvc: {claimName: claim, path: repository}}
  passwordSecretRef: {name: places, key: password}
  check: {parts: 1}
---
# Two for one repository, at the same minute
apiVersion: zentoria.ai/v1alpha1
kind: BackupPolicy
metadata: {name: one, labels: {zentoria.ai/shard: SHARD}}
spec:
  repositoryRef: {name: rest}
  source: {redis: {server: {host: redis}, passwordSecretRef: {name: servers, key: redis-password}}}
  jitter: 0s
  tiers:
    - {name: often, schedule: "* * * * *", keep: 1h}
  verify: {restoreTest: {schedule: "37 3 * * 0"}}
---
apiVersion: zentoria.ai/v1alpha1
kind: BackupPolicy
metadata: {name: two, labels: {zentoria.ai/shard: SHARD}}
spec:
  repositoryRef: {name: rest}
  source: {redis: {server: {host: redis}, passwordSecretRef: {name: servers, key: redis-password}}}
  jitter: 0s
  tiers:
    - {name: often, schedule: "* * * * *", keep: 1h}
---
apiVersion: zentoria.ai/v1alpha1
kind: BackupPolicy
metadata: {name: kept, labels: {zentoria.ai/shard: SHARD}}
spec:
  repositoryRef: {name: claim}
  source: {redis: {server: {host: redis}, passwordSecretRef: {name: servers, key: redis-password}}}
  jitter: 0s
  tiers:
    - {name: yearly, schedule: "0 3 1 1 *", keep: 1y}
"#;

const RESTORE: &str = r"
apiVersion: zentoria.ai/v1alpha1
kind: BackupRestore
metadata: {name: files, labels: {zentoria.ai/shard: SHARD}}
spec:
  policyRef: {name: kept}
  into: {directory: {claimName: claim, path: restored}}
";

/// A place of 6 MiB.
const SMALL: &str = r#"
apiVersion: v1
kind: Service
metadata: {name: small}
spec:
  selector: {app: small}
  ports: [{port: 8000}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: small}
spec:
  selector: {matchLabels: {app: small}}
  template:
    metadata: {labels: {app: small}}
    spec:
      automountServiceAccountToken: false
      securityContext: {runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, fsGroup: 65532, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: rest
          image: localhost/zentoria-test-storage:1
          imagePullPolicy: IfNotPresent
          command: [rest-server, --listen, ":8000", --path, /data/rest, --no-auth]
          readinessProbe: {tcpSocket: {port: 8000}, periodSeconds: 1}
          volumeMounts: [{name: data, mountPath: /data}]
      volumes:
        - {name: data, emptyDir: {medium: Memory, sizeLimit: 6Mi}}
---
apiVersion: zentoria.ai/v1alpha1
kind: BackupRepository
metadata: {name: small, labels: {zentoria.ai/shard: SHARD}}
spec:
  backend: {rest: {url: "http://small:8000/it/"}}
  passwordSecretRef: {name: places, key: password}
---
apiVersion: zentoria.ai/v1alpha1
kind: BackupPolicy
metadata: {name: much, labels: {zentoria.ai/shard: SHARD}}
spec:
  repositoryRef: {name: small}
  source: {redis: {server: {host: redis}, passwordSecretRef: {name: servers, key: redis-password}}}
  jitter: 0s
  tiers:
    - {name: yearly, schedule: "0 3 1 1 *", keep: 1y}
"#;

/// In a place that holds a repository already, with another password than its own.
const WRONG: &str = r#"
apiVersion: zentoria.ai/v1alpha1
kind: BackupRepository
metadata: {name: wrong, labels: {zentoria.ai/shard: SHARD}}
spec:
  backend: {rest: {url: "http://storage:8000/taken/"}}
  passwordSecretRef: {name: places, key: wrong}
  credentialsSecretRef: {name: rest}
"#;

/// A directory that the pods of Jobs may write to.
fn volume() -> tempfile::TempDir {
    let dir = tempfile::Builder::new().prefix("zv").tempdir_in("/tmp").expect("a directory");
    chown(dir.path(), Some(65532), Some(65532)).expect("its owner");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("its mode");
    dir
}

#[tokio::test]
async fn repositories_of_every_kind_keep_backups_and_say_what_became_of_them() {
    let volume = volume();
    let mut stage = Stage::new("places").await;
    let _ = stage.redis(&["EVAL", "for i=1,1000 do redis.call('SET', 'key' .. i, i) end", "0"]);
    stage.start_operator().await;
    stage.apply(&PLACES.replace("VOLUME", volume.path().to_str().expect("UTF-8")));
    let id = stage.repository_ready("rest").await;
    for name in ["bucket", "claim"] {
        assert_ne!(stage.repository_ready(name).await, id);
    }

    comes_due(&stage).await;
    proved_and_copied(&stage).await;
    on_a_claim(&stage, volume.path()).await;
    // Each of these ends a repository.
    rotten(&stage, &volume.path().join("repository")).await;
    wrong_password(&stage).await;
    full(&stage).await;
    gone_and_swapped(&stage).await;
}

/// Both CronJobs of a minute start by themselves, and neither run is in the other's way.
async fn comes_due(stage: &Stage) {
    for policy in ["one", "two"] {
        let what = format!("BackupPolicy {policy} has a backup that nobody asked for");
        stage.until(&what, policy, |policy: &BackupPolicy| policy.status.as_ref()?.last_success.clone()).await;
        let patch = r#"{"spec":{"suspend":true}}"#;
        let _ = stage.kubectl(&["patch", "bp", policy, "--type=merge", "-p", patch]);
    }
    let path = "jsonpath={range .items[?(@.status.succeeded==1)]}{.metadata.ownerReferences[0].kind}/{.metadata.ownerReferences[0].name} {end}";
    let made_by = stage.kubectl(&["get", "jobs", "-o", path]);
    for cron in ["CronJob/bp-one-often", "CronJob/bp-two-often"] {
        assert!(made_by.contains(cron), "{cron} is not in {made_by}");
    }
}

async fn proved_and_copied(stage: &Stage) {
    let patch = r#"{"spec":{"suspend":false,"tiers":[{"name":"often","schedule":"0 3 1 1 *","keep":"1h"}]}}"#;
    let _ = stage.kubectl(&["patch", "bp", "one", "--type=merge", "-p", patch]);
    assert!(stage.run_cron_job("bp-one-restore-test", "test-now").await, "the restore test");
    let evidence = stage
        .until("the policy is verified", "one", |policy: &BackupPolicy| policy.status.as_ref()?.evidence.clone())
        .await;
    assert!(evidence.compared.contains("1000 keys in 1 database"), "{evidence:?}");

    assert!(stage.run_cron_job("br-rest-copy-bucket", "copy-now").await, "the copy");
    let count = |place: &str| stage.storage(&format!("ls {place}/snapshots")).lines().count();
    assert_eq!(count("/data/s3/backups/copies"), count("/data/rest/rest"));
}

async fn on_a_claim(stage: &Stage, volume: &Path) {
    let snapshot = stage.back_up("kept", "yearly", "one").await;
    assert!(snapshot.bytes > 0 && volume.join("repository/config").is_file(), "{snapshot:?}");
    stage.apply(RESTORE);
    let restored = stage.restored("files").await;
    let status = restored.status.expect("a status");
    assert_eq!(status.phase, RestorePhase::Succeeded, "{status:?}");
    let file = fs::read(volume.join("restored/redis/dump.rdb")).expect("what was restored");
    assert!(file.starts_with(b"REDIS"));
}

/// A bit of a pack flips: the check that reads it says so.
async fn rotten(stage: &Stage, repository: &Path) {
    let pack = packs(repository).into_iter().max_by_key(|path| fs::metadata(path).map_or(0, |data| data.len()));
    let pack = pack.expect("a pack");
    let mut bytes = fs::read(&pack).expect("the pack");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::set_permissions(&pack, fs::Permissions::from_mode(0o644)).expect("its mode");
    fs::write(&pack, bytes).expect("the pack");
    assert!(!stage.run_cron_job("br-claim-check", "check-now").await, "a check of rotten data");
    let said = stage.repository_says("claim", "Ready", "Damaged").await;
    assert!(!said.is_empty());
}

fn packs(repository: &Path) -> Vec<PathBuf> {
    let inside = |path: &Path| fs::read_dir(path).expect("a directory").flatten().map(|entry| entry.path()).collect();
    let folders: Vec<PathBuf> = inside(&repository.join("data"));
    folders.iter().flat_map(|folder| -> Vec<PathBuf> { inside(folder) }).collect()
}

async fn wrong_password(stage: &Stage) {
    let _ = stage.storage("cp -r /data/rest/rest /data/rest/taken && echo done");
    stage.apply(WRONG);
    let said = stage.repository_says("wrong", "Ready", "WrongPassword").await;
    assert!(!said.contains("another password"), "{said}");
}

async fn full(stage: &Stage) {
    let script = "for i=1,6000 do local t={} for j=1,40 do t[j]=redis.sha1hex(i..'.'..j) end redis.call('SET', 'big'..i, table.concat(t)) end";
    let _ = stage.redis(&["EVAL", script, "0"]);
    stage.apply(SMALL);
    let _ = stage.repository_ready("small").await;
    stage.annotate_run("much", "fills/yearly");
    let _ = stage.repository_says("small", "Ready", "StorageFull").await;
}

async fn gone_and_swapped(stage: &Stage) {
    let _ = stage.storage("mv /data/rest/rest /data/rest/away && echo done");
    assert!(!stage.run_cron_job("bp-one-often", "gone-now").await, "a backup into nothing");
    let _ = stage.repository_says("rest", "Ready", "RepositoryGone").await;
    assert_eq!(stage.storage("ls /data/rest"), "away\ntaken", "nothing was made in its place");

    let _ = stage.storage("cp -r /data/s3/backups/copies /data/rest/rest && echo done");
    let count = || stage.storage("ls /data/rest/rest/snapshots").lines().count();
    let before = count();
    assert!(!stage.run_cron_job("bp-one-often", "swapped-now").await, "a backup into another repository");
    let _ = stage.repository_says("rest", "Ready", "RepositorySwapped").await;
    assert_eq!(count(), before, "nothing was written to it");

    let _ = stage.storage("mv /data/rest/rest /data/rest/other && mv /data/rest/away /data/rest/rest && echo done");
    assert!(stage.run_cron_job("bp-one-often", "back-now").await, "a backup into the one that is back");
    let _ = stage.repository_says("rest", "Ready", "Ready").await;
}
