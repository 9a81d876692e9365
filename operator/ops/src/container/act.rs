//! Act: carry a plan out. No choice is left but to stop: before each write the guest's mark and configuration are those
//! that were planned for, or nothing is written. By step: `make` (a guest comes to be), `change` (its mark, options and
//! firewall), `keep` (snapshots and backups), `moving`, `verify` (it is still the one that was planned for), `turn` (one
//! at a time acts on a guest).

mod change;
mod keep;
mod make;
mod moving;
mod pull;
mod turn;
mod verify;

pub(crate) use turn::Turn;

use crate::cluster::Cluster;
use crate::failure::{self, Failure};
use crate::journal::Journal;
use crate::slots::{Place, Slot};
use std::sync::Arc;
use std::time::Duration;
use zentoria_api::container::TaskAction;
use zentoria_core::container::step::{Plan, Step, TakeSnapshot, Target};
use zentoria_core::container::want::Identity;
use zentoria_pve::{Destroy, PveError};
use zentoria_types::digest::ConfigDigest;
use zentoria_types::upid::Upid;
use zentoria_types::vmid::Vmid;

/// How long a guest is given to shut down, as PVE's own default. It is never killed: a guest that takes longer fails
/// its task, and is asked again.
const SHUTDOWN: Duration = Duration::from_secs(60);

/// What came of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// There was nothing to do.
    Nothing,
    /// Something was changed, without a task: look again. The changes, for an event.
    Changed(Vec<String>),
    /// A task runs; its end wakes the container.
    InFlight(TaskAction, Vec<String>),
    /// No task slot is free; a free one wakes the container.
    Queued,
    /// It failed, or has to be planned anew.
    Failed(Failure),
}

/// Who acts on what.
pub struct Actor<'a> {
    /// The cluster.
    pub cluster: &'a Arc<Cluster>,
    /// Who we are.
    pub identity: &'a Identity,
    /// The journal.
    pub journal: &'a dyn Journal,
    /// The configuration was read in this very act.
    pub fresh: bool,
}

/// Carries the plan out, step by step, up to the first task.
pub async fn act(actor: &Actor<'_>, plan: &Plan) -> Done {
    if !plan.steps.iter().any(|step| step.task().is_some()) {
        actor.cluster.slots().leave(&actor.identity.key);
    }
    let Some(target) = plan.target.as_ref().filter(|_| !plan.steps.is_empty()) else { return Done::Nothing };
    let Some(_turn) = actor.cluster.turn(target.vmid) else {
        return Done::Failed(Failure::Replan(format!("something else is done to guest {} just now", target.vmid)));
    };
    let mut run = Run { actor, target, digest: None, changes: Vec::new() };
    match run.steps(&plan.steps).await {
        Ok(done) => done,
        Err(failure) => Done::Failed(failure),
    }
}

struct Run<'a> {
    actor: &'a Actor<'a>,
    target: &'a Target,
    /// The digest of the configuration as it was read last; `None` where it has to be read.
    digest: Option<ConfigDigest>,
    changes: Vec<String>,
}

