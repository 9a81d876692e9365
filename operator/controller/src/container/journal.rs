//! The journal in a status: intents are stored before the call, the rest goes with the report.

use super::deletion::born;
use crate::cluster::destroys;
use crate::context::Context;
use crate::runtime::status::{Precondition, Written};
use async_trait::async_trait;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Api, ResourceExt};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zentoria_api::ZentoriaContainer;
use zentoria_api::common::VmidField;
use zentoria_api::container::{Created, Origin, Replacing, TaskAction, TaskStatus, ZentoriaContainerStatus};
use zentoria_core::container::seen::TaskFact;
use zentoria_ops::cluster::Cluster;
use zentoria_ops::journal::{Intent, Journal, JournalError};
use zentoria_types::names::NodeName;
use zentoria_types::upid::Upid;
use zentoria_types::vmid::Vmid;

struct Working {
    /// The object as it was stored last.
    object: Arc<ZentoriaContainer>,
    /// Its status with what has happened since.
    status: ZentoriaContainerStatus,
}

/// The journal of one reconcile.
pub struct StatusJournal<'a> {
    context: &'a Context,
    api: Api<ZentoriaContainer>,
    now: Timestamp,
    working: Mutex<Working>,
}

impl<'a> StatusJournal<'a> {
    /// A journal on this version of the object.
    pub fn new(context: &'a Context, object: Arc<ZentoriaContainer>, now: Timestamp) -> Self {
        let namespace = object.namespace().unwrap_or_default();
        let status = object.status.clone().unwrap_or_default();
        let api = Api::namespaced(context.client.clone(), &namespace);
        Self { context, api, now, working: Mutex::new(Working { object, status }) }
    }

    /// The object as stored last, and the status to report on.
    pub fn working(&self) -> (Arc<ZentoriaContainer>, ZentoriaContainerStatus) {
        let working = self.lock();
        (Arc::clone(&working.object), working.status.clone())
    }

    /// The end of a task is taken up: status names it no longer. A task that was found by its intent gets its name.
    pub fn take_up(&self, pve: &Cluster, task: &TaskFact) {
        let named = self.lock().status.task.clone();
        match (task, named) {
            (TaskFact::None, _) | (_, None) => {}
            (TaskFact::Running(upid), Some(named)) => {
                if named.upid.is_none() {
                    self.started(named.action, upid);
                }
            }
            (TaskFact::NotStarted | TaskFact::Done(_) | TaskFact::Failed { .. }, Some(named)) => {
                if let Some(upid) = named.upid.and_then(|upid| upid.parse::<Upid>().ok()) {
                    pve.forget_task(&upid);
                }
                self.ended();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Working> {
        self.working.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when a destruction of the guest's VMID is one of this guest.
    fn born(&self) -> Timestamp {
        let working = self.lock();
        born(&working.object, &working.status)
    }

    /// Stores the status on the very version that was planned from: whoever planned from another one loses.
    async fn store(&self) -> Result<(), JournalError> {
        let (object, status) = self.working();
        let written = self.context.status.patch_if_changed(&self.api, &*object, &status, Precondition::Unchanged).await;
        match written {
            Ok(Written::Patched(object)) => {
                self.lock().object = self.context.containers.latest.wrote(*object);
                Ok(())
            }
            Ok(Written::Unchanged) => Ok(()),
            Ok(Written::Gone) => Err(JournalError("the object is gone".into())),
            Err(error) => Err(JournalError(error.to_string())),
        }
    }
}

#[async_trait]
impl Journal for StatusJournal<'_> {
    async fn intent(&self, intent: Intent) -> Result<(), JournalError> {
        let Intent { vmid, node, action, origin, defaults } = intent;
        let before = {
            let mut working = self.lock();
            let before = working.status.clone();
            let status = &mut working.status;
            status.vmid = Some(VmidField(vmid.get()));
            status.node = Some(node.to_string());
            status.created = Some(Created { origin, intent_at: Time(self.now), finished_at: None });
            status.defaults = Some(defaults);
            status.power = None;
            status.task = Some(TaskStatus { action, started_at: Time(self.now), upid: None });
            before
        };
        let stored = self.store().await;
        if stored.is_err() {
            // No call follows, so the report must not tell of it either.
            self.lock().status = before;
        }
        stored
    }

    fn started(&self, action: TaskAction, upid: &Upid) {
        let task = TaskStatus { action, started_at: Time(self.now), upid: Some(upid.to_string()) };
        self.lock().status.task = Some(task);
    }

    fn ended(&self) {
        self.lock().status.task = None;
    }

    fn finished(&self, vmid: Vmid, node: &NodeName, origin: Option<Origin>) {
        let mut working = self.lock();
        let status = &mut working.status;
        status.vmid = Some(VmidField(vmid.get()));
        status.node = Some(node.to_string());
        let previous = status.created.take();
        let origin = origin.or(previous.as_ref().map(|created| created.origin)).unwrap_or(Origin::TakenBack);
        let intent_at = previous.map_or(Time(self.now), |created| created.intent_at);
        status.created = Some(Created { origin, intent_at, finished_at: Some(Time(self.now)) });
        (status.task, status.replacing) = (None, None);
    }

    fn forget(&self) {
        let mut working = self.lock();
        let status = &mut working.status;
        (status.created, status.task) = (None, None);
        // A guest that is made anew keeps its VMID.
        if status.replacing.is_none() {
            (status.vmid, status.node, status.defaults) = (None, None, None);
        }
    }

    async fn destroying(&self, vmid: Vmid, replacing: Option<&Replacing>) -> Result<(), JournalError> {
        if let Some(replacing) = replacing {
            self.lock().status.replacing = Some(replacing.clone());
            self.store().await?;
        }
        let name = self.lock().object.spec.cluster_ref.name.clone();
        destroys::count(self.context, &name, vmid, self.born(), self.now).await
    }
}
