//! Backups by vzdump, as a policy has them made: what lies on the storages, whose it is, a backup of one guest, what became
//! of a task, the jobs that PVE keeps, and the removal of what is kept no longer.

use crate::cluster::Cluster;
use crate::slots::{Place, Slot};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use zentoria_core::backup::vzdump::Volume;
use zentoria_core::backup::vzdump::notes::Notes;
use zentoria_core::container::ownership::{Ownership, ownership};
use zentoria_core::container::want::{Identity, Key};
pub use zentoria_pve::BackupJobWish as JobWish;
use zentoria_pve::{BackupJob, BackupJobWish, BackupMode, PveError, TaskFilter, TaskOutcome, TaskSource, Vzdump};
use zentoria_types::mark::{Description, EstateId};
use zentoria_types::names::{NodeName, StorageName};
use zentoria_types::upid::Upid;
use zentoria_types::vmid::Vmid;

/// As many lines as the log of one container's backup may have.
const LOG_LINES: usize = 500;

/// Why something could not be done, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A call to Proxmox VE failed; the next one may not.
    Pve(String),
    /// The guest is held by something else, or is not there at the moment: later.
    Wait(String),
    /// A person must change something.
    Refused(String),
}

impl Problem {
    fn of(what: &str, error: &PveError) -> Self {
        let text = format!("{what}: {error}");
        match error {
            PveError::Forbidden { .. } | PveError::Rejected { .. } => Self::Refused(text),
            PveError::Locked { .. } => Self::Wait(text),
            _ => Self::Pve(text),
        }
    }

    /// The text.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::Pve(text) | Self::Wait(text) | Self::Refused(text) => text,
        }
    }
}

/// What lies on the storages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Backups of containers.
    pub volumes: Vec<Volume>,
    /// Storages of nodes that cannot be looked at now: `backup on node pve2`.
    pub unseen: Vec<String>,
}

/// A backup that was begun, and the place at the node that it takes until it ends.
pub struct Begun {
    /// The task.
    pub upid: Upid,
    /// Given back when it is dropped.
    pub slot: Slot,
}

/// How a task stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It runs.
    Running,
    /// It worked; with so many warnings.
    Well(u32),
    /// It failed, and why.
    Badly(String),
    /// Proxmox VE does not know it any more: the storage tells what became of it.
    Lost,
}

/// The guest of a container, as the list of the cluster has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestPlace {
    /// Its node.
    pub node: NodeName,
    /// Its host name.
    pub hostname: Option<String>,
    /// The lock on it.
    pub lock: Option<String>,
}

impl Cluster {
    /// Where the guest is; `None` where the list does not have it.
    #[must_use]
    pub fn place_of(&self, vmid: Vmid) -> Option<GuestPlace> {
        let inventory = self.inventory()?;
        let guest = inventory.guest(vmid)?;
        Some(GuestPlace { node: guest.node.clone(), hostname: guest.name.clone(), lock: guest.lock.clone() })
    }

    /// The backups of these guests, and all that carry notes of ours, on one storage or on all that hold backups. A shared
    /// storage is asked once.
    ///
    /// # Errors
    /// Where a storage that should be there cannot be listed: what is on it must not be taken for nothing.
    pub async fn backup_volumes(&self, storage: Option<&str>, guests: &BTreeSet<u32>) -> Result<Listed, Problem> {
        let inventory = self.inventory().ok_or_else(|| Problem::Pve("the cluster was not read yet".to_owned()))?;
        let mut listed = Listed::default();
        let mut asked: BTreeSet<String> = BTreeSet::new();
        let mut found_storage = false;
        for row in inventory.storages() {
            if storage.is_some_and(|wanted| wanted != row.storage.as_str()) {
                continue;
            }
            if !row.content.contains("backup") {
                continue;
            }
            found_storage = true;
            let name = row.storage.to_string();
            if row.shared && asked.contains(&name) {
                continue;
            }
            if !row.available {
                listed.unseen.push(format!("{name} on node {}", row.node));
                continue;
            }
            let what = format!("backups on storage {name} of node {}", row.node);
            let rows = self.client().storage_content(&row.node, &row.storage, Some("backup")).await;
            let rows = rows.map_err(|error| Problem::of(&what, &error))?;
            asked.insert(name.clone());
            let ours = rows.into_iter().filter_map(|volume| read(&row.node, volume));
            listed.volumes.extend(ours.filter(|one| guests.contains(&one.vmid) || Notes::parse(&one.notes).is_some()));
        }
        listed.unseen.retain(|text| {
            !asked.iter().any(|name| text.starts_with(&format!("{name} ")) && is_shared(&inventory, name))
        });
        match storage {
            Some(storage) if !found_storage => Err(Problem::Refused(format!(
                "no node has a storage {storage} with content backup that may be looked at: name another one, set its content, \
                 or give the operator's token Datastore.AllocateSpace on /storage/{storage}"
            ))),
            Some(_) | None => Ok(listed),
        }
    }

