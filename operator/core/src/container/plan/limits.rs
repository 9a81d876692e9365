//! A guest whose growth would exceed the namespace's quota: it keeps what it has, and everything else goes on.

use crate::cluster::quota::{OverQuota, Resource};
use crate::container::seen::{Config, Guest, Seen, is_numbered};
use crate::container::step::{Plan, Verdict};
use crate::container::usage::{cores, disks, memory};
use crate::container::want::{Mounted, Want};
use crate::digest::of_parts;
use std::borrow::Cow;
use zentoria_api::conditions::{ContainerReason, Phase};
use zentoria_api::container::{ChangeClass, MountStatus, PendingChange};
use zentoria_types::property::PropertyString;
use zentoria_types::size::Bytes;

/// The wish without the growth that the quota refuses, and that growth as changes that cannot be made.
pub(super) fn within<'a>(want: &'a Want, seen: &Seen, guest: &Guest) -> (Cow<'a, Want>, Vec<PendingChange>) {
    let Some(over) = &seen.over_quota else { return (Cow::Borrowed(want), Vec::new()) };
    let mut held = want.clone();
    let mut pending = Vec::new();
    let mut hold = |field: &str, from: String, to: String| pending.push(refused(field, from, to, over));
    let config = &guest.config;
    if let Some(wish) = want.options.cores.filter(|wish| over.is_over(Resource::Cores) && *wish > cores(config)) {
        held.options.cores = config.effective("cores").and_then(|value| value.parse().ok());
        hold("resources.cores", cores(config).to_string(), wish.to_string());
    }
    let has = memory(config);
    if let Some(wish) = want.options.memory_mib.map(Bytes::from_mib)
        && over.is_over(Resource::Memory)
        && wish > has
    {
        held.options.memory_mib = Some(has.0 >> 20);
        hold("resources.memory", has.to_string(), wish.to_string());
    }
    if over.is_over(Resource::Disk) {
        disks_within(&mut held, config, &seen.recorded.mounts, &mut hold);
    }
    (Cow::Owned(held), pending)
}

fn disks_within(
    held: &mut Want,
    config: &Config,
    recorded: &[MountStatus],
    hold: &mut impl FnMut(&str, String, String),
) {
    let size_of = |slot: &str| disks(config).find(|(key, ..)| *key == slot).map(|(_, _, size)| size);
    if let (Some(wish), Some(has)) = (held.disk, size_of("rootfs"))
        && wish > has
    {
        held.disk = Some(has);
        hold("rootDisk.size", has.to_string(), wish.to_string());
    }
    held.mounts.retain_mut(|mount| {
        let Mounted::Volume { storage: _, size: wish } = &mut mount.what else { return true };
        let at = |value: &String| PropertyString::parse(value).is_ok_and(|mp| mp.get("mp") == Some(&mount.path));
        let known = recorded.iter().find(|known| known.name == mount.name).map(|known| known.slot.as_str());
        let by_path = || config.current.iter().find(|(key, value)| is_numbered(key, "mp") && at(value));
        let slot = known.filter(|slot| size_of(slot).is_some()).or_else(|| by_path().map(|(slot, _)| slot.as_str()));
        let has = slot.and_then(size_of);
        let field = format!("mounts[{}]", mount.name);
        match has {
            Some(has) if *wish > has => {
                hold(&field, has.to_string(), wish.to_string());
                *wish = has;
                true
            }
            Some(_) => true,
            // One that it had and lost is judged by the planner.
            None if known.is_some() => true,
            None => {
                hold(&field, "(unset)".to_owned(), wish.to_string());
                false
            }
        }
    });
}

fn refused(field: &str, from: String, to: String, over: &OverQuota) -> PendingChange {
    PendingChange {
        field: field.to_owned(),
        digest: of_parts([field, &from, &to]),
        from,
        to,
        class: ChangeClass::Impossible,
        message: format!("QuotaExceeded: {over}"),
    }
}

/// What was refused is said, once nothing else is left to say.
pub(super) fn said(mut plan: Plan, seen: &Seen, refused: Vec<PendingChange>) -> Plan {
    let Some(over) = seen.over_quota.as_ref().filter(|_| !refused.is_empty()) else { return plan };
    plan.pending.extend(refused);
    if plan.verdict.reason.phase() == Phase::Settled {
        plan.verdict = Verdict::new(ContainerReason::QuotaExceeded, over.to_string());
    }
    plan
}
