//! A guest that exists: whose it is, and what it takes to make it as the spec says.

use super::allowed::{Permission, explain, may_reboot, may_reboot_unasked, of_class};
use super::creation::leftover_snapshot;
use super::firewall::first_firewall;
use super::limits;
use super::moving::moving;
use super::replace::replace;
use super::{disk_moves, mounts, target_of};
use crate::container::delete::trash::cleaned;
use crate::container::interfaces::hold_back;
pub(super) use crate::container::options::waits_for_reboot as is_at_reboot;
use crate::container::options::{as_shown, describe, difference};
use crate::container::ownership::{Ownership, ownership};
use crate::container::power::power;
use crate::container::seen::{Guest, Seen, is_numbered};
use crate::container::step::{Configure, MarkGuest, MarkPurpose, Plan, Step, Verdict};
use crate::container::want::Want;
use crate::digest::of_parts;
use std::collections::BTreeSet;
use zentoria_api::common::Mode;
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::{Adoption, ChangeClass, Created, Origin, PendingChange};
use zentoria_api::wire::GUEST_TAG;
use zentoria_types::mark::{Description, Mark};
use zentoria_types::property::PropertyString;
use zentoria_types::size::Bytes;
use zentoria_types::tags::Tags;

/// The plan for a guest that exists.
pub(super) fn existing(want: &Want, seen: &Seen, guest: &Guest) -> Plan {
    if let Some(verdict) = locked(seen, guest) {
        return Plan::say(verdict);
    }
    let vmid = guest.vmid;
    match ownership(&want.identity, vmid, guest.config.description()) {
        // A tombstone on a guest that is wanted again would let it expire.
        Ownership::Ours(mark) if seen.recorded.created.is_some() && is_clean(&mark) => {
            let (want, refused) = limits::within(want, seen, guest);
            limits::said(ours(&want, seen, guest, &mark), seen, refused)
        }
        Ownership::Ours(mark) => take_back(want, guest, &mark),
        Ownership::OtherControlPlane(old) if seen.cluster.takeover.as_ref() == Some(&old) => rebind(want, guest),
        Ownership::OtherControlPlane(old) => Plan::say(Verdict::about(
            ContainerReason::ForeignControlPlane,
            old.to_string(),
            format!(
                "guest {vmid} carries our mark, written by control plane {old}: if that one is gone, annotate the \
                 ProxmoxCluster with zentoria.ai/takeover={old}"
            ),
        )),
        Ownership::CopyOf(original) => Plan::say(Verdict::about(
            ContainerReason::CopyOf,
            original.to_string(),
            format!(
                "guest {vmid} is a copy that a person made of {original}: it is never touched; choose another VMID"
            ),
        )),
        Ownership::Unreadable(error) => Plan::say(Verdict::new(
            ContainerReason::MarkUnreadable,
            format!("the mark in the notes of guest {vmid} cannot be read ({error}): restore it, or remove the line"),
        )),
        Ownership::Unmarked if want.adoption == Adoption::IfExists && !is_being_made(seen) => adopt(want, seen, guest),
        Ownership::Unmarked => stranger(want, seen, guest, true, "carries no mark of ours"),
        Ownership::Foreign(mark) => {
            let owner = format!("belongs to {}/{} of estate {}", mark.namespace, mark.name, mark.estate);
            stranger(want, seen, guest, false, &owner)
        }
    }
}

/// While PVE holds a lock, nothing is changed. During a creation the configuration has nothing but the lock.
fn locked(seen: &Seen, guest: &Guest) -> Option<Verdict> {
    let lock = guest.config.lock()?;
    let vmid = guest.vmid;
    if lock == "create" && is_being_made(seen) {
        return Some(Verdict::new(
            ContainerReason::StaleLock,
            format!(
                "guest {vmid} is locked by its own creation, and no task holds the lock: on its node run `pct unlock \
                 {vmid}` and, if the guest is incomplete, `pct destroy {vmid}`"
            ),
        ));
    }
    Some(Verdict::about(
        ContainerReason::GuestLocked,
        lock.to_owned(),
        format!(
            "guest {vmid} is locked by Proxmox VE ({lock}); nothing is changed until the lock is gone (a lock that \
             stays without a task: `pct unlock {vmid}` on its node)"
        ),
    ))
}

