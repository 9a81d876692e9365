//! The operator as a process: what it costs, and the end of it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use zentoria_api_tests::http::Http;
use zentoria_api_tests::operator::variable;
use zentoria_api_tests::wait::eventually;

/// `utime` and `stime` count in this unit on every Linux that we run on (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// A running operator with the defaults that it is shipped with; killed when dropped.
pub struct Operator {
    child: Child,
    log: PathBuf,
    http: Option<Http>,
}

impl Operator {
    /// Starts one.
    ///
    /// # Panics
    /// Where it cannot be started.
    #[must_use]
    pub fn start(kubeconfig: &Path, namespace: &str, dial_map: &[String], log: &Path) -> Self {
        let output = File::create(log).expect("a log file");
        let both = output.try_clone().expect("a second handle of the log file");
        let mut command = Command::new(variable("ZENTORIA_OPERATOR_BIN"));
        command.args(["--namespace", namespace]);
        command.args(dial_map.iter().flat_map(|row| ["--dial-map", row]));
        command.args(["--http-address", "127.0.0.1:0", "--log-format", "json"]);
        command.env("KUBECONFIG", kubeconfig).env("RUST_LOG", "info");
        command.stdin(Stdio::null()).stdout(output).stderr(both);
        let child = command.spawn().expect("the operator starts");
        Self { child, log: log.to_owned(), http: None }
    }

    /// Waits until it serves its pages.
    pub async fn ready(&mut self) {
        let address = eventually("the operator logs its http_address", || {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            async move { address_in(&log).ok_or(log) }
        })
        .await;
        self.http = Some(Http::new(&format!("http://{address}")));
    }

    /// The sum of the samples of a metric.
    ///
    /// # Panics
    /// Where it does not answer.
    pub async fn metric(&self, name: &str) -> f64 {
        let http = self.http.as_ref().expect("an operator that is ready");
        let (_, text) = http.send("GET", "/metrics", None).await.expect("/metrics");
        let samples = text.lines().filter(|line| line.starts_with(name));
        samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Processor seconds so far, user and system.
    #[must_use]
    pub fn cpu_seconds(&self) -> f64 {
        let stat = self.proc("stat");
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let ticks: u32 =
            fields.split_ascii_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).sum();
        f64::from(ticks) / TICKS_PER_SECOND
    }

    /// The most memory that it ever had in RAM, in MiB.
    #[must_use]
    pub fn peak_mib(&self) -> f64 {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        let kib: u32 = line.trim().trim_end_matches("kB").trim().parse().unwrap_or_default();
        f64::from(kib) / 1024.0
    }

    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).expect("the operator runs")
    }

    /// SIGTERM, and waits for its end.
    ///
    /// # Panics
    /// Where it does not end.
    pub async fn stop(mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a pid");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a living child");
        let child = &mut self.child;
        zentoria_api_tests::wait::within(Duration::from_secs(20), "the operator ends after SIGTERM", || {
            let ended = child.try_wait().expect("a child of ours");
            async move { ended.ok_or_else(|| "it runs".to_owned()) }
        })
        .await;
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // An error says that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            eprintln!("---- the operator's last lines\n{}", zentoria_api_tests::process::tail(&log, 30));
        }
    }
}

fn address_in(log: &str) -> Option<String> {
    let (_, rest) = log.split_once("http_address")?;
    let start = rest.find("127.0.0.1:")?;
    Some(rest[start..].chars().take_while(|c| c.is_ascii_digit() || *c == '.' || *c == ':').collect())
}
