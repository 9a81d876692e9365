//! The API server, the double and the operator of one run, and the end of all of it.

use crate::calls::Tally;
use crate::estate;
use crate::operator::Operator;
use futures::{StreamExt, stream};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use zentoria_api::conditions::{ENFORCED, READY};
use zentoria_api::firewall::FirewallRule;
use zentoria_api::{ProxmoxCluster, ZentoriaContainer};
use zentoria_api_tests::kubernetes::{self, FIELD_MANAGER};
use zentoria_api_tests::pve::{OPERATOR, Pve, Request, TOKEN_SECRET};
use zentoria_api_tests::wait::{eventually, when, within};

/// The operator's namespace.
const SYSTEM: &str = "bench-system";
/// Requests of one person's `kubectl apply` at a time.
const APPLIES: usize = 8;

/// What all runs share.
pub struct Stage {
    client: Client,
    kubeconfig: PathBuf,
    /// The double.
    pub pve: Pve,
    dir: tempfile::TempDir,
}

impl Stage {
    /// The API server of `KUBECONFIG`, and a double.
    ///
    /// # Panics
    /// Where one of them is not there.
    pub async fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("zentoria-bench-").tempdir().expect("a directory");
        let kubeconfig = kubernetes::shared_kubeconfig();
        let client = kubernetes::connect(&kubeconfig).await;
        let pve = Pve::start(&estate::seed(1), dir.path()).await;
        kubernetes::install_crds(&client).await;
        kubernetes::ensure_namespace(&client, SYSTEM).await;
        let token = [("tokenId", OPERATOR), ("secret", TOKEN_SECRET)];
        kubernetes::put_secret(&client, SYSTEM, "pve-token", &token).await;
        kubernetes::put_secret(&client, SYSTEM, "pve-ca", &[("ca.crt", &pve.ca)]).await;
        Self { client, kubeconfig, pve, dir }
    }

    /// The API server.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// An operator that reaches these addresses alone (`IP:PORT=127.0.0.1:PORT`), and has nothing to do yet.
    pub async fn operator(&self, name: &str, dial_map: &[String]) -> Operator {
        let log = self.dir.path().join(format!("{name}.log"));
        let mut operator = Operator::start(&self.kubeconfig, SYSTEM, dial_map, &log);
        operator.ready().await;
        operator
    }

    /// An empty Proxmox VE of so many nodes.
    pub async fn empty_pve(&self, nodes: u32) {
        self.pve.ctl.json("POST", "/ctl/reset", Some(&estate::seed(nodes))).await;
    }

    /// An operator that is connected to an empty Proxmox VE and has nothing to do yet.
    pub async fn scene(&self, name: &str, nodes: u32) -> Scene<'_> {
        self.scene_of(&ProxmoxCluster::new(name, estate::cluster(name)), nodes).await
    }

    /// The same with a ProxmoxCluster of one's own.
    pub async fn scene_of(&self, cluster: &ProxmoxCluster, nodes: u32) -> Scene<'_> {
        let name = &cluster.name_any();
        self.empty_pve(nodes).await;
        kubernetes::ensure_namespace(&self.client, name).await;
        let log = self.dir.path().join(format!("{name}.log"));
        let dial_map = [self.pve.dial_map()];
        let scene = Scene {
            stage: self,
            name: name.to_owned(),
            operator: Operator::start(&self.kubeconfig, SYSTEM, &dial_map, &log),
        };
        scene.connect(cluster).await
    }
}

/// One operator with one ProxmoxCluster and one namespace, all of one name.
pub struct Scene<'a> {
    stage: &'a Stage,
    name: String,
    /// The operator.
    pub operator: Operator,
}

