//! The tier itself: what the pods of Jobs rely on.

use std::time::Duration;
use zentoria_api_tests::wait::within;
use zentoria_e2e_tests::Stage;
use zentoria_e2e_tests::stage::POD_TIME;

const POD: &str = r#"
apiVersion: batch/v1
kind: Job
metadata: {name: probe}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      automountServiceAccountToken: false
      securityContext: {runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, fsGroup: 65532, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: job
          image: localhost/zentoria-jobs:1
          command: [sh, -c]
          args:
            - |
              set -eu
              cat /secrets/redis-password; echo
              stat -Lc '%a' /secrets/redis-password
              id -u
              ! (: >/forbidden) 2>/dev/null && echo read-only
              : >/scratch/room
              restic version
              for major in 16 17; do
                PGPASSWORD=$(cat /secrets/postgres-password) /usr/lib/postgresql/$major/bin/pg_dump -h postgres -U postgres zentoria >/scratch/$major.sql
                /usr/lib/postgresql/$major/bin/pg_dump --version
              done
              REDISCLI_AUTH=$(cat /secrets/redis-password) redis-cli -h redis ping
              rclone version | head -n 1
              ssh -V 2>&1
              zentoria-job --version
              printf '%s' '{"seconds":1}' >/dev/termination-log
          securityContext: {readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
          resources: {limits: {cpu: "1", memory: 256Mi}}
          volumeMounts:
            - {name: secrets, mountPath: /secrets}
            - {name: scratch, mountPath: /scratch}
      volumes:
        - {name: secrets, secret: {secretName: servers, defaultMode: 0400}}
        - {name: scratch, emptyDir: {}}
"#;

#[tokio::test]
async fn a_job_has_its_programs_its_secrets_as_files_and_reaches_services_by_name() {
    let stage = Stage::new("node").await;
    stage.apply(POD);
    let ended = within(POD_TIME, "the Job has ended", || async {
        let status = stage.kubectl(&["get", "job", "probe", "-o", "jsonpath={.status.succeeded}/{.status.failed}"]);
        if status == "/" { Err("it runs".to_owned()) } else { Ok(status) }
    })
    .await;
    let log = stage.kubectl(&["logs", "job/probe"]);
    assert_eq!(ended, "1/", "{log}");
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.get(..4), Some(["demo-redis", "440", "65532", "read-only"].as_slice()), "{log}");
    for word in
        ["restic 0.", "(PostgreSQL) 16.", "(PostgreSQL) 17.", "PONG", "rclone v1.", "OpenSSH_", "zentoria-job 0."]
    {
        assert!(log.contains(word), "no {word} in:\n{log}");
    }
    let said = within(Duration::from_secs(60), "the termination message", || async {
        let path = "jsonpath={.items[0].status.containerStatuses[0].state.terminated.message}";
        let said = stage.kubectl(&["get", "pods", "-l", "job-name=probe", "-o", path]);
        if said.is_empty() { Err("nothing".to_owned()) } else { Ok(said) }
    })
    .await;
    assert_eq!(said, r#"{"seconds":1}"#);
}
