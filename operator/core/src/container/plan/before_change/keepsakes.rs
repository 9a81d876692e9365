//! The snapshots and backups of a guest that are ours: which one serves, and which are more than are kept.

use crate::cluster::span;
use crate::container::seen::{Backup, Guest, Seen, Snapshot};
use crate::container::want::{Identity, Want};
use jiff::{SignedDuration, Timestamp};
use zentoria_api::container::{BeforeChange, TaskAction};

/// How the notes of our backups begin.
const OF_OURS: &str = "zentoria: before ";
/// How long a snapshot serves the change that it was taken for: that follows at once.
const SNAPSHOT_SERVES: SignedDuration = SignedDuration::from_hours(1);
/// As long for a backup, whose age counts from its beginning.
const BACKUP_SERVES: SignedDuration = SignedDuration::from_hours(24);

/// Whether a snapshot has a name as we give them: `zentoria-` and 12 hex digits.
fn is_snapshot_of_ours(name: &str) -> bool {
    let hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    name.strip_prefix("zentoria-").is_some_and(|rest| rest.len() == 12 && rest.bytes().all(hex))
}

/// The notes of a backup that is made before a change: what for, and whose it is.
pub(super) fn notes_of(identity: &Identity, digest: &str) -> String {
    format!("{OF_OURS}{digest}{}", of_whom(identity))
}

fn of_whom(identity: &Identity) -> String {
    format!(" of {} in estate {}", identity.key, identity.estate)
}

/// What is kept of a guest, for one set of changes.
pub(super) struct Keepsakes<'a> {
    pub(super) want: &'a Want,
    pub(super) seen: &'a Seen,
    pub(super) guest: &'a Guest,
    /// Names the changes.
    pub(super) digest: &'a str,
    /// `None` for a final backup.
    pub(super) before: Option<&'a BeforeChange>,
    /// What was kept before other changes does not serve: a guest that is destroyed is backed up for just that.
    pub(super) own: bool,
}

impl Keepsakes<'_> {
    pub(super) fn snapshot_name(&self) -> String {
        format!("zentoria-{}", self.digest)
    }

    fn snapshots(&self) -> impl Iterator<Item = &Snapshot> {
        self.guest.snapshots.known().into_iter().flatten()
    }

    /// Whether there is a snapshot of this name.
    pub(super) fn is_taken(&self, name: &str) -> bool {
        self.snapshots().any(|snapshot| snapshot.name == name)
    }

    /// Whether a snapshot serves: the one for these changes, or any of ours that is young enough.
    pub(super) fn has_snapshot(&self) -> bool {
        let name = self.snapshot_name();
        self.snapshots().filter(|snapshot| is_snapshot_of_ours(&snapshot.name)).any(|snapshot| {
            // Without a time nobody can tell its age; taking it again and again would help nobody.
            let young = |limit| snapshot.taken_at.is_none_or(|at| self.is_younger(at, limit));
            (snapshot.name == name && young(SNAPSHOT_SERVES)) || self.max_age().is_some_and(young)
        })
    }

    /// The oldest of our snapshots, where there are more than are kept. Never the one for these changes.
    pub(super) fn surplus_snapshot(&self) -> Option<String> {
        let keep = self.keep(TaskAction::DeleteSnapshot)?;
        let mut ours: Vec<&Snapshot> =
            self.snapshots().filter(|snapshot| is_snapshot_of_ours(&snapshot.name)).collect();
        let name = self.snapshot_name();
        ours.sort_by_key(|snapshot| (snapshot.name == name, snapshot.taken_at, snapshot.name.clone()));
        let surplus = ours.len().checked_sub(keep).filter(|surplus| *surplus > 0);
        surplus.and_then(|_| ours.first()).map(|snapshot| snapshot.name.clone())
    }

    /// Whether a backup serves. One counts once it is listed with a size.
    pub(super) fn has_backup(&self, list: &[Backup]) -> bool {
        let notes = notes_of(&self.want.identity, self.digest);
        self.ours(list).any(|backup| {
            let young = |limit| self.is_younger(backup.made_at, limit);
            let same = backup.notes.trim_end() == notes && young(BACKUP_SERVES) && self.is_of_this_guest(backup);
            same || self.max_age().is_some_and(young)
        })
    }

    /// A backup of an earlier guest with this VMID says nothing of this one.
    fn is_of_this_guest(&self, backup: &Backup) -> bool {
        let made = self.seen.recorded.created.as_ref().and_then(|created| created.finished_at.as_ref());
        made.is_none_or(|made| backup.made_at.as_second() >= made.0.as_second())
    }

    /// The oldest of our backups, where there are more than are kept. Never the newest, which is the one for these
    /// changes, and never a protected one.
    pub(super) fn surplus_backup(&self, list: &[Backup]) -> Option<String> {
        let keep = self.keep(TaskAction::DeleteBackup)?;
        let mut ours: Vec<&Backup> = self.ours(list).filter(|backup| !backup.protected).collect();
        ours.sort_by_key(|backup| (backup.made_at, backup.volume.clone()));
        let surplus = ours.len().checked_sub(keep).filter(|surplus| *surplus > 0);
        surplus.and_then(|_| ours.first()).map(|backup| backup.volume.clone())
    }

    fn ours<'b>(&self, list: &'b [Backup]) -> impl Iterator<Item = &'b Backup> {
        let (vmid, whom) = (self.guest.vmid, of_whom(&self.want.identity));
        list.iter().filter(move |backup| {
            let notes = backup.notes.trim_end();
            backup.vmid == vmid && backup.size > 0 && notes.starts_with(OF_OURS) && notes.ends_with(&whom)
        })
    }

    /// How many are kept; `None` where none is removed: of final backups, and after a removal that failed.
    fn keep(&self, removal: TaskAction) -> Option<usize> {
        let failed = self.seen.keep_failed.as_ref().is_some_and(|failed| failed.action == removal);
        self.before.filter(|_| !failed).map(|before| (before.keep as usize).max(1))
    }

    fn max_age(&self) -> Option<SignedDuration> {
        let age = span::parse(self.before.filter(|_| !self.own)?.max_age.as_ref()?)?;
        SignedDuration::try_from(age).ok()
    }

    fn is_younger(&self, at: Timestamp, limit: SignedDuration) -> bool {
        self.seen.now.duration_since(at) <= limit
    }
}
