//! Each container's course, in the order in which they come: who is made later sees what the earlier ones take.

use super::estate::{Estate, Us};
use super::firewall::{self, Firewall};
use super::look::{Looked, look};
use futures::StreamExt;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use zentoria_api::conditions::{ContainerReason, Phase};
use zentoria_api::container::{Created, Origin, PowerStatus, RunState, ZentoriaContainerStatus};
use zentoria_api::{ProxmoxCluster, ZentoriaContainer};
use zentoria_core::Fact;
use zentoria_core::cluster::maintenance;
use zentoria_core::container::forecast::{Course, Line, course};
use zentoria_core::container::ownership::{Ownership, ownership};
use zentoria_core::container::seen::{DependencyState, GuestFact, Seen};
use zentoria_core::container::validate::{AsIf, Input, validate};
use zentoria_core::container::want::{Identity, Key, Refusal, Want};
use zentoria_core::estate::{graph, is_paused, key_of, vmid_of};
use zentoria_ops::cluster::Dialer;
use zentoria_ops::container::known;
use zentoria_ops::container::observe::observe;
use zentoria_types::mark::{ControlPlaneId, EstateId};
use zentoria_types::vmid::Vmid;

/// So many guests are asked about at once.
const AT_ONCE: usize = 8;
/// Who writes a new guest's mark, where no control plane is known.
const NOBODY: &str = "unknown";

/// What was found out.
#[derive(Debug, Default)]
pub struct Forecast {
    /// Proxmox VE's versions, by ProxmoxCluster.
    pub versions: BTreeMap<String, String>,
    /// The containers, in the order in which they come.
    pub rows: Vec<Row>,
    /// Their firewalls, of those that differ.
    pub firewalls: Vec<Firewall>,
    /// What could not be read or asked.
    pub problems: Vec<String>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// One container.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its namespace and name.
    pub key: Key,
    /// Its ProxmoxCluster.
    pub cluster: String,
    /// Its wave of dependencies.
    pub wave: u32,
    /// What lies ahead of it.
    pub outcome: Outcome,
}

/// What lies ahead of a container.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Its course.
    Course(Box<Course>),
    /// The operator looks away, and why.
    Silent(String),
    /// Its spec cannot work, or may not.
    Refused(Refusal),
    /// Its cluster was not looked at; the problems say why.
    NotSeen,
}

impl Row {
    /// The changes ahead.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        match &self.outcome {
            Outcome::Course(course) => &course.lines,
            Outcome::Silent(_) | Outcome::Refused(_) | Outcome::NotSeen => &[],
        }
    }

    /// Whether a person has to do something before this can be as the manifest says.
    #[must_use]
    pub fn is_problem(&self) -> bool {
        match &self.outcome {
            Outcome::Course(course) => is_problem(course.verdict.reason),
            Outcome::Silent(_) => false,
            Outcome::Refused(_) | Outcome::NotSeen => true,
        }
    }
}

fn is_problem(reason: ContainerReason) -> bool {
    match reason.phase() {
        // To wait for a person's word is what was asked for.
        Phase::Stalled => reason != ContainerReason::ApprovalRequired,
        Phase::Retrying => true,
        Phase::Settled | Phase::Progressing | Phase::Waiting | Phase::Resting | Phase::Silent => false,
    }
}

/// Plans everything that was chosen.
pub async fn judge(estate: Estate, dialer: Dialer, now: Timestamp) -> Forecast {
    let Estate { clusters, containers, rules, chosen, labels, control_plane, problems, notes } = estate;
    let mut forecast = Forecast { problems, notes, ..Forecast::default() };
    let mut rows = Vec::new();
    let mut by_cluster: BTreeMap<String, Vec<Arc<ZentoriaContainer>>> = BTreeMap::new();
    for container in containers {
        by_cluster.entry(container.spec.cluster_ref.name.clone()).or_default().push(container);
    }
    let mut given = clusters;
    for (name, all) in by_cluster {
        let mine: Vec<&Arc<ZentoriaContainer>> = all.iter().filter(|c| chosen.contains(&key_of(c))).collect();
        if mine.is_empty() {
            continue;
        }
        let looked = match given.remove(&name) {
            None => Err(format!("there is no ProxmoxCluster {name}, which {} containers refer to", mine.len())),
            Some(given) => {
                look(&name, given, dialer.clone()).await.map_err(|why| format!("ProxmoxCluster {name}: {why}"))
            }
        };
        let waves = waves(&all);
        let blank = |container: &ZentoriaContainer, outcome| {
            let key = key_of(container);
            let wave = waves.get(&key).copied().unwrap_or(1);
            Row { key, cluster: name.clone(), wave, outcome }
        };
        match looked {
            Err(why) => {
                forecast.problems.push(why);
                rows.extend(mine.iter().map(|container| blank(container, Outcome::NotSeen)));
            }
            Ok((looked, cluster)) => {
                forecast.versions.insert(name.clone(), looked.version.clone());
                let mut queue: Vec<(u32, Key, Arc<ZentoriaContainer>)> = mine
                    .iter()
                    .map(|c| (waves.get(&key_of(c)).copied().unwrap_or(1), key_of(c), Arc::clone(c)))
                    .collect();
                queue.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
                let mut scene = Scene {
                    looked: &looked,
                    cluster: &cluster,
                    all: &all,
                    labels: &labels,
                    us: &control_plane,
                    now,
                    taken: BTreeSet::new(),
                    held: BTreeMap::new(),
                    waves: &waves,
                    no_labels: BTreeMap::new(),
                };
                scene.warm_up(queue.iter().map(|(_, _, container)| container)).await;
                let first = rows.len();
                for (_, _, container) in &queue {
                    let outcome = scene.outcome(container).await;
                    rows.push(blank(container, outcome));
                }
                let objects = firewall::Objects { cluster: &cluster, containers: &all, rules: &rules, labels: &labels };
                let ahead = firewall::ahead(&objects, &looked, rows.get(first..).unwrap_or_default()).await;
                forecast.firewalls.extend(ahead.firewalls);
                forecast.notes.extend(ahead.notes);
            }
        }
    }
    forecast.rows = rows;
    forecast
}

