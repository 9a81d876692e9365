//! What the destruction of a guest that was given up must rest on.

use crate::Fact;
use crate::container::delete::final_backup::notes;
use crate::container::delete::{Farewell, Remains, held_volumes};
use crate::container::seen::{Guest, GuestFact};
use zentoria_api::cluster::FinalBackup;
use zentoria_types::mark::Description;

/// The mark itself says that the time in the trash is over, and nobody restored the guest since.
pub(super) fn has_expired(bye: &Farewell, seen: &Remains) -> bool {
    let GuestFact::Present(guest) = &seen.guest else { return false };
    let mark = Description::parse(guest.config.description()).ok().and_then(|description| description.mark);
    let until = mark.and_then(|mark| mark.trash_until?.parse::<jiff::Timestamp>().ok());
    bye.expiring && seen.restored == Fact::Known(false) && until.is_some_and(|until| until <= seen.now)
}

/// The mark says of a guest in the trash that it was started at boot before.
pub(super) fn started_at_boot(guest: &Guest) -> bool {
    let mark = Description::parse(guest.config.description()).ok().and_then(|description| description.mark);
    mark.is_some_and(|mark| mark.trash_until.is_some() && mark.extra.get("onboot").is_some_and(|value| value == "1"))
}

/// Why the destruction of this guest is not covered.
pub(super) fn unproved(bye: &Farewell, seen: &Remains, guest: &Guest) -> Option<String> {
    let volumes = held_volumes(seen, guest);
    if !volumes.is_empty() {
        return Some(format!("{} would be destroyed with the guest", volumes.join(", ")));
    }
    let listed = || match &seen.backups {
        Some(Fact::Known(list)) => list.iter().any(|backup| {
            let ours = backup.notes.trim_end() == notes(bye);
            backup.vmid == guest.vmid && backup.size > 0 && ours
        }),
        Some(Fact::Unknown(_)) | None => false,
    };
    let covered = match bye.final_backup {
        FinalBackup::None => true,
        FinalBackup::IfPossible => bye.backup_storage.is_none() || listed(),
        FinalBackup::Required => listed(),
    };
    (!covered).then(|| "a guest would be destroyed without its final backup".to_owned())
}
