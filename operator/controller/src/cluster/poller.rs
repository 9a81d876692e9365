//! The poll of one cluster: one look serves all containers; who is concerned by a difference is woken.

use super::registry::{Gate, View};
use super::secrets;
use super::trash::Trash;
use crate::context::{Context, key_of, reference};
use crate::estate::ready_reason;
use crate::firewall::datacenter;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::{info, warn};
use zentoria_api::ProxmoxCluster;
use zentoria_api::cluster::{Breaker, GuestCounts};
use zentoria_api::conditions::ContainerReason;
use zentoria_api::firewall::DatacenterFirewall;
use zentoria_api::wire::ACKNOWLEDGE_ANNOTATION;
use zentoria_core::cluster::report::Sight;
use zentoria_core::cluster::{breaker, gate, identity, permissions, span, version};
use zentoria_ops::cluster::{Census, Cluster, Glance, Look, PollError};
use zentoria_types::mark::EstateId;
use zentoria_types::vmid::Vmid;

/// How often version, identity and quorum are asked for: every so many polls.
const GLANCE_EVERY: u32 = 3;

/// Polls until it is aborted.
pub(super) async fn poll_forever(context: Arc<Context>, name: String, cluster: Arc<Cluster>) {
    let (trash, emptier) = Trash::of(&context, &name, &cluster);
    let poller = Poller {
        context,
        name,
        cluster,
        round: 0,
        glance: None,
        missing: Vec::new(),
        regained: false,
        failed: false,
        trash,
        firewall: None,
    };
    // One task: it ends as a whole.
    tokio::select! { () = poller.run() => {}, () = emptier.run() => {} }
}

struct Poller {
    context: Arc<Context>,
    name: String,
    cluster: Arc<Cluster>,
    round: u32,
    glance: Option<Glance>,
    missing: Vec<String>,
    /// Privileges that were missing are there, or another version is: who was refused for them is to look again.
    regained: bool,
    failed: bool,
    trash: Trash,
    firewall: Option<DatacenterFirewall>,
}

impl Poller {
    async fn run(mut self) {
        loop {
            let Some(object) = self.context.cluster(&self.name) else { return };
            let interval = span::parse(&object.spec.poll.interval).unwrap_or(Duration::from_secs(10));
            let started = Instant::now();
            self.tick(&object, interval).await;
            tokio::time::sleep(interval.saturating_sub(started.elapsed()).max(Duration::from_millis(100))).await;
        }
    }

    async fn tick(&mut self, object: &ProxmoxCluster, interval: Duration) {
        if secrets::read(&self.context, &object.spec).is_err() {
            // A Secret that was deleted: no event tells it. The reconcile says so and ends this poll.
            self.context.clusters.wake.wake(ObjectRef::new(&self.name));
            return;
        }
        let answer = self.ask(object).await;
        self.round = self.round.wrapping_add(1);
        let mut view = self.context.registry.view(&self.name).unwrap_or_default();
        match answer {
            Ok(look) => {
                if self.failed {
                    info!(cluster = self.name, "Proxmox VE answers again");
                }
                self.failed = false;
                view.problem = None;
                self.take_in(object, &look, &mut view, interval).await;
            }
            Err(problem) => {
                if !self.failed {
                    warn!(cluster = self.name, reason = %problem.reason, message = problem.message, "the poll failed");
                }
                self.failed = true;
                let message = format!("ProxmoxCluster {}: {}: {}", self.name, problem.reason, problem.message);
                self.context.registry.set_gate(&self.name, &self.cluster, Gate::Shut(message));
                view.problem = Some(problem);
            }
        }
        let metrics = &self.context.metrics;
        for (node, tasks) in self.cluster.tasks_in_flight() {
            metrics.set_tasks_in_flight(&self.name, &node, tasks);
        }
        if self.context.registry.set_view(&self.name, &self.cluster, view) {
            self.context.clusters.wake.wake(ObjectRef::new(&self.name));
        }
    }

    /// Who is it, may we, and what is there.
    async fn ask(&mut self, object: &ProxmoxCluster) -> Result<Look, PollError> {
        if self.failed || self.glance.is_none() || self.round.is_multiple_of(GLANCE_EVERY) {
            let glance = self.cluster.glance().await?;
            self.regained |= self.glance.as_ref().is_some_and(|before| before.version != glance.version);
            self.glance = Some(glance);
            self.preflight(object).await?;
            let open = matches!(self.context.registry.gate(&self.name), Some((_, Gate::Open)));
            self.firewall = Some(datacenter::look(&self.context, object, &self.cluster, open).await);
        }
        self.cluster.look().await
    }

    /// One call. Asked with each glance: a right that is lost is known before somebody runs into it.
    async fn preflight(&mut self, object: &ProxmoxCluster) -> Result<(), PollError> {
        let held = self.cluster.permissions().await?;
        let missing = permissions::missing(&object.spec, &held, &self.cluster.zones());
        self.regained |= self.missing().iter().any(|lack| !missing.contains(lack));
        self.regained |= self.cluster.set_permissions(held, missing.clone());
        self.missing = missing;
        Ok(())
    }