fn waves(all: &[Arc<ZentoriaContainer>]) -> BTreeMap<Key, u32> {
    let namespaces: BTreeSet<String> = all.iter().map(|container| key_of(container).namespace).collect();
    let mut waves = BTreeMap::new();
    for namespace in namespaces {
        for (name, wave) in graph(&namespace, all).waves() {
            waves.insert(Key { namespace: namespace.clone(), name }, wave);
        }
    }
    waves
}

/// One cluster and what is known beside it.
struct Scene<'a> {
    looked: &'a Looked,
    cluster: &'a ProxmoxCluster,
    all: &'a [Arc<ZentoriaContainer>],
    labels: &'a BTreeMap<String, BTreeMap<String, String>>,
    us: &'a Us,
    now: Timestamp,
    /// VMIDs that containers planned before would take.
    taken: BTreeSet<Vmid>,
    /// Those that will not come, and why: who depends on them waits.
    held: BTreeMap<Key, String>,
    waves: &'a BTreeMap<Key, u32>,
    no_labels: BTreeMap<String, String>,
}

impl Scene<'_> {
    /// Asks about many guests at once, so that the plans, one after the other, find what they need.
    async fn warm_up(&self, containers: impl Iterator<Item = &Arc<ZentoriaContainer>>) {
        let asked = containers.filter(|container| silence(container, self.cluster).is_none());
        let looks = asked.map(|container| async move {
            let status = container.status.clone().unwrap_or_default();
            if let Ok(identity) = self.identity(container) {
                // Whatever comes of it is found out again, with its reason.
                let _ = self.look(container, &identity, &status).await;
            }
        });
        if self.all.iter().any(|container| vmid_of(container).is_none()) {
            // Whose VMID is not known may have a guest all the same: its mark tells, so all of them are read.
            self.looked.pve.resync(std::time::Duration::MAX).await;
        }
        futures::stream::iter(looks).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    }

    async fn outcome(&mut self, container: &Arc<ZentoriaContainer>) -> Outcome {
        if let Some(why) = silence(container, self.cluster) {
            return Outcome::Silent(why);
        }
        let key = key_of(container);
        match self.course(container).await {
            Ok(course) => {
                self.taken.extend(course.target.as_ref().map(|target| target.vmid));
                if is_problem(course.verdict.reason) {
                    self.held.insert(key, course.verdict.reason.to_string());
                }
                Outcome::Course(Box::new(course))
            }
            Err(refusal) => {
                self.held.insert(key, refusal.reason.to_string());
                Outcome::Refused(refusal)
            }
        }
    }

    fn identity(&self, container: &ZentoriaContainer) -> Result<Identity, Refusal> {
        let invalid = |message: String| Refusal { reason: ContainerReason::InvalidSpec, message };
        let estate = EstateId::new(self.cluster.spec.estate_id.clone())
            .map_err(|error| invalid(format!("spec.estateId of the ProxmoxCluster: {error}")))?;
        let control_plane = match self.us {
            Us::Is(id) => id.clone(),
            Us::AsMarked => ControlPlaneId::new(NOBODY).map_err(|error| invalid(error.to_string()))?,
        };
        Ok(Identity { estate, key: key_of(container), control_plane })
    }

    fn input<'b>(
        &'b self,
        container: &'b ZentoriaContainer,
        identity: &Identity,
        status: Option<&'b ZentoriaContainerStatus>,
        as_if: AsIf,
    ) -> Input<'b> {
        let namespace_labels = self.labels.get(&identity.key.namespace).unwrap_or(&self.no_labels);
        let (spec, cluster) = (&container.spec, &self.cluster.spec);
        let wave = self.waves.get(&identity.key).copied();
        Input { identity: identity.clone(), spec, status, cluster, namespace_labels, as_if, wave }
    }

    /// The wish and what is seen, as the operator comes by them.
    async fn look(
        &self,
        container: &ZentoriaContainer,
        identity: &Identity,
        status: &ZentoriaContainerStatus,
    ) -> Result<(Want, Seen), Refusal> {
        let mut as_if = AsIf::Recorded;
        loop {
            let want = validate(&self.input(container, identity, Some(status), as_if))?;
            let window = maintenance::window(&self.cluster.spec, self.now);
            let mut known = known::alone(container, self.cluster, window, self.now);
            known = known::placed(known, container, &want, self.all, &self.looked.pve);
            known = known::claiming(known, container, &want, self.cluster, self.all);
            // The namespace's own key, which is not read here, then the cluster's.
            known.ssh_keys = std::iter::once("(the namespace's own)".to_owned()).chain(want.ssh_keys.clone()).collect();
            if *self.us == Us::AsMarked {
                known.vmids_by_name.extend(self.vmids_by_spec(&identity.key.namespace));
            }
            let seen = observe(&self.looked.pve, &want, status, known, self.now).await.seen;
            let next = AsIf::of(&want, &seen);
            if as_if != AsIf::Recorded || next == AsIf::Recorded {
                return Ok((want, seen));
            }
            as_if = next;
        }
    }

    /// Without a status, who has which guest is in the specs.
    fn vmids_by_spec(&self, namespace: &str) -> BTreeMap<String, Vmid> {
        let here = self.all.iter().map(|other| (key_of(other), vmid_of(other)));
        let there = here.filter(|(key, _)| key.namespace == namespace);
        there
            .filter_map(|(key, vmid)| Some((key.name, vmid.filter(|vmid| self.looked.present.contains(vmid))?)))
            .collect()
    }

    async fn course(&self, container: &ZentoriaContainer) -> Result<Course, Refusal> {
        let mut identity = self.identity(container)?;
        let status = container.status.clone().unwrap_or_default();
        let (want, mut seen) = self.look(container, &identity, &status).await?;
        if let (Us::AsMarked, GuestFact::Present(guest)) = (self.us, &seen.guest)
            && let Ownership::OtherControlPlane(marked) = ownership(&identity, guest.vmid, guest.config.description())
        {
            identity.control_plane = marked;
        }
        if status.created.is_none() && is_stopped(&seen) {
            let (_, again) = self.look(container, &identity, &had(&status, &seen, self.now)).await?;
            seen.stop_cause = again.stop_cause;
        }
        seen.cluster.taken.extend(&self.taken);
        for dependency in &want.depends_on {
            let key = Key { namespace: identity.key.namespace.clone(), name: dependency.name.clone() };
            if let (Some(reason), Some(state)) = (self.held.get(&key), seen.dependencies.get_mut(&dependency.name))
                && *state != DependencyState::Met
            {
                *state = DependencyState::NotYet { can_come: false, reason: reason.clone() };
            }
        }
        course(&self.input(container, &identity, Some(&status), AsIf::Recorded), &seen)
    }
}

