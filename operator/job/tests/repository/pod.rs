//! The pod of a Job, and the Job in it as a process.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;
use zentoria_test_servers::process::component;
use zentoria_types::backup_job::{
    JobError, JobSpec, Location, Operation, Outcome, RestoreInto, Server, SnapshotWish, SourceSpec, SshServer, secrets,
};

/// The password of every repository here.
pub const PASSWORD: &str = "correct horse battery";

/// A Job on one repository, its secrets, and the directory that it backs up.
pub struct Pod {
    pub dir: TempDir,
    pub repository: Location,
    /// The id that it is told the repository has.
    pub id: Option<String>,
    /// Everything that must not be printed.
    hidden: Vec<String>,
    path: std::ffi::OsString,
}

/// The directories of restic and rclone, as `ZENTORIA_JOB_PATH` takes them.
fn programs() -> Option<std::ffi::OsString> {
    let (restic, rclone) = (component("restic")?, component("rclone")?);
    let directories = [restic, rclone].map(|path| path.parent().expect("a directory").to_owned());
    Some(std::env::join_paths(directories).expect("paths"))
}

/// The Job with a source for tests, which lies beside the tests. Built here when only some tests were asked for.
fn program() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let here = std::env::current_exe().expect("this test");
        let profile = here.ancestors().nth(2).expect("the directory of the profile");
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "-p", "zentoria-job", "--example", "files_job", "--target-dir"])
            .arg(profile.parent().expect("the target directory"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(built.expect("cargo runs").success(), "the Job for tests was not built");
        profile.join("examples/files_job")
    })
}

impl Pod {
    /// A pod with a repository in a directory, which is not there yet.
    pub fn new() -> Option<Self> {
        let path = programs()?;
        let dir = tempfile::Builder::new().prefix("zr").tempdir_in("/tmp").expect("a directory");
        let repository = Location::Path(dir.path().join("repository").to_str().expect("UTF-8").to_owned());
        let pod = Self { dir, repository, id: None, hidden: Vec::new(), path };
        std::fs::create_dir(pod.source()).expect("the source");
        Some(pod.with_secret(secrets::REPOSITORY_PASSWORD, PASSWORD))
    }

    /// With the repository elsewhere.
    pub fn at(mut self, repository: Location) -> Self {
        self.repository = repository;
        self
    }

    /// With a secret, which is never to be seen.
    pub fn with_secret(mut self, name: &str, text: &str) -> Self {
        let path = self.dir.path().join("secrets").join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("its directory");
        std::fs::write(path, text).expect("a secret");
        if !name.ends_with("username") && !name.ends_with(".crt") {
            self.hidden.push(text.to_owned());
        }
        self
    }

    /// Told another id of the repository, or none.
    pub fn told(mut self, id: Option<String>) -> Self {
        self.id = id;
        self
    }

    /// What is backed up: each file is a part.
    pub fn source(&self) -> PathBuf {
        self.dir.path().join("source")
    }