impl Scene<'_> {
    async fn connect(mut self, cluster: &ProxmoxCluster) -> Self {
        self.operator.ready().await;
        let params = PatchParams::apply(FIELD_MANAGER).force();
        self.clusters().patch(&self.name, &params, &Patch::Apply(cluster)).await.expect("the ProxmoxCluster");
        self.cluster_ready().await;
        self
    }

    /// Waits until the ProxmoxCluster is Ready by a status that speaks of its current spec.
    pub async fn cluster_ready(&self) {
        eventually("the ProxmoxCluster is Ready", || async {
            let cluster = self.clusters().get(&self.name).await.map_err(|error| error.to_string())?;
            let status = cluster.status.unwrap_or_default();
            let current = status.observed_generation == cluster.metadata.generation;
            let ready = status.conditions.iter().any(|c| c.type_ == READY && c.status == "True");
            when(status, |_| current && ready).map(|_| ())
        })
        .await;
    }

    /// The ProxmoxClusters.
    #[must_use]
    pub fn clusters(&self) -> Api<ProxmoxCluster> {
        Api::all(self.stage.client.clone())
    }

    /// The containers of this run.
    #[must_use]
    pub fn containers(&self) -> Api<ZentoriaContainer> {
        Api::namespaced(self.stage.client.clone(), &self.name)
    }

    fn rules(&self) -> Api<FirewallRule> {
        Api::namespaced(self.stage.client.clone(), &self.name)
    }

    /// Applies rules.
    ///
    /// # Panics
    /// Where one is refused.
    pub async fn apply_rules(&self, rules: &[FirewallRule]) {
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let (api, params) = (&self.rules(), &params);
        stream::iter(rules)
            .for_each_concurrent(APPLIES, |rule| async move {
                api.patch(&rule.name_any(), params, &Patch::Apply(rule)).await.expect("a rule is applied");
            })
            .await;
    }

    /// Merges into a rule, and waits until it is in force as it is now.
    ///
    /// # Panics
    /// Where it is refused, or not in force in time.
    pub async fn change_rule(&self, name: &str, patch: Value) {
        let changed = self.rules().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await;
        let generation = changed.expect("the rule is patched").metadata.generation;
        eventually("the changed rule is in force", || async {
            let rule = self.rules().get(name).await.map_err(|error| error.to_string())?;
            let status = rule.status.unwrap_or_default();
            let current = status.observed_generation == generation;
            let enforced = status.conditions.iter().any(|c| c.type_ == ENFORCED && c.status == "True");
            when(status, |_| current && enforced).map(|_| ())
        })
        .await;
    }

    /// Merges into the ProxmoxCluster's spec.
    ///
    /// # Panics
    /// Where it is refused.
    pub async fn patch_cluster(&self, spec: Value) {
        let patch = Patch::Merge(json!({"spec": spec}));
        self.clusters()
            .patch(&self.name, &PatchParams::default(), &patch)
            .await
            .expect("the ProxmoxCluster is patched");
    }

    /// Applies the estate, and waits until a watch has shown every container Ready: how long both took.
    ///
    /// # Panics
    /// Where an object is refused, or not all are Ready in time.
    pub async fn create(&self, size: u32) -> (Duration, Duration) {
        let started = Instant::now();
        let deadline = Duration::from_secs(60 + u64::from(size));
        let (applied, ready) = tokio::join!(self.apply(size, started), self.all_ready(size, started, deadline));
        (applied, ready)
    }

    async fn apply(&self, size: u32, started: Instant) -> Duration {
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let (api, params) = (&self.containers(), &params);
        stream::iter(estate::vmids(size))
            .for_each_concurrent(APPLIES, |vmid| async move {
                let object = estate::container(&self.name, &self.name, vmid);
                api.patch(&object.name_any(), params, &Patch::Apply(&object)).await.expect("a container is applied");
            })
            .await;
        started.elapsed()
    }

    async fn all_ready(&self, size: u32, started: Instant, deadline: Duration) -> Duration {
        let mut ready = BTreeSet::new();
        let objects = watcher(self.containers(), watcher::Config::default()).applied_objects();
        let mut objects = std::pin::pin!(objects);
        while ready.len() < size as usize {
            let left = deadline.saturating_sub(started.elapsed());
            let next = tokio::time::timeout(left, objects.next()).await;
            let object = next.unwrap_or_else(|_| panic!("after {deadline:?} {} of {size} are Ready", ready.len()));
            let object = object.expect("a watch never ends").expect("the watch works");
            if is_ready(&object) {
                ready.insert(object.name_any());
            }
        }
        started.elapsed()
    }

    /// The double's journal since it was emptied last.
    pub async fn requests(&self) -> Vec<Request> {
        self.stage.pve.requests().await
    }

    /// Empties the double's journal.
    pub async fn forget_requests(&self) {
        self.stage.pve.forget_requests().await;
    }

    /// The double.
    #[must_use]
    pub fn pve(&self) -> &Pve {
        &self.stage.pve
    }

    /// The operator's calls since the journal was emptied.
    pub async fn tally(&self) -> Tally {
        Tally::of(&self.requests().await)
    }

    /// `resourceVersion` of everything that the operator writes a status of.
    ///
    /// # Panics
    /// Where they cannot be listed.
    pub async fn versions(&self) -> BTreeMap<String, String> {
        let all = ListParams::default();
        let containers = self.containers().list(&all).await.expect("containers").items;
        let clusters = self.clusters().list(&all).await.expect("clusters").items;
        let version =
            |kind: &str, name: String, version: Option<String>| (format!("{kind} {name}"), version.unwrap_or_default());
        let containers = containers.iter().map(|object| version("zc", object.name_any(), object.resource_version()));
        containers
            .chain(clusters.iter().map(|object| version("pxc", object.name_any(), object.resource_version())))
            .collect()
    }

    /// Waits until the operator has written no status for two polls: Proxmox VE's own lag is over.
    pub async fn settle(&self) {
        const QUIET: Duration = Duration::from_secs(21);
        let writes = async || self.operator.metric("zentoria_status_writes_total").await;
        let last = Cell::new((writes().await, Instant::now()));
        within(Duration::from_secs(240), "two polls without a status write", || async {
            let now = writes().await;
            let (before, since) = last.get();
            if now > before {
                last.set((now, Instant::now()));
            }
            when(now, |_| now <= before && since.elapsed() >= QUIET).map(|_| ())
        })
        .await;
    }

    /// Ends the operator and removes what the run made.
    ///
    /// # Panics
    /// Where the operator does not end.
    pub async fn end(self) {
        let (containers, clusters, rules) = (self.containers(), self.clusters(), self.rules());
        self.operator.stop().await;
        let strip = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        let (now, patch, strip) = (DeleteParams::default(), PatchParams::default(), &strip);
        let names = containers.list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default();
        stream::iter(names)
            .for_each_concurrent(APPLIES, |object| {
                let (containers, now, patch, name) = (&containers, &now, &patch, object.name_any());
                async move {
                    // A failure leaves rubbish on an API server that ends with the benchmark.
                    let _ = containers.patch(&name, patch, strip).await;
                    let _ = containers.delete(&name, now).await;
                }
            })
            .await;
        let _ = rules.delete_collection(&now, &ListParams::default()).await;
        let _ = clusters.patch(&self.name, &patch, strip).await;
        let _ = clusters.delete(&self.name, &now).await;
    }
}

fn is_ready(container: &ZentoriaContainer) -> bool {
    let Some(status) = &container.status else { return false };
    status.observed_generation == container.metadata.generation
        && status.conditions.iter().any(|c| c.type_ == READY && c.status == "True")
}
