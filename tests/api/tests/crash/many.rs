//! Crash upon crash while many guests are made.

use super::{SOURCE, polled, tasks};
use zentoria_api::ZentoriaContainer;
use zentoria_api::conditions::READY;
use zentoria_api_tests::World;
use zentoria_api_tests::builders::clone_of;
use zentoria_api_tests::world::Conditions;

/// Four from the template, and two copies, one after the other: a copy locks its source.
fn six(world: &World) -> Vec<ZentoriaContainer> {
    let mut all: Vec<ZentoriaContainer> = (400..406).map(|vmid| world.container(&format!("c{vmid}"), vmid)).collect();
    for copy in &mut all[4..] {
        copy.spec.source = Some(clone_of(SOURCE));
    }
    all
}

async fn all_are_ready(world: &World) -> bool {
    let all = world.all().await;
    all.len() == 6 && all.iter().all(|container| container.truth(READY) == "True")
}

#[tokio::test]
async fn an_operator_that_is_killed_at_every_second_write_still_makes_each_guest_once() {
    let world = polled("crash many", "1s").await;
    let all = six(&world);
    for container in &all {
        world.apply(container).await;
    }
    let mut crashes = 0;
    for round in 0.. {
        world.pve.arm_barrier(2, ["before", "after"][round % 2], true).await;
        world.start_operator().await;
        // Where nothing is left to write there is nothing to be killed at.
        let hit = world.hit_or_done(async || all_are_ready(&world).await).await.is_some();
        world.kill_operator().await;
        world.pve.release_barrier().await;
        crashes += usize::from(hit);
        if !hit {
            break;
        }
        assert!(crashes < 60, "no end to it");
    }
    assert!(crashes > 5, "{crashes} crashes");
    world.start_operator().await;
    for container in &all {
        world.ready(container.metadata.name.as_deref().unwrap()).await;
    }
    world.polls(2).await;
    let mut guests = world.pve.guests().await;
    guests.sort_by_key(|guest| guest.vmid);
    let vmids: Vec<u32> = guests.iter().map(|guest| guest.vmid).collect();
    assert_eq!(vmids, [400, 401, 402, 403, 404, 405, SOURCE]);
    for guest in &guests[..6] {
        assert_eq!((guest.runs(), guest.starts, &guest.lock), (true, 1, &None), "{guest:#?}");
        assert!(guest.mark().is_some_and(|mark| mark.contains(&format!("vmid={}", guest.vmid))), "{guest:#?}");
    }
    assert_eq!(tasks(&world, "vzcreate").await, ["OK"; 4]);
    let copies = tasks(&world, "vzclone").await;
    assert_eq!(copies.iter().filter(|end| *end == "OK").count(), 2, "{copies:?}");
}