/// We set out to create or clone a guest and are not done. What comes to be ours by its mark is never "made".
fn is_being_made(seen: &Seen) -> bool {
    let made = |created: &Created| match created.origin {
        Origin::Template | Origin::Clone | Origin::Image | Origin::Backup => created.finished_at.is_none(),
        Origin::Adopted | Origin::TakenBack => false,
    };
    seen.recorded.created.as_ref().is_some_and(made)
}

/// A guest at our VMID that is not ours.
fn stranger(want: &Want, seen: &Seen, guest: &Guest, unmarked: bool, what: &str) -> Plan {
    let vmid = guest.vmid;
    // A guest that is made anew keeps its VMID.
    if want.vmid.is_none() && is_being_made(seen) && seen.recorded.replacing.is_none() {
        return Plan {
            target: Some(target_of(guest)),
            steps: vec![Step::ForgetVmid],
            pending: Vec::new(),
            verdict: Verdict::new(
                ContainerReason::Creating,
                format!("vmid {vmid} was taken meanwhile; another is chosen"),
            ),
            notes: Vec::new(),
        };
    }
    let remedy = match (unmarked, seen.recorded.is_finished()) {
        (true, true) => "it was ours: restore the mark in its notes, or set adoption: IfExists to take it over again",
        (true, false) => "choose another VMID, or set adoption: IfExists to take it over as it is",
        (false, true) => "it was ours: restore the mark in its notes",
        (false, false) => "choose another VMID",
    };
    Plan::say(Verdict::about(
        ContainerReason::VmidTaken,
        vmid.to_string(),
        format!("guest {vmid} exists and {what}; it is not touched: {remedy}"),
    ))
}

fn mark(guest: &Guest, purpose: MarkPurpose, description: Option<String>, tags: Option<String>, say: &str) -> Plan {
    Plan {
        target: Some(target_of(guest)),
        steps: vec![Step::Mark(MarkGuest { purpose, description, tags, on_boot: None }), Step::Finish],
        pending: Vec::new(),
        verdict: Verdict::new(ContainerReason::Adopting, say),
        notes: Vec::new(),
    }
}

/// One PUT: the old text with our mark, the old tags with ours.
fn adopt(want: &Want, seen: &Seen, guest: &Guest) -> Plan {
    let text = guest.config.description();
    let text = text.strip_suffix('\n').unwrap_or(text);
    let description = describe(text, Some(&want.identity.mark(guest.vmid)));
    let mut tags = Tags::parse(guest.config.effective("tags").unwrap_or(""));
    let tags = tags.insert(GUEST_TAG).then(|| tags.to_string());
    let mut plan = mark(guest, MarkPurpose::Adopt, Some(description), tags, "is taken over as it is");
    if want.mode == Mode::Observe {
        plan.pending = after_adoption(want, seen, guest);
    }
    plan
}

/// What Enforce would change once the guest is ours: who only looks is to see it before.
fn after_adoption(want: &Want, seen: &Seen, guest: &Guest) -> Vec<PendingChange> {
    let mut found = difference(&want.options, &guest.config, &want.identity.mark(guest.vmid));
    let disks = mounts::difference(want, seen, guest, &mut found);
    let mut pending = found.pending;
    pending.extend(disks.into_iter().flat_map(|rest| rest.pending));
    // The description is the mark's.
    let shown = found.configure.iter().flat_map(as_shown);
    pending.extend(shown.filter(|change| change.field != "description" || want.options.description.is_some()));
    pending
}

fn is_clean(mark: &Mark) -> bool {
    mark.retained.is_none() && mark.trash_until.is_none()
}

fn forbidden(want: &Want, guest: &Guest) -> Option<Plan> {
    let message = format!("guest {} carries our mark, and adoption: Never forbids to take it back", guest.vmid);
    (want.adoption == Adoption::Never).then(|| Plan::say(Verdict::new(ContainerReason::AdoptionForbidden, message)))
}

fn take_back(want: &Want, guest: &Guest, mark_found: &Mark) -> Plan {
    if let Some(plan) = forbidden(want, guest) {
        return plan;
    }
    let (clean, on_boot) = cleaned(mark_found);
    let description = (clean != *mark_found).then(|| describe(&text_of(guest), Some(&clean)));
    booting(mark(guest, MarkPurpose::TakeBack, description, None, "is taken back"), on_boot)
}

/// The same, with whether the guest starts at boot.
fn booting(mut plan: Plan, on_boot: Option<bool>) -> Plan {
    if let Some(Step::Mark(mark)) = plan.steps.first_mut() {
        mark.on_boot = on_boot;
    }
    plan
}

