//! A small Proxmox VE with one operator: plans are applied to it, and what it does was recorded on a real node.

mod pve;
mod sources;

use crate::fixture::{CP, VMID, guest_mut, guest_of, identity, labels};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::collections::BTreeMap;
use std::fmt;
use zentoria_api::cluster::ProxmoxClusterSpec;
use zentoria_api::common::VmidField;
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::{Created, Origin, PowerStatus, RunState, ZentoriaContainerSpec, ZentoriaContainerStatus};
use zentoria_api::firewall::FirewallMode;
use zentoria_core::Fact;
use zentoria_core::container::guard::guard;
use zentoria_core::container::plan::{needs_backups, needs_snapshot_feature, plan, recorded_source};
use zentoria_core::container::power::needs_cause;
use zentoria_core::container::report::inventory;
use zentoria_core::container::seen::{Backup, ClusterFacts, Guest, GuestFact, Recorded, Seen, StopCause};
use zentoria_core::container::step::{MarkPurpose, Plan, Step};
use zentoria_core::container::validate::{AsIf, Input, validate};
use zentoria_core::container::want::{CloneFrom, Refusal, Source, Want};
use zentoria_core::firewall::guest::GuestFirewall;
use zentoria_types::vmid::Vmid;

pub use pve::{digest_of, new_guest};
pub use sources::Archive;

/// One container, its cluster, and what is there.
#[derive(Clone)]
pub struct World {
    pub spec: ZentoriaContainerSpec,
    pub cluster: ProxmoxClusterSpec,
    pub seen: Seen,
    /// Other guests, which may be cloned.
    pub others: BTreeMap<Vmid, Guest>,
    /// Backups on every storage.
    pub archives: Vec<Archive>,
    /// Firewall configuration that stands at the VMID.
    pub firewall: bool,
    /// The firewall that was written before the first start.
    pub rules: Option<GuestFirewall>,
    /// The guest was made by a step.
    pub made_here: bool,
    /// When its turn comes, by dependencies.
    pub wave: Option<u32>,
    /// What a look for the reason of a stop finds.
    pub cause: StopCause,
    /// Backups on the storage for backups.
    pub backups: Vec<Backup>,
    /// Whether the guest's storages can take snapshots.
    pub can_snapshot: bool,
}

/// What differs from world to world: short enough to be read in a counterexample.
impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spec = serde_json::to_string(&self.spec).unwrap_or_default();
        writeln!(f, "spec {spec}\nmode {:?}, the last stop by {:?}", self.cluster.mode, self.cause)?;
        let Seen { guest, recorded, task, conflict, dependencies, cluster, .. } = &self.seen;
        writeln!(f, "guest {guest:?}\nrecorded {recorded:?}")?;
        writeln!(f, "task {task:?}, conflict {conflict:?}, dependencies {dependencies:?}")?;
        let ClusterFacts { root_credential, missing_permissions, takeover, .. } = cluster;
        write!(f, "root {root_credential}, missing {missing_permissions:?}, takeover {takeover:?}")
    }
}

impl World {
    pub fn new(spec: ZentoriaContainerSpec) -> Self {
        let template = new_guest(
            crate::fixture::CLONE_SOURCE,
            &[
                ("memory", "256"),
                ("net0", "name=eth0,bridge=vmbr9,hwaddr=BC:24:11:00:09:00,ip=dhcp,type=veth"),
                ("template", "1"),
            ],
        );
        let sibling = sources::golden(false);
        Self {
            spec,
            cluster: crate::fixture::cluster(),
            seen: crate::fixture::seen(),
            others: [template, sibling].into_iter().map(|guest| (guest.vmid, guest)).collect(),
            archives: vec![Archive::of_the_own_vmid()],
            firewall: true,
            rules: None,
            made_here: false,
            wave: None,
            cause: StopCause::Crash,
            backups: Vec::new(),
            can_snapshot: true,
        }
    }

