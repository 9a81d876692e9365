//! `kubectl zentoria` as a person runs it: the real program, on the API server of a world or on none.

use crate::World;
use crate::operator::variable;
use tokio::process::Command;

/// What a run of the program said.
#[derive(Clone, Debug)]
pub struct Said {
    /// Its exit code.
    pub code: i32,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Said {
    /// Fails the test where the code is another one.
    ///
    /// # Panics
    /// With all that was said.
    #[must_use]
    pub fn with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "standard output:\n{}\nstandard error:\n{}", self.out, self.err);
        self
    }

    /// Fails the test where a text is missing.
    ///
    /// # Panics
    /// With all that was said. Lines are joined, as they break where the page ends.
    pub fn has(&self, text: &str) {
        let all = format!("{} {}", self.out, self.err);
        let joined = all.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(joined.contains(text), "{text:?} is missing in\n{all}");
    }
}

/// Runs it with these arguments and no way to any API server.
///
/// # Panics
/// Where `ZENTORIA_CLI_BIN` names no program.
pub async fn alone(args: &[&str]) -> Said {
    let mut command = Command::new(variable("ZENTORIA_CLI_BIN"));
    command.args(args).env("KUBECONFIG", "/nowhere").env_remove("KUBERNETES_SERVICE_HOST");
    said(command).await
}

async fn said(mut command: Command) -> Said {
    command.env_remove("PVE_TOKEN_ID").env_remove("PVE_TOKEN_SECRET").kill_on_drop(true);
    let output = command.output().await.expect("the program runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
}

impl World {
    /// `kubectl zentoria ARGS` in the containers' namespace.
    pub async fn kubectl_zentoria(&self, args: &[&str]) -> Said {
        let mut command = Command::new(variable("ZENTORIA_CLI_BIN"));
        command.args(args).args(["--namespace", &self.namespace]).env("KUBECONFIG", &self.kubeconfig);
        said(command).await
    }

    /// `kubectl zentoria plan ARGS`, which reaches the double alone.
    pub async fn plan(&self, args: &[&str]) -> Said {
        let dial_map = self.pve.dial_map();
        let all = [&["plan", "--dial-map", &dial_map, "--operator-namespace", &self.system], args].concat();
        self.kubectl_zentoria(&all).await
    }
}
