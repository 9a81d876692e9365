//! What holds for the mounts of every spec and every guest.

use crate::fixture::{Whose, guest_of, spec, vmid};
use crate::model::{World, digest_of, with_guest};
use crate::strategies::{guests, mounts};
use proptest::prelude::*;
use proptest::test_runner::Config as Settings;
use std::collections::BTreeMap;
use zentoria_api::container::{Adoption, Mount, Origin, PowerState};
use zentoria_core::container::seen::GuestFact;
use zentoria_core::container::step::Step;

fn settings() -> Settings {
    Settings { failure_persistence: None, ..Settings::default() }
}

fn settle(world: &mut World) {
    for _ in 0..10 {
        if world.round().steps.is_empty() {
            return;
        }
    }
    panic!("it never settles: {:?}", world.plan());
}

/// The guest's mounts and what hangs on it unused.
fn slots(world: &World) -> BTreeMap<String, String> {
    let config = &guest_of(&world.seen).unwrap().config.current;
    let disks = config.iter().filter(|(key, _)| key.starts_with("mp") || key.starts_with("unused"));
    disks.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// A guest of ours with these mounts, stopped or running.
fn made(mounts: Vec<Mount>, running: bool) -> World {
    let mut world = World::new(spec("vmid: 404, rootDisk: {size: 8Gi}"));
    world.spec.mounts = mounts;
    world.spec.power.state = Some(if running { PowerState::Running } else { PowerState::Stopped });
    world.seen.cluster.root_credential = true;
    settle(&mut world);
    world
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn a_new_guest_has_every_mount_of_its_spec_and_status_remembers_each(list in mounts(), running in any::<bool>()) {
        let world = made(list.clone(), running);
        let have = slots(&world);
        prop_assert_eq!(have.len(), list.len(), "{:?}", have);
        prop_assert_eq!(world.seen.recorded.mounts.len(), list.len());
        for mount in &list {
            let recorded = world.seen.recorded.mounts.iter().find(|recorded| recorded.name == mount.name).unwrap();
            let value = &have[&recorded.slot];
            let path = format!(",mp={}", mount.path);
            prop_assert!(value.starts_with(&recorded.volume) && value.contains(&path), "{}", value);
            let pinned = mount.slot.map(|slot| format!("mp{slot}"));
            prop_assert!(pinned.is_none_or(|slot| recorded.slot == slot));
        }
    }

    #[test]
    fn the_order_of_the_spec_changes_nothing_and_who_leaves_takes_nobody_along(
        list in mounts(), running in any::<bool>(), which in any::<prop::sample::Index>(),
    ) {
        prop_assume!(!list.is_empty());
        let mut world = made(list, running);
        world.spec.mounts.reverse();
        prop_assert_eq!(world.plan().steps, []);
        let before = slots(&world);
        let gone = world.spec.mounts.remove(which.index(world.spec.mounts.len()));
        let slot = world.seen.recorded.mounts.iter().find(|mount| mount.name == gone.name).unwrap().slot.clone();
        for _ in 0..3 {
            for step in world.round().steps {
                let Step::Configure(configure) = step else { panic!("{step}") };
                prop_assert!(configure.set.is_empty() && configure.delete == [slot.clone()], "{:?}", configure);
            }
        }
        let after = slots(&world);
        let others = |slots: &BTreeMap<String, String>| {
            slots.iter().filter(|(key, _)| **key != slot && key.starts_with("mp")).map(|(k, v)| (k.clone(), v.clone())).collect::<Vec<_>>()
        };
        prop_assert_eq!(others(&after), others(&before));
        // Detached at once where it is stopped, else at its next stop; a volume stays on the guest.
        prop_assert_eq!(after.contains_key(&slot), running);
        if !running && gone.volume.is_some() {
            let volume = before[&slot].split(',').next().unwrap();
            prop_assert_eq!(after.get("unused0").map(String::as_str), Some(volume));
        }
    }

    #[test]
    fn what_is_on_a_guest_and_the_spec_does_not_name_is_never_touched((_, guest) in guests(), list in mounts(), origin in
        prop::sample::select(vec![Origin::Clone, Origin::Backup, Origin::Adopted, Origin::TakenBack])) {
        let mut world = with_guest(spec("vmid: 404"), "", &[], false);
        world.spec.adoption = Adoption::IfExists;
        world.spec.mounts = list;
        world.seen.cluster.root_credential = true;
        let mut guest = guest;
        guest.config.current.remove("lock");
        guest.config.current.insert("description".into(), Whose::Ours.description(""));
        guest.config.digest = digest_of(&guest.config);
        world.seen.guest = GuestFact::Present(Box::new(guest));
        world.seen.recorded.vmid = Some(vmid(404));
        world.seen.recorded.created = Some(crate::fixture::created(origin, true));
        let before = slots(&world);
        for _ in 0..4 {
            world.round();
        }
        let after = slots(&world);
        for (slot, value) in &before {
            let named = world.spec.mounts.iter().any(|mount| value.contains(&format!(",mp={}", mount.path)));
            let volume = |value: &String| value.split(',').next().unwrap().to_owned();
            prop_assert_eq!(after.get(slot).map(volume), Some(volume(value)));
            prop_assert!(named || after.get(slot) == Some(value), "{} was {}, is {:?}", slot, value, after.get(slot));
        }
    }
}
