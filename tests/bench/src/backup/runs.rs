//! One backup of the same data by the Jobs' program, as a pod runs it, and by restic alone; alternating, each into an empty
//! repository, with an empty cache.

use serde::Serialize;
use serde_json::Value;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use tempfile::TempDir;
use zentoria_api_tests::operator::variable;
use zentoria_test_servers::process::component;
use zentoria_test_servers::sshd::Sshd;
use zentoria_types::backup_job::{JobSpec, Location, Operation, Outcome, SourceSpec, secrets};

/// What is backed up.
const BYTES: u64 = 1 << 30;
/// Password of the repositories.
const PASSWORD: &str = "only for a benchmark";

/// The figures.
#[derive(Debug, Serialize)]
pub struct Runs {
    /// Bytes of the source; they cannot be compressed.
    pub bytes: u64,
    /// Each has the three once.
    pub rounds: Vec<Round>,
}

/// Wall times of one round, in seconds.
#[derive(Debug, Serialize)]
pub struct Round {
    /// restic, which reads the file.
    pub file_seconds: f64,
    /// restic, which starts the command that prints the file, over SSH.
    pub bare_seconds: f64,
    /// `zentoria-job run` with a source of the kind `command`: the same over SSH, and the look at the repository, digests,
    /// and the evidence.
    pub run_seconds: f64,
}

/// Measures in a directory under `dir`; nothing where restic or sshd cannot be had.
pub async fn measure(dir: &Path, rounds: usize) -> Option<Runs> {
    let bench = Bench::new(dir).await?;
    let mut all = Vec::new();
    for round in 1..=rounds {
        // Neither is always the one that comes after the other.
        let (bare, run) = if round % 2 == 1 {
            let bare = bench.bare();
            (bare, bench.run())
        } else {
            let run = bench.run();
            (bench.bare(), run)
        };
        let round_of = Round { file_seconds: bench.file(), bare_seconds: bare, run_seconds: run };
        println!("bench: 1 GiB, run {round} of {rounds}: restic {bare:.2} s, scheduled run {run:.2} s");
        all.push(round_of);
    }
    Some(Runs { bytes: BYTES, rounds: all })
}

struct Bench {
    dir: TempDir,
    sshd: Sshd,
    restic: PathBuf,
    job: PathBuf,
}

impl Bench {
    async fn new(dir: &Path) -> Option<Self> {
        let restic = component("restic")?;
        let sshd = Sshd::start().await?;
        fs::create_dir_all(dir).expect("a directory for the data");
        let dir = tempfile::Builder::new().prefix("backup-").tempdir_in(dir).expect("a directory for the data");
        let bench = Self { dir, sshd, restic, job: variable("ZENTORIA_JOB_BIN") };
        bench.furnish();
        Some(bench)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().expect("the directory").join(name)
    }

    fn furnish(&self) {
        let mut data = File::create(self.path("data")).expect("the data");
        let noise = File::open("/dev/urandom").expect("/dev/urandom");
        std::io::copy(&mut noise.take(BYTES), &mut data).expect("room for the data");
        for (name, text) in [(secrets::REPOSITORY_PASSWORD, PASSWORD), (secrets::SOURCE_SSH_KEY, &self.sshd.key)] {
            let path = self.path("secrets").join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("its directory");
            fs::write(path, text).expect("a secret");
        }
        let known = self.sshd.server().known_hosts.join("\n") + "\n";
        fs::write(self.path("known_hosts"), known).expect("known_hosts");
    }

    fn command(&self) -> String {
        format!("cat '{}'", self.path("data").display())
    }

    /// An empty repository; its id. What was written before does not weigh on what is measured next.
    fn anew(&self) -> String {
        for name in ["repository", "cache", "scratch"] {
            let _ = fs::remove_dir_all(self.path(name));
        }
        fs::create_dir(self.path("scratch")).expect("scratch");
        let output = self.restic(&["init", "--json"]).output().expect("restic runs");
        assert!(output.status.success(), "restic init: {}", String::from_utf8_lossy(&output.stderr));
        let _ = Command::new("sync").status();
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON of restic init");
        told["id"].as_str().expect("an id").to_owned()
    }

    fn restic(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.restic);
        command.arg("-r").arg(self.path("repository")).arg("--cache-dir").arg(self.path("cache"));
        command.arg("--password-file").arg(self.path("secrets").join(secrets::REPOSITORY_PASSWORD));
        command.args(arguments).stdin(Stdio::null());
        command
    }

    fn file(&self) -> f64 {
        self.anew();
        let data = self.path("data");
        timed(self.restic(&["backup", "--json", data.to_str().expect("UTF-8")]))
    }

    fn bare(&self) -> f64 {
        self.anew();
        let server = self.sshd.server();
        let (port, known) =
            (server.port.to_string(), format!("UserKnownHostsFile={}", self.path("known_hosts").display()));
        let key = self.sshd.dir.path().join("login");
        let mut command =
            self.restic(&["backup", "--json", "--stdin-filename", "/command/data", "--stdin-from-command", "--"]);
        command.args([
            "ssh",
            "-F",
            "none",
            "-T",
            "-o",
            "BatchMode=yes",
            "-o",
            "HostKeyAlias=somewhere.example",
            "-o",
            &known,
        ]);
        command.arg("-i").arg(key).args(["-p", &port, "-l", &server.user, "--", &server.host, &self.command()]);
        timed(command)
    }

    fn run(&self) -> f64 {
        let id = self.anew();
        let spec = JobSpec {
            namespace: "bench".to_owned(),
            repository: Location::Path(self.path("repository").to_str().expect("UTF-8").to_owned()),
            repository_id: Some(id),
            retry_lock_seconds: 0,
            delay_seconds: 0,
            operation: Operation::Backup {
                policy: "data".to_owned(),
                tier: "hourly".to_owned(),
                source: SourceSpec::Command {
                    ssh: self.sshd.server(),
                    command: self.command(),
                    file_name: "data".to_owned(),
                },
                only_if_changed: false,
            },
        };
        fs::write(self.path("job.json"), serde_json::to_vec(&spec).expect("JSON")).expect("the spec");
        let programs = std::env::var_os("PATH").unwrap_or_default();
        let own = self.restic.parent().expect("a directory").to_owned();
        let programs = std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(&programs)));
        let mut command = Command::new(&self.job);
        command.arg("run").arg("--spec").arg(self.path("job.json")).arg("--secrets").arg(self.path("secrets"));
        command.arg("--scratch").arg(self.path("scratch")).arg("--outcome").arg(self.path("outcome"));
        command.env("ZENTORIA_JOB_PATH", programs.expect("paths")).stdin(Stdio::null());
        let seconds = timed(command);
        let text = fs::read_to_string(self.path("outcome")).expect("an outcome");
        let outcome: Outcome = serde_json::from_str(&text).expect("an outcome");
        assert_eq!(outcome.snapshot.map(|snapshot| snapshot.bytes), Some(BYTES), "{text}");
        seconds
    }
}

/// Seconds until it has ended well.
fn timed(mut command: Command) -> f64 {
    let started = Instant::now();
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().expect("it runs");
    let seconds = started.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", command.get_program().display());
    seconds
}
