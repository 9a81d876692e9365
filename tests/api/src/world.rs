//! One test's world: namespaces and a ProxmoxCluster of its own, a PVE double of its own, and an operator that serves
//! nothing else.

mod build;
mod objects;
pub(crate) mod waits;

pub use build::Builder;
pub use objects::{Conditions, condition};

use crate::account;
use crate::diagnose;
use crate::http::Http;
use crate::kubernetes::{self, ControlPlane};
use crate::operator::{Launch, Operator};
use crate::pve::Pve;
use crate::wait::{eventually, when};
use kube::Client;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::sync::Mutex;

/// One test's world. Dropping it stops and deletes everything; when the test fails, it first says what it saw.
pub struct World {
    /// The API server.
    pub client: Client,
    /// Namespace of the containers.
    pub namespace: String,
    /// Namespace of the operator.
    pub system: String,
    /// Name of the ProxmoxCluster.
    pub cluster: String,
    /// The PVE double.
    pub pve: Pve,
    /// How the next operator is started.
    pub launch: Launch,
    /// A person's, who may do everything; the operator's own is in [`Self::launch`].
    pub kubeconfig: PathBuf,
    operator: Mutex<Option<Operator>>,
    control_plane: Option<ControlPlane>,
    dir: TempDir,
}

impl World {
    /// A world with the usual PVE and cluster, and an operator that runs.
    pub async fn new(test: &str) -> Self {
        Self::builder(test).start().await
    }

    /// A world with something else than usual.
    #[must_use]
    pub fn builder(test: &str) -> Builder {
        Builder::new(test)
    }

    /// A world with an API server of its own, which can be emptied.
    pub async fn fresh(test: &str) -> Self {
        Self::builder(test).fresh().start().await
    }

    /// The file that every operator of this world logs to.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.dir.path().join("operator.log")
    }

    /// Everything that the operators of this world have logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// A directory for files of the test; it goes with the world.
    #[must_use]
    pub fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// Starts the operator, as [`Self::launch`] says.
    ///
    /// # Panics
    /// Where one runs already.
    pub async fn start_operator(&self) {
        let mut slot = self.operator.lock().await;
        assert!(slot.is_none(), "an operator runs already");
        let mut operator = Operator::start(&self.launch, &self.log_file());
        operator.http().await;
        *slot = Some(operator);
    }

    /// Another operator beside the first, with more flags; it ends when dropped.
    #[must_use]
    pub fn another_operator(&self, name: &str, launch: &Launch) -> Operator {
        Operator::start(launch, &self.dir.path().join(format!("{name}.log")))
    }

    /// SIGKILL.
    pub async fn kill_operator(&self) {
        if let Some(mut operator) = self.operator.lock().await.take() {
            operator.kill();
        }
    }

    /// SIGTERM; waits for the end, and returns whether it said that all went well.
    pub async fn stop_operator(&self) -> bool {
        match self.operator.lock().await.take() {
            Some(mut operator) => operator.stop().await,
            None => true,
        }
    }

    /// Stops the operator and starts it anew.
    pub async fn restart_operator(&self) {
        self.stop_operator().await;
        self.start_operator().await;
    }

    /// A page of the operator: `/healthz`, `/readyz`, `/metrics`.
    ///
    /// # Panics
    /// Where no operator runs, or none answers.
    pub async fn page(&self, path: &str) -> (u16, String) {
        let base = self.operator.lock().await.as_mut().expect("an operator that runs").http().await;
        Http::new(&base).send("GET", path, None).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// The sum of the samples of a metric whose labels contain `labels`.
    pub async fn metric(&self, name: &str, labels: &str) -> f64 {
        let (_, text) = self.page("/metrics").await;
        let samples = text.lines().filter(|line| line.starts_with(name) && line.contains(labels));
        samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Waits until that sum is as `holds` says: figures are set a moment after the status that they are of.
    pub async fn measures(&self, name: &str, labels: &str, holds: impl Fn(f64) -> bool) -> f64 {
        eventually(&format!("the figure {name} of {labels}"), || async {
            when(self.metric(name, labels).await, |value| holds(*value))
        })
        .await
    }

    /// Empties etcd: another control plane, with nothing in it but the CRDs, our namespaces and the Secrets. The
    /// operator must have ended.
    ///
    /// # Panics
    /// In a world that shares its API server.
    pub async fn empty_etcd(&mut self) {
        assert!(self.operator.get_mut().is_none(), "stop the operator first");
        let control_plane = self.control_plane.as_ref().expect("a world of World::fresh");
        control_plane.empty();
        self.client = kubernetes::connect(&self.kubeconfig).await;
        self.furnish().await;
    }

    /// The CRDs, the namespaces, the Secrets, and the operator's rights.
    async fn furnish(&self) {
        kubernetes::install_crds(&self.client).await;
        kubernetes::ensure_namespace(&self.client, &self.system).await;
        kubernetes::ensure_namespace(&self.client, &self.namespace).await;
        self.put_token(crate::pve::OPERATOR, crate::pve::TOKEN_SECRET).await;
        kubernetes::put_secret(&self.client, &self.system, "pve-ca", &[("ca.crt", &self.pve.ca)]).await;
        account::write_kubeconfig(&self.client, &self.system, &self.kubeconfig, &self.launch.kubeconfig).await;
    }

    /// Writes the Secret with the API token.
    pub async fn put_token(&self, id: &str, secret: &str) {
        let data = [("tokenId", id), ("secret", secret)];
        kubernetes::put_secret(&self.client, &self.system, "pve-token", &data).await;
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let scene = diagnose::Scene {
                kubeconfig: self.kubeconfig.clone(),
                namespace: self.namespace.clone(),
                cluster: self.cluster.clone(),
                ctl: self.pve.ctl.anew(),
                log: self.log(),
            };
            in_a_runtime_of_its_own(async move { scene.print().await });
        }
        if let Some(operator) = self.operator.get_mut() {
            operator.kill();
        }
        if self.control_plane.is_none() {
            let (kubeconfig, cluster) = (self.kubeconfig.clone(), self.cluster.clone());
            let namespaces = [self.namespace.clone(), self.system.clone()];
            let system = self.system.clone();
            in_a_runtime_of_its_own(async move {
                let client = kubernetes::connect(&kubeconfig).await;
                kubernetes::clean_up(&client, &cluster, &namespaces).await;
                account::remove(&client, &system).await;
            });
        }
    }
}

/// The test's own runtime waits in `drop`, so it cannot be used there.
fn in_a_runtime_of_its_own(work: impl Future<Output = ()> + Send + 'static) {
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(work);
    });
    let _ = thread.join();
}