/// Why the operator looks away.
fn silence(container: &ZentoriaContainer, cluster: &ProxmoxCluster) -> Option<String> {
    let name = &container.spec.cluster_ref.name;
    if container.metadata.deletion_timestamp.is_some() {
        let status = container.status.as_ref().and_then(|status| status.summary.clone()).unwrap_or_default();
        return Some(format!("is being deleted (deletionPolicy {:?}): {status}", container.spec.deletion_policy));
    }
    if container.spec.suspend || is_paused(&container.metadata) {
        return Some("is paused: the operator looks away".to_owned());
    }
    let paused = cluster.spec.suspend || is_paused(&cluster.metadata);
    paused.then(|| format!("ProxmoxCluster {name} is paused: the operator looks away"))
}

fn is_stopped(seen: &Seen) -> bool {
    matches!(&seen.guest, GuestFact::Present(guest) if guest.running == Fact::Known(false))
}

/// A status of a guest that ran: with it the reason of its stop is asked.
fn had(status: &ZentoriaContainerStatus, seen: &Seen, now: Timestamp) -> ZentoriaContainerStatus {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    let GuestFact::Present(guest) = &seen.guest else { return status.clone() };
    ZentoriaContainerStatus {
        vmid: Some(zentoria_api::common::VmidField(guest.vmid.get())),
        node: Some(guest.node.to_string()),
        power: Some(PowerStatus { state: RunState::Running, stopped_by: None }),
        created: Some(Created { origin: Origin::TakenBack, intent_at: Time(now), finished_at: Some(Time(now)) }),
        ..status.clone()
    }
}
