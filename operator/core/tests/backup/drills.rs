//! Drills: when one begins, never twice for one time; what it came to, and what is said of it.

use super::fixture::{POSTGRES, S3, around, at, known, policy, repository, restore};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::prelude::*;
use std::collections::BTreeSet;
use zentoria_api::backup::{BackupRepository, BackupRestore, DrillStatus, RestorePhase};
use zentoria_api::conditions::{DRILLED, RepositoryReason};
use zentoria_core::backup::drill::{Cause, Drill, Drills, End, cause, fold, is_of, object, overdue_from, report};
use zentoria_core::backup::locks::LockVerdict;
use zentoria_core::backup::want::{Owner, Upkeep, WantRepository};
use zentoria_core::backup::{names, report as reports, validate};

const MONTHLY: &str =
    "drill: {schedule: '0 8 1 * *', selector: {matchLabels: {platform: zentoria}}}\ntimeZone: Europe/Amsterdam";

fn drilled(yaml: &str) -> BackupRepository {
    known(repository("main", &format!("{S3}{yaml}")))
}

fn upkeep(object: &BackupRepository) -> Upkeep {
    validate::upkeep(object, &around())
}

fn want(object: &BackupRepository) -> WantRepository {
    let mut around = around();
    around.repositories.insert("main".into(), object.clone().into());
    validate::repository(object, &around).unwrap_or_else(|(reason, message)| panic!("{reason}: {message}"))
}

fn due(text: &str, upkeep: &Upkeep, status: &DrillStatus) -> Option<Cause> {
    cause(status, upkeep, &Drills::default(), None, at(text))
}

fn drill(name: &str, made: &str, end: Option<End>) -> Drill {
    Drill { name: name.into(), due: None, made: at(made), given_up: None, end }
}

fn end(when: &str, succeeded: bool) -> Option<End> {
    Some(End { at: at(when), succeeded, message: "said".into(), data_age: Some(3600) })
}

fn all(all: Vec<Drill>) -> Drills {
    Drills { all, asked: None }
}

#[test]
fn a_drill_is_due_by_the_clock_of_its_zone_and_not_for_times_before_its_schedule_was_seen() {
    let object = drilled(MONTHLY);
    let upkeep = upkeep(&object);
    let first = fold(None, &upkeep, &Drills::default(), at("2026-02-10T12:00:00Z")).unwrap();
    assert_eq!(first.next.as_ref().unwrap().0, at("2026-03-01T07:00:00Z"));
    for (now, expected) in [
        ("2026-02-10T12:00:01Z", None),
        ("2026-03-01T06:59:59Z", None),
        ("2026-03-01T07:00:00Z", Some("2026-03-01T07:00:00Z")),
        ("2026-03-20T00:00:00Z", Some("2026-03-01T07:00:00Z")),
        // Summer has begun, and one of the two that were missed is made up for.
        ("2026-04-01T06:00:00Z", Some("2026-04-01T06:00:00Z")),
    ] {
        assert_eq!(due(now, &upkeep, &first), expected.map(|due| Cause::Due(at(due))), "{now}");
    }
    let done = DrillStatus { due: Some(Time(at("2026-03-01T07:00:00Z"))), ..first.clone() };
    assert_eq!(due("2026-03-20T00:00:00Z", &upkeep, &done), None);
    // A schedule that is changed begins anew.
    let weekly = self::upkeep(&drilled(&MONTHLY.replace("0 8 1 * *", "0 8 * * 0")));
    assert_eq!(due("2026-03-20T00:00:00Z", &weekly, &done), None);
    let seen = fold(Some(&done), &weekly, &Drills::default(), at("2026-03-20T00:00:00Z")).unwrap();
    assert_eq!(due("2026-03-22T07:00:00Z", &weekly, &seen), Some(Cause::Due(at("2026-03-22T07:00:00Z"))));
}

