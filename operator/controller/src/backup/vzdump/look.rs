//! What lies on the storages, container by container.

use super::sites::{Place, Site};
use super::{Pass, SOON, of_problem};
use crate::runtime::write::WriteError;
use std::collections::{BTreeMap, BTreeSet};
use zentoria_api::backup::VzdumpMode;
use zentoria_core::backup::vzdump::notes::Notes;
use zentoria_core::backup::vzdump::report::{GuestSeen, Scene};
use zentoria_core::backup::vzdump::{Volume, by_guest};
use zentoria_core::backup::want::{WantPolicy, WantVzdump};
use zentoria_ops::vzdump::Listed;

/// How many backups of a number that has changed hands are opened to find one of the guest.
const OPENED: usize = 6;

impl Pass<'_> {
    /// Looks, and does what is due.
    pub(super) async fn scene(&mut self, want: Option<&WantPolicy>, vzdump: &WantVzdump) -> Result<Scene, WriteError> {
        let Some(want) = want else { return Ok(Scene::default()) };
        let mut scene = Scene { by_others: vzdump.mode == VzdumpMode::Observe, ..Scene::default() };
        let sites = match self.sites(vzdump) {
            Ok(sites) => sites,
            Err(problem) => return Ok(Scene { problem: Some(problem), ..scene }),
        };
        if let Err(problem) = self.follow(&sites, &mut scene).await {
            return Ok(Scene { problem: Some(of_problem(&problem)), ..scene });
        }
        let mut listed = Vec::new();
        for site in &sites {
            let vmids: BTreeSet<u32> = site.guests.values().map(|place| place.vmid.get()).collect();
            match site.pve.backup_volumes(vzdump.storage.as_deref(), &vmids).await {
                Ok(found) => listed.push(found),
                Err(problem) => return Ok(Scene { problem: Some(of_problem(&problem)), ..scene }),
            }
        }
        for (site, listed) in sites.iter().zip(&listed) {
            self.look(site, listed, &mut scene).await;
        }
        self.verify_done(&mut scene);
        self.remembered(&mut scene);
        match vzdump.mode {
            VzdumpMode::Observe => {}
            VzdumpMode::PveJob => {
                if let Some(problem) = self.keep_jobs(want, vzdump, &sites).await? {
                    scene.problem = Some(problem);
                }
            }
            VzdumpMode::Operator => {}
        }
        self.work(want, vzdump, &sites, &mut scene).await?;
        if vzdump.mode != VzdumpMode::Observe && scene.problem.is_none() && scene.running.is_none() {
            self.prune(want, &sites, &listed, &mut scene).await;
        }
        if scene.running.is_some() {
            self.look_within(SOON);
        }
        self.explain(vzdump, &sites, &mut scene).await;
        Ok(scene)
    }

    async fn look(&self, site: &Site, listed: &Listed, scene: &mut Scene) {
        let volumes = by_guest(&listed.volumes, self.now);
        for (name, place) in &site.guests {
            let mine = volumes.get(&place.vmid.get()).map(Vec::as_slice).unwrap_or_default();
            let newest = self.proved(site, place, mine.iter().copied(), scene).await;
            let mut ours = BTreeMap::new();
            for tier in self.object.spec.tiers.iter().map(|tier| &tier.name) {
                let of_tier = mine.iter().copied().filter(|volume| self.is_ours(site, volume, tier));
                if let Some(volume) = self.proved(site, place, of_tier, scene).await {
                    ours.insert(tier.clone(), volume);
                }
            }
            let seen = GuestSeen { created: place.created, newest, ours, failed: BTreeMap::new() };
            scene.guests.insert(name.clone(), seen);
        }
        for storage in &listed.unseen {
            scene.hints.push(format!("storage {storage} cannot be looked at now"));
        }
    }

    fn is_ours(&self, site: &Site, volume: &Volume, tier: &str) -> bool {
        let notes = Notes::parse(&volume.notes);
        notes.is_some_and(|it| it.tier == tier && it.is_of_policy(&site.estate, &self.namespace, &self.name))
    }

    /// The first of these backups, newest first, that is of the container.
    async fn proved<'v>(
        &self,
        site: &Site,
        place: &Place,
        volumes: impl Iterator<Item = &'v Volume>,
        scene: &mut Scene,
    ) -> Option<Volume> {
        let memory = &self.context.backups.vzdump;
        for volume in volumes.take(OPENED) {
            let known = memory.proof(&place.uid, &volume.volid);
            let is_of_it = match known {
                Some(known) => known,
                None => {
                    let hostname = site.pve.place_of(place.vmid).and_then(|place| place.hostname);
                    let key = &place.identity.key;
                    match site.pve.is_backup_of(volume, &site.estate, key, hostname.as_deref()).await {
                        Ok(answer) => {
                            memory.prove(&place.uid, &volume.volid, answer);
                            answer
                        }
                        Err(problem) => {
                            let hint = problem.message().to_owned();
                            if !scene.hints.contains(&hint) {
                                scene.hints.push(hint);
                            }
                            false
                        }
                    }
                }
            };
            if is_of_it {
                return Some(volume.clone());
            }
        }
        None
    }

    /// What jobs of Proxmox VE said when they failed, where a backup is missing.
    async fn explain(&self, vzdump: &WantVzdump, sites: &[Site], scene: &mut Scene) {
        if vzdump.mode == VzdumpMode::Operator || scene.problem.is_some() {
            return;
        }
        let promise = self.object.status.as_ref().and_then(|status| status.summary.as_deref());
        if promise != Some("Late") {
            return;
        }
        let mut nodes = BTreeSet::new();
        for site in sites {
            for place in site.guests.values() {
                let Some(guest) = site.pve.place_of(place.vmid) else { continue };
                if nodes.insert(guest.node.clone())
                    && let Some(text) = site.pve.last_vzdump_failure(&guest.node).await
                {
                    scene.hints.push(text);
                }
            }
        }
    }
}
