//! The mounts of a guest: what a new one gets in its creation, and what an existing one lacks.
//!
//! Only ever `storage:size` is written, or the volume that the slot has already: a volume of somebody else is never named.

use super::disk_moves::{Move, judge};
use crate::container::mounts::{Kind, MountPoint, Placed, place, removed};
use crate::container::options::Difference;
use crate::container::seen::{Config, Guest, Seen};
use crate::container::step::{Configure, Step, Verdict};
use crate::container::want::{Mounted, Refusal, Want};
use crate::digest::of_parts;
use std::collections::BTreeMap;
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::{ChangeClass, PendingChange};
use zentoria_types::names::NodeName;

/// What of the mounts no PUT sets right.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// The first volume that is too small.
    pub grow: Option<Step>,
    /// Volumes on another storage than the spec names.
    pub moves: Vec<Move>,
    /// What is not done, with the reason.
    pub pending: Vec<PendingChange>,
}

fn refused(refusal: Refusal) -> Verdict {
    Verdict::new(refusal.reason, refusal.message)
}

/// The mounts in the call that makes the guest on this node.
pub(super) fn for_creation(want: &Want, seen: &Seen, node: &NodeName) -> Result<BTreeMap<String, String>, Verdict> {
    let placed = place(&want.mounts, &seen.recorded.mounts, &Config::default()).map_err(refused)?;
    let mut options = BTreeMap::new();
    for Placed { wish, slot, .. } in placed {
        on_node(seen, node, &wish.name, &wish.what)?;
        options.extend(MountPoint::new(wish).map(|point| (slot, point.to_pve())));
    }
    Ok(options)
}

/// The field that only root@pam can carry out, where there is one: directories and devices of the node, hook scripts.
pub(super) fn needs_root(want: &Want) -> Option<String> {
    let bind = want.mounts.iter().find(|mount| matches!(mount.what, Mounted::Bind { .. }));
    let bind = bind.map(|mount| format!("spec.mounts[{}].bind asks for a directory of the node", mount.name));
    let device =
        want.options.devices.iter().flatten().next().map(|_| "spec.devices asks for devices of the node".to_owned());
    let script = want.options.hookscript.as_ref().filter(|script| !script.is_empty());
    bind.or(device).or(script.map(|_| "spec.hookscript asks for a script that runs on the node".to_owned()))
}

/// Whether the node has the storage of a new volume.
fn on_node(seen: &Seen, node: &NodeName, name: &str, what: &Mounted) -> Result<(), Verdict> {
    let Mounted::Volume { storage, size: _ } = what else { return Ok(()) };
    match seen.cluster.nodes.get(node) {
        Some(facts) if !facts.rootdir_storages.contains(storage.as_str()) => Err(Verdict::new(
            ContainerReason::NotFound,
            format!(
                "spec.mounts[{name}].volume.storage: storage {storage} does not exist on node {node}, or takes no volumes of \
                 containers (content rootdir)"
            ),
        )),
        Some(_) | None => Ok(()),
    }
}

/// What the mounts of an existing guest lack: what a PUT sets right goes into `found`.
pub(super) fn difference(want: &Want, seen: &Seen, guest: &Guest, found: &mut Difference) -> Result<Rest, Verdict> {
    let recorded = &seen.recorded.mounts;
    let placed = place(&want.mounts, recorded, &guest.config).map_err(refused)?;
    let mut look = Look { want, seen, guest, configure: Configure::default(), rest: Rest::default() };
    for placed in &placed {
        look.compare(placed)?;
    }
    for (recorded, point) in removed(&placed, recorded, &guest.config) {
        look.detach(&recorded.slot, &recorded.name, &point);
    }
    let Look { mut configure, mut rest, .. } = look;
    if is_protected(guest) && !configure.is_empty() {
        rest.pending.extend(configure.changes.iter().map(|change| protected(guest, change)));
        configure = Configure::default();
    }
    if !configure.is_empty() {
        let all = found.configure.get_or_insert_default();
        all.set.extend(configure.set);
        all.delete.extend(configure.delete);
        all.revert.extend(configure.revert);
        all.changes.extend(configure.changes);
        all.as_root |= configure.as_root;
    }
    Ok(rest)
}

