//! What the status of a policy says.

use super::fixture::{POSTGRES, around, at, backed_up, ended, failed, policy, repository_mut, running};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use zentoria_api::backup::{BackupPolicy, BackupPolicyStatus};
use zentoria_api::conditions::PolicyReason as P;
use zentoria_core::backup::names::Operation;
use zentoria_core::backup::report::{Report, policy as report};
use zentoria_core::backup::runs::{Ending, Run};
use zentoria_core::backup::surroundings::Surroundings;
use zentoria_core::backup::validate;
use zentoria_types::backup_job::{JobError, Outcome, Proof, Snapshot};

type Said = Report<BackupPolicyStatus, P>;

pub fn say_of(object: &BackupPolicy, runs: &[Run], around: &Surroundings, now: &str) -> Said {
    let want = validate::policy(object, around);
    report(object, &want, runs, around, at(now))
}

fn say(runs: &[Run], now: &str) -> Said {
    say_of(&policy("db", POSTGRES), runs, &around(), now)
}

fn hourly(number: u32, when: &str, ending: Ending) -> Run {
    ended(&format!("h{number}"), Operation::Backup("hourly".into()), when, ending)
}

fn condition<'a>(said: &'a Said, kind: &str) -> &'a Condition {
    said.status.conditions.iter().find(|condition| condition.type_ == kind).unwrap_or_else(|| panic!("{kind}"))
}

fn good(at: &str) -> Run {
    hourly(1, at, backed_up("abcd", at))
}

#[test]
fn a_policy_without_a_backup_is_pending_then_running_then_fresh() {
    let said = say(&[], "2026-01-10T00:10:00Z");
    assert_eq!((said.reason, condition(&said, "Fresh").status.as_str()), (P::Pending, "Unknown"));
    assert_eq!(said.look_again, Some(at("2026-01-10T02:00:00Z")), "the promise counts from its creation");
    assert!(said.message.contains("the next run is due 2026-01-10 01:00 UTC"), "{}", said.message);
    let at_work = running("h1", Operation::Backup("hourly".into()), "2026-01-10T01:00:00Z");
    assert_eq!(say(&[at_work], "2026-01-10T01:01:00Z").reason, P::Running);
    let said = say(&[good("2026-01-10T01:01:00Z")], "2026-01-10T01:30:00Z");
    assert_eq!((said.reason, condition(&said, "Ready").status.as_str()), (P::Fresh, "True"));
    assert_eq!(said.look_again, Some(at("2026-01-10T03:01:00Z")));
}

#[test]
fn a_policy_is_late_exactly_when_its_promise_passes_and_says_why() {
    let runs = [
        good("2026-01-10T01:00:00Z"),
        hourly(2, "2026-01-10T02:05:00Z", failed(JobError::SourceUnreachable, "10.0.1.20:5432 does not answer")),
    ];
    let before = say(&runs, "2026-01-10T02:59:59Z");
    assert_eq!(before.reason, P::BackupFailed);
    assert_eq!(condition(&before, "Fresh").status, "True");
    let late = say(&runs, "2026-01-10T03:00:00Z");
    assert_eq!((late.reason, condition(&late, "Stalled").status.as_str()), (P::Late, "True"));
    assert!(
        late.message.contains("the newest backup is of 2026-01-10 01:00 UTC, and 2h is promised"),
        "{}",
        late.message
    );
    assert!(late.message.contains("10.0.1.20:5432 does not answer"), "{}", late.message);
    assert!(late.message.contains("2 runs without a backup by then"), "{}", late.message);
    let later = say(&runs, "2026-01-10T09:00:00Z");
    assert_eq!(later.message, late.message, "an age in words would be a write with every look");
}

#[test]
fn a_policy_that_waits_for_its_container_is_late_all_the_same() {
    let mut around = around();
    around.containers.get_mut("zentoria-db").unwrap().running = false;
    let object = policy("db", POSTGRES);
    let runs = [good("2026-01-10T01:00:00Z")];
    assert_eq!(say_of(&object, &runs, &around, "2026-01-10T02:00:00Z").reason, P::WaitingFor);
    let late = say_of(&object, &runs, &around, "2026-01-10T04:00:00Z");
    assert_eq!((late.reason, late.message.contains("zentoria-db does not run")), (P::Late, true), "{}", late.message);
}

#[test]
fn an_error_of_the_source_is_a_reason_of_its_own() {
    let cases = [
        (JobError::SourceAccessDenied, P::AccessDenied),
        (JobError::SourceGone, P::SourceGone),
        (JobError::Setup, P::SecretNotFound),
        (JobError::WrongPassword, P::RepositoryNotReady),
        (JobError::Locked, P::RepositoryNotReady),
        (JobError::SourceFailed, P::BackupFailed),
        (JobError::Cancelled, P::BackupFailed),
    ];
    for (error, reason) in cases {
        let runs = [good("2026-01-10T01:00:00Z"), hourly(2, "2026-01-10T02:00:00Z", failed(error, "so it was"))];
        let said = say(&runs, "2026-01-10T02:30:00Z");
        assert_eq!(said.reason, reason, "{error:?}");
        assert!(said.message.contains("the last run of hourly failed: so it was"), "{}", said.message);
    }
    let silent = Ending::Silent { message: "DeadlineExceeded: Job was active longer than specified deadline".into() };
    let said = say(&[good("2026-01-10T01:00:00Z"), hourly(2, "2026-01-10T02:00:00Z", silent)], "2026-01-10T02:30:00Z");
    assert_eq!(said.reason, P::BackupFailed);
}

