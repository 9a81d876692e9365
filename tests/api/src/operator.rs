//! The operator under test: a process of its own.

use crate::process::{Process, tail};
use crate::wait::eventually;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How an operator is started.
#[derive(Clone, Debug)]
pub struct Launch {
    /// Its kubeconfig.
    pub kubeconfig: PathBuf,
    /// Its own namespace.
    pub namespace: String,
    /// The value of the label `zentoria.ai/shard` of the clusters that it serves; without it, all.
    pub shard: Option<String>,
    /// `IP:PORT=127.0.0.1:PORT`.
    pub dial_map: Vec<String>,
    /// More flags; later ones win.
    pub flags: Vec<String>,
}

/// A running operator.
pub struct Operator {
    process: Process,
}

impl Operator {
    /// Starts one; its log is appended to `log`. It may not be ready yet.
    ///
    /// # Panics
    /// Where `ZENTORIA_OPERATOR_BIN` names no program.
    #[must_use]
    pub fn start(launch: &Launch, log: &Path) -> Self {
        let Launch { kubeconfig, namespace, shard, dial_map, flags } = launch;
        let mut command = Command::new(variable("ZENTORIA_OPERATOR_BIN"));
        command.args(["--namespace", namespace]);
        if let Some(shard) = shard {
            command.arg("--cluster-selector").arg(format!("zentoria.ai/shard={shard}"));
        }
        for pair in dial_map {
            command.args(["--dial-map", pair]);
        }
        command.args(["--http-address", "127.0.0.1:0", "--log-format", "json"]);
        command.args(["--backoff-base", "200ms", "--backoff-max", "2s"]);
        if !flags.iter().any(|flag| flag.starts_with("--leader-elect")) {
            command.arg("--leader-elect=false");
        }
        command.args(flags).env("KUBECONFIG", kubeconfig);
        command.env(
            "RUST_LOG",
            std::env::var("ZENTORIA_TEST_LOG")
                .unwrap_or_else(|_| "info,zentoria_operator=debug,zentoria_ops=debug".into()),
        );
        Self { process: Process::start("the operator", &mut command, log) }
    }

    /// The base URL of `/healthz`, `/readyz` and `/metrics`, as it logged it.
    pub async fn http(&mut self) -> String {
        let process = &mut self.process;
        let address = eventually("the operator logs its http_address", || {
            process.assert_alive();
            let found = address_in(&process.output());
            async move { found.ok_or_else(|| "no such line".to_owned()) }
        })
        .await;
        format!("http://{address}")
    }

    /// SIGTERM; waits until it has ended, and returns whether it said that all went well.
    pub async fn stop(&mut self) -> bool {
        self.process.terminate();
        let process = &mut self.process;
        let status = crate::wait::within(Duration::from_secs(20), "the operator ends after SIGTERM", || {
            let ended = process.ended();
            async move { ended.ok_or_else(|| "it runs".to_owned()) }
        })
        .await;
        status.success()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.process.ended().is_some()
    }

    /// Everything that was logged to its file.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.output()
    }

    /// The last lines of its log.
    #[must_use]
    pub fn log_tail(&self, lines: usize) -> String {
        tail(&self.log(), lines)
    }
}

/// The last address that was logged: the file is appended to by every operator of a world.
fn address_in(log: &str) -> Option<String> {
    let line = log.lines().rev().find(|line| line.contains("http_address"))?;
    let (_, rest) = line.split_once("http_address")?;
    let start = rest.find("127.0.0.1:")?;
    Some(rest[start..].chars().take_while(|c| c.is_ascii_digit() || *c == '.' || *c == ':').collect())
}

/// A variable that `hack/tools/test-api.sh` sets.
///
/// # Panics
/// Where it is not set, with how to run the tests.
#[must_use]
pub fn variable(name: &str) -> PathBuf {
    std::env::var_os(name).map_or_else(
        || panic!("{name} is not set: run these tests with `make test-api` (or hack/tools/test-api.sh [NAME])"),
        PathBuf::from,
    )
}

#[cfg(test)]
mod tests {
    use super::address_in;

    #[test]
    fn the_address_is_found_in_either_log_format() {
        let json = r#"{"level":"INFO","fields":{"message":"serving","http_address":"127.0.0.1:4711"}}"#;
        assert_eq!(address_in(json).as_deref(), Some("127.0.0.1:4711"));
        assert_eq!(address_in("INFO serving http_address=127.0.0.1:4711").as_deref(), Some("127.0.0.1:4711"));
        assert_eq!(address_in("INFO serving"), None);
    }
}
