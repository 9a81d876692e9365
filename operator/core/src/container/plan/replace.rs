//! Making a guest anew: for what Proxmox VE cannot change in place and a new guest has from the start. Its VMID and its
//! MAC addresses stay. One step at a time: kept (`before_change`), shut down, destroyed; that it is to be made again is in
//! status before it is destroyed.

use super::allowed::{how_to_approve, of_class};
use super::creation;
use crate::Fact;
use crate::container::seen::{Guest, GuestFact, Seen, is_numbered};
use crate::container::step::{Plan, Step, Verdict};
use crate::container::want::{Source, Want};
use crate::digest::of_parts;
use std::collections::BTreeMap;
use zentoria_api::common::Mode;
use zentoria_api::conditions::{ContainerReason, Phase};
use zentoria_api::container::{Approval, ChangeClass, PendingChange, ReplacePolicy, Replacing};
use zentoria_types::property::PropertyString;

/// The fields that a new guest has as the spec says. Neither the source, which is never a reason, nor the storage of the
/// root disk, which is moved.
const ANEW: [&str; 1] = ["unprivileged"];

/// The next step of a replacement; `None` where nothing asks for one, or something keeps it back: then the pending
/// changes say what.
pub(super) fn replace(
    want: &Want,
    seen: &Seen,
    guest: &Guest,
    pending: &mut [PendingChange],
) -> Option<(Step, Verdict)> {
    let digests: Vec<String> = asked(pending).map(|change| change.digest.clone()).collect();
    if digests.is_empty() || want.mode == Mode::Observe || !seen.recorded.is_finished() {
        return None;
    }
    let approved = digests.iter().all(|digest| seen.approved.contains(digest));
    let by_policy = want.replace_policy == ReplacePolicy::Recreate && want.approval == Approval::None;
    let digests: Vec<&str> = digests.iter().map(String::as_str).collect();
    let held = match refusal(want, seen, guest) {
        Some(why) => Some(format!("the guest is not made anew: {why}")),
        None if approved || by_policy => None,
        None => {
            let policy = match want.replace_policy {
                ReplacePolicy::Recreate => "approval is Required",
                ReplacePolicy::Never => "replacePolicy is Never",
            };
            let what = "that destroys its disk and makes it anew from its source";
            Some(format!("{policy}; {}; {what}", how_to_approve(want, &digests)))
        }
    };
    if let Some(why) = held {
        for change in pending.iter_mut().filter(|change| is_asked(change)) {
            change.message = format!("{}; {why}", change.message);
        }
        return None;
    }
    let say = |message: &str| Verdict::new(ContainerReason::Replacing, message);
    match &guest.running {
        Fact::Known(true) => Some((Step::Shutdown, say("is shut down to be made anew"))),
        Fact::Known(false) => {
            let replacing = Replacing { digest: digest_over(&digests), macs: macs(guest) };
            Some((Step::Destroy { replacing: Some(replacing) }, say("is destroyed to be made anew")))
        }
        Fact::Unknown(_) => None,
    }
}

pub(super) fn is_asked(change: &PendingChange) -> bool {
    change.class == ChangeClass::Replace && ANEW.contains(&change.field.as_str())
}

fn asked(pending: &[PendingChange]) -> impl Iterator<Item = &PendingChange> {
    of_class(pending, ChangeClass::Replace).filter(|change| is_asked(change))
}

/// What names the replacement: the change that asks for it.
pub(super) fn digest_of(pending: &[PendingChange]) -> String {
    let digests: Vec<&str> = asked(pending).map(|change| change.digest.as_str()).collect();
    digest_over(&digests)
}

fn digest_over(digests: &[&str]) -> String {
    match digests {
        [one] => (*one).to_owned(),
        several => of_parts(several.iter().copied()),
    }
}

/// The MAC addresses, by slot, and by name: the interfaces of the new guest may come to be in other slots.
fn macs(guest: &Guest) -> BTreeMap<String, String> {
    let mut macs = BTreeMap::new();
    for (slot, net) in guest.config.current.iter().filter(|(key, _)| is_numbered(key, "net")) {
        let Ok(net) = PropertyString::parse(net) else { continue };
        let Some(mac) = net.get("hwaddr") else { continue };
        macs.insert(slot.clone(), mac.to_owned());
        if let Some(name) = net.get("name").filter(|name| !is_numbered(name, "net")) {
            macs.insert(name.to_owned(), mac.to_owned());
        }
    }
    macs
}

