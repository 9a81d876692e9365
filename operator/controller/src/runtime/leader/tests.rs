//! Elections against a fake API server, in virtual time.

use std::time::Duration;

use serde_json::json;
use tokio::{task::JoinHandle, time::Instant};

use crate::runtime::{
    fake_api::{FakeApi, Link},
    shutdown::{self, ShutdownTrigger},
};

use super::*;

const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/ns/leases/zentoria";
const TICK: Duration = Duration::from_millis(20);

struct Member {
    fence: Fence,
    states: tokio::sync::watch::Receiver<LeaderState>,
    link: Link,
    stop: ShutdownTrigger,
    task: JoinHandle<Ended>,
}

fn join(api: &FakeApi, identity: &str) -> Member {
    let (client, link) = api.client();
    let (leader, fence, states) = Leader::new(client, ElectionConfig::new("ns", "zentoria", identity)).unwrap();
    let (stop, shutdown) = shutdown::pair();
    Member { fence, states, link, stop, task: tokio::spawn(leader.run(shutdown)) }
}

/// Lets time pass in small steps until `met`, and checks at each one that at most one member may write.
async fn until(what: &str, limit: Duration, members: &[&Member], met: impl Fn() -> bool) -> Duration {
    let start = Instant::now();
    while !met() {
        let writers = members.iter().filter(|member| member.fence.may_write()).count();
        assert!(writers <= 1, "two writers while waiting until {what}");
        assert!(start.elapsed() < limit, "waited {limit:?} in vain until {what}");
        tokio::time::sleep(TICK).await;
    }
    start.elapsed()
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn the_first_candidate_leads_and_goes_on_leading_while_the_second_waits() {
    let api = FakeApi::new();
    let first = join(&api, "first");
    until("the first leads", SECOND, &[&first], || first.fence.may_write()).await;
    let second = join(&api, "second");
    let start = Instant::now();
    until("a minute has passed", 2 * 60 * SECOND, &[&first, &second], || {
        assert!(first.fence.may_write(), "the leader stays open between renewals");
        start.elapsed() > 60 * SECOND
    })
    .await;
    assert_eq!(*first.states.borrow(), LeaderState::Leading);
    assert_eq!(*second.states.borrow(), LeaderState::Standby);
    let lease = api.get(LEASE).unwrap();
    assert_eq!(lease["spec"]["holderIdentity"], "first");
    assert_eq!(lease["spec"]["leaseDurationSeconds"], 10);
}

#[tokio::test(start_paused = true)]
async fn a_clean_stop_hands_over_in_less_than_two_seconds() {
    let api = FakeApi::new();
    let first = join(&api, "first");
    until("the first leads", SECOND, &[&first], || first.fence.may_write()).await;
    let second = join(&api, "second");
    tokio::time::sleep(5 * SECOND).await;
    first.stop.request();
    until("the second leads", 2 * SECOND, &[&first, &second], || second.fence.may_write()).await;
    assert_eq!(first.task.await.unwrap(), Ended::Stopped);
    assert_eq!(api.get(LEASE).unwrap()["spec"]["leaseTransitions"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_cut_off_is_fenced_before_its_rival_may_write_and_never_comes_back() {
    let api = FakeApi::new();
    let first = join(&api, "first");
    until("the first leads", SECOND, &[&first], || first.fence.may_write()).await;
    let second = join(&api, "second");
    tokio::time::sleep(30 * SECOND).await;
    first.link.cut();
    let pair = [&first, &second];
    let fenced = until("the first is fenced", 7 * SECOND + TICK, &pair, || !first.fence.may_write()).await;
    assert!(!second.fence.may_write());
    let taken = until("the second leads", 6 * SECOND, &pair, || second.fence.may_write()).await;
    assert!(taken >= SECOND, "a margin for requests in flight: fenced after {fenced:?}, taken {taken:?} later");
    assert_eq!(first.task.await.unwrap(), Ended::Lost(LossReason::RenewDeadline(7 * SECOND)));
    assert_eq!(*first.states.borrow(), LeaderState::Lost);
    first.link.heal();
    tokio::time::sleep(30 * SECOND).await;
    assert!(second.fence.may_write() && !first.fence.may_write());
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_api_server_that_is_shorter_than_the_deadline_costs_nothing() {
    let api = FakeApi::new();
    let first = join(&api, "first");
    until("the first leads", SECOND, &[&first], || first.fence.may_write()).await;
    first.link.cut();
    tokio::time::sleep(4 * SECOND).await;
    first.link.heal();
    tokio::time::sleep(20 * SECOND).await;
    assert!(first.fence.may_write());
    assert_eq!(*first.states.borrow(), LeaderState::Leading);
}

#[tokio::test(start_paused = true)]
async fn a_leader_whose_lease_is_taken_cleared_or_deleted_stops_at_once() {
    for (name, change, reason) in [
        ("taken", json!({"spec": {"holderIdentity": "rival"}}), LossReason::TakenBy("rival".into())),
        ("cleared", json!({"spec": {"holderIdentity": ""}}), LossReason::Cleared),
        ("deleted", json!(null), LossReason::Deleted),
    ] {
        let api = FakeApi::new();
        let first = join(&api, "first");
        until("the first leads", SECOND, &[&first], || first.fence.may_write()).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        if change.is_null() {
            api.delete(LEASE);
        } else {
            let mut lease = api.get(LEASE).unwrap();
            json_patch::merge(&mut lease, &change);
            api.put(LEASE, lease);
        }
        until(name, SECOND, &[&first], || !first.fence.may_write()).await;
        assert_eq!(first.task.await.unwrap(), Ended::Lost(reason), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_leader_is_followed_one_lease_duration_after_its_last_renewal_was_seen() {
    let api = FakeApi::new();
    let first = join(&api, "first");
    until("the first leads", SECOND, &[&first], || first.fence.may_write()).await;
    let second = join(&api, "second");
    tokio::time::sleep(5 * SECOND).await;
    first.task.abort();
    let took = until("the second leads", 13 * SECOND, &[&first, &second], || second.fence.may_write()).await;
    assert!(took > 7 * SECOND, "taken over after {took:?}");
}

#[tokio::test(start_paused = true)]
async fn the_clock_of_the_holder_is_not_trusted() {
    let api = FakeApi::new();
    api.put(
        LEASE,
        json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": "zentoria", "namespace": "ns", "labels": {"kept": "yes"}},
            "spec": {
                "holderIdentity": "stranger", "leaseDurationSeconds": 10,
                "renewTime": "1999-01-01T00:00:00.000000Z", "leaseTransitions": 4,
            },
        }),
    );
    let first = join(&api, "first");
    let took = until("the first leads", 12 * SECOND, &[&first], || first.fence.may_write()).await;
    assert!(took >= 10 * SECOND, "an old renewTime is no proof of death: taken after {took:?}");
    let lease = api.get(LEASE).unwrap();
    assert_eq!(lease["spec"]["leaseTransitions"], 5);
    assert_eq!(lease["metadata"]["labels"]["kept"], "yes");
}

#[tokio::test(start_paused = true)]
async fn a_candidate_that_is_refused_tries_again_and_does_not_hammer_the_api_server() {
    let api = FakeApi::new();
    for _ in 0..3 {
        api.fail_next(http::StatusCode::FORBIDDEN, "Forbidden");
    }
    let first = join(&api, "first");
    until("the first leads", 10 * SECOND, &[&first], || first.fence.may_write()).await;
    assert!(api.seen().len() < 8, "{:?}", api.seen());
}