    /// Whether the configuration in a backup is that of this container: by its mark, and where it has none, as before an
    /// adoption, by its host name. A number alone proves nothing: another guest may have had it.
    ///
    /// # Errors
    /// Where the backup cannot be read.
    pub async fn is_backup_of(
        &self,
        volume: &Volume,
        estate: &EstateId,
        key: &Key,
        hostname: Option<&str>,
    ) -> Result<bool, Problem> {
        let what = format!("the configuration in {}", volume.volid);
        let config = self.client().backup_config(&volume.node, &volume.volid).await;
        let config = config.map_err(|error| Problem::of(&what, &error))?;
        Ok(match Description::parse(&config.description).map(|description| description.mark) {
            Ok(Some(mark)) => {
                mark.estate == *estate
                    && mark.namespace == key.namespace
                    && mark.name == key.name
                    && mark.vmid.get() == volume.vmid
            }
            Ok(None) => hostname.is_some() && config.options.get("hostname").map(String::as_str) == hostname,
            Err(_) => false,
        })
    }

    /// Begins the backup of one guest. Right before, its mark is read once more. A backup of it that we began and did not
    /// note, as the process ended, is taken up in place of another one.
    ///
    /// # Errors
    /// See [`Problem`].
    pub async fn begin_vzdump(
        self: &Arc<Self>,
        identity: &Identity,
        vmid: Vmid,
        storage: &str,
        notes: &Notes,
    ) -> Result<Begun, Problem> {
        let name: StorageName = storage
            .parse()
            .map_err(|error| Problem::Refused(format!("spec.source.vzdump.storage {storage:?}: {error}")))?;
        let place = self.place_of(vmid).ok_or_else(|| Problem::Wait(format!("guest {vmid} is not in the list")))?;
        let node = place.node;
        // Nobody of this name waits: it looks again by itself.
        let key = Key { namespace: identity.key.namespace.clone(), name: format!("{}/backup", identity.key.name) };
        let wanted = Place { node: node.to_string(), storage: Some(storage.to_owned()), source: None };
        let Some(slot) = self.slots().acquire(&key, &wanted) else {
            self.slots().leave(&key);
            return Err(Problem::Wait(format!("all task slots of node {node} or storage {storage} are taken")));
        };
        if let Some(upid) = self.running_vzdump(&node, vmid).await? {
            // Its log begins with the parameters, the notes among them.
            let log = self.client().task_log_tail(&upid, LOG_LINES).await;
            let log = log.map_err(|error| Problem::of(&format!("log of task {upid}"), &error))?;
            if log.iter().any(|line| line.contains(&notes.to_string())) {
                return Ok(Begun { upid, slot });
            }
            return Err(Problem::Wait(format!("another backup of guest {vmid} is being made")));
        }
        let config = self.read_config(vmid, &node).await;
        let config = config.map_err(|error| Problem::of(&format!("guest {vmid} on node {node}"), &error))?;
        if !matches!(ownership(identity, vmid, config.description()), Ownership::Ours(_)) {
            return Err(Problem::Refused(format!(
                "guest {vmid} does not carry the mark of {}: only a guest that the operator has made or adopted is backed \
                 up by it",
                identity.key
            )));
        }
        if let Some(lock) = config.lock() {
            return Err(Problem::Wait(format!("guest {vmid} is locked ({lock})")));
        }
        let what = Vzdump {
            vmid,
            storage: name,
            mode: BackupMode::Snapshot,
            notes_template: Some(notes.to_string()),
            protected: false,
        };
        let upid = self.client().vzdump(&node, &what).await;
        let upid = upid.map_err(|error| Problem::of(&format!("vzdump of guest {vmid} on node {node}"), &error))?;
        Ok(Begun { upid, slot })
    }

