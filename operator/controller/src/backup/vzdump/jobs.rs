//! The jobs that Proxmox VE keeps for a policy: equal to what it wishes, and gone with it.

use super::sites::Site;
use super::{Pass, Sites, of_problem};
use crate::cluster::registry::Gate;
use crate::runtime::events::EventType;
use crate::runtime::write::WriteError;
use kube::ResourceExt;
use std::collections::BTreeSet;
use tracing::warn;
use zentoria_api::backup::VzdumpMode;
use zentoria_api::conditions::PolicyReason;
use zentoria_core::backup::vzdump::job;
use zentoria_core::backup::want::{WantPolicy, WantVzdump};
use zentoria_ops::vzdump::{JobWish, Problem};
use zentoria_types::mark::EstateId;

impl Pass<'_> {
    /// Keeps the jobs of the policy on the clusters of its containers, and on no other. Why not, for people.
    pub(super) async fn keep_jobs(
        &mut self,
        want: &WantPolicy,
        vzdump: &WantVzdump,
        sites: &Sites,
    ) -> Result<Option<(PolicyReason, String)>, WriteError> {
        let mut wishes = Vec::new();
        for site in sites {
            match self.wishes(want, vzdump, site).await {
                Ok(wished) => wishes.push(wished),
                Err(problem) => return Ok(Some(problem)),
            }
        }
        self.hold().await?;
        for (site, wished) in sites.iter().zip(wishes) {
            if let Err(problem) = self.keep(site, &wished).await {
                return Ok(Some(of_problem(&problem)));
            }
        }
        let here: BTreeSet<String> = sites.iter().map(|site| site.pve.name.clone()).collect();
        match self.remove_jobs(&here).await {
            Ok(()) => Ok(None),
            Err(problem) => Ok(Some(of_problem(&problem))),
        }
    }

    async fn keep(&self, site: &Site, wished: &[JobWish]) -> Result<(), Problem> {
        let seen = site.pve.jobs_of_policy(&site.estate, &self.namespace, &self.name).await?;
        let changes = site.pve.keep_jobs(&seen, wished).await?;
        if !changes.is_empty() {
            let note = format!("ProxmoxCluster {}: {}", site.pve.name, changes.join("; "));
            self.event(EventType::Normal, "BackupJobKept", "KeepJob", note);
        }
        Ok(())
    }

    async fn wishes(
        &self,
        want: &WantPolicy,
        vzdump: &WantVzdump,
        site: &Site,
    ) -> Result<Vec<JobWish>, (PolicyReason, String)> {
        let placed = site.guests.values().filter_map(|place| Some((place.vmid, site.pve.place_of(place.vmid)?.node)));
        let placed: Vec<_> = placed.collect();
        if placed.is_empty() {
            return Ok(Vec::new());
        }
        let nodes = placed.iter().map(|(_, node)| node.clone()).collect();
        for (node, zone) in site.pve.time_zones(&nodes).await.map_err(|problem| of_problem(&problem))? {
            if !same_zone(&zone, &want.time_zone) {
                let why = format!(
                    "spec.timeZone is {}, and node {node} is in {zone}, in which Proxmox VE reads the schedules of its jobs: \
                     set spec.timeZone to {zone}, or use mode Operator",
                    want.time_zone
                );
                return Err((PolicyReason::InvalidSpec, why));
            }
        }
        let storage = vzdump.storage.clone().unwrap_or_default();
        let mut wishes = Vec::new();
        for tier in &want.tiers {
            let schedule = job::schedule(&tier.runs).map_err(|why| {
                (PolicyReason::InvalidSpec, format!("spec.tiers[{}].schedule {:?}: it {why}", tier.name, tier.cron))
            })?;
            let notes = self.notes(site, &tier.name);
            let wish = JobWish {
                id: job::id(&notes),
                comment: notes.to_string(),
                schedule,
                storage: storage.parse().map_err(|error| {
                    (PolicyReason::InvalidSpec, format!("spec.source.vzdump.storage {storage:?}: {error}"))
                })?,
                vmids: placed.iter().map(|(vmid, _)| *vmid).collect(),
                notes_template: notes.to_string(),
            };
            wishes.push(wish);
        }
        Ok(wishes)
    }

    /// A policy that rests has no job that runs.
    pub(super) async fn suspended(&mut self, mode: VzdumpMode) {
        if mode != VzdumpMode::PveJob || !self.finalizer().is_on(self.object.as_ref()) {
            return;
        }
        if let Err(problem) = self.remove_jobs(&BTreeSet::new()).await {
            let why = problem.message();
            warn!(namespace = self.namespace, policy = self.name, why, "its job in Proxmox VE could not be removed");
            self.look_within(super::AGAIN);
        }
    }

    /// Removes the policy's jobs from all clusters but these.
    pub(super) async fn remove_jobs(&self, but: &BTreeSet<String>) -> Result<(), Problem> {
        for cluster in self.context.clusters.latest.all() {
            let name = cluster.name_any();
            if but.contains(&name) || !self.context.serves(&cluster) {
                continue;
            }
            let Ok(estate) = EstateId::new(cluster.spec.estate_id.clone()) else { continue };
            let pve = match self.context.registry.gate(&name) {
                Some((pve, Gate::Open)) => pve,
                Some((_, Gate::Shut(why) | Gate::Breaker(why))) => {
                    return Err(Problem::Pve(format!("ProxmoxCluster {name}: {why}")));
                }
                Some((_, Gate::Connecting)) | None => {
                    return Err(Problem::Pve(format!("ProxmoxCluster {name} is not connected")));
                }
            };
            let site = Site { pve, estate, guests: std::collections::BTreeMap::new() };
            self.keep(&site, &[]).await?;
        }
        Ok(())
    }
}

/// Whether two names are of the same zone, as far as UTC has several.
fn same_zone(one: &str, other: &str) -> bool {
    let utc = |name: &str| matches!(name, "UTC" | "Etc/UTC" | "Etc/UCT" | "UCT" | "Zulu" | "Etc/Zulu");
    one == other || (utc(one) && utc(other))
}
