//! Whole Jobs as processes: a real source, a real repository, and back.

use crate::postgres::{PASSWORD, estate};
use crate::{redis, s3, vault};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;
use zentoria_test_servers::process::component;
use zentoria_test_servers::sshd::Sshd;
use zentoria_test_servers::wait::until;
use zentoria_types::backup_job::secrets::{REPOSITORY_PASSWORD, SOURCE_PASSWORD, SOURCE_SSH_KEY};
use zentoria_types::backup_job::{
    JobError, JobSpec, Location, Operation, Outcome, RestoreInto, SnapshotWish, SourceSpec,
};

const REPOSITORY: &str = "repository-secret";

/// One source and its repository.
struct Jobs {
    dir: TempDir,
    source: SourceSpec,
    id: Option<String>,
    programs: Vec<PathBuf>,
    hidden: Vec<String>,
}

impl Jobs {
    fn new(source: SourceSpec, secrets: &[(&str, &str)], programs: &[PathBuf]) -> Option<Self> {
        let restic = component("restic")?.parent()?.to_owned();
        let dir = tempfile::Builder::new().prefix("zc").tempdir_in("/tmp").expect("a directory");
        let repository = (REPOSITORY_PASSWORD, REPOSITORY);
        let all = secrets.iter().map(|secret| ("all", *secret));
        for (of, (name, text)) in all.chain([("all", repository), ("repository", repository)]) {
            let path = dir.path().join(of).join(name);
            std::fs::create_dir_all(path.parent()?).expect("its directory");
            std::fs::write(path, text).expect("a secret");
        }
        let mut all = vec![restic, "/usr/bin".into(), "/bin".into()];
        all.extend_from_slice(programs);
        let hidden = secrets.iter().map(|(_, text)| text.trim().to_owned()).chain([REPOSITORY.to_owned()]).collect();
        let mut jobs = Self { dir, source, id: None, programs: all, hidden };
        jobs.id = jobs.run(Operation::Init).repository_id;
        assert!(jobs.id.is_some());
        Some(jobs)
    }