    /// The gate is set before anybody sees the look.
    async fn take_in(&mut self, object: &ProxmoxCluster, look: &Look, view: &mut View, interval: Duration) {
        let managed = self.managed();
        let present = look.present();
        if managed.keys().any(|vmid| !present.contains(vmid))
            && let Err(problem) = self.preflight(object).await
        {
            view.problem = Some(problem);
        }
        view.breaker = self.breaker(object, &managed, &present);
        let gate = self.gate(view);
        let news = self.context.registry.set_gate(&self.name, &self.cluster, gate.clone());
        let away = self.offline_nodes();
        let polled = self.cluster.publish(look);
        let mut concerned = polled.changed;
        let is_back = !away.is_subset(&self.offline_nodes());
        if gate == Gate::Open {
            concerned.extend(self.cluster.resync(interval).await);
        }
        let census = self.census(object);
        self.trash.show(&census.trash);
        view.sight = Some(self.sight(&census));
        let regained = std::mem::take(&mut self.regained);
        if news && gate == Gate::Open {
            info!(cluster = self.name, "open");
        }
        if news || regained || is_back {
            self.context.wake_containers_on(&self.name);
        } else {
            self.wake(&concerned, polled.roomier);
        }
    }

    /// Nodes that the last look showed as offline: who waits for one is woken when it is back.
    fn offline_nodes(&self) -> BTreeSet<String> {
        self.cluster.node_statuses().into_iter().filter(|node| !node.online).map(|node| node.name).collect()
    }

    fn missing(&self) -> Vec<String> {
        self.missing.clone()
    }

    fn gate(&self, view: &View) -> Gate {
        if let Some(problem) = &view.problem {
            return Gate::Shut(problem.message.clone());
        }
        if let Some(refusal) = self.glance.as_ref().and_then(|glance| version::refusal(&glance.version)) {
            return Gate::Shut(refusal);
        }
        if let Some(breaker) = &view.breaker {
            return Gate::Breaker(breaker.message.clone());
        }
        let quorate = self.glance.as_ref().and_then(|glance| glance.quorate);
        if let Some(message) = gate::shut(&self.missing, quorate) {
            return Gate::Shut(message);
        }
        Gate::Open
    }

    /// VMIDs of the guests that we have, and since when.
    fn managed(&self) -> BTreeMap<Vmid, Timestamp> {
        let containers = self.context.containers_on(&self.name);
        let finished = containers.iter().filter_map(|container| {
            let status = container.status.as_ref()?;
            let finished = status.created.as_ref()?.finished_at.as_ref()?;
            // One that was found gone is not found gone again.
            status.power.as_ref()?;
            Some((Vmid::new(status.vmid?.0).ok()?, finished.0))
        });
        finished.collect()
    }

    fn breaker(
        &self,
        object: &ProxmoxCluster,
        managed: &BTreeMap<Vmid, Timestamp>,
        present: &BTreeSet<Vmid>,
    ) -> Option<Breaker> {
        let acknowledged = object.annotations().get(ACKNOWLEDGE_ANNOTATION).map(String::as_str);
        let status = object.status.clone().unwrap_or_default();
        let changed = match (&status.identity, &self.glance) {
            (Some(before), Some(glance)) => identity::changed(before, &glance.identity, acknowledged),
            _ => None,
        };
        changed.or_else(|| {
            let recent = breaker::recent_destroys(&status.destroys, Timestamp::now());
            // Our own doing, unless another guest was made under the VMID since.
            let ours = |(vmid, since): &(&Vmid, &Timestamp)| breaker::is_counted(**vmid, **since, &recent);
            let destroyed = managed.iter().filter(ours).map(|(vmid, _)| *vmid).collect();
            let managed = managed.keys().copied().collect();
            breaker::missing_guests(&object.spec.safety.missing_guests, &managed, present, &destroyed, acknowledged)
        })
    }

    fn census(&self, object: &ProxmoxCluster) -> Census {
        match EstateId::new(object.spec.estate_id.clone()) {
            Ok(estate) => self.cluster.census(&estate, &self.context.control_plane),
            Err(_) => Census::default(),
        }
    }

    fn sight(&self, census: &Census) -> Sight {
        let Glance { version, identity, quorate } = self.glance.clone().unwrap_or_default();
        let copies = census.copies.iter().map(|(vmid, of)| format!("CopyOf {of} at {vmid}")).collect::<Vec<_>>();
        let guests = GuestCounts {
            managed: census.ours,
            unmanaged: census.unmarked,
            foreign: census.foreign,
            copies: u32::try_from(census.copies.len()).unwrap_or(u32::MAX),
            retained: census.retained,
            trashed: u32::try_from(census.trash.len()).unwrap_or(u32::MAX),
        };
        Sight {
            version,
            identity,
            quorate,
            nodes: self.cluster.node_statuses(),
            guests,
            foreign_control_planes: census.control_planes.iter().map(ToString::to_string).collect(),
            copies,
            missing_permissions: self.missing(),
            trash: self.trash.listed(&census.trash),
            firewall: self.firewall.clone(),
        }
    }

    /// Wakes the containers of these guests and, where there is more room than before, those that wait for some.
    fn wake(&self, concerned: &BTreeSet<Vmid>, roomier: bool) {
        if concerned.is_empty() && !roomier {
            return;
        }
        for container in self.context.containers_on(&self.name) {
            let vmid = container.status.as_ref().and_then(|status| status.vmid).or(container.spec.vmid);
            let short_of_room =
                matches!(ready_reason(&container), Some(ContainerReason::NoCapacity | ContainerReason::QuotaExceeded));
            let waits = roomier && short_of_room;
            if waits || vmid.and_then(|vmid| Vmid::new(vmid.0).ok()).is_some_and(|vmid| concerned.contains(&vmid)) {
                self.context.containers.wake.wake(reference(&key_of(&container)));
            }
        }
    }
}
