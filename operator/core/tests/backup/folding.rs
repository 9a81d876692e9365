//! Runs folded into status: in any order, as often as one likes, with the same result.

use super::fixture::{POSTGRES, around, at, backed_up, ended, failed, running, succeeded, want_policy};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::prelude::*;
use zentoria_api::backup::{BackupPolicyStatus, BackupRepositoryStatus, OperationStatus, TierStatus};
use zentoria_core::backup::names::Operation;
use zentoria_core::backup::outcome::{backfill, fold_operation, fold_policy, fold_repository, fold_tier};
use zentoria_core::backup::runs::{Ending, Run, RunState};
use zentoria_core::backup::validate;
use zentoria_core::backup::want::{Timetable, WantPolicy};
use zentoria_types::backup_job::{JobError, Outcome, Snapshot};

/// 2026-01-20 00:00 UTC.
const NOW: Timestamp = Timestamp::constant(1_768_867_200, 0);

fn hourly() -> Operation {
    Operation::Backup("hourly".into())
}

fn times(want: &WantPolicy) -> Timetable {
    Timetable {
        tiers: want.tiers.clone(),
        jitter: want.jitter,
        promise: want.promise,
        restore_test: None,
        suspend: want.suspend,
        source: want.source.clone(),
        target: want.target.clone(),
    }
}

#[test]
fn a_failure_is_said_until_a_later_run_succeeds() {
    let bad = ended("j1", hourly(), "2026-01-01T01:00:00Z", failed(JobError::SourceFailed, "pg_dump broke off"));
    let good = ended("j2", hourly(), "2026-01-01T02:00:00Z", backed_up("abcd", "2026-01-01T01:59:00Z"));
    let at_work = running("j3", hourly(), "2026-01-01T03:00:00Z");
    let first = fold_operation(&OperationStatus::default(), &[&bad, &at_work], None, NOW);
    assert_eq!((first.message.as_deref(), first.running.as_deref()), (Some("pg_dump broke off"), Some("j3")));
    let then = fold_operation(&first, &[&good], None, NOW);
    assert_eq!((then.message, then.seconds, then.running), (None, Some(12), None));
    assert_eq!(then.last_failure.map(|time| time.0), Some(at("2026-01-01T01:00:00Z")));
}

#[test]
fn a_failure_whose_job_is_still_there_does_not_come_back_after_a_success_whose_job_is_gone() {
    let bad = ended("j1", hourly(), "2026-01-01T01:00:00Z", failed(JobError::SourceFailed, "broke off"));
    let good = ended("j2", hourly(), "2026-01-01T02:00:00Z", succeeded());
    let both = fold_operation(&OperationStatus::default(), &[&bad, &good], None, NOW);
    assert_eq!(fold_operation(&both, &[&bad], None, NOW).message, None);
}

#[test]
fn why_a_run_failed_is_still_said_when_its_pod_is_gone() {
    let run = |ending: Ending| ended("j1", hourly(), "2026-01-01T01:00:00Z", ending);
    let silent = || Ending::Silent { message: "BackoffLimitExceeded; its pod is gone and left no word".into() };
    let told =
        fold_operation(&OperationStatus::default(), &[&run(failed(JobError::SourceFailed, "broke off"))], None, NOW);
    assert_eq!(fold_operation(&told, &[&run(silent())], None, NOW), told);
    let unknown = fold_operation(&OperationStatus::default(), &[&run(silent())], None, NOW);
    assert!(unknown.message.unwrap().contains("left no word"), "nothing else is known");
    let later = ended("j2", hourly(), "2026-01-01T02:00:00Z", silent());
    assert!(fold_operation(&told, &[&later], None, NOW).message.unwrap().contains("left no word"), "another run");
}