impl Run<'_> {
    async fn steps(&mut self, steps: &[Step]) -> Result<Done, Failure> {
        if let [Step::Pull(pull)] = steps {
            return self.pull(pull).await;
        }
        let slot = match self.slot(steps) {
            Ok(slot) => slot,
            Err(()) => return Ok(Done::Queued),
        };
        if self.actor.fresh {
            self.digest = self.target.digest.clone();
        }
        let mut slot = slot;
        for step in steps {
            let Some(upid) = self.step(step).await? else { continue };
            let action = step.task().unwrap_or(TaskAction::Start);
            self.actor.journal.started(action, &upid);
            if let Some(slot) = slot.take() {
                let key = self.actor.identity.key.clone();
                self.actor.cluster.follow(key, self.target.vmid, upid, slot);
            }
            return Ok(Done::InFlight(action, std::mem::take(&mut self.changes)));
        }
        Ok(Done::Changed(std::mem::take(&mut self.changes)))
    }

    /// A slot for the task of the plan, taken before anything is written.
    fn slot(&self, steps: &[Step]) -> Result<Option<Slot>, ()> {
        let Some(step) = steps.iter().find(|step| step.task().is_some()) else { return Ok(None) };
        let storage = match step {
            Step::Create(create) => Some(create.storage.clone()),
            Step::Clone(clone) => clone.storage.clone(),
            Step::Restore(restore) => Some(restore.storage.clone()),
            Step::MoveVolume { storage, .. } => Some(storage.clone()),
            Step::Backup(backup) => Some(backup.storage.clone()),
            Step::Mark(_)
            | Step::Configure(_)
            | Step::ClearFirewall
            | Step::WriteFirewall(_)
            | Step::Finish
            | Step::Pull(_)
            | Step::Resize { .. }
            | Step::Migrate { .. }
            | Step::Snapshot(_)
            | Step::DeleteSnapshot { .. }
            | Step::DeleteBackup { .. }
            | Step::ConvertToTemplate
            | Step::Start
            | Step::Shutdown
            | Step::Reboot
            | Step::Destroy { .. }
            | Step::ForgetVmid => None,
        };
        let place = Place { node: self.target.node.to_string(), storage, source: self.source_of(step) };
        self.actor.cluster.slots().acquire(&self.actor.identity.key, &place).map(Some).ok_or(())
    }

    /// The guest that is copied, which Proxmox VE locks for one task at a time.
    fn source_of(&self, step: &Step) -> Option<Vmid> {
        let source = match step {
            Step::Clone(clone) => clone.source,
            Step::Snapshot(TakeSnapshot { of, .. }) | Step::DeleteSnapshot { of, .. } => *of,
            Step::Create(_)
            | Step::Restore(_)
            | Step::MoveVolume { .. }
            | Step::Backup(_)
            | Step::Mark(_)
            | Step::Configure(_)
            | Step::ClearFirewall
            | Step::WriteFirewall(_)
            | Step::Finish
            | Step::Pull(_)
            | Step::Resize { .. }
            | Step::Migrate { .. }
            | Step::DeleteBackup { .. }
            | Step::ConvertToTemplate
            | Step::Start
            | Step::Shutdown
            | Step::Reboot
            | Step::Destroy { .. }
            | Step::ForgetVmid => return None,
        };
        (source != self.target.vmid).then_some(source)
    }

    async fn step(&mut self, step: &Step) -> Result<Option<Upid>, Failure> {
        match step {
            Step::Create(create) => self.create(create).await.map(Some),
            Step::Clone(clone) => self.clone_guest(clone).await.map(Some),
            Step::Restore(restore) => self.restore(restore).await.map(Some),
            Step::Pull(_) => Err(Failure::Replan(format!("{step} must be the only step"))),
            Step::MoveVolume { disk, storage } => self.move_volume(disk, storage).await,
            Step::Migrate { to, restart } => self.migrate(to, *restart).await,
            Step::Snapshot(snapshot) => self.snapshot(snapshot).await,
            Step::DeleteSnapshot { of, node, name } => self.delete_snapshot(*of, node, name).await,
            Step::Backup(backup) => self.backup(backup).await,
            Step::DeleteBackup { volume } => self.delete_backup(volume).await,
            Step::ConvertToTemplate => self.convert_to_template().await.map(|()| None),
            Step::Mark(mark) => self.mark(mark).await.map(|()| None),
            Step::Configure(configure) => self.configure(configure).await.map(|()| None),
            Step::ClearFirewall => self.clear_firewall().await.map(|()| None),
            Step::WriteFirewall(firewall) => self.write_firewall(firewall).await.map(|()| None),
            Step::Finish => {
                self.actor.journal.finished(self.target.vmid, &self.target.node, None);
                Ok(None)
            }
            Step::Resize { disk, to } => {
                let digest = self.verified().await?;
                let size = to.to_pve();
                let target = self.target;
                let answer = self.actor.cluster.client().resize(&target.node, target.vmid, disk, &size, &digest).await;
                self.digest = None;
                self.changes.push(format!("{disk} size -> {to}"));
                self.task(&format!("grow {disk} of"), answer)
            }
            Step::Start => {
                self.verified().await?;
                let answer = self.actor.cluster.client().start(&self.target.node, self.target.vmid).await;
                self.task("start", answer)
            }
            Step::Shutdown => {
                self.verified().await?;
                let client = self.actor.cluster.client();
                let answer = client.shutdown(&self.target.node, self.target.vmid, SHUTDOWN, false).await;
                self.task("shut down", answer)
            }
            Step::Reboot => {
                self.verified().await?;
                let client = self.actor.cluster.client();
                let answer = client.reboot(&self.target.node, self.target.vmid, SHUTDOWN).await;
                self.task("reboot", answer)
            }
            Step::Destroy { replacing } => {
                self.verified().await?;
                self.store(self.actor.journal.destroying(self.target.vmid, replacing.as_ref()).await)?;
                // That took its time, and the call itself takes no digest: the guest is read once more, right before.
                self.digest = None;
                self.verified().await?;
                let how = Destroy { purge: true, force: false };
                let answer = self.actor.cluster.client().destroy(&self.target.node, self.target.vmid, how).await;
                self.task("destroy", answer)
            }
            Step::ForgetVmid => {
                self.actor.journal.forget();
                Ok(None)
            }
        }
    }

    fn store(&self, answer: Result<(), crate::journal::JournalError>) -> Result<(), Failure> {
        answer.map_err(|error| Failure::Replan(error.to_string()))
    }

    fn task(&self, doing: &str, answer: Result<Upid, PveError>) -> Result<Option<Upid>, Failure> {
        answer.map(Some).map_err(|error| self.failed(doing, &error))
    }

    fn failed(&self, doing: &str, error: &PveError) -> Failure {
        // Whatever was known of the guest is not to be trusted now.
        self.actor.cluster.invalidate(self.target.vmid);
        failure::read(&format!("{doing} guest {} on node {}", self.target.vmid, self.target.node), error)
    }
}
