//! `approval: Required`: a guest is made once a person has approved just this: its VMID, its source, its identity.

use super::allowed::how_to_approve;
use crate::container::seen::Seen;
use crate::container::step::{Plan, Step, Verdict};
use crate::container::want::{BackupFrom, CloneFrom, Source, Want};
use crate::digest::of_parts;
use zentoria_api::common::Mode;
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::{Approval, ChangeClass, PendingChange};

/// The plan of a guest that does not exist: held where nobody has approved that it is made. What waits is shown from the
/// first look on, so that it can be approved while something else is still missing, and until the guest is there.
pub(super) fn gate(want: &Want, seen: &Seen, plan: Plan) -> Plan {
    // A replacement was approved, or allowed, before its guest was destroyed.
    if want.approval == Approval::None || want.mode == Mode::Observe || seen.recorded.replacing.is_some() {
        return plan;
    }
    let Some(mut change) = creation(want) else { return plan };
    let approved = seen.approved.contains(&change.digest);
    if approved {
        "is approved".clone_into(&mut change.message);
    }
    let Plan { target, steps, mut pending, verdict, notes } = plan;
    let remedy = change.message.clone();
    pending.push(change);
    let held = !approved && steps.iter().any(Step::writes);
    if !held {
        return Plan { target, steps, pending, verdict, notes };
    }
    let verdict = Verdict::new(ContainerReason::ApprovalRequired, format!("spec.approval is Required: {remedy}"));
    Plan { target: None, steps: Vec::new(), pending, verdict, notes }
}

/// What would be made, as a change to approve. A VMID that the spec does not name is not part of it: which one is free
/// differs from one look to the next.
fn creation(want: &Want) -> Option<PendingChange> {
    let source = in_words(want.source.as_ref()?);
    let vmid = want.vmid.map_or_else(|| "any".to_owned(), |vmid| vmid.to_string());
    let identity = &want.identity;
    let (estate, key) = (identity.estate.to_string(), identity.key.to_string());
    let digest = of_parts(["source", vmid.as_str(), source.as_str(), estate.as_str(), key.as_str()]);
    Some(PendingChange {
        field: "source".to_owned(),
        from: String::new(),
        to: format!("{source}, vmid {vmid}"),
        class: ChangeClass::Create,
        message: how_to_approve(want, &[&digest]),
        digest,
    })
}

/// A source in a line that is the same as long as it means the same.
fn in_words(source: &Source) -> String {
    match source {
        Source::Template { volume, download } => match download {
            Some(download) => format!("template {volume} ({} {})", download.algorithm, download.checksum),
            None => format!("template {volume}"),
        },
        Source::Clone { from, full, snapshot } => {
            let of = match from {
                CloneFrom::Vmid(vmid) => vmid.to_string(),
                CloneFrom::Container(name) => name.clone(),
            };
            let kind = if *full { "full" } else { "linked" };
            let at = snapshot.as_ref().map(|name| format!(" at {name}")).unwrap_or_default();
            format!("{kind} clone of {of}{at}")
        }
        Source::Image { reference, storage, pull: _ } => format!("image {reference} on {storage}"),
        Source::Backup(BackupFrom::Volume { volume, vmid: _ }) => format!("backup {volume}"),
        Source::Backup(BackupFrom::Newest { storage, vmid, not_after }) => {
            let until = not_after.map(|at| format!(" not after {at}")).unwrap_or_default();
            format!("newest backup of {vmid} on {storage}{until}")
        }
    }
}
