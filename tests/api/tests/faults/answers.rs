//! Answers that are wrong: what was asked for may have been done all the same.

use super::{ends, has_a_gib, wish_for_a_gib, writes};
use serde_json::json;
use zentoria_api_tests::World;
use zentoria_api_tests::pve::Request;
use zentoria_api_tests::wait::{eventually, when};

const CREATE: &str = "/nodes/pve1/lxc";
const START: &str = "/nodes/pve1/lxc/400/status/start";
const CONFIG: &str = "/nodes/pve1/lxc/400/config";

#[tokio::test]
async fn a_put_that_fails_and_is_stored_all_the_same_is_seen_to_hold() {
    let world = World::new("stored").await;
    world.create(&world.container("db", 400)).await;
    world.pve.forget_requests().await;
    let answer = json!({"status": 500, "reason": "unable to apply", "body": "{\"data\":null}", "process": true});
    world.pve.fault("answer_with", json!(["PUT", CONFIG]), answer).await;
    wish_for_a_gib(&world, "db").await;
    has_a_gib(&world, 400).await;
    world.ready("db").await;
    world.polls(2).await;
    assert_eq!(writes(&world).await, [format!("PUT {CONFIG}")], "what holds is not written again");
}

#[tokio::test]
async fn a_create_whose_answer_is_nonsense_makes_one_guest() {
    let world = World::new("nonsense").await;
    world.cluster_says("Ready").await;
    let html = json!({"body": "<html>sign in</html>", "content_type": "text/html"});
    let null = json!({"body": "{\"data\":null}"});
    let cut = json!({"body": "{\"data\":\"UPID:pve1", "truncate": true});
    let error = json!({"status": 500, "reason": "broken", "body": "{\"data\":null}"});
    let gateway = json!({"status": 502, "reason": "Bad Gateway", "body": ""});
    for (index, mut answer) in [html, null, cut, error, gateway].into_iter().enumerate() {
        for process in [true, false] {
            let vmid = 410 + u32::try_from(index).unwrap() * 2 + u32::from(process);
            let name = format!("c{vmid}");
            answer["process"] = json!(process);
            world.pve.fault("answer_with", json!(["POST", CREATE]), answer.clone()).await;
            world.create(&world.container(&name, vmid)).await;
            let guest = world.pve.guest(vmid).await;
            assert_eq!((guest.runs(), guest.starts), (true, 1), "{answer}");
        }
    }
    assert_eq!(ends(&world, "vzcreate").await, ["OK"; 10], "each guest is made once");
    assert_eq!(world.pve.guests().await.len(), 10);
}

#[tokio::test]
async fn a_start_whose_answer_is_lost_starts_the_guest_once() {
    let world = World::new("lost start").await;
    world.cluster_says("Ready").await;
    let cut = json!({"body": "{\"data\":\"UPID:pve1", "truncate": true, "process": true});
    world.pve.fault("answer_with", json!(["POST", START]), cut).await;
    world.create(&world.container("db", 400)).await;
    world.polls(2).await;
    let guest = world.pve.guest(400).await;
    assert_eq!((guest.runs(), guest.starts), (true, 1));
}

#[tokio::test]
async fn a_guest_that_cannot_be_read_is_not_changed_until_it_can() {
    let world = World::new("unreadable").await;
    world.create(&world.container("db", 400)).await;
    world.pve.forget_requests().await;
    let answers = [
        json!({"body": "<html>", "content_type": "text/html", "times": 2}),
        json!({"body": "{\"data\":null}", "times": 2}),
        json!({"body": "{\"data\":[{\"key\":\"memory\"", "truncate": true, "times": 2}),
        json!({"body": "{\"data\":[]}", "times": 2}),
    ];
    for (round, answer) in (1u32..).zip(answers) {
        world.pve.fault("answer_with", json!(["GET", "/nodes/pve1/lxc/400/pending"]), answer).await;
        let memory = 512 + 256 * round;
        world.patch("db", json!({"resources": {"memory": format!("{memory}Mi")}})).await;
        world.guest_until("is as wished", 400, |guest| guest.option("memory") == memory.to_string()).await;
        world.ready("db").await;
        assert_eq!(writes(&world).await.len(), round as usize, "one PUT a wish: {:?}", writes(&world).await);
    }
    assert_eq!(world.pve.guest(400).await.starts, 1);
}

#[tokio::test]
async fn what_a_person_changes_in_the_same_moment_is_not_written_over() {
    let world = World::new("same moment").await;
    world.create(&world.container("db", 400)).await;
    world.settled().await;
    world.pve.forget_requests().await;
    // A second: time for a person between our read and our write.
    world.pve.fault("slow_network", json!([50.0]), json!({"node": "pve1"})).await;
    wish_for_a_gib(&world, "db").await;
    eventually("the operator's PUT is on its way", || async {
        let put = |request: &Request| request.method == "PUT" && request.status.is_none();
        when(world.pve.requests().await, |requests| requests.iter().any(put)).map(|_| ())
    })
    .await;
    world.pve.person_sets(400, json!({"tty": 1})).await;
    world.pve.fault("slow_network", json!([0.0]), json!({"node": "pve1"})).await;
    has_a_gib(&world, 400).await;
    world.ready("db").await;
    let puts: Vec<_> = world.pve.writes().await.iter().filter_map(|request| request.status).collect();
    assert_eq!(puts, [500, 200], "the first was refused, for the digest was another one by then");
    // A guest that runs takes it up at its next start.
    assert_eq!(world.pve.guest(400).await.pending.get("tty").map(ToString::to_string).as_deref(), Some("1"));
}
