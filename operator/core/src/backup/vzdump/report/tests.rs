use super::*;
use crate::backup::keep::Keeping;
use crate::backup::schedule::Runs;
use crate::backup::vzdump::tests::{at, volume};
use crate::backup::want::{Owner, OwnerKind, PodWish, WantVzdump, What};
use serde_json::json;
use zentoria_api::backup::VzdumpMode;
use zentoria_api::conditions::{READY, STALLED};

const NOW: &str = "2026-05-10T12:00:00Z";

fn policy() -> BackupPolicy {
    let object = json!({
        "apiVersion": "zentoria.ai/v1alpha1", "kind": "BackupPolicy",
        "metadata": {"name": "all", "namespace": "ns", "generation": 3, "creationTimestamp": "2026-05-01T00:00:00Z"},
        "spec": {
            "source": {"vzdump": {"mode": "Operator", "storage": "local"}},
            "tiers": [{"name": "daily", "schedule": "0 4 * * *", "keep": "7d"}],
        },
    });
    serde_json::from_value(object).unwrap()
}

fn want() -> WantPolicy {
    let tier = WantTier {
        name: "daily".into(),
        cron: "0 4 * * *".into(),
        runs: Runs::parse("0 4 * * *", None).unwrap(),
        keep: Keeping::Forever,
        only_if_changed: false,
    };
    let owner = Owner { kind: OwnerKind::Policy, namespace: "ns".into(), name: "all".into(), uid: "u".into() };
    let storage = Some("local".to_owned());
    let vzdump = WantVzdump { mode: VzdumpMode::Operator, storage, guests: BTreeMap::new() };
    WantPolicy {
        owner,
        what: What::Vzdump(vzdump),
        tiers: vec![tier],
        time_zone: "UTC".into(),
        jitter: Duration::ZERO,
        promise: Duration::from_hours(48),
        pod: PodWish {
            image: None,
            limits: BTreeMap::new(),
            scratch: "10Gi".into(),
            node_selector: BTreeMap::new(),
            timeout: Duration::from_hours(6),
        },
        suspend: false,
        source: "vzdump all".into(),
        target: "storage local".into(),
    }
}

fn guest(newest: Option<&str>) -> GuestSeen {
    let newest = newest.map(|time| volume(400, time, ""));
    let ours = newest.iter().map(|volume| ("daily".to_owned(), volume.clone())).collect();
    GuestSeen { created: at("2026-05-01T00:00:00Z"), newest, ours, failed: BTreeMap::new() }
}

fn failing(guest: GuestSeen) -> GuestSeen {
    let failed = Failed { at: at("2026-05-10T04:00:00Z"), message: "job errors: no space".into() };
    GuestSeen { failed: BTreeMap::from([("daily".to_owned(), failed)]), ..guest }
}

fn verified(guest: GuestSeen, verdict: &str) -> GuestSeen {
    let newest = guest.newest.map(|volume| Volume {
        verification: Some(verdict.to_owned()),
        verified_at: Some(at("2026-05-10T06:00:00Z")),
        ..volume
    });
    GuestSeen { newest, ..guest }
}

fn said(guests: &[(&str, GuestSeen)]) -> Report<BackupPolicyStatus, PolicyReason> {
    let guests = guests.iter().map(|(name, guest)| ((*name).to_owned(), guest.clone())).collect();
    report(&policy(), &Ok(want()), &Scene { guests, ..Scene::default() }, |_| Duration::ZERO, at(NOW))
}