    /// A place at the node for a task that runs already, after a restart.
    #[must_use]
    pub fn slot_of_running(&self, upid: &Upid) -> Option<Slot> {
        let node = upid.node()?.to_string();
        Some(self.slots().force(Place { node, storage: None, source: None }))
    }

    async fn running_vzdump(&self, node: &NodeName, vmid: Vmid) -> Result<Option<Upid>, Problem> {
        let filter = TaskFilter {
            vmid: Some(vmid),
            source: TaskSource::Active,
            typefilter: Some("vzdump".to_owned()),
            ..TaskFilter::default()
        };
        let rows = self.client().node_tasks(node, &filter).await;
        let rows = rows.map_err(|error| Problem::of(&format!("tasks of node {node}"), &error))?;
        let token = self.client().token_id();
        Ok(rows.into_iter().find(|row| row.user == token && row.ended.is_none()).map(|row| row.upid))
    }

    /// How a task stands.
    ///
    /// # Errors
    /// Where its node cannot say.
    pub async fn end_of_task(&self, upid: &Upid) -> Result<End, Problem> {
        let outcome = self.client().task_outcome(upid).await;
        let outcome = outcome.map_err(|error| Problem::of(&format!("task {upid}"), &error))?;
        Ok(match outcome {
            None => End::Running,
            Some(TaskOutcome::Ok) => End::Well(0),
            Some(TaskOutcome::Warnings(count)) => End::Well(count),
            Some(TaskOutcome::Unknown) => End::Lost,
            Some(TaskOutcome::Failed { exit, log_tail }) => End::Badly(why(&exit, &log_tail)),
        })
    }

    /// What the newest vzdump task of a node that failed says, where no later one ended well: for jobs that others run.
    pub async fn last_vzdump_failure(&self, node: &NodeName) -> Option<String> {
        let filter = TaskFilter { typefilter: Some("vzdump".to_owned()), limit: Some(1), ..TaskFilter::default() };
        let row = self.client().node_tasks(node, &filter).await.ok()?.into_iter().next()?;
        match self.client().task_outcome(&row.upid).await.ok()?? {
            TaskOutcome::Failed { exit, log_tail } => {
                Some(format!("the last vzdump task of node {node} ended with: {}", why(&exit, &log_tail)))
            }
            TaskOutcome::Warnings(count) => Some(format!(
                "the last vzdump task of node {node} ended with {count} warnings: see its log ({})",
                row.upid
            )),
            TaskOutcome::Ok | TaskOutcome::Unknown => None,
        }
    }

    /// Removes a backup. Right before, it is listed once more: only what still carries these notes and is not protected goes.
    ///
    /// # Errors
    /// See [`Problem`].
    pub async fn remove_backup(&self, volume: &Volume, notes: &Notes) -> Result<Option<Upid>, Problem> {
        let storage = volume.volid.split(':').next().unwrap_or_default();
        let storage: StorageName =
            storage.parse().map_err(|error| Problem::Refused(format!("{}: {error}", volume.volid)))?;
        let vmid = Vmid::new(volume.vmid).map_err(|error| Problem::Refused(format!("{}: {error}", volume.volid)))?;
        let what = format!("remove {}", volume.volid);
        let listed = self.client().backups(&volume.node, &storage, vmid).await;
        let listed = listed.map_err(|error| Problem::of(&what, &error))?;
        let same = listed.into_iter().find(|one| one.volid == volume.volid);
        let Some(same) = same else { return Ok(None) };
        if same.protected || same.notes.as_deref().and_then(Notes::parse).as_ref() != Some(notes) {
            return Ok(None);
        }
        let upid = self.client().delete_backup(&volume.node, &storage, &volume.volid).await;
        upid.map(Some).map_err(|error| Problem::of(&what, &error))
    }

    /// The jobs that PVE keeps and that are of the policy, by their comment.
    ///
    /// # Errors
    /// Where they cannot be listed.
    pub async fn jobs_of_policy(
        &self,
        estate: &EstateId,
        namespace: &str,
        policy: &str,
    ) -> Result<Vec<BackupJob>, Problem> {
        let jobs =
            self.client().backup_jobs().await.map_err(|error| Problem::of("backup jobs of the cluster", &error))?;
        let ours = |job: &BackupJob| {
            let notes = job.comment.as_deref().and_then(Notes::parse);
            notes.is_some_and(|notes| notes.is_of_policy(estate, namespace, policy))
        };
        Ok(jobs.into_iter().filter(ours).collect())
    }

