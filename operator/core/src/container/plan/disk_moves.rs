//! A disk that is on another storage than the spec says. Proxmox VE moves the volumes of a stopped container only, so it
//! takes a stop, which has to be allowed as a reboot has.

use super::allowed::{Permission, may_reboot};
use crate::Fact;
use crate::container::mounts::{Kind, MountPoint};
use crate::container::seen::{Guest, Seen};
use crate::container::step::{Step, Verdict};
use crate::container::want::Want;
use crate::digest::of_parts;
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::{ChangeClass, PendingChange, PowerState};

/// A disk that is to move.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Move {
    /// The step; `None` where it cannot be done.
    pub step: Option<Step>,
    /// What is shown of it until it is done.
    pub change: PendingChange,
}

/// The move of one disk (its slot, and the field that asks for it), or why there can be none.
pub(super) fn judge(
    want: &Want,
    seen: &Seen,
    guest: &Guest,
    (disk, field): (&str, &str),
    from: &str,
    to: &str,
) -> Move {
    let obstacle = obstacle(seen, guest, to).or_else(|| {
        let running = guest.running != Fact::Known(false);
        (want.power.is_none() && running).then(|| {
            "the disk of a running guest cannot move, and power.state, which would start it again, is not managed: set \
             power.state, or stop the guest"
                .to_owned()
        })
    });
    let class = if obstacle.is_none() { ChangeClass::Reboot } else { ChangeClass::Impossible };
    let message = obstacle
        .unwrap_or_else(|| format!("moves {disk} with its data to storage {to}; the guest is stopped meanwhile"));
    let change = PendingChange {
        digest: of_parts([field, from, to]),
        field: field.to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
        message,
        class,
    };
    let step = Step::MoveVolume { disk: disk.to_owned(), storage: to.to_owned() };
    Move { step: (class == ChangeClass::Reboot).then_some(step), change }
}

fn obstacle(seen: &Seen, guest: &Guest, to: &str) -> Option<String> {
    let vmid = guest.vmid;
    let facts = seen.cluster.nodes.get(&guest.node);
    if facts.is_some_and(|facts| !facts.rootdir_storages.contains(to)) {
        let node = &guest.node;
        return Some(format!(
            "storage {to} does not exist on node {node}, or takes no disks of containers (content rootdir)"
        ));
    }
    match &guest.snapshots {
        Fact::Known(list) if list.is_empty() => None,
        Fact::Known(list) => {
            // In one order, whichever Proxmox VE lists them in: the message is part of the status.
            let mut names: Vec<&str> = list.iter().map(|snapshot| snapshot.name.as_str()).collect();
            names.sort_unstable();
            Some(format!(
                "Proxmox VE moves no disk with snapshots: delete those of guest {vmid} first ({})",
                names.join(", ")
            ))
        }
        Fact::Unknown(why) => Some(format!("Proxmox VE moves no disk with snapshots, and they are not known: {why}")),
    }
}

/// The root disk, where it is on another storage than the spec names. One that is only the cluster's default moves nothing:
/// a linked clone is where its source is, and what a person moved stays.
pub(super) fn of_root(want: &Want, seen: &Seen, guest: &Guest) -> Option<Move> {
    let root = MountPoint::parse(guest.config.current.get("rootfs")?)?;
    let Kind::Stored { storage: have } = root.kind() else { return None };
    let wish = want.storage.as_ref().filter(|wish| want.storage_named && wish.as_str() != have)?;
    Some(judge(want, seen, guest, ("rootfs", "rootDisk.storage"), have, wish.as_str()))
}

/// The next step towards the disks' storages: a shutdown, or the move itself. `step` is what the power asks for.
pub(super) fn next(
    want: &Want,
    seen: &Seen,
    guest: &Guest,
    moves: &[Move],
    pending: &[PendingChange],
    step: Option<&Step>,
) -> Option<(Step, Verdict)> {
    let (mover, what) = moves.iter().find_map(|next| Some((next.step.clone()?, &next.change)))?;
    if !seen.recorded.is_finished() {
        return None;
    }
    // What shall be stopped anyway needs nobody's permission.
    let rests = want.power == Some(PowerState::Stopped);
    match (&guest.running, step) {
        (Fact::Known(false), None) if rests => {}
        (Fact::Known(false), None | Some(Step::Start)) | (Fact::Known(true), None) if !guest.ha => {
            if !is_allowed(want, seen, moves, pending) {
                return None;
            }
        }
        (Fact::Known(_) | Fact::Unknown(_), _) => return None,
    }
    if guest.running == Fact::Known(true) {
        let message = format!("shuts down: {} {} -> {} moves a disk", what.field, what.from, what.to);
        return Some((Step::Shutdown, Verdict::new(ContainerReason::ShuttingDown, message)));
    }
    let message = format!("{} {} -> {}: the disk moves", what.field, what.from, what.to);
    Some((mover, Verdict::new(ContainerReason::MovingVolume, message)))
}

/// Whether the guest may be stopped for its moves and for everything else that waits for a reboot: a stop applies it all.
fn is_allowed(want: &Want, seen: &Seen, moves: &[Move], pending: &[PendingChange]) -> bool {
    let all: Vec<PendingChange> = pending.iter().chain(moves.iter().map(|next| &next.change)).cloned().collect();
    may_reboot(want, seen, &all) == Permission::Allowed
}
