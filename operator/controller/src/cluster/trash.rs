//! The trash of a cluster: guests whose time is over are destroyed, under the same holds as a deletion, beside the poll
//! that shows them. All that has to survive a crash stands in their marks, in Proxmox VE's lists, and in the count of
//! destructions.

mod expiry;

use super::registry::Gate;
use crate::context::Context;
use crate::runtime::events::{Event, EventType};
use expiry::{Expiry, Look};
use jiff::Timestamp;
use kube::Resource;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use zentoria_api::ProxmoxCluster;
use zentoria_api::cluster::Trashed;
use zentoria_api::conditions::{ContainerReason, Phase};
use zentoria_api::container::TaskAction;
use zentoria_core::cluster::trash;
use zentoria_ops::cluster::Cluster;
use zentoria_types::mark::Mark;
use zentoria_types::upid::Upid;
use zentoria_types::vmid::Vmid;

/// Between two looks at a guest that something holds: it doubles, from the first to the second.
const HELD: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// Between two tries after a failure: it doubles, from the first to the second.
const FAILED: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(3600));

/// What holds guests back, by VMID.
type Held = Arc<Mutex<BTreeMap<Vmid, String>>>;

fn lock(held: &Held) -> MutexGuard<'_, BTreeMap<Vmid, String>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The guests in the trash, with their marks.
type Marks = BTreeMap<Vmid, Mark>;

/// The trash as the poller sees it.
pub(super) struct Trash {
    told: watch::Sender<Marks>,
    held: Held,
}

impl Trash {
    /// The trash of one cluster, and who empties it.
    pub fn of(context: &Arc<Context>, name: &str, pve: &Arc<Cluster>) -> (Self, Emptier) {
        let (tell, told) = watch::channel(Marks::default());
        let held = Held::default();
        let emptier = Emptier {
            context: Arc::clone(context),
            name: name.to_owned(),
            pve: Arc::clone(pve),
            told,
            held: Arc::clone(&held),
            attempts: BTreeMap::new(),
        };
        (Self { told: tell, held }, emptier)
    }

    /// Tells what a poll showed.
    pub fn show(&self, marks: &Marks) {
        self.told.send_replace(marks.clone());
    }

    /// What the status lists.
    pub fn listed(&self, marks: &Marks) -> Vec<Trashed> {
        trash::listed(marks.iter().map(|(vmid, mark)| (*vmid, mark)), &lock(&self.held))
    }
}

/// What is remembered of one guest between two looks.
#[derive(Default)]
struct Attempt {
    task: Option<(TaskAction, Upid)>,
    /// Looks in a row that came to nothing.
    vain: u32,
    not_before: Option<Instant>,
    /// What an Event said last of what holds it.
    told: Option<String>,
}

impl Attempt {
    fn pause(&mut self, (first, longest): (Duration, Duration)) {
        let pause = first.saturating_mul(2u32.saturating_pow(self.vain.min(12))).min(longest);
        self.vain += 1;
        self.not_before = Some(Instant::now() + pause);
    }

    fn goes_on(&mut self) {
        (self.vain, self.not_before, self.told) = (0, None, None);
    }
}

/// Who empties the trash of one cluster.
pub(super) struct Emptier {
    context: Arc<Context>,
    name: String,
    pve: Arc<Cluster>,
    told: watch::Receiver<Marks>,
    held: Held,
    attempts: BTreeMap<Vmid, Attempt>,
}

impl Emptier {
    /// Destroys what is due, after each poll and at the next instant at which something becomes due, until the poller is
    /// gone.
    pub async fn run(mut self) {
        loop {
            let marks = self.told.borrow_and_update().clone();
            self.attempts.retain(|vmid, _| marks.contains_key(vmid));
            lock(&self.held).retain(|vmid, _| marks.contains_key(vmid));
            if matches!(self.context.registry.gate(&self.name), Some((_, Gate::Open))) {
                self.expire(&marks).await;
            }
            let now = Timestamp::now();
            let next = trash::next(marks.iter().map(|(vmid, mark)| (*vmid, mark)), now);
            let nap = next.map(|at| at.duration_since(now).unsigned_abs());
            tokio::select! {
                told = self.told.changed() => if told.is_err() { return },
                () = tokio::time::sleep(nap.unwrap_or(Duration::MAX)), if nap.is_some() => {}
            }
        }
    }

    /// One step for each guest whose time is over.
    async fn expire(&mut self, marks: &Marks) {
        let now = Timestamp::now();
        for (vmid, until) in trash::due(marks.iter().map(|(vmid, mark)| (*vmid, mark)), now) {
            let (Some(mark), Some(object)) = (marks.get(&vmid), self.context.cluster(&self.name)) else { continue };
            let attempt = self.attempts.entry(vmid).or_default();
            if attempt.not_before.is_some_and(|at| Instant::now() < at) {
                continue;
            }
            let expiry = Expiry { context: &self.context, object: &object, pve: &self.pve, mark, vmid, until, now };
            let held = match expiry.look(attempt).await {
                Look::Working => {
                    attempt.goes_on();
                    None
                }
                Look::Destroying(note) => {
                    attempt.goes_on();
                    tell(&self.context, &object, EventType::Normal, "TrashDestroyed", note);
                    None
                }
                Look::Held { reason, message } => {
                    if lock(&self.held).get(&vmid) != Some(&message) {
                        // Somebody is at it.
                        attempt.vain = 0;
                    }
                    attempt.pause(HELD);
                    Some((reason, message))
                }
                Look::Failed { reason, message } => {
                    attempt.pause(FAILED);
                    Some((Some(reason), format!("{message}; it is tried again later")))
                }
            };
            if let Some((Some(reason), message)) = &held
                && attempt.told.as_ref() != Some(message)
                && let Some(type_) = loudness(*reason)
            {
                attempt.told = Some(message.clone());
                let note = format!("guest {vmid} ({}/{}) stays in the trash: {message}", mark.namespace, mark.name);
                tell(&self.context, &object, type_, "TrashHeld", note);
            }
            match held {
                Some((_, message)) => lock(&self.held).insert(vmid, message),
                None => lock(&self.held).remove(&vmid),
            };
        }
    }
}

/// What a person has to mend is a warning; that the breaker waits is worth knowing; locks and slots pass by themselves.
const fn loudness(reason: ContainerReason) -> Option<EventType> {
    match (reason, reason.phase()) {
        (ContainerReason::DeletionBreaker, _) => Some(EventType::Normal),
        (_, Phase::Stalled | Phase::Retrying) => Some(EventType::Warning),
        (_, Phase::Settled | Phase::Progressing | Phase::Waiting | Phase::Resting | Phase::Silent) => None,
    }
}

fn tell(context: &Context, object: &ProxmoxCluster, type_: EventType, reason: &'static str, note: String) {
    let event = Event { type_, reason: reason.into(), action: "Destroy".into(), note };
    context.events.publish(object.object_ref(&()), event);
}
