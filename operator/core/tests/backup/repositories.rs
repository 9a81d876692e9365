//! What the status of a repository says.

use super::fixture::{
    S3, around, at, backed_up, ended, failed, known, repository, running, succeeded, want_repository,
};
use k8s_openapi::api::batch::v1::CronJob;
use zentoria_api::backup::{BackupRepository, BackupRepositoryStatus};
use zentoria_api::conditions::RepositoryReason as R;
use zentoria_core::backup::drill::Drills;
use zentoria_core::backup::locks::LockVerdict;
use zentoria_core::backup::names::Operation;
use zentoria_core::backup::report::{Report, repository as report};
use zentoria_core::backup::runs::{Ending, Run};
use zentoria_core::backup::{jobs, rest, validate};
use zentoria_types::backup_job::{JobError, Outcome, Snapshot};

type Said = Report<BackupRepositoryStatus, R>;

pub fn say_of(object: &BackupRepository, runs: &[Run], locks: &LockVerdict) -> Said {
    let mut around = around();
    around.repositories.insert("main".into(), object.clone().into());
    let want = validate::repository(object, &around);
    let upkeep = validate::upkeep(object, &around);
    report(object, &want, &upkeep, (runs, &Drills::default()), locks, at("2026-01-10T12:00:00Z"))
}

fn say(runs: &[Run]) -> Said {
    say_of(&known(repository("main", S3)), runs, &LockVerdict::Free)
}

fn truth<'a>(said: &'a Said, kind: &str) -> &'a str {
    said.status.conditions.iter().find(|condition| condition.type_ == kind).map_or("", |found| found.status.as_str())
}

fn check(when: &str, ending: Ending) -> Run {
    ended("c1", Operation::Check, when, ending)
}

#[test]
fn a_new_repository_is_looked_for_then_initialised_then_ready() {
    let new = repository("main", S3);
    let said = say_of(&new, &[], &LockVerdict::Free);
    assert_eq!((said.reason, truth(&said, "Initialised")), (R::Pending, "False"));
    let at_work = running("br-main-init", Operation::Init, "2026-01-10T00:00:00Z");
    assert_eq!(say_of(&new, &[at_work], &LockVerdict::Free).reason, R::Initialising);
    let outcome = Outcome { repository_id: Some("5f7f1d2f0c3b".into()), ..Outcome::default() };
    let done = ended("br-main-init", Operation::Init, "2026-01-10T00:01:00Z", Ending::Told(Box::new(outcome)));
    let said = say_of(&new, &[done], &LockVerdict::Free);
    assert_eq!((said.reason, truth(&said, "Initialised"), truth(&said, "Verified")), (R::Ready, "True", "Unknown"));
    assert_eq!(said.status.target.as_deref(), Some("s3:https://backup.zentoria.local:9000/backups/main"));
}

#[test]
fn an_initialisation_that_failed_says_what_a_person_should_do() {
    let new = repository("main", S3);
    let init = |ending: Ending| [ended("br-main-init", Operation::Init, "2026-01-10T00:01:00Z", ending)];
    let cases = [
        (failed(JobError::WrongPassword, "wrong password or no key found"), R::WrongPassword),
        (failed(JobError::RepositoryAccessDenied, "403 Forbidden"), R::AccessDenied),
        (failed(JobError::RepositoryUnreachable, "no answer within 60 s"), R::Unreachable),
        (failed(JobError::Other, "exit code 1"), R::JobFailed),
        (Ending::Silent { message: "BackoffLimitExceeded".into() }, R::JobFailed),
        (Ending::Succeeded, R::JobFailed),
    ];
    for (ending, reason) in cases {
        let said = say_of(&new, &init(ending.clone()), &LockVerdict::Free);
        assert_eq!(said.reason, reason, "{ending:?}");
        assert_eq!(truth(&said, "Initialised"), "False");
    }
    let said = say_of(&new, &init(failed(JobError::WrongPassword, "wrong password")), &LockVerdict::Free);
    assert!(
        said.message.contains("put the right password into the Secret of spec.passwordSecretRef"),
        "{}",
        said.message
    );
}