    /// The wish, as the spec and the status have it now.
    pub fn want(&self) -> Result<Want, Refusal> {
        let status = status(&self.seen.recorded);
        validate(&Input {
            identity: identity(),
            spec: &self.spec,
            status: Some(&status),
            cluster: &self.cluster,
            namespace_labels: &labels(),
            as_if: match (&self.seen.guest, &self.seen.recorded.replacing) {
                (GuestFact::Absent, Some(_)) if self.seen.recorded.is_finished() => AsIf::New,
                _ => AsIf::Recorded,
            },
            wave: self.wave,
        })
    }

    /// The reason of a stop is asked only where it matters.
    pub fn look(&mut self) {
        let stopped = guest_of(&self.seen).is_some_and(|guest| guest.running == Fact::Known(false));
        self.seen.stop_cause = (stopped && needs_cause(&self.seen)).then(|| Fact::Known(self.cause.clone()));
        self.seen.clone_origin = self.source().and_then(|source| sources::origin(self, source));
        self.seen.restorable = sources::restorable(self);
        (self.seen.snapshot_feature, self.seen.backups) = (None, None);
        if let Ok(want) = self.want() {
            if needs_snapshot_feature(&want, &self.seen) {
                self.seen.snapshot_feature = Some(Fact::Known(self.can_snapshot));
            }
            if needs_backups(&want, &self.seen) {
                self.seen.backups = Some(Fact::Known(self.backups.clone()));
            }
        }
    }

    /// The guest that is copied, of a guest that is not finished.
    fn source(&self) -> Option<Vmid> {
        let recorded = self.seen.recorded.defaults.as_ref().and_then(|defaults| defaults.template.as_ref());
        if let (true, Some(recorded)) = (self.seen.recorded.is_in_making(), recorded) {
            return recorded_source(recorded).map(|(vmid, _)| vmid);
        }
        match self.want().ok()?.source? {
            Source::Clone { from: CloneFrom::Vmid(vmid), .. } => Some(vmid),
            Source::Clone { from: CloneFrom::Container(name), .. } => {
                self.seen.cluster.vmids_by_name.get(&name).copied()
            }
            Source::Template { .. } | Source::Image { .. } | Source::Backup(_) => None,
        }
    }

    /// What would be done now.
    pub fn plan(&mut self) -> Plan {
        self.look();
        let want = self.want().unwrap();
        guard(plan(&want, &self.seen), &want, &self.seen)
    }

    /// Plans once and carries it out.
    pub fn round(&mut self) -> Plan {
        let plan = self.plan();
        let seen_digest = guest_of(&self.seen).and_then(|guest| guest.config.digest.clone());
        if let Some(target) = &plan.target {
            assert_eq!(target.digest, seen_digest, "a plan rests on what was seen");
        }
        for step in &plan.steps {
            self.apply(&plan, step);
        }
        self.record_power(&plan);
        self.record_mounts();
        plan
    }

    /// What the report remembers of the mounts of a guest of ours.
    fn record_mounts(&mut self) {
        let Ok(want) = self.want() else { return };
        if let (true, Some(guest)) = (self.seen.recorded.created.is_some(), guest_of(&self.seen)) {
            self.seen.recorded.mounts = inventory::mounts(&want, &self.seen.recorded.mounts, &guest.config);
        }
    }

    fn record_power(&mut self, plan: &Plan) {
        let running = guest_of(&self.seen).map(|guest| guest.running.clone());
        match running {
            Some(Fact::Known(true)) => {
                self.seen.recorded.power = Some(PowerStatus { state: RunState::Running, stopped_by: None });
            }
            Some(Fact::Known(false)) if self.seen.recorded.is_finished() => {
                let stopped_by = match plan.verdict.reason {
                    ContainerReason::StoppedExternally => plan.verdict.subject.clone(),
                    _ => self.seen.recorded.power.as_ref().and_then(|power| power.stopped_by.clone()),
                };
                self.seen.recorded.power = Some(PowerStatus { state: RunState::Stopped, stopped_by });
            }
            Some(_) | None => {}
        }
    }

    fn guest(&mut self) -> &mut Guest {
        guest_mut(&mut self.seen).expect("a step on a guest that is not there")
    }