    /// Writes a part of the source.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.source().join(name), text).expect("a part");
    }

    /// Where the repository lies, when it lies in a directory.
    pub fn repository_dir(&self) -> PathBuf {
        match &self.repository {
            Location::Path(path) => path.into(),
            Location::Rest(_) | Location::S3 { .. } => panic!("the repository is no directory"),
        }
    }

    /// How the source is told.
    pub fn source_spec(&self) -> SourceSpec {
        SourceSpec::Command {
            ssh: SshServer { host: String::new(), port: 0, user: String::new(), known_hosts: Vec::new() },
            command: self.source().to_str().expect("UTF-8").to_owned(),
            file_name: String::new(),
        }
    }

    /// A backup of policy `files`.
    pub fn backup(&self, tier: &str) -> Operation {
        let tier = tier.to_owned();
        Operation::Backup { policy: "files".to_owned(), tier, source: self.source_spec(), only_if_changed: false }
    }

    /// A restore of policy `files`.
    pub fn restore(&self, snapshot: SnapshotWish, into: RestoreInto) -> Operation {
        let (policy, source) = ("files".to_owned(), self.source_spec());
        Operation::Restore { policy, snapshot, source, into, only: Vec::new(), secured: false }
    }

    /// The restore test of the newest backup.
    pub fn restore_test(&self) -> Operation {
        self.restore(SnapshotWish::Latest, RestoreInto::Scratch { postgres_port: 1 })
    }

    /// Makes the repository and remembers its id.
    pub fn initialised(mut self) -> Self {
        let outcome = self.done(Operation::Init);
        self.id = outcome.repository_id;
        assert!(self.id.is_some(), "an id");
        self
    }

    /// Starts a Job. `at` is the time that it counts as begun at.
    pub fn start(&self, operation: Operation, at: i64) -> Running {
        let job = tempfile::Builder::new().prefix("j").tempdir_in(self.dir.path()).expect("a directory").keep();
        let spec = JobSpec {
            namespace: "test".to_owned(),
            repository: self.repository.clone(),
            repository_id: self.id.clone(),
            retry_lock_seconds: 0,
            delay_seconds: 0,
            operation,
        };
        std::fs::write(job.join("job.json"), serde_json::to_vec(&spec).expect("JSON")).expect("the spec");
        std::fs::create_dir(job.join("scratch")).expect("scratch");
        let mut command = Command::new(program());
        command
            .arg("run")
            .arg("--spec")
            .arg(job.join("job.json"))
            .arg("--secrets")
            .arg(self.dir.path().join("secrets"));
        command.arg("--scratch").arg(job.join("scratch")).arg("--outcome").arg(job.join("outcome"));
        command.arg("--at").arg(at.to_string());
        command.env_clear().env("ZENTORIA_JOB_PATH", &self.path).env("PATH", "/usr/bin:/bin");
        let log = std::fs::File::create(job.join("log")).expect("a log");
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a log")).stderr(log);
        // of its own, so that all of it can be ended at once
        command.process_group(0);
        Running { child: Some(command.spawn().expect("the Job starts")), job, hidden: self.hidden.clone() }
    }

    /// Runs a Job at a time, and looks for secrets in all that it said.
    pub fn run_at(&self, operation: Operation, at: i64) -> Outcome {
        self.start(operation, at).outcome()
    }

    /// Runs a Job.
    pub fn run(&self, operation: Operation) -> Outcome {
        self.run_at(operation, now())
    }

    /// Runs a Job that has to succeed.
    pub fn done(&self, operation: Operation) -> Outcome {
        succeeded(self.run(operation))
    }

    /// Runs a Job that has to fail for this reason, and gives its message.
    pub fn fails(&self, operation: Operation, error: JobError) -> String {
        let outcome = self.run(operation);
        let message = outcome.message.unwrap_or_default();
        assert_eq!(outcome.error, Some(error), "{message}");
        message
    }

    /// A call of restic itself.
    pub fn restic(&self, args: &[&str]) -> Vec<u8> {
        let output = Command::new(component("restic").expect("restic"))
            .arg("-r")
            .arg(self.repository_dir())
            .args(["--json", "--no-cache", "--password-file"])
            .arg(self.dir.path().join("secrets").join(secrets::REPOSITORY_PASSWORD))
            .args(args)
            .env("TZ", "UTC")
            .output()
            .expect("restic runs");
        assert!(output.status.success(), "restic {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// The tags of every snapshot, sorted.
    pub fn snapshots(&self) -> Vec<BTreeMap<String, String>> {
        let listed: Option<Vec<serde_json::Value>> =
            serde_json::from_slice(&self.restic(&["snapshots", "--no-lock"])).expect("a list");
        let tags = |one: &serde_json::Value| {
            let tags = one["tags"].as_array().cloned().unwrap_or_default();
            let pair = |tag: &serde_json::Value| {
                let (key, value) = tag.as_str().and_then(|tag| tag.split_once('=')).expect("key=value");
                (key.to_owned(), value.to_owned())
            };
            tags.iter().map(pair).collect()
        };
        let mut all: Vec<_> = listed.unwrap_or_default().iter().map(tags).collect();
        all.sort();
        all
    }
}

/// What succeeded.
pub fn succeeded(outcome: Outcome) -> Outcome {
    assert_eq!(outcome.error, None, "{}", outcome.message.unwrap_or_default());
    outcome
}

/// Seconds since 1970.
pub fn now() -> i64 {
    std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs().cast_signed())
}

/// Bytes that cannot be compressed, always the same for the same seed.
pub fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut noise = Vec::with_capacity(bytes + 8);
    while noise.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend_from_slice(&state.to_le_bytes());
    }
    noise.truncate(bytes);
    noise
}

/// A server's address that a spec needs and nobody calls.
pub fn nowhere() -> Server {
    Server { host: "127.0.0.1".to_owned(), port: zentoria_test_servers::process::free_port() }
}

/// A Job at work. Dropped, all of it is killed.
pub struct Running {
    child: Option<Child>,
    pub job: PathBuf,
    hidden: Vec<String>,
}

impl Running {
    /// Sends a signal to the Job alone, as the kubelet does.
    pub fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(self.pid(), signal).expect("it lives");
    }

    /// Kills all of its processes, as the end of a node does.
    pub fn kill_all(mut self) {
        let pid = self.pid();
        rustix::process::kill_process_group(pid, rustix::process::Signal::KILL).expect("it lives");
        self.child.take().expect("it lives").wait().expect("its end");
    }

    fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(self.child.as_ref().expect("it lives"))
    }

    /// Waits for its end.
    pub fn outcome(mut self) -> Outcome {
        let status = self.child.take().expect("it lives").wait().expect("its end");
        let log = std::fs::read_to_string(self.job.join("log")).expect("its log");
        let text = std::fs::read_to_string(self.job.join("outcome")).unwrap_or_else(|error| panic!("{error}: {log}"));
        let outcome: Outcome = serde_json::from_str(&text).expect("an outcome");
        assert_eq!(status.success(), outcome.error.is_none(), "{status}: {text}");
        for secret in &self.hidden {
            assert!(!log.contains(secret.as_str()), "a secret in the log: {log}");
            assert!(!text.contains(secret.as_str()), "a secret in the outcome: {text}");
        }
        outcome
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = rustix::process::kill_process_group(
                rustix::process::Pid::from_child(&child),
                rustix::process::Signal::KILL,
            );
            let _ = child.wait();
        }
    }
}