#[test]
fn the_worst_of_the_containers_is_what_a_policy_says() {
    let fresh = || guest(Some("2026-05-10T04:00:30Z"));
    let old = || guest(Some("2026-05-08T04:00:30Z"));
    let young = || GuestSeen { created: at("2026-05-10T11:00:00Z"), ..guest(None) };
    for (what, guests, reason, part) in [
        ("all fresh", vec![fresh(), fresh()], PolicyReason::Fresh, "each of 2 containers is younger than 2d"),
        ("one old", vec![fresh(), old()], PolicyReason::Late, "younger than 2d of b (2026-05-08 04:00 UTC)"),
        ("never any", vec![fresh(), guest(None)], PolicyReason::Late, "of b (none)"),
        ("new", vec![fresh(), young()], PolicyReason::Pending, "no backup yet of b"),
        (
            "one failed",
            vec![failing(fresh()), fresh()],
            PolicyReason::BackupFailed,
            "of a failed: job errors: no space",
        ),
        ("late and failed", vec![failing(old()), fresh()], PolicyReason::Late, "; the backup of a failed"),
        ("damaged", vec![verified(fresh(), "failed")], PolicyReason::VerificationFailed, "newest backup of a"),
        ("none exists", vec![], PolicyReason::Pending, "none of its containers exists"),
    ] {
        let named: Vec<(&str, GuestSeen)> = ["a", "b"].into_iter().zip(guests).collect();
        let report = said(&named);
        assert_eq!(report.reason, reason, "{what}: {}", report.message);
        assert!(report.message.contains(part), "{what}: {}", report.message);
    }
}

#[test]
fn columns_and_times_are_those_of_the_oldest_newest_backup() {
    let guests = [("a", guest(Some("2026-05-10T04:00:30Z"))), ("b", guest(Some("2026-05-09T04:00:10Z")))];
    let report = said(&guests);
    let status = report.status;
    assert_eq!(status.last_success.map(|time| time.0), Some(at("2026-05-09T04:00:10Z")));
    assert_eq!(report.look_again, Some(at("2026-05-11T04:00:00Z")), "the next run comes before it is late");
    assert_eq!((status.source.as_deref(), status.target.as_deref()), (Some("vzdump all"), Some("storage local")));
    assert_eq!((status.promise.as_deref(), status.next.as_deref()), (Some("2d"), Some("2026-05-11 04:00 UTC")));
    let tier = &status.tiers["daily"];
    assert_eq!(tier.snapshot.as_ref().map(|snapshot| snapshot.parts), Some(2));
    assert_eq!(tier.operation.last_success.as_ref().map(|time| time.0), Some(at("2026-05-09T04:00:10Z")));
    assert!(status.conditions.iter().all(|one| one.type_ != VERIFIED), "nobody verifies here");
}

#[test]
fn what_a_backup_server_verified_is_said() {
    let report = said(&[("a", verified(guest(Some("2026-05-10T04:00:30Z")), "ok"))]);
    assert_eq!(report.status.verified.map(|time| time.0), Some(at("2026-05-10T06:00:00Z")));
    let verified = report.status.conditions.iter().find(|one| one.type_ == VERIFIED).unwrap();
    assert_eq!(verified.status, "True");
}

#[test]
fn while_nobody_can_look_what_was_known_grows_old_and_nothing_is_forgotten() {
    let mut policy = policy();
    policy.status = Some(said(&[("a", guest(Some("2026-05-10T04:00:30Z")))]).status);
    let problem = Some((PolicyReason::PveError, "node pve1 cannot be reached".to_owned()));
    let scene = Scene { problem, ..Scene::default() };
    let soon = report(&policy, &Ok(want()), &scene, |_| Duration::ZERO, at("2026-05-10T20:00:00Z"));
    assert_eq!((soon.reason, soon.status.guests.len()), (PolicyReason::PveError, 1));
    let truth = |status: &BackupPolicyStatus, kind: &str| {
        status.conditions.iter().find(|one| one.type_ == kind).unwrap().status.clone()
    };
    assert_eq!(truth(&soon.status, READY), "True", "one failed look changes nothing");
    let later = report(&policy, &Ok(want()), &scene, |_| Duration::ZERO, at("2026-05-13T20:00:00Z"));
    assert_eq!(later.reason, PolicyReason::Late);
    assert!(later.message.contains("cannot be reached"), "{}", later.message);
    assert_eq!(truth(&later.status, STALLED), "True");
}

#[test]
fn a_paused_policy_is_left_as_it_is() {
    let mut policy = policy();
    policy.status = Some(said(&[("a", guest(Some("2026-05-10T04:00:30Z")))]).status);
    let paused = WantPolicy { suspend: true, ..want() };
    let report = report(&policy, &Ok(paused), &Scene::default(), |_| Duration::ZERO, at("2026-06-10T12:00:00Z"));
    assert_eq!(report.reason, PolicyReason::Paused);
    assert_eq!(Some(&report.status), policy.status.as_ref());
}