#[test]
fn what_a_run_of_anybody_meets_is_said_of_the_repository() {
    let cases = [
        (JobError::RepositoryGone, R::RepositoryGone, "it is not initialised again"),
        (JobError::RepositorySwapped, R::RepositorySwapped, "nothing is written to it"),
        (JobError::StorageFull, R::StorageFull, "make room there"),
        (JobError::RepositoryUnreachable, R::Unreachable, "tried again"),
        (JobError::Damaged, R::Damaged, "restic check --read-data"),
    ];
    for (error, reason, words) in cases {
        let run = ended("h1", Operation::Backup("hourly".into()), "2026-01-10T02:00:00Z", failed(error, "so it is"));
        let said = say(&[run]);
        assert_eq!((said.reason, said.message.contains(words)), (reason, true), "{}", said.message);
        let gone = matches!(reason, R::RepositoryGone | R::RepositorySwapped);
        assert_eq!(truth(&said, "Initialised") == "False", gone);
    }
    let fine =
        ended("h1", Operation::Backup("hourly".into()), "2026-01-10T02:00:00Z", backed_up("a", "2026-01-10T02:00:00Z"));
    assert_eq!(say(&[fine]).reason, R::Ready);
}

#[test]
fn a_check_that_finds_damage_names_the_part_and_is_not_forgotten_with_the_next_part() {
    let bad = Outcome { error: Some(JobError::Damaged), part: Some(3), ..Outcome::default() };
    let good = Outcome { part: Some(4), ..Outcome::default() };
    let runs = [
        check("2026-01-09T06:00:00Z", Ending::Told(Box::new(bad))),
        ended("c2", Operation::Check, "2026-01-10T06:00:00Z", Ending::Told(Box::new(good))),
    ];
    let said = say(&runs);
    assert_eq!((said.reason, truth(&said, "Verified")), (R::Damaged, "False"));
    assert!(said.message.contains("in part 3 of its data"), "{}", said.message);
    assert_eq!(say(&[check("2026-01-10T06:00:00Z", succeeded())]).reason, R::Ready);
    assert_eq!(truth(&say(&[check("2026-01-10T06:00:00Z", succeeded())]), "Verified"), "True");
    assert_eq!(truth(&say(&[check("2026-01-08T06:00:00Z", succeeded())]), "Verified"), "False", "too old");
}

#[test]
fn locks_are_said_by_who_holds_them() {
    let locked =
        ended("m1", Operation::Maintain, "2026-01-10T05:30:00Z", failed(JobError::Locked, "locked by bp-db-1"));
    let object = known(repository("main", S3));
    let judged = |verdict: LockVerdict| say_of(&object, std::slice::from_ref(&locked), &verdict);
    assert_eq!(judged(LockVerdict::Free).reason, R::Locked);
    assert_eq!(judged(LockVerdict::Wait { host: "bp-db-1".into() }).reason, R::Locked);
    let unlock = judged(LockVerdict::Unlock { hosts: vec!["bp-db-1".into()] });
    assert_eq!((unlock.reason, unlock.message.contains("bp-db-1")), (R::Unlocking, true));
    let foreign = judged(LockVerdict::Foreign { host: "laptop".into(), since: at("2026-01-09T00:00:00Z") });
    assert_eq!(foreign.reason, R::ForeignLock);
    assert!(foreign.message.contains("laptop, which is no pod of ours"), "{}", foreign.message);
}

#[test]
fn an_operation_that_failed_is_said_until_it_succeeds() {
    let bad = ended("m1", Operation::Maintain, "2026-01-10T05:30:00Z", failed(JobError::Other, "exit code 1"));
    let said = say(std::slice::from_ref(&bad));
    assert_eq!((said.reason, said.message.contains("the last run of maintenance failed")), (R::JobFailed, true));
    let good = ended("m2", Operation::Maintain, "2026-01-10T06:30:00Z", succeeded());
    assert_eq!(say(&[bad, good]).reason, R::Ready);
}

