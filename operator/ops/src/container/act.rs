//! Act: carry a plan out. No choice is left but to stop: before each write the guest's mark and configuration are those
//! that were planned for, or nothing is written.

use crate::cluster::Cluster;
use crate::failure::{self, Failure};
use crate::journal::{Intent, Journal};
use crate::slots::{Place, Slot};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::{Origin, TaskAction};
use zentoria_core::container::ownership::{Ownership, ownership};
use zentoria_core::container::step::{
    CloneGuest, Configure, Create, MarkGuest, MarkPurpose, Plan, Step, Target, Verdict,
};
use zentoria_core::container::want::Identity;
use zentoria_pve::{CloneLxc, ConfigChange, CreateLxc, Destroy, PveError};
use zentoria_types::digest::ConfigDigest;
use zentoria_types::names::StorageName;
use zentoria_types::upid::Upid;

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
            Step::Mark(_)
            | Step::Configure(_)
            | Step::ClearFirewall
            | Step::Finish
            | Step::Resize { .. }
            | Step::Start
            | Step::Shutdown
            | Step::Reboot
            | Step::Destroy
            | Step::ForgetVmid => None,
        };
        let place = Place { node: self.target.node.to_string(), storage };
        self.actor.cluster.slots().acquire(&self.actor.identity.key, &place).map(Some).ok_or(())
    }

    async fn step(&mut self, step: &Step) -> Result<Option<Upid>, Failure> {
        match step {
            Step::Create(create) => self.create(create).await.map(Some),
            Step::Clone(clone) => self.clone_guest(clone).await.map(Some),
            Step::Mark(mark) => self.mark(mark).await.map(|()| None),
            Step::Configure(configure) => self.configure(configure).await.map(|()| None),
            Step::ClearFirewall => self.clear_firewall().await.map(|()| None),
            Step::Finish => {
                self.actor.journal.finished(self.target.vmid, &self.target.node, None);
                Ok(None)
            }
            Step::Resize { to } => {
                let digest = self.verified().await?;
                let size = to.to_pve();
                let target = self.target;
                let answer =
                    self.actor.cluster.client().resize(&target.node, target.vmid, "rootfs", &size, &digest).await;
                self.digest = None;
                self.changes.push(format!("rootDisk.size -> {to}"));
                self.task("grow rootfs of", answer)
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
            Step::Destroy => {
                self.verified().await?;
                self.store(self.actor.journal.destroying(self.target.vmid).await)?;
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

    async fn create(&mut self, create: &Create) -> Result<Upid, Failure> {
        let target = self.target;
        self.intend(TaskAction::Create, Origin::Template, create.defaults.clone()).await?;
        let what = CreateLxc {
            vmid: target.vmid,
            ostemplate: create.template.clone(),
            options: create.options.clone(),
            ssh_public_keys: create.ssh_keys.clone(),
            pool: None,
        };
        let client = self.actor.cluster.client();
        let as_root = create.as_root();
        let client = if as_root { client.as_root().unwrap_or_else(|| client.clone()) } else { client.clone() };
        let answer = client.create(&target.node, &what).await;
        self.made("create", answer)
    }

    async fn clone_guest(&mut self, clone: &CloneGuest) -> Result<Upid, Failure> {
        self.intend(TaskAction::Clone, Origin::Clone, clone.defaults.clone()).await?;
        let what = CloneLxc {
            newid: self.target.vmid,
            hostname: Some(clone.hostname.clone()),
            description: Some(clone.description.clone()),
            full: clone.full,
            storage: clone.storage.as_deref().and_then(|storage| StorageName::from_str(storage).ok()),
            snapshot: clone.snapshot.clone(),
            pool: None,
            target: None,
        };
        let answer = self.actor.cluster.client().clone_guest(&clone.source_node, clone.source, &what).await;
        self.made("clone", answer)
    }

    async fn intend(
        &self,
        action: TaskAction,
        origin: Origin,
        defaults: zentoria_api::container::RecordedDefaults,
    ) -> Result<(), Failure> {
        let target = self.target;
        if !self.actor.cluster.reserve(target.vmid, &self.actor.identity.key) {
            return Err(Failure::Replan(format!("vmid {} was chosen by another container meanwhile", target.vmid)));
        }
        let intent = Intent { vmid: target.vmid, node: target.node.clone(), action, origin, defaults };
        self.store(self.actor.journal.intent(intent).await)
    }

    fn store(&self, answer: Result<(), crate::journal::JournalError>) -> Result<(), Failure> {
        answer.map_err(|error| Failure::Replan(error.to_string()))
    }

    /// The answer to a call that makes a guest. Where it may have arrived, the intent stays: the next look finds out.
    fn made(&self, doing: &str, answer: Result<Upid, PveError>) -> Result<Upid, Failure> {
        answer.map_err(|error| {
            if !error.may_have_happened() {
                self.actor.journal.forget();
            }
            self.failed(doing, &error)
        })
    }

    fn task(&self, doing: &str, answer: Result<Upid, PveError>) -> Result<Option<Upid>, Failure> {
        answer.map(Some).map_err(|error| self.failed(doing, &error))
    }

    fn failed(&self, doing: &str, error: &PveError) -> Failure {
        // Whatever was known of the guest is not to be trusted now.
        self.actor.cluster.invalidate(self.target.vmid);
        failure::read(&format!("{doing} guest {} on node {}", self.target.vmid, self.target.node), error)
    }

    /// One PUT of description and tags. The mark that stands there now was read in this act.
    async fn mark(&mut self, mark: &MarkGuest) -> Result<(), Failure> {
        let digest = self.read_again(|_| true).await?;
        let mut change = ConfigChange::new(digest);
        change.set.extend(mark.description.clone().map(|text| ("description".to_owned(), text)));
        change.set.extend(mark.tags.clone().map(|tags| ("tags".to_owned(), tags)));
        if !change.is_empty() {
            self.put("mark", &change, false).await?;
        }
        let origin = match mark.purpose {
            MarkPurpose::Adopt => Origin::Adopted,
            MarkPurpose::TakeBack | MarkPurpose::Rebind => Origin::TakenBack,
            MarkPurpose::Retain => return Ok(()),
        };
        self.actor.journal.finished(self.target.vmid, &self.target.node, Some(origin));
        Ok(())
    }

    async fn configure(&mut self, configure: &Configure) -> Result<(), Failure> {
        let digest = self.verified().await?;
        let change = ConfigChange {
            set: configure.set.clone(),
            delete: configure.delete.clone(),
            revert: configure.revert.clone(),
            digest,
        };
        self.put("configure", &change, configure.as_root).await?;
        self.changes.extend(configure.changes.iter().cloned());
        Ok(())
    }

    async fn put(&mut self, doing: &str, change: &ConfigChange, as_root: bool) -> Result<(), Failure> {
        let client = self.actor.cluster.client();
        let client = if as_root { client.as_root().unwrap_or_else(|| client.clone()) } else { client.clone() };
        let answer = client.set_config(&self.target.node, self.target.vmid, change).await;
        self.digest = None;
        self.actor.cluster.invalidate_config(self.target.vmid);
        answer.map_err(|error| self.failed(doing, &error))
    }

    async fn clear_firewall(&mut self) -> Result<(), Failure> {
        self.verified().await?;
        let target = self.target;
        let answer = self.actor.cluster.client().clear_guest_firewall(&target.node, target.vmid).await;
        let removed = answer.map_err(|error| self.failed("clear the firewall of", &error))?;
        if removed > 0 {
            self.changes.push(format!("{removed} leftover firewall settings removed"));
        }
        Ok(())
    }

    /// The digest of a configuration that carries our mark, read in this act.
    async fn verified(&mut self) -> Result<ConfigDigest, Failure> {
        if let Some(digest) = &self.digest {
            return Ok(digest.clone());
        }
        let (identity, vmid) = (self.actor.identity, self.target.vmid);
        let ours = |description: &str| matches!(ownership(identity, vmid, description), Ownership::Ours(_));
        self.read_again(ours).await
    }

    /// Reads the configuration again. Where it is not the one that was planned for, nothing is written: after a change
    /// of our own in this act the mark alone has to be right.
    async fn read_again(&mut self, right: impl Fn(&str) -> bool) -> Result<ConfigDigest, Failure> {
        if let Some(digest) = &self.digest {
            return Ok(digest.clone());
        }
        let target = self.target;
        let answer = self.actor.cluster.read_config(target.vmid, &target.node).await;
        let config = answer.map_err(|error| self.failed("look at", &error))?;
        let planned = self.changes.is_empty() && target.digest.is_some();
        if planned && config.digest != target.digest {
            return Err(Failure::Replan(format!("guest {} was changed since it was looked at", target.vmid)));
        }
        if !right(config.description()) {
            return Err(Failure::Replan(format!("guest {} does not carry our mark any more", target.vmid)));
        }
        if let Some(lock) = config.lock() {
            let message = format!("guest {} was locked ({lock}) since it was looked at", target.vmid);
            return Err(Failure::Say(Verdict::about(ContainerReason::GuestLocked, lock.to_owned(), message)));
        }
        let digest = config.digest.ok_or_else(|| Failure::Replan("the configuration has no digest".to_owned()))?;
        self.digest = Some(digest.clone());
        Ok(digest)
    }
}
