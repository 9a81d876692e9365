//! The jobs that PVE keeps for a policy.

use super::Problem;
use crate::cluster::Cluster;
use std::collections::{BTreeMap, BTreeSet};
use zentoria_core::backup::vzdump::notes::Notes;
use zentoria_pve::{BackupJob, BackupJobWish, PveError};
use zentoria_types::mark::EstateId;
use zentoria_types::names::NodeName;

impl Cluster {
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