fn rebind(want: &Want, guest: &Guest) -> Plan {
    if let Some(plan) = forbidden(want, guest) {
        return plan;
    }
    let mut ours = want.identity.mark(guest.vmid);
    let found = Description::parse(guest.config.description()).ok().and_then(|description| description.mark);
    let found = found.map(|mark| cleaned(&mark));
    let on_boot = found.as_ref().and_then(|(_, on_boot)| *on_boot);
    ours.extra = found.map(|(mark, _)| mark.extra).unwrap_or_default();
    let description = describe(&text_of(guest), Some(&ours));
    booting(mark(guest, MarkPurpose::Rebind, Some(description), None, "is re-bound to this control plane"), on_boot)
}

fn text_of(guest: &Guest) -> String {
    Description::parse(guest.config.description()).map(|d| d.text).unwrap_or_default()
}

/// A guest of ours.
fn ours(want: &Want, seen: &Seen, guest: &Guest, mark: &Mark) -> Plan {
    let mut steps = Vec::new();
    let mut found = difference(&want.options, &guest.config, mark);
    if is_being_made(seen)
        && let Err(verdict) = super::copies::own_network(want, seen, guest)
    {
        return Plan::say(verdict);
    }
    let held_back = hold_back(&want.options, seen, guest, &mut found.configure);
    if let (true, Some(verdict)) = (is_being_made(seen), &held_back) {
        return Plan::say(verdict.clone());
    }
    let rest = match mounts::difference(want, seen, guest, &mut found) {
        Ok(rest) => rest,
        Err(verdict) => return Plan::say(verdict),
    };
    let moves: Vec<_> = disk_moves::of_root(want, seen, guest).into_iter().chain(rest.moves).collect();
    let mut pending = found.pending;
    pending.extend(rest.pending);
    pending.extend(unchangeable(want, seen, guest));
    let moving = moving(want, seen, guest, &mut pending);
    let mut notes = Vec::new();

    if let Some((step, verdict)) = replace(want, seen, guest, &mut pending) {
        return Plan { target: Some(target_of(guest)), steps: vec![step], pending, verdict, notes };
    }
    if let Some(configure) = found.configure {
        if configure.as_root && !seen.cluster.root_credential {
            return Plan::say(Verdict::new(
                ContainerReason::NeedsRootCredential,
                format!(
                    "only root@pam may set {}: set credentials.rootSecretRef of the ProxmoxCluster, or leave it out",
                    root_fields(&configure)
                ),
            ));
        }
        steps.push(Step::Configure(configure));
    }
    let template = super::template::standing(want, guest);
    let root = disk(want, guest, &mut pending, &mut notes);
    let what = if root.is_some() { "its root disk grows" } else { "a volume of it grows" };
    if let Some(step) = root.or(rest.grow).filter(|_| !template.is_made()) {
        let verdict = Verdict::new(ContainerReason::Resizing, what);
        steps.push(step);
        pending.extend(moves.into_iter().map(|step| step.change));
        return Plan { target: Some(target_of(guest)), steps, pending, verdict, notes };
    }
    if is_being_made(seen) {
        steps.push(Step::ClearFirewall);
        notes.extend(super::copies::came_along(seen, guest));
        match leftover_snapshot(want, seen) {
            Ok(Some(step)) => {
                steps.push(step);
                let verdict =
                    Verdict::new(ContainerReason::Securing, "the snapshot that it was copied from is removed");
                return Plan { target: Some(target_of(guest)), steps, pending, verdict, notes };
            }
            Ok(None) => {}
            Err(verdict) => return Plan::say(verdict),
        }
        steps.extend(first_firewall(want, seen, guest));
    }
    // Of a replacement that is not wished any more nothing may be left that takes a loss for one.
    if seen.recorded.is_in_making() || seen.recorded.replacing.is_some() {
        steps.push(Step::Finish);
    }
    if let Some((convert, verdict)) = super::template::finished(template, guest, &mut pending) {
        steps.extend(convert);
        return Plan { target: Some(target_of(guest)), steps, pending, verdict, notes };
    }
    let (step, verdict) = power(want, seen, guest);
    let towards = disk_moves::next(want, seen, guest, &moves, &pending, step.as_ref());
    let (step, verdict) = towards.map_or((step, verdict), |(step, verdict)| (Some(step), verdict));
    let stores = steps.iter().any(needs_reboot);
    let allowed =
        if stores { may_reboot_unasked(want, seen) } else { may_reboot(want, seen, &pending) == Permission::Allowed };
    let reboot = allowed
        && seen.recorded.is_finished()
        && step.is_none()
        && guest.running.known() == Some(&true)
        && (stores || of_class(&pending, ChangeClass::Reboot).next().is_some());
    pending.extend(moves.into_iter().map(|next| next.change));
    let parked = if reboot { None } else { explain(want, seen, guest, &mut pending) };
    let verdict = match (&step, steps.is_empty(), reboot) {
        (None, _, true) => Verdict::new(ContainerReason::Rebooting, "reboots for a change that needs it"),
        (Some(_), _, _) | (None, true, false) => verdict,
        (None, false, false) => verdict,
    }
    .parked(parked);
    let verdict = held_back.unwrap_or(verdict);
    steps.extend(step);
    if reboot {
        steps.push(Step::Reboot);
    }
    moving.over(Plan { target: Some(target_of(guest)), steps, pending, verdict, notes }, guest)
}

