//! Mount points as Proxmox VE writes them, and which of a guest's is which mount of the spec.
//!
//! A mount keeps its slot (`mp0`) by its name: `status.mounts` remembers it. A mount that nobody remembers is found by its
//! path, so that a guest whose status was lost, or that crashed between creation and report, keeps its volumes.

mod point;

pub use point::{Kind, MountPoint};

use super::seen::{Config, is_numbered};
use super::want::{MountWish, Mounted, Refusal};
use std::collections::{BTreeMap, BTreeSet};
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::MountStatus;

/// The slots that Proxmox VE has.
const SLOTS: u32 = 256;

/// A mount of the spec and its place in the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed<'a> {
    /// The mount.
    pub wish: &'a MountWish,
    /// `mp0`.
    pub slot: String,
    /// What is in the slot: the mount's own; `None` where it is free.
    pub have: Option<MountPoint>,
    /// What status remembers of it.
    pub recorded: Option<&'a MountStatus>,
}

impl Placed<'_> {
    /// The volume that the mount had and that is not in its slot any more: somebody detached it.
    #[must_use]
    pub fn lost(&self) -> Option<&str> {
        let recorded =
            self.recorded.filter(|_| self.have.is_none() && matches!(self.wish.what, Mounted::Volume { .. }));
        recorded.map(|recorded| recorded.volume.as_str()).filter(|volume| is_stored(volume))
    }
}

/// Whether this names a volume that was made, and neither a directory nor one that is still to be made.
fn is_stored(volume: &str) -> bool {
    MountPoint::parse(volume).is_some_and(|point| matches!(point.kind(), Kind::Stored { .. }))
}

/// What is in each slot: what holds now, else what is stored for the next start.
fn occupants(config: &Config) -> BTreeMap<&str, &str> {
    let now = config.current.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let then = config.pending.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_deref()?)));
    then.chain(now).filter(|(key, _)| is_numbered(key, "mp")).collect()
}

/// Whether a slot of the guest, by what it holds, is that of a mount of the spec.
type Sign<'a> = &'a dyn Fn(&MountWish, &str, &MountPoint) -> bool;

/// The place of every mount of the spec, in the order of the spec.
///
/// # Errors
/// Where a slot is taken by something else, or its path by another slot.
pub fn place<'a>(
    wishes: &'a [MountWish],
    recorded: &'a [MountStatus],
    config: &Config,
) -> Result<Vec<Placed<'a>>, Refusal> {
    let occupants = occupants(config);
    let points: BTreeMap<&str, MountPoint> =
        occupants.iter().filter_map(|(slot, value)| Some((*slot, MountPoint::parse(value)?))).collect();
    let remembered = |wish: &MountWish| recorded.iter().find(|recorded| recorded.name == wish.name);
    let mut places: BTreeMap<&str, String> = BTreeMap::new();
    let mut claimed: BTreeSet<String> = BTreeSet::new();
    // Its own volume in its own slot is the surest sign; then its slot and path; then its path alone.
    let own = |wish: &MountWish, slot: &str, point: &MountPoint| {
        remembered(wish).is_some_and(|recorded| recorded.slot == slot && recorded.volume == point.volume())
    };
    let there = |wish: &MountWish, slot: &str, point: &MountPoint| {
        remembered(wish).is_some_and(|recorded| recorded.slot == slot) && point.is_at(&wish.path)
    };
    let path = |wish: &MountWish, _: &str, point: &MountPoint| point.is_at(&wish.path);
    let signs: [Sign<'_>; 3] = [&own, &there, &path];
    for sign in signs {
        for wish in wishes {
            let found = points.iter().find(|(slot, point)| !claimed.contains(**slot) && sign(wish, slot, point));
            if let (false, Some((slot, _))) = (places.contains_key(wish.name.as_str()), found) {
                claimed.insert((*slot).to_owned());
                places.insert(&wish.name, (*slot).to_owned());
            }
        }
    }
    // Whoever names or remembers a slot has it before those that take any.
    let pinned = |wish: &MountWish| {
        wish.slot.map(|slot| format!("mp{slot}")).or_else(|| remembered(wish).map(|recorded| recorded.slot.clone()))
    };
    for wish in wishes {
        if places.contains_key(wish.name.as_str()) {
            continue;
        }
        let Some(slot) = pinned(wish) else { continue };
        if let Some(holder) = occupants.get(slot.as_str()) {
            return Err(taken(wish, &slot, &format!("by {holder}, which is not this mount's")));
        }
        if !claimed.insert(slot.clone()) {
            return Err(taken(wish, &slot, "by another mount of the spec"));
        }
        places.insert(&wish.name, slot);
    }
    for wish in wishes {
        if places.contains_key(wish.name.as_str()) {
            continue;
        }
        let kept: BTreeSet<&str> = recorded.iter().map(|recorded| recorded.slot.as_str()).collect();
        let free = (0..SLOTS).map(|number| format!("mp{number}")).find(|slot| {
            !occupants.contains_key(slot.as_str()) && !claimed.contains(slot) && !kept.contains(slot.as_str())
        });
        let slot =
            free.ok_or_else(|| invalid(format!("spec.mounts[{}]: the guest has no free slot mpN", wish.name)))?;
        claimed.insert(slot.clone());
        places.insert(&wish.name, slot);
    }
    let placed = |wish: &'a MountWish| {
        let slot = places.get(wish.name.as_str()).cloned().unwrap_or_default();
        Placed { wish, have: points.get(slot.as_str()).cloned(), recorded: remembered(wish), slot }
    };
    Ok(wishes.iter().map(placed).collect())
}

fn invalid(message: String) -> Refusal {
    Refusal { reason: ContainerReason::InvalidSpec, message }
}

fn taken(wish: &MountWish, slot: &str, by: &str) -> Refusal {
    let name = &wish.name;
    invalid(format!(
        "spec.mounts[{name}]: slot {slot} is taken {by}; name a free slot, leave slot out, or set the path of what is \
         there to take it over"
    ))
}

/// The mounts of ours that the spec names no longer and that the guest still has, with what is in their slots.
#[must_use]
pub fn removed<'a>(
    placed: &[Placed<'_>],
    recorded: &'a [MountStatus],
    config: &Config,
) -> Vec<(&'a MountStatus, MountPoint)> {
    let occupants = occupants(config);
    let named = |recorded: &MountStatus| {
        placed.iter().any(|placed| placed.slot == recorded.slot || placed.wish.name == recorded.name)
    };
    let still = |recorded: &'a MountStatus| {
        let point = MountPoint::parse(occupants.get(recorded.slot.as_str())?)?;
        (point.volume() == recorded.volume).then_some((recorded, point))
    };
    recorded.iter().filter(|recorded| !named(recorded)).filter_map(still).collect()
}

#[cfg(test)]
mod tests;
