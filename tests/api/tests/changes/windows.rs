//! Maintenance windows: open, closed, opening, and such as never open.

use super::{nameserver, told, until_pending, up_to_date};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::{Value, json};
use std::time::Duration;
use zentoria_api::conditions::{READY, STALLED};
use zentoria_api_tests::World;
use zentoria_api_tests::wait::within;
use zentoria_api_tests::world::Conditions;

fn window(schedule: &str) -> Value {
    json!({"maintenanceWindows": [{"schedule": schedule, "duration": "30m"}]})
}

#[tokio::test]
async fn a_reboot_waits_for_its_window_and_is_done_when_it_opens() {
    let world = World::new("window").await;
    world.patch_cluster(window("0 0 29 2 *")).await;
    let mut container = world.container("db", 400);
    container.spec.reboot_policy = zentoria_api::container::RebootPolicy::Window;
    world.create(&container).await;
    world.patch("db", nameserver("10.10.0.53")).await;
    let (container, pending) = until_pending(&world, "db", "WaitingForWindow").await;
    assert_eq!(container.truth(READY), "True");
    assert!(pending[0].message.contains("-02-29T00:00:00Z"), "{}", pending[0].message);
    world.polls(2).await;
    assert_eq!(world.pve.guest(400).await.starts, 1);

    // One that opens with the next minute but one at the latest: nothing but the clock wakes the container.
    let at = Timestamp::now().checked_add(SignedDuration::from_secs(65)).unwrap().to_zoned(TimeZone::UTC);
    world.patch_cluster(window(&format!("{} {} * * *", at.minute(), at.hour()))).await;
    let opens = format!("T{:02}:{:02}:00Z", at.hour(), at.minute());
    world.until("waits for the new window", "db", |container| told(container).contains(&opens)).await;
    assert_eq!(world.pve.guest(400).await.starts, 1);
    within(Duration::from_secs(100), "the guest is rebooted in the window", || async {
        let guest = world.pve.guest(400).await;
        if guest.starts == 2 { Ok(()) } else { Err(format!("{} starts", guest.starts)) }
    })
    .await;
    up_to_date(&world, "db").await;

    // While it is open, the next change follows at once.
    world.patch("db", nameserver("10.10.0.1")).await;
    world.guest_until("was rebooted", 400, |guest| guest.starts == 3).await;
}

#[tokio::test]
async fn windows_that_never_open_or_are_none_are_said_and_the_rest_goes_on() {
    let world = World::new("window never").await;
    let mut container = world.container("db", 400);
    container.spec.reboot_policy = zentoria_api::container::RebootPolicy::Window;
    world.create(&container).await;
    world.patch("db", nameserver("10.10.0.53")).await;
    let (container, _) = until_pending(&world, "db", "RebootRequired").await;
    assert!(told(&container).contains("maintenanceWindows of the ProxmoxCluster is empty"), "{}", told(&container));

    for (schedule, why) in [("0 0 31 2 *", "no day ever meets it"), ("61 * * * *", "61")] {
        world.patch_cluster(window(schedule)).await;
        let cluster = world
            .cluster_until("refuses the window", |cluster| {
                cluster.reason(READY) == "InvalidSpec" && cluster.message().contains(schedule)
            })
            .await;
        assert_eq!(cluster.truth(STALLED), "True");
        for part in ["maintenanceWindows[0].schedule", why] {
            assert!(cluster.message().contains(part), "{part:?} is not in {:?}", cluster.message());
        }
        world.until("says it, too", "db", |container| told(container).contains(schedule)).await;
    }
    assert_eq!(world.get("db").await.truth(READY), "True");
    world.create(&world.container("web", 401)).await;
    world.patch_cluster(window("* * * * *")).await;
    world.cluster_says("Ready").await;
    world.guest_until("was rebooted", 400, |guest| guest.starts == 2).await;
}
