//! The facts after a step, as if Proxmox VE did just what it was asked.

use crate::Fact;
use crate::container::options::waits_for_reboot;
use crate::container::seen::{Backup, Config, Guest, GuestFact, Seen, Snapshot, is_numbered};
use crate::container::step::{Configure, MarkGuest, Step, Target};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::collections::BTreeMap;
use zentoria_api::common::VmidField;
use zentoria_api::container::{Created, Origin, PowerStatus, RecordedDefaults, RunState, ZentoriaContainerStatus};

/// Takes one step. False where what follows cannot be known before it was really taken.
pub(super) fn take(
    seen: &mut Seen,
    status: &mut Option<ZentoriaContainerStatus>,
    step: &Step,
    target: Option<&Target>,
) -> bool {
    let Some(target) = target else { return false };
    let now = Time(seen.now);
    match step {
        Step::Create(create) => {
            make(seen, target, &create.options);
            record(seen, status, target, create.origin, Some(&create.defaults), None);
        }
        // What the copy and the backup bring along is not known.
        Step::Clone(_) | Step::Restore(_) | Step::ForgetVmid => return false,
        Step::Pull(pull) => {
            for facts in seen.cluster.nodes.values_mut() {
                facts.templates.get_or_insert_default().insert(pull.volume.clone());
            }
        }
        Step::Mark(mark) => {
            let Some(guest) = present(seen) else { return false };
            write_mark(guest, mark);
            let Some(origin) = step.origin() else { return false };
            record(seen, status, target, origin, None, Some(now));
        }
        Step::Finish => {
            let created = seen.recorded.created.as_mut();
            if let Some(created) = created {
                created.finished_at.get_or_insert(now);
            }
            seen.recorded.replacing = None;
            if let Some(status) = status {
                status.created.clone_from(&seen.recorded.created);
                status.replacing = None;
            }
        }
        Step::Snapshot(snapshot) => {
            let taken_at = Some(seen.now);
            let row = Snapshot { name: snapshot.name.clone(), taken_at, description: snapshot.description.clone() };
            push(snapshots_of(seen, snapshot.of == target.vmid), row);
        }
        Step::DeleteSnapshot { of, name, .. } => {
            if let Some(Fact::Known(list)) = snapshots_of(seen, *of == target.vmid) {
                list.retain(|snapshot| snapshot.name != *name);
            }
        }
        Step::Backup(backup) => {
            let row = Backup {
                volume: format!("{}:backup/(made by then)", backup.storage),
                vmid: target.vmid,
                made_at: seen.now,
                size: 1,
                notes: backup.notes.clone(),
                protected: backup.protected,
            };
            push(seen.backups.as_mut(), row);
        }
        Step::DeleteBackup { volume } => {
            if let Some(Fact::Known(list)) = &mut seen.backups {
                list.retain(|backup| backup.volume != *volume);
            }
        }
        Step::Destroy { replacing: None } => return false,
        Step::Destroy { replacing: Some(replacing) } => {
            seen.guest = GuestFact::Absent;
            seen.recorded.replacing = Some(replacing.clone());
            if let Some(status) = status {
                status.replacing = Some(replacing.clone());
            }
        }
        Step::Configure(_)
        | Step::ClearFirewall
        | Step::WriteFirewall(_)
        | Step::Resize { .. }
        | Step::MoveVolume { .. }
        | Step::Migrate { .. }
        | Step::ConvertToTemplate
        | Step::Start
        | Step::Shutdown
        | Step::Reboot => return on_guest(seen, status, step),
    }
    true
}

/// Steps on a guest that is there.
fn on_guest(seen: &mut Seen, status: &mut Option<ZentoriaContainerStatus>, step: &Step) -> bool {
    let Some(guest) = present(seen) else { return false };
    match step {
        Step::Configure(configure) => set(guest, configure),
        Step::Resize { disk, to } => part(&mut guest.config, disk, "size", &to.to_pve()),
        Step::MoveVolume { disk, storage } => {
            if let Some(value) = guest.config.current.get_mut(disk)
                && let Some((_, rest)) = value.split_once(':')
            {
                *value = format!("{storage}:{rest}");
            }
        }
        Step::Migrate { to, .. } => guest.node = to.clone(),
        Step::ConvertToTemplate => {
            guest.config.current.insert("template".to_owned(), "1".to_owned());
        }
        Step::Start | Step::Reboot => powered(seen, status, true),
        Step::Shutdown => powered(seen, status, false),
        Step::ClearFirewall | Step::WriteFirewall(_) => {}
        Step::Create(_)
        | Step::Clone(_)
        | Step::Restore(_)
        | Step::Pull(_)
        | Step::Mark(_)
        | Step::Finish
        | Step::Snapshot(_)
        | Step::DeleteSnapshot { .. }
        | Step::Backup(_)
        | Step::DeleteBackup { .. }
        | Step::Destroy { .. }
        | Step::ForgetVmid => return false,
    }
    true
}

fn present(seen: &mut Seen) -> Option<&mut Guest> {
    match &mut seen.guest {
        GuestFact::Present(guest) => Some(guest),
        GuestFact::NoVmid | GuestFact::Absent | GuestFact::OtherKind | GuestFact::Unknown { .. } => None,
    }
}

