//! How a world comes to be.

use super::World;
use crate::builders::cluster_spec;
use crate::kubernetes::{self, ControlPlane};
use crate::operator::Launch;
use crate::pve::{self, Pve};
use serde_json::Value;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::Mutex;
use zentoria_api::cluster::ProxmoxClusterSpec;

type Change<T> = Box<dyn FnOnce(&mut T)>;

/// A world to be.
pub struct Builder {
    test: String,
    seed: Value,
    changes: Vec<Change<ProxmoxClusterSpec>>,
    flags: Vec<String>,
    with_cluster: bool,
    with_operator: bool,
    fresh: bool,
}

impl Builder {
    pub(super) fn new(test: &str) -> Self {
        Self {
            test: test.to_owned(),
            seed: pve::seed(),
            changes: Vec::new(),
            flags: Vec::new(),
            with_cluster: true,
            with_operator: true,
            fresh: false,
        }
    }

    /// Changes what the PVE double holds at the start.
    #[must_use]
    pub fn seed(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.seed);
        self
    }

    /// Changes the spec of the ProxmoxCluster.
    #[must_use]
    pub fn cluster(mut self, change: impl FnOnce(&mut ProxmoxClusterSpec) + 'static) -> Self {
        self.changes.push(Box::new(change));
        self
    }

    /// More flags of the operator.
    #[must_use]
    pub fn flags(mut self, flags: &[&str]) -> Self {
        self.flags.extend(flags.iter().map(|flag| (*flag).to_owned()));
        self
    }

    /// No ProxmoxCluster yet.
    #[must_use]
    pub const fn without_cluster(mut self) -> Self {
        self.with_cluster = false;
        self
    }

    /// No operator yet.
    #[must_use]
    pub const fn without_operator(mut self) -> Self {
        self.with_operator = false;
        self
    }

    /// An API server of its own, where the operator serves every ProxmoxCluster.
    #[must_use]
    pub const fn fresh(mut self) -> Self {
        self.fresh = true;
        self
    }

    /// Makes it: API server, PVE double, namespaces, Secrets, ProxmoxCluster, operator.
    ///
    /// # Panics
    /// Where something of it does not come up.
    pub async fn start(self) -> World {
        let Self { test, seed, changes, flags, with_cluster, with_operator, fresh } = self;
        let unique = unique(&test);
        let dir = tempfile::Builder::new().prefix(&format!("zentoria-{unique}-")).tempdir().expect("a directory");
        let control_plane = fresh.then(|| ControlPlane::start(dir.path()));
        let kubeconfig = control_plane.as_ref().map_or_else(kubernetes::shared_kubeconfig, ControlPlane::kubeconfig);
        let pve = Pve::start(&seed, dir.path()).await;
        let system = format!("{unique}-system");
        let launch = Launch {
            kubeconfig: dir.path().join("operator.kubeconfig"),
            namespace: system.clone(),
            shard: control_plane.is_none().then(|| unique.clone()),
            dial_map: vec![pve.dial_map()],
            flags,
        };
        let world = World {
            client: kubernetes::connect(&kubeconfig).await,
            namespace: unique.clone(),
            system,
            cluster: unique,
            pve,
            launch,
            kubeconfig,
            operator: Mutex::new(None),
            control_plane,
            dir,
        };
        world.furnish().await;
        if with_cluster {
            let mut spec = cluster_spec(&world.namespace);
            changes.into_iter().for_each(|change| change(&mut spec));
            world.apply_cluster(spec).await;
        }
        if with_operator {
            world.start_operator().await;
        }
        world
    }
}

/// A name that no other test has, of this or another process: for namespaces, clusters and labels.
fn unique(test: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let words: String =
        test.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let words: String = words.chars().take(24).collect();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{}-{count}", words.trim_matches('-'), std::process::id())
}