#[test]
fn a_run_from_the_future_hides_no_failure_and_no_damage_that_comes_later() {
    let future = ended("c1", Operation::Check, "2030-01-01T00:00:00Z", checked(1, None));
    let bad = ended("c2", Operation::Check, "2026-01-19T06:00:00Z", checked(3, Some(JobError::Damaged)));
    let fold = |before: &BackupRepositoryStatus, runs: &[Run]| {
        fold_repository(before, &validate::upkeep(&around().repositories["main"], &around()), runs, NOW)
    };
    // As it was folded while the clocks of all had jumped.
    let time = || Some(Time(at("2030-01-01T00:00:00Z")));
    let mut before = BackupRepositoryStatus { last_contact: time(), ..BackupRepositoryStatus::default() };
    before.check.last_success = time();
    for jobs in [vec![bad.clone()], vec![bad.clone(), future.clone()]] {
        let found = fold(&before, &jobs);
        assert_eq!(
            (found.damaged.as_slice(), found.check.message.as_deref()),
            (&[3][..], Some("pack 12ab is damaged"))
        );
        assert_eq!((&found.check.last_success, &found.last_contact), (&None, &None));
        assert_eq!(fold(&found, &jobs), found, "nothing is written at each look");
    }
    let gone = ended("c3", Operation::Check, "2026-01-19T07:00:00Z", failed(JobError::RepositoryGone, "gone"));
    assert_eq!(fold(&before, &[future, gone]).trouble.map(|trouble| trouble.message).as_deref(), Some("gone"));
    // A failure of the future is one, until something succeeds now.
    let failing = OperationStatus { last_failure: time(), message: Some("why".into()), ..OperationStatus::default() };
    let kept = fold_operation(&failing, &[], None, NOW);
    assert_eq!((kept.last_failure.clone(), kept.message.as_deref()), (Some(Time(NOW)), Some("why")));
    // Where the API server's clock was right, the run counts from when it was made.
    let mut jumped = ended("c4", Operation::Check, "2030-01-01T00:00:00Z", succeeded());
    jumped.created = at("2026-01-19T08:00:00Z");
    let told = fold_operation(&OperationStatus::default(), &[&jumped], None, NOW);
    assert_eq!(told.last_success, Some(Time(jumped.created)));
}

#[test]
fn the_newest_snapshot_is_shown_and_an_inspection_fills_what_is_not_known() {
    let old = Snapshot { id: "old".into(), time: 100, ..Snapshot::default() };
    let new = Snapshot { id: "new".into(), time: 200, parts: 4, ..Snapshot::default() };
    let filled = backfill(&TierStatus::default(), &new);
    assert_eq!(filled.snapshot.as_ref().map(|seen| (seen.id.as_str(), seen.parts)), Some(("new", 4)));
    assert_eq!(backfill(&filled, &old), filled);
}

#[test]
fn a_backup_counts_from_its_beginning_also_where_nothing_had_changed_or_its_word_is_lost() {
    let want = want_policy("db", POSTGRES);
    let now = at("2026-01-01T12:00:00Z");
    let newest = |runs: &[Run]| {
        fold_policy(&BackupPolicyStatus::default(), &times(&want), runs, now).last_success.map(|time| time.0)
    };
    let made = ended("j1", hourly(), "2026-01-01T10:10:00Z", backed_up("a", "2026-01-01T10:00:00Z"));
    assert_eq!(newest(&[made]), Some(at("2026-01-01T10:00:00Z")));
    let unchanged = Outcome { started: at("2026-01-01T11:00:00Z").as_second(), ..Outcome::default() };
    let unchanged = ended("j2", hourly(), "2026-01-01T11:01:00Z", Ending::Told(Box::new(unchanged)));
    assert_eq!(newest(&[unchanged]), Some(at("2026-01-01T11:00:00Z")));
    let lost = ended("j3", hourly(), "2026-01-01T11:30:00Z", Ending::Succeeded);
    assert_eq!(newest(std::slice::from_ref(&lost)), Some(lost.created));
    let other = ended("j4", Operation::Backup("gone".into()), "2026-01-01T11:30:00Z", Ending::Succeeded);
    assert_eq!(newest(&[other]), None, "of a tier that is none of the policy's");
}

#[test]
fn a_backup_from_the_future_does_not_hide_the_ones_that_are_believed() {
    let want = want_policy("db", POSTGRES);
    let future = ended("j1", hourly(), "2026-01-01T09:00:00Z", backed_up("f", "2031-01-01T00:00:00Z"));
    let real = ended("j2", hourly(), "2026-01-01T10:00:00Z", backed_up("r", "2026-01-01T09:59:00Z"));
    let now = at("2026-01-01T10:30:00Z");
    let before = fold_policy(&BackupPolicyStatus::default(), &times(&want), std::slice::from_ref(&future), now);
    assert_eq!(
        before.last_success.clone().map(|time| time.0),
        Some(at("2031-01-01T00:00:00Z")),
        "there is nothing else"
    );
    let after = fold_policy(&before, &times(&want), &[future, real], now);
    assert_eq!(after.last_success.map(|time| time.0), Some(at("2026-01-01T09:59:00Z")));
}