#[test]
fn what_was_noted_while_the_clock_had_jumped_keeps_no_drill_from_beginning() {
    let upkeep = upkeep(&drilled(MONTHLY));
    let now = at("2026-03-02T00:00:00Z");
    let seen = fold(None, &upkeep, &Drills::default(), at("2026-02-10T12:00:00Z")).unwrap();
    let future = || Some(Time(at("2030-01-01T07:00:00Z")));
    let mut begun = drill("drill-main-20300101-0700", "2026-03-01T00:00:00Z", end("2030-01-01T08:00:00Z", true));
    begun.due = Some(at("2030-01-01T07:00:00Z"));
    let jumped = all(vec![begun]);
    let before = DrillStatus { due: future(), last_success: future(), ..seen.clone() };
    let first = Some(Cause::Due(at("2026-03-01T07:00:00Z")));
    assert_eq!(cause(&before, &upkeep, &jumped, None, now), first);
    let told = fold(Some(&before), &upkeep, &jumped, now).unwrap();
    assert_eq!((&told.due, &told.last_success), (&None, &None));
    assert_eq!(fold(Some(&told), &upkeep, &jumped, now).as_ref(), Some(&told), "nothing is written at each look");
    assert_eq!(overdue_from(&before, upkeep.drill.as_ref().unwrap(), now), Some(at("2026-03-02T07:00:00Z")));
    // The schedule was first seen while the clock had jumped: it is seen now.
    let unseen = DrillStatus { since: future(), ..seen };
    let told = fold(Some(&unseen), &upkeep, &Drills::default(), now).unwrap();
    assert_eq!(told.since, Some(Time(now)));
    assert_eq!(due("2026-04-01T06:00:00Z", &upkeep, &told), Some(Cause::Due(at("2026-04-01T06:00:00Z"))));
}

#[test]
fn one_runs_at_a_time_and_a_person_comes_first() {
    let upkeep = upkeep(&drilled(MONTHLY));
    let status = fold(None, &upkeep, &Drills::default(), at("2026-02-10T12:00:00Z")).unwrap();
    let now = at("2026-03-02T00:00:00Z");
    let begins =
        |status: &DrillStatus, drills: &Drills, asked: Option<&str>| cause(status, &upkeep, drills, asked, now);
    let at_work = all(vec![drill("drill-main-x", "2026-03-01T23:00:00Z", None)]);
    assert_eq!(begins(&status, &at_work, Some("now")), None);
    assert_eq!(begins(&status, &Drills::default(), Some("now")), Some(Cause::Asked("now".into())));
    let answered = DrillStatus { run: Some("now".into()), ..status.clone() };
    assert!(matches!(begins(&answered, &Drills::default(), Some("now")), Some(Cause::Due(_))));
    // Begun, and the operator was killed before it could say so.
    let mut begun = drill("drill-main-20260301-0700", "2026-03-01T07:00:00Z", end("2026-03-01T08:00:00Z", true));
    begun.due = Some(at("2026-03-01T07:00:00Z"));
    assert_eq!(begins(&answered, &all(vec![begun]), Some("now")), None);
    let suspended = Upkeep { suspend: true, ..upkeep.clone() };
    assert_eq!(cause(&status, &suspended, &Drills::default(), Some("now"), now), None);
}

#[test]
fn its_object_belongs_to_the_repository_and_has_one_name_for_one_time() {
    let object_of = drilled(MONTHLY);
    let want = want(&object_of);
    let labels = [("zentoria.ai/shard".to_owned(), "a".to_owned())].into();
    let made = object(&want, &Cause::Due(at("2026-03-01T07:00:00Z")), labels);
    assert_eq!(made.metadata.name.as_deref(), Some("drill-main-20260301-0700"));
    assert!(is_of(&made.metadata, &object_of) && made.metadata.labels.as_ref().unwrap()["zentoria.ai/shard"] == "a");
    assert_eq!(serde_json::to_value(&made.spec.selector).unwrap()["matchLabels"]["platform"], "zentoria");
    assert_eq!(Drill::read(&made, at("2026-03-01T07:00:00Z")).due, Some(at("2026-03-01T07:00:00Z")));
    let by_hand = object(&want, &Cause::Asked("now".into()), Default::default());
    assert!(Drill::read(&by_hand, Timestamp::UNIX_EPOCH).due.is_none());
    assert_ne!(by_hand.metadata.name, object(&want, &Cause::Asked("again".into()), Default::default()).metadata.name);
    let mut other = object_of.clone();
    other.metadata.uid = Some("another".into());
    assert!(!is_of(&made.metadata, &other));
    // Names of restores have at most fifty characters.
    for length in 1..=40 {
        let name = names::drill_due(&"r".repeat(length), at("2026-03-01T07:00:00Z"));
        assert!(name.len() <= 50 && name.ends_with("-20260301-0700"), "{name}");
        assert!(names::drill_asked(&"r".repeat(length), "uid", "word").len() <= 50);
    }
}