/// The plan that makes a guest again, with the MAC addresses of the one before; one that the spec names stays, and none
/// is given twice.
pub(super) fn with_macs(seen: &Seen, mut plan: Plan) -> Plan {
    let Some(replacing) = &seen.recorded.replacing else { return plan };
    for step in &mut plan.steps {
        let options = if let Step::Create(create) = step {
            &mut create.options
        } else if let Step::Restore(restore) = step {
            &mut restore.options
        } else {
            continue;
        };
        for (interface, mac) in &replacing.macs {
            if options.values().any(|option| has_mac(option, mac)) {
                continue;
            }
            let Some(option) = options.get_mut(interface) else { continue };
            if let Some(mut net) = PropertyString::parse(option).ok().filter(|net| net.get("hwaddr").is_none()) {
                net.set("hwaddr", mac);
                *option = net.to_string();
            }
        }
    }
    plan
}

fn has_mac(net: &str, mac: &str) -> bool {
    net.split(',').any(|part| part.strip_prefix("hwaddr=").is_some_and(|have| have.eq_ignore_ascii_case(mac)))
}

/// Why the guest must not be destroyed to be made anew, and what to do about it.
fn refusal(want: &Want, seen: &Seen, guest: &Guest) -> Option<String> {
    let vmid = guest.vmid;
    let has = |key: &str| guest.config.current.get(key).is_some_and(|value| value == "1");
    let held = guest.config.held_volumes(&[]);
    if !held.is_empty() {
        let list = held.join(", ");
        return Some(format!("it has {list}, which would be destroyed with it: move them away or remove them first"));
    }
    match &guest.snapshots {
        Fact::Known(list) if list.is_empty() => {}
        Fact::Known(list) => {
            let names: Vec<&str> = list.iter().map(|snapshot| snapshot.name.as_str()).collect();
            let names = names.join(", ");
            return Some(format!("its snapshots ({names}) would be destroyed with it: remove them first"));
        }
        Fact::Unknown(why) => return Some(format!("whether it has snapshots is not known: {why}")),
    }
    if guest.ha {
        return Some(format!("it is under PVE's HA: remove it there first (ha-manager remove ct:{vmid})"));
    }
    if seen.cluster.replicated.contains(&vmid) {
        return Some("it has replication jobs: remove them first (pvesr delete)".to_owned());
    }
    if has("protection") {
        return Some(format!("it is protected: run `pct set {vmid} --protection 0` on its node first"));
    }
    if has("template") {
        return Some("it is a template of Proxmox VE, which linked clones may rest on".to_owned());
    }
    match &want.source {
        None => return Some("there is no source to make it from: set spec.source".to_owned()),
        Some(Source::Clone { .. }) => return Some("a copy is as its source is: change that one".to_owned()),
        Some(Source::Backup(_)) => {
            return Some("made anew from its backup it would be as it was then: restore it by hand".to_owned());
        }
        Some(Source::Template { .. } | Source::Image { .. }) => {}
    }
    if let Some(interface) = unnamed_interface(want, guest) {
        return Some(format!(
            "the spec does not name its {interface}, which the new guest would not have: name it there"
        ));
    }
    if let Some(verdict) = cannot_be_made(want, seen) {
        return Some(format!("the new guest could not be made: {}", verdict.message));
    }
    (seen.cluster.destroys_left == 0).then(|| {
        "DeletionBreaker: safety.maxDestroysPerHour of the ProxmoxCluster is used up for this hour; waits until it is not"
            .to_owned()
    })
}

/// An interface that the spec leaves to whoever made it, as of an adopted guest.
fn unnamed_interface<'a>(want: &Want, guest: &'a Guest) -> Option<&'a str> {
    let named = want.options.interfaces.len();
    let is_named = |key: &str| key.strip_prefix("net").and_then(|n| n.parse::<usize>().ok()).is_some_and(|n| n < named);
    let interfaces = guest.config.current.keys().filter(|key| is_numbered(key, "net"));
    interfaces.map(String::as_str).find(|key| !is_named(key))
}

/// Whether the creation would be refused, as far as that shows before the guest is gone.
fn cannot_be_made(want: &Want, seen: &Seen) -> Option<Verdict> {
    let mut gone = seen.clone();
    gone.guest = GuestFact::Absent;
    let Plan { steps, verdict, .. } = creation::create(want, &gone);
    match verdict.reason.phase() {
        Phase::Stalled | Phase::Waiting if steps.is_empty() => Some(verdict),
        Phase::Stalled
        | Phase::Waiting
        | Phase::Settled
        | Phase::Progressing
        | Phase::Retrying
        | Phase::Resting
        | Phase::Silent => None,
    }
}
