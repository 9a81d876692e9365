//! The trash: a guest that is kept for a time, stopped, and does not start at boot.

use super::holds::under_ha;
use super::{DeletionPlan, Farewell, Remains, say, steps};
use crate::Fact;
use crate::container::options::describe;
use crate::container::seen::{Guest, Recorded};
use crate::container::step::{MarkGuest, MarkPurpose, Step, Verdict};
use jiff::Timestamp;
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::ReclaimPolicy;
use zentoria_types::mark::{Description, Mark};

/// In the mark of a guest in the trash: it was started at boot.
pub const ON_BOOT: &str = "onboot";
/// In the mark of a guest in the trash: the volumes of its mounts with `reclaimPolicy: Delete`, for the status that said so
/// goes with the object.
pub const RECLAIM: &str = "reclaim";

/// Puts the guest into the trash.
pub(super) fn trash(bye: &Farewell, seen: &Remains, guest: &Guest, mark: &Mark) -> DeletionPlan {
    let vmid = guest.vmid;
    if let Some(until) = &mark.trash_until {
        return DeletionPlan::Done(format!(
            "guest {vmid} is in the trash until {until}, and is then destroyed; the same manifest takes it back before"
        ));
    }
    match &guest.running {
        Fact::Known(_) if guest.ha => say(under_ha(guest)),
        Fact::Known(true) => {
            steps(guest, Step::Shutdown, Verdict::new(ContainerReason::Deleting, "is shut down for the trash"))
        }
        Fact::Known(false) => {
            let step = Step::Mark(marked(bye, seen, guest, mark));
            steps(guest, step, Verdict::new(ContainerReason::Deleting, "is put into the trash"))
        }
        Fact::Unknown(why) => say(Verdict::new(ContainerReason::PveError, why.clone())),
    }
}

fn marked(bye: &Farewell, seen: &Remains, guest: &Guest, mark: &Mark) -> MarkGuest {
    let Remains { now, recorded, .. } = seen;
    let until = now.checked_add(bye.trash_retention).unwrap_or(Timestamp::MAX);
    let until = Some(until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let mut trashed = Mark { retained: None, trash_until: until, ..mark.clone() };
    let boots = guest.config.effective("onboot") == Some("1");
    if boots {
        trashed.extra.insert(ON_BOOT.to_owned(), "1".to_owned());
    }
    let given_up = given_up(recorded, guest);
    if !given_up.is_empty() {
        trashed.extra.insert(RECLAIM.to_owned(), given_up.join(","));
    }
    let text = Description::parse(guest.config.description()).map(|d| d.text).unwrap_or_default();
    MarkGuest {
        purpose: MarkPurpose::Trash,
        description: Some(describe(&text, Some(&trashed))),
        tags: None,
        on_boot: boots.then_some(false),
    }
}

/// The volumes of the mounts that go with the guest.
fn given_up(recorded: &Recorded, guest: &Guest) -> Vec<String> {
    let deleted = recorded.mounts.iter().filter(|mount| mount.reclaim_policy == ReclaimPolicy::Delete);
    deleted.filter_map(|mount| volume_of(guest.config.effective(&mount.slot)?)).map(str::to_owned).collect()
}

/// `tank:subvol-404-disk-1` of `tank:subvol-404-disk-1,mp=/data`; none of a directory of the node.
pub(super) fn volume_of(value: &str) -> Option<&str> {
    value.split(',').next().filter(|volume| !volume.starts_with('/') && volume.contains(':'))
}

/// Out of the trash, and out of retention: the mark without its tombstone, and whether the guest starts at boot again.
#[must_use]
pub fn cleaned(mark: &Mark) -> (Mark, Option<bool>) {
    let mut clean = Mark { retained: None, trash_until: None, ..mark.clone() };
    if mark.trash_until.is_none() {
        return (clean, None);
    }
    clean.extra.remove(RECLAIM);
    let on_boot = clean.extra.remove(ON_BOOT).filter(|value| value == "1").map(|_| true);
    (clean, on_boot)
}

/// Until when a mark keeps its guest in the trash: none where it is not there, an error text where that cannot be read.
///
/// # Errors
/// The text that is no instant: such a guest is never destroyed.
pub fn until(mark: &Mark) -> Option<Result<Timestamp, String>> {
    let text = mark.trash_until.as_ref()?;
    Some(text.parse().map_err(|_| format!("trashUntil={text} in its mark is no instant")))
}