    /// Makes the jobs of a policy equal to what is wished: those that differ are set right, those that are wished no more
    /// removed, those of others never touched. What was changed, for an event.
    ///
    /// # Errors
    /// See [`Problem`]: to write a job takes `Sys.Modify` on `/`.
    pub async fn keep_jobs(&self, seen: &[BackupJob], wished: &[BackupJobWish]) -> Result<Vec<String>, Problem> {
        let mut changes = Vec::new();
        let failed = |what: &str, error: &PveError| match error {
            PveError::Forbidden { .. } => Problem::Refused(format!(
                "{what}: {error}. Backup jobs take the privilege Sys.Modify on / (and no less): give it to the operator's \
                 token, or use mode Operator"
            )),
            error => Problem::of(what, error),
        };
        for wish in wished {
            match seen.iter().find(|job| job.id == wish.id) {
                Some(job) if wish.is_met_by(job) => {}
                Some(job) => {
                    let answer = self.client().set_backup_job(job, wish).await;
                    answer.map_err(|error| failed(&format!("set backup job {} right", wish.id), &error))?;
                    changes.push(format!("backup job {} set right", wish.id));
                }
                None => {
                    let answer = self.client().create_backup_job(wish).await;
                    answer.map_err(|error| failed(&format!("make backup job {}", wish.id), &error))?;
                    changes.push(format!("backup job {} made ({})", wish.id, wish.schedule));
                }
            }
        }
        for job in seen.iter().filter(|job| !wished.iter().any(|wish| wish.id == job.id)) {
            let answer = self.client().delete_backup_job(&job.id).await;
            answer.map_err(|error| failed(&format!("remove backup job {}", job.id), &error))?;
            changes.push(format!("backup job {} removed", job.id));
        }
        Ok(changes)
    }

    /// The time zones of these nodes: PVE reads the schedules of its jobs in them.
    ///
    /// # Errors
    /// Where a node cannot say.
    pub async fn time_zones(&self, nodes: &BTreeSet<NodeName>) -> Result<BTreeMap<NodeName, String>, Problem> {
        let mut zones = BTreeMap::new();
        for node in nodes {
            let zone = self.client().time_zone(node).await;
            zones
                .insert(node.clone(), zone.map_err(|error| Problem::of(&format!("time zone of node {node}"), &error))?);
        }
        Ok(zones)
    }
}

fn is_shared(inventory: &zentoria_pve::Inventory, storage: &str) -> bool {
    inventory.storages().any(|row| row.storage.as_str() == storage && row.shared)
}

fn read(node: &NodeName, volume: zentoria_pve::Volume) -> Option<Volume> {
    // A virtual machine may not have the number of a container, but its backups may be older than that.
    let of_container = volume.subtype.as_deref().is_none_or(|kind| kind == "lxc");
    if !of_container || volume.content.as_deref().is_some_and(|content| content != "backup") {
        return None;
    }
    let seconds = i64::try_from(volume.ctime?).ok()?;
    Some(Volume {
        node: node.clone(),
        vmid: volume.vmid?.get(),
        time: Timestamp::from_second(seconds).ok()?,
        bytes: volume.size.unwrap_or(0),
        notes: volume.notes.unwrap_or_default(),
        protected: volume.protected,
        verification: volume.verification,
        verified_at: volume.verified_at.and_then(|seconds| Timestamp::from_second(seconds).ok()),
        volid: volume.volid,
    })
}

/// `job errors` says nothing: the lines of the log do.
fn why(exit: &str, log_tail: &[String]) -> String {
    let errors: Vec<&str> = log_tail.iter().filter_map(|line| line.strip_prefix("ERROR: ")).collect();
    if errors.is_empty() { exit.to_owned() } else { format!("{exit}: {}", errors.join(" | ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_errors_are_told_by_the_lines_of_the_log() {
        let tail = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        let locked = tail(&[
            "INFO: Starting Backup of VM 101 (lxc)",
            "ERROR: Backup of VM 101 failed - CT is locked (backup)",
            "INFO: Failed at 2026-11-21 09:17:40",
            "INFO: Backup job finished with errors",
            "TASK ERROR: job errors",
        ]);
        assert_eq!(why("job errors", &locked), "job errors: Backup of VM 101 failed - CT is locked (backup)");
        assert_eq!(why("storage 'x' does not exist", &[]), "storage 'x' does not exist");
    }
}