    /// Carries one step out.
    pub fn apply(&mut self, plan: &Plan, step: &Step) {
        let target = plan.target.clone().expect("a step without a target");
        let root = self.seen.cluster.root_credential;
        match step {
            Step::Create(create) => {
                self.must_be_free();
                assert!(create.options.values().all(|value| !value.is_empty()), "an empty option");
                pve::check_created_features(create, root);
                let guest = pve::created(target.vmid, &target.node, &create.options);
                self.made(guest, create.origin, create.defaults.clone());
            }
            Step::Clone(clone) => {
                self.must_be_free();
                let source = &self.others[&clone.source];
                assert_eq!((&source.node, &source.node), (&clone.source_node, &target.node));
                let guest = pve::cloned(source, target.vmid, clone);
                self.firewall = true;
                self.made(guest, Origin::Clone, clone.defaults.clone());
            }
            Step::Mark(mark) => {
                let now = self.seen.now;
                let origin = match mark.purpose {
                    MarkPurpose::Adopt => Some(Origin::Adopted),
                    MarkPurpose::TakeBack | MarkPurpose::Rebind => Some(Origin::TakenBack),
                    MarkPurpose::Retain | MarkPurpose::Trash => None,
                };
                let (description, tags) = (mark.description.iter(), mark.tags.iter());
                let set = description.map(|d| ("description".to_owned(), d.clone()));
                let set = set.chain(tags.map(|t| ("tags".to_owned(), t.clone())));
                let on_boot = mark.on_boot.map(|on| ("onboot".to_owned(), u8::from(on).to_string()));
                let set = set.chain(on_boot).collect();
                pve::put(self.guest(), &set, &[], &[]);
                if let Some(origin) = origin {
                    self.seen.recorded.vmid = Some(target.vmid);
                    self.seen.recorded.created =
                        Some(Created { origin, intent_at: Time(now), finished_at: Some(Time(now)) });
                }
            }
            Step::Configure(configure) => {
                assert!(root || !configure.as_root, "root@pam without a password");
                pve::check_changed_features(configure, self.guest());
                pve::check_of_node(configure);
                pve::put(self.guest(), &configure.set, &configure.delete, &configure.revert);
            }
            Step::ClearFirewall => {
                self.guest();
                self.firewall = false;
                self.rules = None;
            }
            Step::WriteFirewall(firewall) => {
                assert!(!self.firewall, "written beside what an earlier guest left");
                assert_ne!(self.guest().running, Fact::Known(true), "the firewall of a guest that runs");
                self.rules = Some((**firewall).clone());
            }
            Step::Finish => {
                let now = Time(self.seen.now);
                let created = self.seen.recorded.created.as_mut().expect("finished what was never begun");
                created.finished_at.get_or_insert(now);
                self.seen.recorded.replacing = None;
            }
            Step::Resize { disk, to } => pve::resize(self.guest(), disk, *to),
            Step::MoveVolume { disk, storage } => pve::move_volume(self.guest(), disk, storage),
            Step::Start => {
                assert!(self.seen.recorded.is_finished(), "started before it was finished");
                let enforced = self.seen.firewall.as_ref().filter(|compiled| compiled.mode == FirewallMode::Enforce);
                let first = !self.seen.recorded.ran() && self.made_here;
                if let (true, Some(Ok(_))) = (first, enforced.map(|compiled| &compiled.wish)) {
                    assert!(self.rules.is_some(), "started without its firewall");
                }
                pve::start(self.guest());
            }
            Step::Shutdown => {
                pve::stop(self.guest());
                self.cause = StopCause::Ours;
            }
            Step::Reboot => {
                pve::stop(self.guest());
                pve::start(self.guest());
            }
            Step::Destroy { replacing } => {
                self.seen.recorded.replacing.clone_from(replacing);
                assert_eq!(self.guest().running, Fact::Known(false), "Proxmox VE destroys no running guest");
                self.seen.guest = GuestFact::Absent;
            }
            Step::Snapshot(snapshot) if snapshot.of != target.vmid => sources::snapshot(self, snapshot),
            Step::DeleteSnapshot { of, name, .. } if *of != target.vmid => sources::delete_snapshot(self, *of, name),
            Step::Snapshot(snapshot) => {
                assert!(self.can_snapshot, "no storage for snapshots");
                let now = self.seen.now;
                pve::snapshot(self.guest(), &snapshot.name, &snapshot.description, now);
            }
            Step::DeleteSnapshot { name, .. } => pve::delete_snapshot(self.guest(), name),
            Step::Backup(backup) => {
                let volume = format!("{}:backup/vzdump-lxc-{VMID}-{}.tar.zst", backup.storage, self.backups.len());
                assert!(!self.backups.iter().any(|backup| backup.volume == volume));
                let (made_at, notes) = (self.seen.now, backup.notes.clone());
                let vmid = self.guest().vmid;
                self.backups.push(Backup { volume, vmid, made_at, size: 1 << 20, notes, protected: backup.protected });
            }
            Step::DeleteBackup { volume } => {
                let at = self.backups.iter().position(|backup| backup.volume == *volume).expect("no such backup");
                assert!(!self.backups.remove(at).protected, "Proxmox VE removes no protected backup");
            }
            Step::Migrate { to, restart } => {
                let guest = self.guest();
                assert_eq!(guest.running, Fact::Known(*restart), "containers do not move while they run");
                if *restart {
                    pve::stop(guest);
                    pve::start(guest);
                }
                guest.node = to.clone();
            }
            Step::Restore(restore) => {
                self.must_be_free();
                let guest = sources::restored(self, target.vmid, restore);
                self.firewall = true;
                self.made(guest, Origin::Backup, restore.defaults.clone());
            }
            Step::Pull(pull) => sources::pulled(self, pull),
            Step::ConvertToTemplate => sources::convert(self.guest()),
            Step::ForgetVmid => {
                self.seen.recorded = Recorded::default();
                self.seen.guest = GuestFact::NoVmid;
                self.seen.cluster.taken.insert(target.vmid);
            }
        }
    }