fn is_protected(guest: &Guest) -> bool {
    guest.config.current.get("protection").is_some_and(|value| value == "1")
}

fn protected(guest: &Guest, change: &str) -> PendingChange {
    let (field, values) = change.split_once(' ').unwrap_or((change, ""));
    let (from, to) = values.split_once(" -> ").unwrap_or(("", values));
    impossible(
        field,
        from.to_owned(),
        to.to_owned(),
        &format!(
            "guest {} is protected, and Proxmox VE changes no mount of it: set spec.protection: false first, or run `pct \
             set {} --protection 0` on its node",
            guest.vmid, guest.vmid
        ),
    )
}

fn impossible(field: &str, from: String, to: String, message: &str) -> PendingChange {
    PendingChange {
        digest: of_parts([field, &from, &to]),
        field: field.to_owned(),
        class: ChangeClass::Impossible,
        message: message.to_owned(),
        from,
        to,
    }
}

/// The mounts of one guest, looked at one after the other, and what they lack.
struct Look<'a> {
    want: &'a Want,
    seen: &'a Seen,
    guest: &'a Guest,
    /// What a PUT sets right.
    configure: Configure,
    rest: Rest,
}

impl Look<'_> {
    fn compare(&mut self, placed: &Placed<'_>) -> Result<(), Verdict> {
        let Placed { wish, slot, have, recorded: _ } = placed;
        let (guest, field) = (self.guest, format!("mounts[{}]", wish.name));
        if let Some(volume) = placed.lost() {
            self.rest.pending.push(lost(guest, &field, slot, volume));
            return Ok(());
        }
        let Some(have) = have else {
            on_node(self.seen, &guest.node, &wish.name, &wish.what)?;
            let Some(point) = MountPoint::new(wish) else { return Ok(()) };
            self.configure.changes.push(format!("{field} (none) -> {slot}: {}", point.to_pve()));
            self.configure.as_root |= point.kind() == Kind::OfNode;
            self.configure.set.insert(slot.clone(), point.to_pve());
            return Ok(());
        };
        if let Some(number) = wish.slot.filter(|number| *slot != format!("mp{number}")) {
            let message =
                format!("a mount keeps its slot: set slot to {}, or leave it out", slot.trim_start_matches("mp"));
            let change = impossible(&format!("{field}.slot"), slot.clone(), format!("mp{number}"), &message);
            self.rest.pending.push(change);
        }
        let is_volume = matches!(wish.what, Mounted::Volume { .. });
        if is_volume == (have.kind() == Kind::OfNode) {
            let message = "a volume and a directory of the node cannot be exchanged in place: give the new mount another \
                           name, and the old one goes as its reclaimPolicy says";
            let to = MountPoint::new(wish).map(|point| point.to_pve()).unwrap_or_default();
            self.rest.pending.push(impossible(&field, have.to_pve(), to, message));
            return Ok(());
        }
        self.keys(placed, have, &field);
        self.volume(placed, &field);
        Ok(())
    }

    /// Path, `ro` and `backup`; of a directory also which one.
    fn keys(&mut self, placed: &Placed<'_>, have: &MountPoint, field: &str) {
        let Placed { wish, slot, .. } = placed;
        let parse = |value: Option<&str>| value.and_then(MountPoint::parse);
        let now = parse(self.guest.config.current.get(slot).map(String::as_str));
        let then = parse(self.guest.config.effective(slot));
        let holds = |point: &Option<MountPoint>| point.as_ref().is_some_and(|point| point.is_as(wish));
        let said = |point: &Option<MountPoint>| point.as_ref().map_or_else(|| "(none)".to_owned(), MountPoint::to_pve);
        match (holds(&now), holds(&then)) {
            (true, true) => {}
            (false, true) => self.rest.pending.push(stored(field, slot, said(&now), said(&then))),
            (true, false) => {
                self.configure.changes.push(format!("{field}: pending {} taken back", said(&then)));
                self.configure.revert.push(slot.clone());
            }
            (false, false) => {
                // The volume that is there stays, whatever waits for the next start.
                let next = now.as_ref().unwrap_or(have).with(wish);
                self.configure.changes.push(format!("{field} {} -> {}", said(&now), next.to_pve()));
                self.configure.as_root |= next.kind() == Kind::OfNode;
                self.configure.set.insert(slot.clone(), next.to_pve());
            }
        }
    }

    /// A volume that is too small grows; one that is elsewhere moves.
    fn volume(&mut self, placed: &Placed<'_>, field: &str) {
        let Placed { wish, slot, .. } = placed;
        let now = self.guest.config.current.get(slot).and_then(|value| MountPoint::parse(value));
        let (Mounted::Volume { storage, size }, Some(now)) = (&wish.what, now) else { return };
        let Kind::Stored { storage: have } = now.kind() else { return };
        match now.size() {
            Some(now) if now < *size => {
                self.rest.grow.get_or_insert(Step::Resize { disk: slot.clone(), to: *size });
            }
            Some(now) if now > *size => {
                let message = format!("a volume cannot shrink: set the size to {now} or more");
                let field = format!("{field}.volume.size");
                self.rest.pending.push(impossible(&field, now.to_string(), size.to_string(), &message));
            }
            Some(_) | None => {}
        }
        if wish.storage_named && have != storage.as_str() {
            let field = format!("{field}.volume.storage");
            let disk = (slot.as_str(), field.as_str());
            self.rest.moves.push(judge(self.want, self.seen, self.guest, disk, have, storage.as_str()));
        }
    }

    /// A mount that the spec names no longer: its volume becomes `unusedN`.
    fn detach(&mut self, slot: &str, name: &str, point: &MountPoint) {
        let field = format!("mounts[{name}]");
        if self.guest.config.effective(slot).is_none() {
            let mut change = stored(&field, slot, point.to_pve(), "(none)".to_owned());
            "stored in Proxmox VE; the volume is detached and kept at the next reboot of the guest"
                .clone_into(&mut change.message);
            self.rest.pending.push(change);
            return;
        }
        let kept = if point.kind() == Kind::OfNode { "(none)" } else { "(none), its volume is kept as unusedN" };
        self.configure.changes.push(format!("{field} {} -> {kept}", point.to_pve()));
        self.configure.delete.push(slot.to_owned());
    }
}

fn stored(field: &str, slot: &str, from: String, to: String) -> PendingChange {
    PendingChange {
        digest: of_parts([field, &from, &to]),
        field: field.to_owned(),
        class: ChangeClass::Reboot,
        message: format!("stored in Proxmox VE as {slot}; it takes effect at the next reboot of the guest"),
        from,
        to,
    }
}

/// A volume that a person detached is never replaced by an empty one.
fn lost(guest: &Guest, field: &str, slot: &str, volume: &str) -> PendingChange {
    let unused = guest.config.current.iter().find(|(key, value)| key.starts_with("unused") && value.as_str() == volume);
    let vmid = guest.vmid;
    let message = match unused {
        Some((key, _)) => format!(
            "its volume {volume} was detached and is {key} of guest {vmid}: attach it again in Proxmox VE as {slot}; for a \
             new, empty volume take the mount out of the spec and put it in again"
        ),
        None => format!(
            "its volume {volume} is not on guest {vmid} any more, and no empty one is put in its place: attach it again in \
             Proxmox VE as {slot}; for a new, empty volume take the mount out of the spec and put it in again"
        ),
    };
    impossible(field, "(detached)".to_owned(), format!("{slot}: {volume}"), &message)
}