#[test]
fn a_paused_repository_is_left_as_it_is_and_a_steady_one_is_written_once() {
    let mut object = known(repository("main", S3));
    let runs = [check("2026-01-10T06:00:00Z", succeeded())];
    let first = say_of(&object, &runs, &LockVerdict::Free);
    object.status = Some(first.status.clone());
    assert_eq!(say_of(&object, &runs, &LockVerdict::Free).status, first.status);
    object.spec.suspend = true;
    let said = say_of(&object, &[], &LockVerdict::Free);
    assert_eq!((said.reason, &said.status.conditions), (R::Paused, &first.status.conditions));
}

#[test]
fn what_has_ended_is_told_also_where_the_spec_cannot_work_any_more() {
    let mut object = known(repository("main", S3));
    object.spec.maintenance.schedule = "every day".into();
    let at_four = check("2026-01-10T04:00:00Z", succeeded());
    let said = say_of(&object, &[at_four], &LockVerdict::Free);
    assert_eq!(said.reason, R::InvalidSpec);
    assert_eq!(said.status.check.last_success.as_ref().map(|time| time.0), Some(at("2026-01-10T04:00:00Z")));
    assert!(said.status.check.next.is_some() && said.status.maintenance.next.is_none());
    assert_eq!(truth(&said, "Verified"), "True");
}

#[test]
fn where_a_spec_is_refused_maintenance_rests_and_everything_where_it_is_suspended() {
    let want = want_repository("main", &around()).unwrap();
    let mut crons = jobs::of_repository(&want, &jobs::Settings { image: "jobs".into() });
    let mut due = |was: bool, is_suspended: bool| -> Vec<bool> {
        let crons = crons.iter_mut().filter_map(|desired| desired.cron.as_mut());
        let mut rests = |cron: &mut CronJob| {
            cron.spec.suspend = Some(was);
            rest::is_due(cron, is_suspended)
        };
        crons.map(&mut rests).collect()
    };
    assert_eq!(due(false, false), [false, true], "check and maintenance");
    assert_eq!(due(false, true), [true, true]);
    assert_eq!(due(true, true), [false, false], "they rest already");
}

#[test]
fn backups_add_to_what_was_counted_last_and_nothing_goes_in_twice() {
    let made = |job: &str, when: &str, parts: u32, added: u64| {
        let snapshot = Snapshot { id: "a".into(), time: 0, bytes: 9000, added, files: 1, parts };
        let outcome = Outcome { snapshot: Some(snapshot), ..Outcome::default() };
        ended(job, Operation::Backup("hourly".into()), when, Ending::Told(Box::new(outcome)))
    };
    let counted = |when: &str, snapshots: Option<u64>, bytes: u64| {
        let outcome = Outcome { snapshots, repository_bytes: Some(bytes), ..Outcome::default() };
        ended("m", Operation::Maintain, when, Ending::Told(Box::new(outcome)))
    };
    let object = known(repository("main", S3));
    let shown = |object: &BackupRepository, runs: &[Run]| {
        let status = say_of(object, runs, &LockVerdict::Free).status;
        let figures = (status.snapshots, status.bytes, status.size.clone());
        (BackupRepository { status: Some(status), ..object.clone() }, figures)
    };
    let (before, nothing) = shown(&object, &[made("b0", "2026-01-01T01:00:00Z", 2, 512)]);
    assert_eq!(nothing, (None, None, None), "what was never counted is not guessed");
    let runs = [counted("2026-01-02T00:00:00Z", Some(10), 2048), made("b1", "2026-01-02T01:00:00Z", 2, 512)];
    let (before, told) = shown(&before, &runs);
    assert_eq!(told, (Some(13), Some(2560), Some("2.5 KiB".into())));
    let (before, told) = shown(&before, &runs);
    assert_eq!(told, (Some(13), Some(2560), Some("2.5 KiB".into())), "the same runs once more");
    let mut later = runs.to_vec();
    later.push(made("b2", "2026-01-02T02:00:00Z", 1, 1024));
    let (before, told) = shown(&before, &later);
    assert_eq!(told, (Some(15), Some(3584), Some("3.5 KiB".into())));
    let (_, told) = shown(&before, &[counted("2026-01-03T00:00:00Z", None, 1024)]);
    assert_eq!(told, (Some(15), Some(1024), Some("1.0 KiB".into())), "a check counts bytes alone");
}
