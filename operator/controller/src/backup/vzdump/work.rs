//! What is due is done: one backup at a time, and what is kept no longer removed.

use super::memory::Removal;
use super::sites::Site;
use super::{Pass, SOON, Sites};
use crate::runtime::events::EventType;
use crate::runtime::status::{Precondition, Written};
use crate::runtime::write::WriteError;
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use std::collections::BTreeMap;
use tracing::info;
use zentoria_api::backup::VzdumpMode;
use zentoria_api::wire::RUN_ANNOTATION;
use zentoria_core::backup::vzdump::due::{Asked, Due, Guest, due};
use zentoria_core::backup::vzdump::notes::Notes;
use zentoria_core::backup::vzdump::prune::to_prune;
use zentoria_core::backup::vzdump::report::{Failed, Running, Scene};
use zentoria_core::backup::want::{WantPolicy, WantVzdump};
use zentoria_ops::vzdump::{End, Listed, Problem};
use zentoria_types::upid::Upid;

/// How many volumes are removed in one look.
const AT_ONCE: usize = 5;
/// A node's clock may be behind ours by so much.
const SKEW: SignedDuration = SignedDuration::from_mins(2);

impl Pass<'_> {
    fn running(&self) -> Option<(String, Upid)> {
        let status = self.object.status.as_ref()?;
        let running = status.tiers.iter().find_map(|(tier, it)| Some((tier.clone(), it.operation.running.clone()?)));
        running.and_then(|(tier, upid)| Some((tier, upid.parse().ok()?)))
    }

    /// Asks about the task that runs.
    pub(super) async fn follow(&mut self, sites: &Sites, scene: &mut Scene) -> Result<(), Problem> {
        let Some((tier, upid)) = self.running() else { return Ok(()) };
        let of_guest = |site: &&Site| site.guests.values().any(|place| Some(place.vmid) == upid.vmid());
        let Some(site) = sites.iter().find(of_guest) else { return Ok(()) };
        let name = site.guests.iter().find(|(_, place)| Some(place.vmid) == upid.vmid()).map(|(name, _)| name.clone());
        let kept = (name.unwrap_or_default(), tier.clone());
        let begun = Timestamp::from_second(upid.start_time()).unwrap_or(self.now);
        let uid = self.uid();
        let memory = &self.context.backups.vzdump;
        let end = site.pve.end_of_task(&upid).await?;
        match end {
            End::Running => {
                memory.of(&uid, |it| {
                    if it.slot.as_ref().is_none_or(|(known, _)| *known != upid) {
                        it.slot = site.pve.slot_of_running(&upid).map(|slot| (upid.clone(), slot));
                    }
                });
                scene.running = Some(Running { tier, upid: upid.to_string() });
                return Ok(());
            }
            End::Well(warnings) => {
                info!(namespace = self.namespace, policy = self.name, %upid, warnings, "backed up");
                memory.of(&uid, |it| {
                    it.failed.remove(&kept);
                    // By our own clock: that of the node may be behind, and nothing is done twice for it.
                    it.done.insert(kept.clone(), self.now);
                    it.unverified.insert(kept.clone(), begun);
                });
                if warnings > 0 {
                    let note = format!("the backup of {} has {warnings} warnings: see the log of task {upid}", kept.0);
                    self.event(EventType::Warning, "BackupWarnings", "Backup", note);
                }
            }
            End::Badly(message) => {
                memory.of(&uid, |it| it.failed.insert(kept, Failed { at: self.now, message }));
            }
            // What lies on the storage tells.
            End::Lost => {}
        }
        memory.of(&uid, |it| it.slot = None);
        Ok(())
    }

    /// A task that ended well and left nothing on the storage has failed.
    pub(super) fn verify_done(&self, scene: &mut Scene) {
        self.context.backups.vzdump.of(&self.uid(), |it| {
            for ((name, tier), begun) in std::mem::take(&mut it.unverified) {
                let Some(guest) = scene.guests.get(&name) else { continue };
                let least = begun.checked_sub(SKEW).unwrap_or(begun);
                if guest.ours.get(&tier).is_none_or(|volume| volume.time < least) {
                    let message =
                        "vzdump ended well, and its storage lists no backup of this container with our notes: \
                                   look at the storage, and at the clock of the node"
                            .to_owned();
                    it.failed.insert((name, tier), Failed { at: self.now, message });
                }
            }
        });
    }

    /// Puts what is remembered of failures into the scene, where nothing newer has come since.
    pub(super) fn remembered(&self, scene: &mut Scene) {
        self.context.backups.vzdump.of(&self.uid(), |it| {
            it.failed.retain(|(name, tier), failed| {
                let Some(guest) = scene.guests.get(name) else { return false };
                guest.ours.get(tier).is_none_or(|volume| volume.time < failed.at.checked_sub(SKEW).unwrap_or(failed.at))
            });
            for ((name, tier), failed) in &it.failed {
                if let Some(guest) = scene.guests.get_mut(name) {
                    guest.failed.insert(tier.clone(), failed.clone());
                }
            }
            scene.hints.extend(it.removing.values().filter_map(|removal| removal.failed.clone()));
        });
    }

    /// Begins the backup that is due next, unless one runs.
    pub(super) async fn work(
        &mut self,
        want: &WantPolicy,
        vzdump: &WantVzdump,
        sites: &Sites,
        scene: &mut Scene,
    ) -> Result<(), WriteError> {
        let asked = self.asked(want, vzdump.mode);
        let tiers = if vzdump.mode == VzdumpMode::Operator { want.tiers.as_slice() } else { &[] };
        if scene.running.is_some() || scene.problem.is_some() || (tiers.is_empty() && asked.is_none()) {
            return Ok(());
        }
        let created = self.object.creation_timestamp().map_or(self.now, |time| time.0);
        let guests = self.guests(scene);
        let list =
            due(tiers, |tier| self.delay(want, tier), created, &guests, asked.as_ref().map(|it| &it.1), self.now);
        if let Some((word, asked)) = &asked
            && !list.iter().any(|due| due.tier == asked.tier && due.since == asked.at)
        {
            self.carried_out(word);
        }
        for due in list {
            if self.begin(vzdump, sites, &due, scene).await? {
                break;
            }
        }
        Ok(())
    }

    fn guests(&self, scene: &Scene) -> Vec<Guest> {
        let done = self.context.backups.vzdump.of(&self.uid(), |it| it.done.clone());
        let guest = |(name, seen): (&String, &zentoria_core::backup::vzdump::report::GuestSeen)| {
            let mut newest: BTreeMap<String, Timestamp> =
                seen.ours.iter().map(|(tier, volume)| (tier.clone(), volume.time)).collect();
            for ((_, tier), begun) in done.iter().filter(|((of, _), _)| of == name) {
                let entry = newest.entry(tier.clone()).or_insert(*begun);
                *entry = (*entry).max(*begun);
            }
            let failed = seen.failed.iter().map(|(tier, failed)| (tier.clone(), failed.at)).collect();
            Guest { name: name.clone(), created: seen.created, newest, failed }
        };
        scene.guests.iter().map(guest).collect()
    }

    /// Begins one. Whether nothing else is to be begun in this look.
    async fn begin(
        &mut self,
        vzdump: &WantVzdump,
        sites: &Sites,
        due: &Due,
        scene: &mut Scene,
    ) -> Result<bool, WriteError> {
        let Some(site) = sites.iter().find(|site| site.guests.contains_key(&due.guest)) else { return Ok(false) };
        let (Some(place), Some(storage)) = (site.guests.get(&due.guest), &vzdump.storage) else { return Ok(false) };
        let notes = self.notes(site, &due.tier);
        let problem = match site.pve.begin_vzdump(&place.identity, place.vmid, storage, &notes).await {
            Ok(begun) => {
                self.store_upid(&due.tier, &begun.upid).await?;
                info!(namespace = self.namespace, policy = self.name, container = due.guest, upid = %begun.upid, "backs up");
                scene.running = Some(Running { tier: due.tier.clone(), upid: begun.upid.to_string() });
                self.context.backups.vzdump.of(&self.uid(), |it| it.slot = Some((begun.upid, begun.slot)));
                return Ok(true);
            }
            Err(problem) => problem,
        };
        match problem {
            Problem::Wait(why) => {
                scene.hints.push(format!("the backup of {} waits: {why}", due.guest));
                self.look_within(SOON);
            }
            Problem::Pve(message) | Problem::Refused(message) => {
                let failed = Failed { at: self.now, message };
                let kept = (due.guest.clone(), due.tier.clone());
                self.context.backups.vzdump.of(&self.uid(), |it| it.failed.insert(kept, failed.clone()));
                if let Some(guest) = scene.guests.get_mut(&due.guest) {
                    guest.failed.insert(due.tier.clone(), failed);
                }
            }
        }
        Ok(false)
    }

    pub(super) fn notes(&self, site: &Site, tier: &str) -> Notes {
        Notes {
            estate: site.estate.clone(),
            namespace: self.namespace.clone(),
            policy: self.name.clone(),
            tier: tier.to_owned(),
        }
    }

    /// The UPID is in status before anybody waits for it.
    async fn store_upid(&self, tier: &str, upid: &Upid) -> Result<(), WriteError> {
        let object = self.context.backups.policies.latest.current(self.object);
        let mut status = object.status.clone().unwrap_or_default();
        status.tiers.entry(tier.to_owned()).or_default().operation.running = Some(upid.to_string());
        let written = self
            .context
            .status
            .patch_if_changed(&self.api(), object.as_ref(), &status, Precondition::SameObject)
            .await?;
        if let Written::Patched(stored) = written {
            self.context.backups.policies.latest.wrote(*stored);
        }
        Ok(())
    }

    /// What the annotation asks for, once for each of its values: `WORD`, or `WORD/TIER`.
    fn asked(&self, want: &WantPolicy, mode: VzdumpMode) -> Option<(String, Asked)> {
        let word = self.object.annotations().get(RUN_ANNOTATION).filter(|word| !word.is_empty())?;
        let uid = self.uid();
        let in_status = self.object.status.as_ref().and_then(|status| status.run.as_ref()) == Some(word);
        if in_status || self.context.backups.vzdump.carried_out(&uid).as_ref() == Some(word) {
            return None;
        }
        let tier = word.rsplit_once('/').map(|(_, tier)| tier);
        let tier = tier.or_else(|| want.tiers.first().map(|tier| tier.name.as_str())).unwrap_or_default();
        let names: Vec<&str> = want.tiers.iter().map(|tier| tier.name.as_str()).collect();
        let refused = match mode {
            VzdumpMode::Observe => Some("the policy is in mode Observe, in which others make the backups".to_owned()),
            VzdumpMode::PveJob | VzdumpMode::Operator if !names.contains(&tier) => {
                Some(format!("it asks for tier {tier:?}, and spec.tiers has {}", names.join(", ")))
            }
            VzdumpMode::PveJob | VzdumpMode::Operator => None,
        };
        if let Some(why) = refused {
            let note = format!("annotation {RUN_ANNOTATION}={word:?}: nothing was started: {why}");
            self.event(EventType::Warning, "RunRefused", "CheckAnnotation", note);
            self.carried_out(word);
            return None;
        }
        self.context.backups.vzdump.of(&uid, |it| {
            if it.asked.as_ref().is_none_or(|(known, _)| known != word) {
                // The command line writes when it was asked: then a restart asks for nothing twice.
                let at = word.split('/').next().and_then(|word| word.parse::<Timestamp>().ok());
                // Backups are dated by whole seconds.
                let at = at.map_or(self.now, |at| at.min(self.now));
                let at = Timestamp::from_second(at.as_second()).unwrap_or(at);
                it.asked = Some((word.clone(), Asked { tier: tier.to_owned(), at }));
            }
            it.asked.clone()
        })
    }

    fn carried_out(&self, word: &str) {
        self.context.backups.vzdump.of(&self.uid(), |it| {
            it.carried_out = Some(word.to_owned());
            it.asked = None;
        });
    }

    /// Removes what no tier keeps any longer.
    pub(super) async fn prune(&mut self, want: &WantPolicy, sites: &Sites, listed: &[Listed], scene: &mut Scene) {
        self.end_removals(sites).await;
        let tiers = want.tiers.iter().map(|tier| (tier.name.clone(), tier.keep)).collect();
        for (site, listed) in sites.iter().zip(listed) {
            let gone = to_prune(&listed.volumes, &site.estate, &self.namespace, &self.name, &tiers, self.now);
            let uid = self.uid();
            let known = |volid: &str| self.context.backups.vzdump.of(&uid, |it| it.removing.contains_key(volid));
            let fresh: Vec<_> = gone.into_iter().filter(|volume| !known(&volume.volid)).collect();
            for volume in fresh.into_iter().take(AT_ONCE) {
                let Some(notes) = Notes::parse(&volume.notes) else { continue };
                let removal = match site.pve.remove_backup(volume, &notes).await {
                    Ok(Some(task)) => {
                        info!(namespace = self.namespace, policy = self.name, volume = volume.volid, "removes");
                        Removal::new(Some(task), None)
                    }
                    Ok(None) => continue,
                    Err(problem) => Removal::new(None, Some(problem.message().to_owned())),
                };
                scene.hints.extend(removal.failed.clone());
                self.context.backups.vzdump.of(&uid, |it| it.removing.insert(volume.volid.clone(), removal));
                self.look_within(SOON);
            }
        }
    }

    /// What became of the removals of the looks before.
    async fn end_removals(&self, sites: &Sites) {
        let uid = self.uid();
        let running: Vec<(String, Upid)> = self.context.backups.vzdump.of(&uid, |it| {
            it.removing.iter().filter_map(|(volid, removal)| Some((volid.clone(), removal.task.clone()?))).collect()
        });
        for (volid, task) in running {
            let Some(site) = sites.first() else { return };
            let failed = match site.pve.end_of_task(&task).await {
                Ok(End::Running) | Err(_) => continue,
                Ok(End::Well(_) | End::Lost) => None,
                Ok(End::Badly(why)) => Some(format!("{volid} is kept no longer and could not be removed: {why}")),
            };
            self.context.backups.vzdump.of(&uid, |it| {
                if let Some(removal) = it.removing.get_mut(&volid) {
                    removal.task = None;
                    removal.failed = failed;
                }
            });
        }
    }
}