fn read(phase: RestorePhase, message: &str, now: &str) -> Drill {
    let mut object: BackupRestore = restore("selector: {}\ninto: {scratch: {}}");
    let condition = serde_json::json!({"type": "Ready", "status": "False", "reason": "X", "message": message,
        "lastTransitionTime": "2026-02-01T00:20:00Z"});
    let status = serde_json::json!({"phase": phase, "conditions": [condition], "results":
        {"db": {"phase": "Succeeded", "made": "2026-01-31T23:00:00Z"}, "files": {"phase": "Failed", "made": "2026-01-01T02:00:00Z", "unchangedUntil": "2026-01-31T02:00:00Z"}}});
    object.status = Some(serde_json::from_value(status).unwrap());
    Drill::read(&object, at(now))
}

#[test]
fn a_drill_ends_with_its_restore_or_when_nothing_could_be_begun_for_a_while() {
    for (phase, now, expected) in [
        (RestorePhase::Pending, "2026-02-01T00:09:59Z", None),
        (RestorePhase::Pending, "2026-02-01T00:10:00Z", Some(("2026-02-01T00:10:00Z", false))),
        (RestorePhase::Restoring, "2026-02-01T09:00:00Z", None),
        (RestorePhase::Succeeded, "2026-02-01T09:00:00Z", Some(("2026-02-01T00:20:00Z", true))),
        (RestorePhase::Failed, "2026-02-01T09:00:00Z", Some(("2026-02-01T00:20:00Z", false))),
    ] {
        let found = read(phase, "why", now).end;
        assert_eq!(
            found.as_ref().map(|end| (end.at, end.succeeded)),
            expected.map(|(at_, good)| (at(at_), good)),
            "{phase:?}"
        );
        if let Some(end) = found.filter(|_| phase != RestorePhase::Pending) {
            assert_eq!((end.message.as_str(), end.data_age), ("why", Some(22 * 3600)), "the oldest counts");
        }
    }
}

#[test]
fn a_drill_that_is_refused_half_way_is_given_up_so_that_another_can_begin() {
    let mut object: BackupRestore = restore("selector: {}\ninto: {scratch: {}}");
    let found = |object: &BackupRestore, now: &str| all(vec![Drill::read(object, at(now))]);
    let condition = |kind: &str, status: &str| {
        serde_json::json!({"type": kind, "status": status, "reason": "NotFound", "message": "it selects no policy",
            "lastTransitionTime": "2026-02-01T00:20:00Z"})
    };
    let status = |stalled: &str| {
        let conditions = [condition("Ready", "False"), condition("Stalled", stalled)];
        serde_json::from_value(serde_json::json!({"phase": "Restoring", "conditions": conditions})).unwrap()
    };
    object.status = Some(status("False"));
    assert!(found(&object, "2026-02-01T09:00:00Z").running().is_some(), "it takes its time");
    object.status = Some(status("True"));
    let early = found(&object, "2026-02-01T00:29:59Z");
    assert!(early.running().is_some(), "it may go on");
    assert_eq!(early.look_again(), Some(at("2026-02-01T00:30:00Z")));
    let late = found(&object, "2026-02-01T00:30:00Z");
    let (_, end) = late.last().unwrap();
    assert!(late.running().is_none() && !end.succeeded);
    assert_eq!(
        (end.at, end.message.as_str()),
        (at("2026-02-01T00:30:00Z"), "it was begun and cannot go on: it selects no policy")
    );
    object.metadata.annotations = Some([("zentoria.ai/paused".to_owned(), "true".to_owned())].into());
    assert!(found(&object, "2026-02-01T09:00:00Z").running().is_some(), "a person has paused it");
}