#[test]
fn columns_are_short_and_the_next_run_is_the_earliest_of_all_tiers() {
    let mut want = want_policy("db", POSTGRES);
    let status = fold_policy(&BackupPolicyStatus::default(), &times(&want), &[], at("2026-01-01T12:30:00Z"));
    assert_eq!(status.schedule.as_deref(), Some("0 * * * * +2"));
    assert_eq!(status.promise.as_deref(), Some("2h"));
    assert_eq!(status.next.as_deref(), Some("2026-01-01 13:00 UTC"));
    assert_eq!(status.tiers.keys().collect::<Vec<_>>(), ["daily", "hourly", "weekly"]);
    want.suspend = true;
    let status = fold_policy(&status, &times(&want), &[], at("2026-01-01T12:30:00Z"));
    assert_eq!((status.next, status.tiers["daily"].operation.next.clone()), (None, None));
}

fn checked(part: u32, error: Option<JobError>) -> Ending {
    let message = error.map(|_| "pack 12ab is damaged".to_owned());
    Ending::Told(Box::new(Outcome { error, message, part: Some(part), ..Outcome::default() }))
}

#[test]
fn damage_is_remembered_until_the_part_is_read_whole() {
    let around = around();
    let want = validate::upkeep(&around.repositories["main"], &around);
    let now = at("2026-01-20T00:00:00Z");
    let day = |day: u32, part: u32, error: Option<JobError>| {
        ended(&format!("c{day}"), Operation::Check, &format!("2026-01-{day:02}T06:00:00Z"), checked(part, error))
    };
    let bad = day(1, 3, Some(JobError::Damaged));
    let fold = |before: &BackupRepositoryStatus, runs: &[Run]| fold_repository(before, &want, runs, now);
    let found = fold(&BackupRepositoryStatus::default(), std::slice::from_ref(&bad));
    assert_eq!(found.damaged, [3]);
    let next = fold(&found, &[bad.clone(), day(2, 4, None)]);
    assert_eq!(next.damaged, [3], "another part is whole");
    let healed = fold(&next, &[bad.clone(), day(8, 3, None)]);
    assert!(healed.damaged.is_empty());
    assert!(fold(&healed, &[bad, day(8, 3, None)]).damaged.is_empty(), "the Job that found it is still there");
}

#[test]
fn trouble_with_a_repository_ends_with_the_next_run_that_can_use_it() {
    let around = around();
    let want = validate::upkeep(&around.repositories["main"], &around);
    let now = at("2026-01-20T00:00:00Z");
    let fold = |before: &BackupRepositoryStatus, runs: &[Run]| fold_repository(before, &want, runs, now);
    let bad = ended("b1", hourly(), "2026-01-01T01:00:00Z", failed(JobError::WrongPassword, "wrong password"));
    let found = fold(&BackupRepositoryStatus::default(), std::slice::from_ref(&bad));
    assert_eq!(found.trouble.as_ref().map(|trouble| trouble.reason.as_str()), Some("WrongPassword"));
    let source = ended("b2", hourly(), "2026-01-01T02:00:00Z", failed(JobError::SourceFailed, "broke off"));
    assert!(fold(&found, &[bad.clone(), source]).trouble.is_some(), "a source that failed says nothing of it");
    let good = ended("b3", hourly(), "2026-01-01T03:00:00Z", succeeded());
    let fine = fold(&found, &[bad.clone(), good]);
    assert_eq!(fine.trouble, None);
    assert_eq!(fold(&fine, &[bad]).trouble, None, "the Job that failed is still there");
}

#[test]
fn the_id_is_pinned_by_the_first_initialisation_and_never_changed() {
    let around = around();
    let want = validate::upkeep(&around.repositories["main"], &around);
    let init = |id: &str, when: &str| {
        let outcome = Outcome {
            repository_id: Some(id.into()),
            snapshots: Some(7),
            repository_bytes: Some(2048),
            ..Outcome::default()
        };
        ended(&format!("i{id}"), Operation::Init, when, Ending::Told(Box::new(outcome)))
    };
    let runs = [init("first", "2026-01-01T00:00:00Z"), init("second", "2026-01-02T00:00:00Z")];
    let now = at("2026-01-20T00:00:00Z");
    let status = fold_repository(&BackupRepositoryStatus::default(), &want, &runs, now);
    assert_eq!(status.repository_id.as_deref(), Some("first"));
    assert_eq!((status.snapshots, status.size.as_deref()), (Some(7), Some("2.0 KiB")));
    let again = fold_repository(&status, &want, &runs[1..], now);
    assert_eq!(again.repository_id.as_deref(), Some("first"));
}

