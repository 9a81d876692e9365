//! A namespace with real servers in pods, and an operator.

use crate::kubectl;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{Api, Client};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt::Debug;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;
use zentoria_api_tests::operator::{Launch, Operator};
use zentoria_api_tests::process::tail;
use zentoria_api_tests::wait::within;
use zentoria_api_tests::{account, kubernetes, workspace};

/// The image of the Jobs, as `images/import.sh` names it.
pub const JOBS_IMAGE: &str = "localhost/zentoria-jobs:1";
/// The image of the scratch PostgreSQL.
pub const POSTGRES_IMAGE: &str = "localhost/zentoria-test-postgres:1";
/// How long one thing that takes a pod may take on a busy machine.
pub const POD_TIME: Duration = Duration::from_secs(180);

/// A stage. Dropping it ends the operator and deletes the namespace; when the test fails, it first says what it saw.
pub struct Stage {
    /// The API server.
    pub client: Client,
    /// The namespace.
    pub namespace: String,
    operator: Option<Operator>,
    dir: TempDir,
}

impl Stage {
    /// A namespace with the servers ready, and no operator yet.
    ///
    /// # Panics
    /// Where the servers do not come up.
    pub async fn new(name: &str) -> Self {
        let kubeconfig = kubernetes::shared_kubeconfig();
        let client = kubernetes::connect(&kubeconfig).await;
        kubernetes::install_crds(&client).await;
        kubernetes::ensure_namespace(&client, name).await;
        let dir = tempfile::tempdir().expect("a directory for logs");
        let stage = Self { client, namespace: name.to_owned(), operator: None, dir };
        let servers = std::fs::read_to_string(workspace().join("hack/demo/backup/servers.yaml")).expect("the servers");
        stage.apply(&servers);
        let _ = stage.kubectl(&["wait", "--for=condition=Available", "deployment", "--all", "--timeout=180s"]);
        stage
    }

    /// Starts the operator with the rights of `manifests/install` and no others, for the objects with this stage's label.
    ///
    /// # Panics
    /// Where it runs already, or ends at once.
    pub async fn start_operator(&mut self) {
        assert!(self.operator.is_none(), "an operator runs already");
        let kubeconfig = self.dir.path().join("operator.kubeconfig");
        account::write_kubeconfig(&self.client, &self.namespace, &kubernetes::shared_kubeconfig(), &kubeconfig).await;
        let launch = Launch {
            kubeconfig,
            namespace: self.namespace.clone(),
            shard: Some(self.namespace.clone()),
            dial_map: Vec::new(),
            flags: vec!["--jobs-image".to_owned(), JOBS_IMAGE.to_owned()],
        };
        let mut operator = Operator::start(&launch, &self.log_file());
        operator.http().await;
        self.operator = Some(operator);
    }

    /// SIGKILL.
    pub fn kill_operator(&mut self) {
        if let Some(mut operator) = self.operator.take() {
            operator.kill();
        }
    }

    /// Applies YAML in the namespace; `SHARD` in it becomes the value of the label that the operator goes by.
    pub fn apply(&self, yaml: &str) {
        let _ = self.kubectl_in(&["apply", "--server-side", "-f", "-"], &yaml.replace("SHARD", &self.namespace));
    }