fn test(when: &str, ending: Ending) -> Run {
    ended("t1", Operation::RestoreTest, when, ending)
}

fn proved() -> Ending {
    let snapshot = Snapshot { id: "abcd".into(), time: at("2026-01-10T01:00:00Z").as_second(), ..Snapshot::default() };
    let proof = Proof { compared: "1 database, 12 rows, schema equal".into(), seconds: 9 };
    Ending::Told(Box::new(Outcome { snapshot: Some(snapshot), proof: Some(proof), ..Outcome::default() }))
}

#[test]
fn a_restore_test_that_failed_is_said_before_anybody_needs_the_backup() {
    let fresh = good("2026-01-11T07:00:00Z");
    let said = say(&[fresh.clone(), test("2026-01-11T07:10:00Z", proved())], "2026-01-11T07:30:00Z");
    assert_eq!((said.reason, condition(&said, "Verified").status.as_str()), (P::Fresh, "True"));
    assert_eq!(said.status.verified, Some(Time(at("2026-01-11T07:10:00Z"))));
    assert_eq!(said.status.evidence.as_ref().map(|proof| proof.seconds), Some(9));
    let mismatch = failed(JobError::Mismatch, "public.orders has 11 rows in place of 12");
    let said = say(&[fresh.clone(), test("2026-01-11T07:10:00Z", mismatch)], "2026-01-11T07:30:00Z");
    assert_eq!((said.reason, condition(&said, "Verified").status.as_str()), (P::RestoreTestFailed, "False"));
    assert!(said.message.contains("11 rows in place of 12"), "{}", said.message);
    let locked = failed(JobError::Locked, "the repository is locked");
    let said = say(&[fresh.clone(), test("2026-01-11T07:10:00Z", locked)], "2026-01-11T07:30:00Z");
    assert_eq!(said.reason, P::RepositoryNotReady, "it says nothing of the backup");
    let said = say(&[fresh], "2026-01-11T07:30:00Z");
    assert_eq!(condition(&said, "Verified").status, "Unknown");
}

#[test]
fn a_proof_that_is_too_old_is_no_proof() {
    let tested = test("2026-01-11T07:10:00Z", proved());
    let now = "2026-01-25T07:10:00Z";
    let said = say(&[good("2026-01-25T07:00:00Z"), tested], now);
    assert_eq!(
        (condition(&said, "Verified").status.as_str(), condition(&said, "Verified").reason.as_str()),
        ("False", "Overdue")
    );
}

#[test]
fn a_repository_that_a_person_must_mend_is_said_at_its_policies() {
    let mut around = around();
    let status = repository_mut(&mut around, "main").status.as_mut().unwrap();
    let stalled = |kind: &str, status: &str| Condition {
        type_: kind.into(),
        status: status.into(),
        reason: "WrongPassword".into(),
        message: "the password does not open it".into(),
        observed_generation: None,
        last_transition_time: Time(Timestamp::UNIX_EPOCH),
    };
    status.conditions = vec![stalled("Ready", "False"), stalled("Stalled", "True")];
    let said = say_of(&policy("db", POSTGRES), &[good("2026-01-10T01:00:00Z")], &around, "2026-01-10T01:30:00Z");
    assert_eq!(said.reason, P::RepositoryNotReady);
    assert!(said.message.contains("the BackupRepository main: the password does not open it"), "{}", said.message);
    assert_eq!(condition(&said, "RepositoryReady").status, "False");
}

#[test]
fn a_pod_that_cannot_begin_is_said_after_a_while() {
    let mut run = running("h2", Operation::Backup("hourly".into()), "2026-01-10T02:00:00Z");
    run.stuck = Some("the pod h2-x cannot begin: ImagePullBackOff".into());
    let runs = [good("2026-01-10T01:00:00Z"), run];
    let soon = say(&runs, "2026-01-10T02:01:00Z");
    assert_eq!((soon.reason, soon.look_again), (P::Fresh, Some(at("2026-01-10T02:02:00Z"))));
    let later = say(&runs, "2026-01-10T02:02:00Z");
    assert_eq!((later.reason, later.message.contains("ImagePullBackOff")), (P::Running, true), "{}", later.message);
}

#[test]
fn a_clock_that_jumped_is_said() {
    let said = say(&[good("2031-01-01T00:00:00Z")], "2026-01-10T02:00:00Z");
    assert_eq!((said.reason, said.message.contains("a clock has jumped")), (P::Late, true), "{}", said.message);
    assert_eq!(condition(&said, "Fresh").status, "False");
}

#[test]
fn a_paused_policy_is_left_as_it_is() {
    let mut object = policy("db", POSTGRES);
    object.status = Some(say(&[good("2026-01-10T01:00:00Z")], "2026-01-10T01:30:00Z").status);
    object.spec.suspend = true;
    let said = say_of(&object, &[], &around(), "2026-02-10T01:30:00Z");
    assert_eq!((said.reason, said.status.summary.as_deref(), said.look_again), (P::Paused, Some("Paused"), None));
    assert_eq!(said.status.conditions, object.status.unwrap().conditions);
}

#[test]
fn a_steady_state_is_written_once() {
    let runs = [good("2026-01-10T01:00:00Z"), test("2026-01-10T01:10:00Z", proved())];
    let mut object = policy("db", POSTGRES);
    let first = say_of(&object, &runs, &around(), "2026-01-10T01:30:00Z");
    object.status = Some(first.status.clone());
    assert_eq!(say_of(&object, &runs, &around(), "2026-01-10T01:50:00Z").status, first.status);
}
