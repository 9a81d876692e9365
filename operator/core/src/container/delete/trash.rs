//! The trash: a guest that is kept for a time, stopped, and does not start at boot.

use super::holds::under_ha;
use super::{DeletionPlan, Farewell, Remains, say, steps};
use crate::Fact;
use crate::container::options::describe;
use crate::container::seen::Guest;
use crate::container::step::{MarkGuest, MarkPurpose, Step, Verdict};
use jiff::Timestamp;
use zentoria_api::conditions::ContainerReason;
use zentoria_types::mark::{Description, Mark};

/// In the mark of a guest in the trash: it was started at boot.
pub const ON_BOOT: &str = "onboot";

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
            let step = Step::Mark(marked(bye, seen.now, guest, mark));
            steps(guest, step, Verdict::new(ContainerReason::Deleting, "is put into the trash"))
        }
        Fact::Unknown(why) => say(Verdict::new(ContainerReason::PveError, why.clone())),
    }
}

fn marked(bye: &Farewell, now: Timestamp, guest: &Guest, mark: &Mark) -> MarkGuest {
    let until = now.checked_add(bye.trash_retention).unwrap_or(Timestamp::MAX);
    let mut trashed = Mark { trash_until: Some(until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()), ..mark.clone() };
    let boots = guest.config.effective("onboot") == Some("1");
    if boots {
        trashed.extra.insert(ON_BOOT.to_owned(), "1".to_owned());
    }
    let text = Description::parse(guest.config.description()).map(|d| d.text).unwrap_or_default();
    MarkGuest {
        purpose: MarkPurpose::Trash,
        description: Some(describe(&text, Some(&trashed))),
        tags: None,
        on_boot: boots.then_some(false),
    }
}

/// Out of the trash, and out of retention: the mark without its tombstone, and whether the guest starts at boot again.
#[must_use]
pub fn cleaned(mark: &Mark) -> (Mark, Option<bool>) {
    let mut clean = Mark { retained: None, trash_until: None, ..mark.clone() };
    let on_boot = match &mark.trash_until {
        Some(_) => clean.extra.remove(ON_BOOT).map(|value| value == "1"),
        None => None,
    };
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