/// Everything pending is in force after a stop, and a stop of ours is nobody's else.
fn powered(seen: &mut Seen, status: &mut Option<ZentoriaContainerStatus>, running: bool) {
    if let Some(guest) = present(seen) {
        guest.running = Fact::Known(running);
        for (key, value) in std::mem::take(&mut guest.config.pending) {
            match value {
                Some(value) => guest.config.current.insert(key, value),
                None => guest.config.current.remove(&key),
            };
        }
    }
    seen.stop_cause = (!running).then_some(Fact::Known(crate::container::seen::StopCause::Ours));
    let state = if running { RunState::Running } else { RunState::Stopped };
    seen.recorded.power = Some(PowerStatus { state, stopped_by: None });
    if let Some(status) = status {
        status.power.clone_from(&seen.recorded.power);
    }
}

fn make(seen: &mut Seen, target: &Target, options: &BTreeMap<String, String>) {
    let volumes = (0_usize..).map(|number| format!("vm-{}-disk-{number}", target.vmid));
    let current = options.iter().zip(volumes).map(|((key, value), volume)| (key.clone(), made(key, value, &volume)));
    let config = Config { digest: None, current: current.collect(), pending: BTreeMap::new() };
    seen.guest = GuestFact::Present(Box::new(Guest {
        vmid: target.vmid,
        node: target.node.clone(),
        config,
        running: Fact::Known(false),
        ha: false,
        snapshots: Fact::Known(Vec::new()),
        leased: Fact::Known(Vec::new()),
    }));
}

/// `local-zfs:8` is the wish for a volume; what the configuration has then names it.
fn made(key: &str, value: &str, volume: &str) -> String {
    let (first, rest) = value.split_once(',').map_or((value, None), |(first, rest)| (first, Some(rest)));
    let wish = first.split_once(':').filter(|(_, size)| size.parse::<f64>().is_ok());
    let Some((storage, size)) = wish.filter(|_| key == "rootfs" || is_numbered(key, "mp")) else {
        return value.to_owned();
    };
    let rest = rest.map(|rest| format!(",{rest}")).unwrap_or_default();
    format!("{storage}:{volume}{rest},size={size}G")
}

fn record(
    seen: &mut Seen,
    status: &mut Option<ZentoriaContainerStatus>,
    target: &Target,
    origin: Origin,
    defaults: Option<&RecordedDefaults>,
    finished_at: Option<Time>,
) {
    let created = Created { origin, intent_at: Time(seen.now), finished_at };
    seen.recorded.vmid = Some(target.vmid);
    seen.recorded.created = Some(created.clone());
    seen.recorded.defaults = defaults.cloned();
    seen.recorded.power = None;
    let status = status.get_or_insert_default();
    status.vmid = Some(VmidField(target.vmid.get()));
    status.node = Some(target.node.to_string());
    status.created = Some(created);
    status.defaults = defaults.cloned();
    status.power = None;
}

fn write_mark(guest: &mut Guest, mark: &MarkGuest) {
    let config = &mut guest.config.current;
    let on_boot = mark.on_boot.map(|on| u8::from(on).to_string());
    let written = [("description", &mark.description), ("tags", &mark.tags), ("onboot", &on_boot)];
    for (key, value) in written {
        if let Some(value) = value {
            config.insert(key.to_owned(), value.clone());
        }
    }
}

fn set(guest: &mut Guest, configure: &Configure) {
    let runs = guest.running == Fact::Known(true);
    let vmid = guest.vmid;
    let config = &mut guest.config;
    for key in &configure.revert {
        config.pending.remove(key);
    }
    let set = configure.set.iter().map(|(key, value)| (key, Some(value)));
    for (key, value) in set.chain(configure.delete.iter().map(|key| (key, None))) {
        let value = value.map(|value| made(key, value, &format!("vm-{vmid}-{key}")));
        match value {
            value if runs && is_late(config, key, value.is_none()) => {
                if value.is_some() || config.current.contains_key(key) {
                    config.pending.insert(key.clone(), value);
                }
            }
            Some(value) => {
                config.pending.remove(key);
                config.current.insert(key.clone(), value);
            }
            None => {
                config.current.remove(key);
            }
        }
    }
}

/// Whether a running guest takes a change of the option up at its next reboot only: also what is in a slot already, which
/// cannot be taken out or exchanged while it runs.
pub(super) fn is_late(config: &Config, key: &str, removes: bool) -> bool {
    let slot = is_numbered(key, "dev") || is_numbered(key, "mp");
    waits_for_reboot(key) || (slot && (removes || config.current.contains_key(key)))
}

/// One key of a property string.
fn part(config: &mut Config, option: &str, key: &str, value: &str) {
    let Some(text) = config.current.get_mut(option) else { return };
    let mut parts: Vec<String> = text.split(',').map(str::to_owned).collect();
    let prefix = format!("{key}=");
    parts.retain(|part| !part.starts_with(&prefix));
    parts.push(format!("{prefix}{value}"));
    *text = parts.join(",");
}

/// The snapshots of the guest, or of the one that it is a copy of.
fn snapshots_of(seen: &mut Seen, own: bool) -> Option<&mut Fact<Vec<Snapshot>>> {
    if !own {
        return seen.clone_origin.as_mut().map(|origin| &mut origin.snapshots);
    }
    present(seen).map(|guest| &mut guest.snapshots)
}

fn push<T>(list: Option<&mut Fact<Vec<T>>>, row: T) {
    if let Some(Fact::Known(list)) = list {
        list.push(row);
    }
}