    fn run(&self, operation: Operation) -> Outcome {
        // the pod of a restore that does not reach the source gets no secret of it
        let elsewhere = matches!(&operation, Operation::Restore { into, .. } if *into != RestoreInto::Source);
        let secrets = if elsewhere { "repository" } else { "all" };
        let job = tempfile::Builder::new().prefix("j").tempdir_in(self.dir.path()).expect("a directory");
        let at = |name: &str| job.path().join(name);
        let spec = JobSpec {
            namespace: "test".into(),
            repository: Location::Path(self.dir.path().join("restic").display().to_string()),
            repository_id: self.id.clone(),
            retry_lock_seconds: 0,
            delay_seconds: 0,
            operation,
        };
        std::fs::write(at("job.json"), serde_json::to_vec(&spec).expect("JSON")).expect("the spec");
        std::fs::create_dir(at("scratch")).expect("scratch");
        let ran = Command::new(env!("CARGO_BIN_EXE_zentoria-job"))
            .arg("run")
            .arg("--spec")
            .arg(at("job.json"))
            .arg("--secrets")
            .arg(self.dir.path().join(secrets))
            .arg("--scratch")
            .arg(at("scratch"))
            .arg("--outcome")
            .arg(at("outcome"))
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("ZENTORIA_JOB_PATH", std::env::join_paths(&self.programs).expect("paths"))
            .stdin(Stdio::null())
            .output()
            .expect("the Job runs");
        let outcome = std::fs::read_to_string(at("outcome")).expect("an outcome");
        let said = [ran.stdout, ran.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        for secret in &self.hidden {
            assert!(!said.contains(secret) && !outcome.contains(secret), "a secret was told: {said} {outcome}");
        }
        serde_json::from_str(&outcome).expect("an outcome")
    }

    fn backup(&self, only_if_changed: bool) -> Outcome {
        let (policy, tier, source) = ("data".to_owned(), "hourly".to_owned(), self.source.clone());
        self.run(Operation::Backup { policy, tier, source, only_if_changed })
    }

    fn restore(&self, into: RestoreInto) -> Outcome {
        let (policy, snapshot, source) = ("data".to_owned(), SnapshotWish::Latest, self.source.clone());
        self.run(Operation::Restore { policy, snapshot, source, into, only: Vec::new(), secured: false })
    }

    /// Over the source; `secured`: what it names was backed up before.
    fn restore_over(&self, only: &[&str], secured: bool) -> Outcome {
        let (policy, snapshot, source) = ("data".to_owned(), SnapshotWish::Latest, self.source.clone());
        let only = only.iter().map(|name| (*name).to_owned()).collect();
        self.run(Operation::Restore { policy, snapshot, source, into: RestoreInto::Source, only, secured })
    }
}

fn good(outcome: Outcome) -> Outcome {
    assert_eq!(outcome.error, None, "{:?}", outcome.message);
    outcome
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_server_is_backed_up_proved_on_a_newer_version_and_restored() {
    let Some((server, _)) = estate("postgres16").await else { return };
    let Some(target) = crate::postgres::Postgres::scratch("postgres18").await else { return };
    let programs = [server.bin(), target.bin()];
    let Some(jobs) = Jobs::new(server.spec(&[]), &[(SOURCE_PASSWORD, PASSWORD)], &programs) else { return };
    let made = good(jobs.backup(false)).snapshot.expect("a backup");
    assert_eq!(made.parts, 4, "roles and three databases");
    let proof = good(jobs.restore(RestoreInto::Scratch { postgres_port: target.port })).proof.expect("a proof");
    assert_eq!(proof.compared, "3 databases, 5 tables, 840 rows, contents and schema equal, 3 roles");

    // one database whose dump fails: the whole run is no backup
    server
        .run_sql("we=ird 'n\\ame", "CREATE TABLE t (a int); INSERT INTO t VALUES (1); UPDATE pg_attribute SET atttypid = 4294967 WHERE attrelid = 't'::regclass AND attname = 'a'")
        .await;
    let failed = jobs.backup(false);
    assert_eq!(failed.error, Some(JobError::SourceFailed), "{:?}", failed.message);
    assert_eq!(failed.snapshot, None);
    let latest = good(jobs.restore(RestoreInto::Scratch { postgres_port: target.port })).snapshot.expect("a backup");
    assert_eq!(latest.id, made.id, "half a run is never the newest backup");

    server.run_sql("app", "DROP TABLE embeddings").await;
    good(jobs.restore(RestoreInto::Source));
    assert_eq!(server.number("app", "SELECT count(*) FROM embeddings").await, 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_server_is_backed_up_and_proved() {
    let Some(server) = redis::filled(&[]).await else { return };
    let programs = [server.bin.clone()];
    let Some(jobs) = Jobs::new(server.spec(None), &[(SOURCE_PASSWORD, redis::PASSWORD)], &programs) else { return };
    let made = good(jobs.backup(false)).snapshot.expect("a backup");
    assert_eq!((made.parts, made.bytes > 1000), (1, true));
    let proof = good(jobs.restore(RestoreInto::Scratch { postgres_port: 1 })).proof.expect("a proof");
    assert!(proof.compared.contains("loaded by a Redis server"), "{}", proof.compared);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_did_not_change_make_no_second_backup() {
    let Some(sshd) = Sshd::start().await else { return };
    let files = tempfile::Builder::new().prefix("zf").tempdir_in("/tmp").expect("a directory");
    std::fs::write(files.path().join("a.conf"), "one").expect("a file");
    let paths = vec![files.path().display().to_string()];
    let source = SourceSpec::Files { ssh: sshd.server(), paths, exclude: Vec::new() };
    let Some(jobs) = Jobs::new(source, &[(SOURCE_SSH_KEY, &sshd.key)], &[]) else { return };
    assert!(good(jobs.backup(true)).snapshot.is_some());
    assert!(good(jobs.backup(true)).snapshot.is_none());
    std::fs::write(files.path().join("a.conf"), "two").expect("a change");
    assert!(good(jobs.backup(true)).snapshot.is_some());
    let out = jobs.dir.path().join("out");
    good(jobs.restore(RestoreInto::Directory(out.display().to_string())));
    let relative: &Path = files.path().strip_prefix("/").expect("absolute");
    assert_eq!(std::fs::read_to_string(out.join(relative).join("a.conf")).expect("it"), "two");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_policy_names_no_more_is_not_written_over_unless_no_backup_of_it_is_wished_for() {
    let Some(sshd) = Sshd::start().await else { return };
    let files = tempfile::Builder::new().prefix("zf").tempdir_in("/tmp").expect("a directory");
    let [kept, left] = ["kept", "left"].map(|name| files.path().join(name).display().to_string());
    let write = |text: &str| [&kept, &left].map(|path| std::fs::write(path, text).expect("a file"));
    let read = || [&kept, &left].map(|path| std::fs::read_to_string(path).expect("a file"));
    write("then");
    let source = |paths: &[&String]| SourceSpec::Files {
        ssh: sshd.server(),
        paths: paths.iter().map(|path| (*path).clone()).collect(),
        exclude: Vec::new(),
    };
    let secrets = [(SOURCE_SSH_KEY, sshd.key.as_str())];
    let Some(mut jobs) = Jobs::new(source(&[&kept, &left]), &secrets, &[]) else { return };
    good(jobs.backup(false));
    write("now");
    jobs.source = source(&[&kept]);
    let refused = jobs.restore_over(&[], true);
    assert_eq!(refused.error, Some(JobError::TargetFailed));
    let message = refused.message.unwrap_or_default();
    assert!(message.contains(&format!("{left} any more")) && message.contains(&format!("({kept})")), "{message}");
    assert_eq!(read(), ["now", "now"], "nothing was written");
    good(jobs.restore_over(&[&kept], true));
    assert_eq!(read(), ["then", "now"]);
    good(jobs.restore_over(&[], false));
    assert_eq!(read(), ["then", "then"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_of_s3_are_backed_up_proved_and_restored() {
    let (Some(server), Some(rclone)) = (s3::S3::start().await, component("rclone")) else { return };
    server.put("documents", "a/b.txt", b"one");
    let secrets = [("source/credentials/accessKeyId", s3::ID), ("source/credentials/secretAccessKey", s3::KEY)];
    let programs = [rclone.parent().expect("a directory").to_owned()];
    let Some(jobs) = Jobs::new(server.spec(&["documents"]), &secrets, &programs) else { return };
    good(jobs.backup(false)).snapshot.expect("a backup");
    let proof = good(jobs.restore(RestoreInto::Scratch { postgres_port: 1 })).proof.expect("a proof");
    assert!(proof.compared.starts_with("1 bucket, "), "{}", proof.compared);
    let object = server.bucket("documents").join("a/b.txt");
    std::fs::remove_file(&object).expect("a loss");
    good(jobs.restore(RestoreInto::Source));
    until("the object to be written", async || (std::fs::read(&object).ok()? == b"one").then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_is_backed_up_proved_and_restored() {
    let Some(bao) = vault::Bao::start(None).await else { return };
    bao.cli(&["secrets", "enable", "-path=kv", "kv"]).expect("a place for secrets");
    bao.cli(&["kv", "put", "kv/app", "word=first"]).expect("a secret");
    let Some(jobs) = Jobs::new(bao.spec(), &[(SOURCE_PASSWORD, &bao.token)], &[]) else { return };
    good(jobs.backup(false)).snapshot.expect("a backup");
    let proof = good(jobs.restore(RestoreInto::Scratch { postgres_port: 1 })).proof.expect("a proof");
    assert!(proof.compared.ends_with("whole by its own digests"), "{}", proof.compared);
    bao.cli(&["kv", "put", "kv/app", "word=second"]).expect("a change");
    good(jobs.restore(RestoreInto::Source));
    assert_eq!(bao.cli(&["kv", "get", "-field=word", "kv/app"]).expect("a secret"), "first");
}