    /// `kubectl` in the namespace.
    ///
    /// # Panics
    /// Where it fails.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        self.try_kubectl(arguments).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same with something on its standard input.
    ///
    /// # Panics
    /// Where it fails.
    pub fn kubectl_in(&self, arguments: &[&str], input: &str) -> String {
        let mut all = vec!["-n", self.namespace.as_str()];
        all.extend(arguments);
        kubectl::run(&all, Some(input)).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same where it may fail.
    ///
    /// # Errors
    /// With what it said.
    pub fn try_kubectl(&self, arguments: &[&str]) -> Result<String, String> {
        let mut all = vec!["-n", self.namespace.as_str()];
        all.extend(arguments);
        kubectl::run(&all, None)
    }

    /// The API of a kind in the namespace.
    #[must_use]
    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Waits until an object holds what the closure asks for, and returns that.
    ///
    /// # Panics
    /// After [`POD_TIME`], with the object's status.
    pub async fn until<K, T>(&self, what: &str, name: &str, check: impl Fn(&K) -> Option<T>) -> T
    where
        K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned
            + serde::Serialize,
    {
        let api = self.api::<K>();
        within(POD_TIME, what, || async {
            let object = api.get(name).await.map_err(|error| error.to_string())?;
            check(&object).ok_or_else(|| {
                let value = serde_json::to_value(&object).unwrap_or_default();
                format!("{:#}", value.get("status").unwrap_or(&Value::Null))
            })
        })
        .await
    }

    /// Waits for this container of a pod with this label; its id.
    pub async fn container(&self, label: &str, name: &str) -> String {
        let path = format!("jsonpath={{.items[0].status.containerStatuses[?(@.name==\"{name}\")].containerID}}");
        within(POD_TIME, &format!("the container {name} of {label}"), || async {
            let id = self.try_kubectl(&["get", "pods", "-l", label, "-o", &path])?;
            let id = id.trim().trim_start_matches("containerd://").to_owned();
            if id.len() == 64 { Ok(id) } else { Err(format!("its id is {id:?}")) }
        })
        .await
    }

    /// The root directory of a container, seen from this machine.
    ///
    /// # Panics
    /// Where there is no such process on this machine.
    #[must_use]
    pub fn root_of(&self, id: &str) -> PathBuf {
        PathBuf::from("/proc").join(&processes(id)[0]).join("root")
    }

    /// A signal for the processes of a container, as `kill` names it. With `KILL` they get no chance to clean up, as when a
    /// node loses its power; with `STOP` they stand still until `CONT`.
    ///
    /// # Panics
    /// Where there is no such process on this machine.
    pub fn signal(&self, id: &str, signal: &str) {
        let _ = std::process::Command::new("kill").args(["-s", signal]).args(processes(id)).status();
    }

    fn log_file(&self) -> PathBuf {
        self.dir.path().join("operator.log")
    }

    fn say_what_is_there(&self) {
        let show = |arguments: &[&str]| match self.try_kubectl(arguments) {
            Ok(text) | Err(text) => eprintln!("---- kubectl {}\n{text}", arguments.join(" ")),
        };
        eprintln!("==== {}", self.namespace);
        show(&["get", "bp,br,brs,cronjobs,jobs,pods", "-o", "wide"]);
        show(&["get", "events", "--sort-by=.lastTimestamp"]);
        show(&["logs", "-l", "app.kubernetes.io/name=zentoria-job", "--all-containers", "--tail=40", "--prefix"]);
        show(&[
            "get",
            "pods",
            "-l",
            "app.kubernetes.io/name=zentoria-job",
            "-o",
            "jsonpath={range .items[*]}{.metadata.name}: {.status.containerStatuses[*].state.terminated.message}{'\\n'}{end}",
        ]);
        show(&["get", "bp,br,brs", "-o", "jsonpath={range .items[*]}{.metadata.name}: {.status}{'\\n'}{end}"]);
        let log = std::fs::read_to_string(self.log_file()).unwrap_or_default();
        eprintln!("---- the operator's last lines\n{}", tail(&log, 60));
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.say_what_is_there();
        }
        self.kill_operator();
        // Its pods end with the node in any case; a later test gets their memory earlier like this.
        let _ = kubectl::run(&["delete", "namespace", &self.namespace, "--wait=false"], None);
        let _ = kubectl::run(&["delete", "clusterrolebinding", &self.namespace, "--ignore-not-found"], None);
    }
}

/// The status of a condition: `True`, `False`, `Unknown`, and its reason; nothing where there is none.
#[must_use]
pub fn condition<'a>(conditions: &'a [Condition], type_: &str) -> Option<(&'a str, &'a str)> {
    let found = conditions.iter().find(|condition| condition.type_ == type_)?;
    Some((&found.status, &found.reason))
}

/// The ids of a container's processes.
fn processes(container: &str) -> Vec<String> {
    let ours = std::fs::read_dir("/proc").expect("/proc").flatten().filter(|entry| {
        std::fs::read_to_string(entry.path().join("cgroup")).is_ok_and(|groups| groups.contains(container))
    });
    let pids: Vec<String> = ours.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    assert!(!pids.is_empty(), "container {container} has no process on this machine");
    pids
}
