//! A guest comes to be: the intent is in status before the call, the mark is in the call.

use super::Run;
use crate::failure::Failure;
use crate::journal::Intent;
use std::str::FromStr;
use zentoria_api::container::{Origin, TaskAction};
use zentoria_core::container::step::{CloneGuest, Create, Restore};
use zentoria_pve::{CloneLxc, CreateLxc, PveError, RestoreLxc};
use zentoria_types::names::StorageName;
use zentoria_types::upid::Upid;

impl Run<'_> {
    pub(super) async fn create(&mut self, create: &Create) -> Result<Upid, Failure> {
        let target = self.target;
        self.intend(TaskAction::Create, create.origin, create.defaults.clone()).await?;
        let what = CreateLxc {
            vmid: target.vmid,
            ostemplate: create.template.clone(),
            options: create.options.clone(),
            ssh_public_keys: create.ssh_keys.clone(),
            pool: create.pool.clone(),
        };
        let client = self.actor.cluster.client();
        let as_root = create.as_root();
        let client = if as_root { client.as_root().unwrap_or_else(|| client.clone()) } else { client.clone() };
        let answer = client.create(&target.node, &what).await;
        self.made("create", answer)
    }

    pub(super) async fn clone_guest(&mut self, clone: &CloneGuest) -> Result<Upid, Failure> {
        self.intend(TaskAction::Clone, Origin::Clone, clone.defaults.clone()).await?;
        let what = CloneLxc {
            newid: self.target.vmid,
            hostname: Some(clone.hostname.clone()),
            description: Some(clone.description.clone()),
            full: clone.full,
            storage: clone.storage.as_deref().and_then(|storage| StorageName::from_str(storage).ok()),
            snapshot: clone.snapshot.clone(),
            pool: clone.pool.clone(),
            target: None,
        };
        let answer = self.actor.cluster.client().clone_guest(&clone.source_node, clone.source, &what).await;
        self.made("clone", answer)
    }

    pub(super) async fn restore(&mut self, restore: &Restore) -> Result<Upid, Failure> {
        self.intend(TaskAction::Restore, Origin::Backup, restore.defaults.clone()).await?;
        let mut options = restore.options.clone();
        options.extend(restore.unprivileged.map(|on| ("unprivileged".to_owned(), u8::from(on).to_string())));
        let what = RestoreLxc {
            vmid: self.target.vmid,
            archive: restore.archive.clone(),
            storage: self.storage(&restore.storage)?,
            options,
            unique: restore.unique,
            pool: restore.pool.clone(),
        };
        let answer = self.actor.cluster.client().restore(&self.target.node, &what).await;
        self.made("restore", answer)
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

    /// The answer to a call that makes a guest. Where it may have arrived, the intent stays: the next look finds out.
    fn made(&self, doing: &str, answer: Result<Upid, PveError>) -> Result<Upid, Failure> {
        answer.map_err(|error| {
            if !error.may_have_happened() {
                self.actor.journal.forget();
            }
            self.failed(doing, &error)
        })
    }
}