    fn must_be_free(&self) {
        assert!(guest_of(&self.seen).is_none(), "Proxmox VE makes no second guest at a VMID");
    }

    fn made(&mut self, guest: Guest, origin: Origin, defaults: zentoria_api::container::RecordedDefaults) {
        let now = Time(self.seen.now);
        (self.made_here, self.rules) = (true, None);
        self.seen.recorded = Recorded {
            vmid: Some(guest.vmid),
            created: Some(Created { origin, intent_at: now, finished_at: None }),
            defaults: Some(defaults),
            replacing: self.seen.recorded.replacing.take(),
            ..Recorded::default()
        };
        self.seen.guest = GuestFact::Present(Box::new(guest));
    }

    /// Whether the guest carries our mark, as the very bytes.
    pub fn is_marked(&self) -> bool {
        let Some(guest) = guest_of(&self.seen) else { return false };
        let names = |line: &str, vmid: Vmid| {
            line.starts_with("<!-- zentoria.ai/v1 ")
                && line.contains(&format!(" cp={CP} "))
                && line.contains(&format!(" vmid={vmid} "))
        };
        guest.config.description().lines().any(|line| names(line, guest.vmid))
    }
}

/// The status that such a record stands for.
pub fn status(recorded: &Recorded) -> ZentoriaContainerStatus {
    ZentoriaContainerStatus {
        vmid: recorded.vmid.map(|vmid| VmidField(vmid.get())),
        created: recorded.created.clone(),
        defaults: recorded.defaults.clone(),
        power: recorded.power.clone(),
        replacing: recorded.replacing.clone(),
        ..ZentoriaContainerStatus::default()
    }
}

/// A world in which the guest is there, with these options over the usual ones.
pub fn with_guest(spec: ZentoriaContainerSpec, description: &str, options: &[(&str, &str)], running: bool) -> World {
    let mut world = World::new(spec);
    let mut guest = new_guest(VMID, options);
    if !description.is_empty() {
        guest.config.current.insert("description".into(), description.into());
    }
    guest.running = Fact::Known(running);
    guest.config.digest = digest_of(&guest.config);
    world.seen.guest = GuestFact::Present(Box::new(guest));
    world
}