/// The options of a change that only root@pam may write, as fields of the spec.
fn root_fields(configure: &Configure) -> String {
    let field = |key: &str| match key {
        "features" | "hookscript" => Some(key.to_owned()),
        key if is_numbered(key, "dev") => Some("devices".to_owned()),
        key if is_numbered(key, "mp") && configure.set.get(key).is_some_and(|value| value.starts_with('/')) => {
            Some(format!("mounts ({key}, a directory of the node)"))
        }
        _ => None,
    };
    let fields: BTreeSet<String> = configure.touched().filter_map(field).map(|field| format!("spec.{field}")).collect();
    fields.into_iter().collect::<Vec<_>>().join(", ")
}

/// Whether a PUT stores what a running guest takes up at its next reboot only.
fn needs_reboot(step: &Step) -> bool {
    match step {
        Step::Configure(configure) => {
            let touched = configure.set.keys().chain(&configure.delete);
            touched.into_iter().any(|key| is_at_reboot(key))
        }
        Step::Create(_)
        | Step::Clone(_)
        | Step::Restore(_)
        | Step::Pull(_)
        | Step::Mark(_)
        | Step::ClearFirewall
        | Step::WriteFirewall(_)
        | Step::Finish
        | Step::Resize { .. }
        | Step::MoveVolume { .. }
        | Step::Migrate { .. }
        | Step::Snapshot(_)
        | Step::DeleteSnapshot { .. }
        | Step::Backup(_)
        | Step::DeleteBackup { .. }
        | Step::ConvertToTemplate
        | Step::Start
        | Step::Shutdown
        | Step::Reboot
        | Step::Destroy { .. }
        | Step::ForgetVmid => false,
    }
}

/// The root disk: grown where it is too small; too large is said, never done.
fn disk(want: &Want, guest: &Guest, pending: &mut Vec<PendingChange>, notes: &mut Vec<String>) -> Option<Step> {
    let wish = want.disk?;
    let rootfs = PropertyString::parse(guest.config.effective("rootfs")?).ok()?;
    let Some(now) = rootfs.get("size").and_then(|size| Bytes::parse_pve(size).ok()) else {
        notes.push("the size of the root disk is not in the guest's configuration; it is left as it is".to_owned());
        return None;
    };
    if now < wish {
        return Some(Step::Resize { disk: "rootfs".to_owned(), to: wish });
    }
    if now > wish {
        let (from, to) = (now.to_string(), wish.to_string());
        pending.push(PendingChange {
            field: "rootDisk.size".to_owned(),
            digest: of_parts(["rootDisk.size", &from, &to]),
            message: format!("a disk cannot shrink: set rootDisk.size to {from} or more"),
            class: ChangeClass::Impossible,
            from,
            to,
        });
    }
    None
}

/// What no PUT can change.
fn unchangeable(want: &Want, seen: &Seen, guest: &Guest) -> Vec<PendingChange> {
    let mut list = Vec::new();
    let mut replace = |field: &str, from: String, to: String, message: &str| {
        let digest = of_parts([field, &from, &to]);
        let (field, message) = (field.to_owned(), message.to_owned());
        list.push(PendingChange { field, from, to, class: ChangeClass::Replace, digest, message });
    };
    let unprivileged = guest.config.current.get("unprivileged").is_some_and(|value| value == "1");
    if want.unprivileged_named && unprivileged != want.unprivileged {
        replace(
            "unprivileged",
            unprivileged.to_string(),
            want.unprivileged.to_string(),
            "Proxmox VE cannot change it in place",
        );
    }
    list.extend(super::source::changed(want, seen));
    list
}
