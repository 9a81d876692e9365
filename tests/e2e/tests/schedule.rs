//! A schedule that comes due by itself, a REST server with a login, and a password that does not open the repository.

use zentoria_api::backup::BackupPolicy;
use zentoria_e2e_tests::Stage;

const REPOSITORIES: &str = r#"
apiVersion: v1
kind: Secret
metadata: {name: rest}
stringData: {repository: right, wrong: guessed, username: demo, password: demo-rest}
---
apiVersion: zentoria.ai/v1alpha1
kind: BackupRepository
metadata:
  name: rest
  labels: {zentoria.ai/shard: SHARD}
spec:
  backend: {rest: {url: "http://storage:8000/cache/"}}
  passwordSecretRef: {name: rest, key: repository}
  credentialsSecretRef: {name: rest}
---
apiVersion: zentoria.ai/v1alpha1
kind: BackupPolicy
metadata:
  name: cache
  labels: {zentoria.ai/shard: SHARD}
spec:
  repositoryRef: {name: rest}
  source:
    redis:
      server: {host: redis}
      passwordSecretRef: {name: servers, key: redis-password}
  jitter: 0s
  tiers:
    - {name: minutely, schedule: "* * * * *", keep: 24h}
"#;

const STRANGER: &str = r#"
apiVersion: zentoria.ai/v1alpha1
kind: BackupRepository
metadata:
  name: stranger
  labels: {zentoria.ai/shard: SHARD}
spec:
  backend: {rest: {url: "http://storage:8000/cache/"}}
  passwordSecretRef: {name: rest, key: wrong}
  credentialsSecretRef: {name: rest}
"#;

#[tokio::test]
async fn a_schedule_comes_due_and_another_password_opens_nothing() {
    let mut stage = Stage::new("schedule").await;
    assert_eq!(stage.redis(&["set", "greeting", "hello"]), "OK");
    stage.start_operator().await;
    stage.apply(REPOSITORIES);
    let _ = stage.repository_ready("rest").await;

    let snapshot = stage
        .until("the schedule made a backup by itself", "cache", |policy: &BackupPolicy| {
            policy.status.as_ref()?.tiers.get("minutely")?.snapshot.clone()
        })
        .await;
    assert!(snapshot.bytes > 0, "{snapshot:?}");
    let _ = stage.kubectl(&["patch", "bp", "cache", "--type=merge", "-p", r#"{"spec":{"suspend":true}}"#]);

    let config = stage.storage("stat -c %s%Y /data/rest/cache/config; ls /data/rest/cache/keys");
    stage.apply(STRANGER);
    let message = stage.repository_says("stranger", "Ready", "WrongPassword").await;
    assert!(!message.contains("guessed"), "a password in: {message}");
    assert_eq!(stage.storage("stat -c %s%Y /data/rest/cache/config; ls /data/rest/cache/keys"), config);
}