#[test]
fn status_tells_the_last_success_the_last_failure_and_what_is_spent() {
    let upkeep = upkeep(&drilled(MONTHLY));
    let drills = all(vec![
        drill("drill-main-1", "2026-01-01T07:00:00Z", end("2026-01-01T07:30:00Z", true)),
        drill("drill-main-2", "2026-02-01T07:00:00Z", end("2026-02-01T09:00:00Z", false)),
        drill("drill-main-3", "2026-03-01T07:00:00Z", None),
    ]);
    let now = at("2026-03-01T07:05:00Z");
    let status = fold(None, &upkeep, &drills, now).unwrap();
    assert_eq!(fold(Some(&status), &upkeep, &drills, now).as_ref(), Some(&status), "once more changes nothing");
    assert_eq!((status.seconds, status.data_age_seconds), (Some(1800), Some(3600)));
    assert_eq!((status.message.as_deref(), status.last.as_deref()), (Some("said"), Some("drill-main-2")));
    assert_eq!(status.running.as_deref(), Some("drill-main-3"));
    assert_eq!(drills.spent(), ["drill-main-1"]);
    let gone = all(vec![Drill::vanished("drill-main-3", at("2026-03-01T08:00:00Z"))]);
    let told = fold(Some(&status), &upkeep, &gone, at("2026-03-01T08:00:00Z")).unwrap();
    assert!(told.message.unwrap().contains("deleted before it had ended") && told.running.is_none());
    let good = all(vec![drill("drill-main-4", "2026-03-02T07:00:00Z", end("2026-03-02T08:00:00Z", true))]);
    assert_eq!(fold(Some(&status), &upkeep, &good, at("2026-03-02T08:00:00Z")).unwrap().message, None);
    assert_eq!(fold(None, &self::upkeep(&drilled("")), &Drills::default(), now), None);
}

#[test]
fn a_drill_that_failed_or_is_overdue_is_a_condition_and_a_repository_is_ready_all_the_same() {
    let truth = |object: &BackupRepository, drills: &Drills, now: &str| {
        let (want, upkeep) = (Ok(want(object)), upkeep(object));
        let said = reports::repository(object, &want, &upkeep, (&[], drills), &LockVerdict::Free, at(now));
        assert_eq!(said.reason, RepositoryReason::Ready);
        let found = said.status.conditions.iter().find(|condition| condition.type_ == DRILLED).cloned();
        (
            found.map(|found| (found.status, found.reason)),
            said.look_again,
            BackupRepository { status: Some(said.status), ..object.clone() },
        )
    };
    let word = |status: &str, reason: &str| Some((status.to_owned(), reason.to_owned()));
    let object = drilled(MONTHLY);
    let (found, again, seen) = truth(&object, &Drills::default(), "2026-02-10T12:00:00Z");
    assert_eq!(found, word("Unknown", "NotYet"));
    assert_eq!(again, Some(at("2026-03-01T07:00:00Z")), "the drill that is due next");
    let (found, _, _) = truth(&seen, &Drills::default(), "2026-03-02T07:00:00Z");
    assert_eq!(found, word("False", "Overdue"));
    let failed = all(vec![drill("d", "2026-03-01T07:00:00Z", end("2026-03-01T08:00:00Z", false))]);
    let (found, _, seen) = truth(&seen, &failed, "2026-03-01T08:00:00Z");
    assert_eq!(found, word("False", "DrillFailed"));
    let good = all(vec![drill("e", "2026-03-01T09:00:00Z", end("2026-03-01T10:00:00Z", true))]);
    let (found, _, seen) = truth(&seen, &good, "2026-03-01T10:00:00Z");
    assert_eq!(found, word("True", "Drilled"));
    let (found, _, _) = truth(&seen, &Drills::default(), "2026-04-02T06:00:00Z");
    assert_eq!(found, word("False", "Overdue"), "April's did not come");
    let (found, _, _) = truth(&drilled(""), &Drills::default(), "2026-04-02T06:00:00Z");
    assert_eq!(found, None);
    let status = DrillStatus { since: Some(Time(at("2026-02-10T12:00:00Z"))), ..DrillStatus::default() };
    let from = overdue_from(&status, upkeep(&object).drill.as_ref().unwrap(), at("2026-02-10T12:00:00Z"));
    assert_eq!(from, Some(at("2026-03-02T07:00:00Z")));
}