fn endings() -> impl Strategy<Value = Ending> {
    let errors = prop::sample::select(vec![
        JobError::SourceFailed,
        JobError::WrongPassword,
        JobError::Damaged,
        JobError::Locked,
        JobError::RepositoryUnreachable,
    ]);
    prop_oneof![
        2 => (0i64..100_000, 0u32..1).prop_map(|(time, _)| {
            let snapshot = Snapshot { id: format!("{time:08x}"), time, ..Snapshot::default() };
            Ending::Told(Box::new(Outcome { snapshot: Some(snapshot), started: time, ..Outcome::default() }))
        }),
        1 => (1u32..8, prop::option::of(errors)).prop_map(|(part, error)| checked(part, error)),
        1 => Just(Ending::Succeeded),
        1 => Just(Ending::Silent { message: "DeadlineExceeded".into() }),
    ]
}

fn runs() -> impl Strategy<Value = Vec<Run>> {
    let operations = prop::sample::select(vec![hourly(), Operation::Check, Operation::Maintain, Operation::Init]);
    let one = (operations, 0i64..50, prop::option::weighted(0.9, endings()));
    prop::collection::vec(one, 0..8).prop_map(|list| {
        let moment = |minutes: i64| Timestamp::from_second(200_000 + minutes * 60).unwrap();
        let run = |(number, (operation, minutes, ending)): (usize, (Operation, i64, Option<Ending>))| Run {
            job: format!("j{number}"),
            operation,
            created: moment(minutes - 1),
            state: ending.map_or(RunState::Running, |ending| RunState::Ended { at: moment(minutes), ending }),
            stuck: None,
        };
        list.into_iter().enumerate().map(run).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_order_of_runs_does_not_matter_and_folding_them_again_changes_nothing(runs in runs(), seed in any::<u64>()) {
        let around = around();
        let (policy, repository) = (want_policy("db", POSTGRES), validate::upkeep(&around.repositories["main"], &around));
        let now = at("2026-01-20T00:00:00Z");
        let mut other = runs.clone();
        other.rotate_left(if runs.is_empty() { 0 } else { usize::try_from(seed % 8).unwrap() % runs.len() });
        if seed % 2 == 0 {
            other.reverse();
        }
        let fold = |before: &BackupPolicyStatus, runs: &[Run]| fold_policy(before, &times(&policy), runs, now);
        let once = fold(&BackupPolicyStatus::default(), &runs);
        prop_assert_eq!(&fold(&BackupPolicyStatus::default(), &other), &once);
        prop_assert_eq!(&fold(&once, &other), &once);
        let fold = |before: &BackupRepositoryStatus, runs: &[Run]| fold_repository(before, &repository, runs, now);
        let once = fold(&BackupRepositoryStatus::default(), &runs);
        prop_assert_eq!(&fold(&BackupRepositoryStatus::default(), &other), &once);
        prop_assert_eq!(&fold(&once, &other), &once);
    }

    #[test]
    fn what_is_told_piece_by_piece_is_what_is_told_at_once(runs in runs()) {
        let policy = want_policy("db", POSTGRES);
        let now = at("2026-01-20T00:00:00Z");
        let mut ended: Vec<Run> = runs.into_iter().filter(|run| run.ended().is_some()).collect();
        ended.sort_by_key(|run| run.ended().map(|(at, _)| (at, run.job.clone())));
        let step = |status: BackupPolicyStatus, run: &Run| fold_policy(&status, &times(&policy), std::slice::from_ref(run), now);
        let piecewise = ended.iter().fold(BackupPolicyStatus::default(), step);
        let whole = fold_policy(&BackupPolicyStatus::default(), &times(&policy), &ended, now);
        prop_assert_eq!(piecewise.last_success, whole.last_success);
        for (name, tier) in &whole.tiers {
            let Some(other) = piecewise.tiers.get(name) else { continue };
            prop_assert_eq!(&other.snapshot, &tier.snapshot);
            prop_assert_eq!(&other.operation.message, &tier.operation.message);
            prop_assert_eq!(&other.operation.last_success, &tier.operation.last_success);
        }
    }

    #[test]
    fn a_newer_run_of_a_tier_never_makes_its_snapshot_older(runs in runs()) {
        let mut status = TierStatus::default();
        for run in &runs {
            let next = fold_tier(&status, &[run], None, NOW);
            let time = |status: &TierStatus| status.snapshot.as_ref().map(|snapshot| snapshot.time.0);
            prop_assert!(time(&next) >= time(&status));
            status = next;
        }
    }
}