#[test]
fn the_report_of_a_drill_whose_restore_is_gone_still_says_what_happened() {
    let drill = Drill::vanished("drill-main-1", at("2026-03-01T08:00:00Z"));
    let owner = Owner::of_repository(&drilled(MONTHLY));
    let told = report::of(&owner, &drill, drill.end.as_ref().unwrap(), None);
    assert!(report::text(&told).contains("FAILED") && report::text(&told).contains("deleted before it had ended"));
    let map = report::config_map(&owner, &told);
    assert!(is_of(&map.metadata, &drilled(MONTHLY)));
    let json: report::Report = serde_json::from_str(&map.data.unwrap()[report::JSON]).unwrap();
    assert_eq!(json, told);
}

#[test]
fn a_drill_leaves_out_what_is_suspended_and_a_restore_by_a_person_does_not() {
    let mut around = around();
    let mut resting = policy("resting", POSTGRES);
    resting.spec.suspend = true;
    around.policies = [("db".to_owned(), policy("db", POSTGRES).into()), ("resting".to_owned(), resting.into())].into();
    let made = object(&want(&drilled("")), &Cause::Asked("now".into()), Default::default());
    let wanted = validate::restore(&made, &around).unwrap();
    assert_eq!((wanted.items.len(), wanted.policy.as_str()), (1, "db (1 suspended left out)"));
    let by_a_person = restore("selector: {}\ninto: {scratch: {}}");
    assert_eq!(validate::restore(&by_a_person, &around).unwrap().items.len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However often and whenever it is looked, with restarts that lose the last write, by two operators: for no time two
    /// drills, and after a look nothing is due any more.
    #[test]
    fn no_time_of_the_schedule_has_two_drills(
        minute in 0u8..60, hour in 0u8..24, looks in prop::collection::vec((1i64..200_000, any::<bool>(), any::<bool>()), 1..40),
    ) {
        let object_of = drilled(&format!("drill: {{schedule: '{minute} {hour} * * *'}}\ntimeZone: America/St_Johns"));
        let (upkeep, want) = (upkeep(&object_of), want(&object_of));
        let mut now = at("2026-03-01T00:00:00Z");
        let mut status = fold(None, &upkeep, &Drills::default(), now);
        let begin = now;
        let mut there: Vec<BackupRestore> = Vec::new();
        let mut names_made = BTreeSet::new();
        for (seconds, loses, ends) in looks {
            now += SignedDuration::from_secs(seconds);
            for restore in there.iter_mut().filter(|_| ends) {
                restore.status.get_or_insert_default().phase = RestorePhase::Succeeded;
                restore.status.get_or_insert_default().ended.get_or_insert(Time(now));
            }
            let mut drills = all(there.iter().map(|restore| Drill::read(restore, now)).collect());
            let known = status.clone().unwrap_or_default();
            if let Some(cause) = cause(&known, &upkeep, &drills, None, now) {
                let mut made = object(&want, &cause, Default::default());
                made.metadata.creation_timestamp = Some(Time(now));
                made.status = Some(serde_json::from_value(serde_json::json!({"phase": "Restoring"})).unwrap());
                prop_assert!(names_made.insert(made.metadata.name.clone()), "{:?} twice", made.metadata.name);
                drills.all.push(Drill::read(&made, now));
                there.push(made);
            }
            prop_assert!(drills.running().is_some() || cause(&fold(Some(&known), &upkeep, &drills, now).unwrap(), &upkeep, &drills, None, now).is_none());
            if !loses {
                status = fold(Some(&known), &upkeep, &drills, now);
                let spent: Vec<String> = drills.spent().iter().map(|name| (*name).to_owned()).collect();
                there.retain(|restore| !spent.contains(restore.metadata.name.as_ref().unwrap()));
            }
        }
        let times = upkeep.drill.as_ref().unwrap();
        prop_assert!(names_made.len() <= times.runs.due_between(begin, now, 100_000) as usize);
    }
}
