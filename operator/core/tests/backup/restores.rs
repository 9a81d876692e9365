//! Restores: what comes first, what waits, and where it ends.

use super::fixture::{
    POSTGRES, around_policies, backed_up, ended, failed, policy, restore, running, succeeded, want_restore,
};
use super::refusals::REDIS;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::sync::Arc;
use zentoria_api::backup::{BackupRestoreStatus, RestorePhase};
use zentoria_api::conditions::RestoreReason;
use zentoria_core::backup::names::{self, Operation};
use zentoria_core::backup::report;
use zentoria_core::backup::restore::{RestoreStep, fold, next_steps};
use zentoria_core::backup::runs::{Ending, Run};
use zentoria_core::backup::surroundings::Surroundings;
use zentoria_core::backup::want::{ItemInto, WantRestore};
use zentoria_types::backup_job::{JobError, Outcome, Proof, Snapshot};

const FILES: &str = "
source:
  files:
    server: {containerRef: {name: zentoria-files}}
    ssh: {knownHosts: ['zentoria-files ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBadbadbad']}
    paths: [/srv]
repositoryRef: {name: main}
tiers: [{name: daily, schedule: '0 2 * * *', keep: 7d}]
";

fn estate() -> Surroundings {
    let mut around = around_policies(&[("db", POSTGRES), ("files", FILES), ("cache", REDIS)]);
    let n8n = FILES.replace("zentoria-files", "zentoria-n8n");
    around.policies.insert("n8n".into(), policy("n8n", &n8n).into());
    let whole = "source: {vzdump: {}}\ntiers: [{name: weekly, schedule: '0 4 * * 0', keep: 4w}]";
    around.policies.insert("whole".into(), policy("whole", whole).into());
    around
}

fn over_all() -> WantRestore {
    let mut around = estate();
    around.policies.remove("cache");
    let yaml = "selector: {}\ninto: {source: {}}\nconfirm: zentoria";
    want_restore(yaml, &around).unwrap_or_else(|(reason, message)| panic!("{reason}: {message}"))
}

fn said(want: &WantRestore, runs: &[Run]) -> Vec<String> {
    let words = |step: &RestoreStep<'_>| match step {
        RestoreStep::Secure(item) => format!("secure {}", item.policy),
        RestoreStep::Restore(item) => format!("restore {}", item.policy),
    };
    next_steps(want, runs).iter().map(words).collect()
}

fn secured(want: &WantRestore, policy: &str, ending: Ending) -> Run {
    let job = names::secure(&want.owner.name, &want.owner.uid, policy);
    ended(&job, Operation::Secure(policy.into()), "2026-02-01T01:00:00Z", ending)
}

fn restored(want: &WantRestore, policy: &str, ending: Ending) -> Run {
    let job = names::restore(&want.owner.name, &want.owner.uid, policy);
    ended(&job, Operation::Restore(policy.into()), "2026-02-01T02:00:00Z", ending)
}

fn standing(want: &WantRestore, runs: &[Run]) -> (RestoreReason, String, BackupRestoreStatus) {
    let (status, verdict) = fold(&BackupRestoreStatus::default(), want, runs);
    (verdict.reason, verdict.message, status)
}

#[test]
fn a_platform_is_restored_in_the_order_in_which_its_containers_depend_on_each_other() {
    let want = over_all();
    let order: Vec<(&str, u32)> = want.items.iter().map(|item| (item.policy.as_str(), item.wave)).collect();
    assert_eq!(order, [("db", 1), ("files", 2), ("n8n", 3)]);
    assert_eq!(want.policy, "3 policies (1 of vzdump left out)");
    assert_eq!(said(&want, &[]), ["secure db"]);
    let mut runs = vec![secured(&want, "db", succeeded())];
    assert_eq!(said(&want, &runs), ["restore db"]);
    runs.push(restored(&want, "db", succeeded()));
    assert_eq!(said(&want, &runs), ["secure files"]);
}

#[test]
fn nothing_is_written_over_what_could_not_be_backed_up_first() {
    let want = over_all();
    let runs = [secured(&want, "db", failed(JobError::SourceUnreachable, "nobody answers"))];
    assert!(said(&want, &runs).is_empty());
    let (reason, message, status) = standing(&want, &runs);
    assert_eq!((reason, status.phase), (RestoreReason::SecuringFailed, RestorePhase::Failed));
    assert!(message.contains("so that it was left: nobody answers"), "{message}");
    assert!(message.contains("2 that come later were not begun"), "{message}");
}

#[test]
fn a_restore_over_the_source_stops_at_the_first_failure_and_one_elsewhere_goes_on() {
    let want = over_all();
    let runs = [secured(&want, "db", succeeded()), restored(&want, "db", failed(JobError::TargetFailed, "refused"))];
    assert!(said(&want, &runs).is_empty());
    assert_eq!(standing(&want, &runs).0, RestoreReason::Failed);
    let elsewhere = want_restore("selector: {}\ninto: {scratch: {}}", &estate()).unwrap();
    assert!(!elsewhere.secure);
    assert_eq!(said(&elsewhere, &[]), ["restore cache", "restore db"]);
    let runs = [
        restored(&elsewhere, "db", failed(JobError::Mismatch, "2 rows are missing")),
        restored(&elsewhere, "cache", succeeded()),
    ];
    assert_eq!(said(&elsewhere, &runs), ["restore files"]);
    assert_eq!(standing(&elsewhere, &runs).0, RestoreReason::Restoring);
}

#[test]
fn no_job_is_named_twice_and_each_stands_in_status() {
    let want = over_all();
    let job = names::secure(&want.owner.name, &want.owner.uid, "db");
    let runs = [running(&job, Operation::Secure("db".into()), "2026-02-01T00:00:00Z")];
    assert!(said(&want, &runs).is_empty());
    let (reason, _, status) = standing(&want, &runs);
    assert_eq!((reason, status.phase), (RestoreReason::SecuringSource, RestorePhase::SecuringSource));
    assert_eq!(status.results["db"].phase, RestorePhase::SecuringSource);
    assert_eq!(status.results["n8n"].phase, RestorePhase::Pending);
    assert_eq!(standing(&want, &[]).0, RestoreReason::Pending);
}

#[test]
fn a_scratch_restore_tells_what_it_proved() {
    let want = want_restore("policyRef: {name: db}\ninto: {scratch: {}}", &estate()).unwrap();
    let outcome = Outcome {
        snapshot: Some(Snapshot { id: "abcd".into(), time: 1_767_225_600, ..Snapshot::default() }),
        proof: Some(Proof { compared: "1 database, 3 tables, 12 rows, schema equal".into(), seconds: 9 }),
        seconds: 20,
        ..Outcome::default()
    };
    let (reason, message, status) = standing(&want, &[restored(&want, "db", Ending::Told(Box::new(outcome)))]);
    assert_eq!(message, "1 of 1 restored in 30s; the oldest of the backups is of 2026-01-01 00:00 UTC");
    assert_eq!((reason, status.phase), (RestoreReason::Succeeded, RestorePhase::Succeeded));
    assert_eq!((status.snapshot.as_deref(), status.progress.as_deref()), (Some("abcd"), Some("1/1 policies")));
    let evidence = status.results["db"].evidence.clone().unwrap();
    assert_eq!((evidence.seconds, evidence.made.0.to_string().as_str()), (9, "2026-01-01T00:00:00Z"));
}

#[test]
fn a_snapshot_that_does_not_exist_is_said_so() {
    let want = want_restore("policyRef: {name: db}\nsnapshot: {id: 0123abcd}\ninto: {scratch: {}}", &estate()).unwrap();
    let ending = failed(JobError::SnapshotNotFound, "no snapshot 0123abcd of db: `restic snapshots` lists them");
    let (reason, message, _) = standing(&want, &[restored(&want, "db", ending)]);
    assert_eq!(reason, RestoreReason::SnapshotNotFound);
    assert!(message.contains("no snapshot 0123abcd"), "{message}");
}

#[test]
fn directories_of_several_policies_are_their_own() {
    let around = estate();
    let into = "into: {directory: {claimName: offsite, path: back/here}}";
    let paths = |who: &str| -> Vec<String> {
        let want = want_restore(&format!("{who}\n{into}"), &around).unwrap();
        let path = |into: &ItemInto| match into {
            ItemInto::Directory { claim: _, path } => path.clone(),
            ItemInto::Scratch { .. } | ItemInto::Source => panic!("a directory"),
        };
        want.items.iter().map(|item| path(&item.into)).collect()
    };
    assert_eq!(paths("policyRef: {name: db}"), ["back/here"]);
    assert_eq!(paths("selector: {}"), ["back/here/cache", "back/here/db", "back/here/files", "back/here/n8n"]);
}

#[test]
fn a_refused_restore_keeps_its_phase_and_says_why() {
    let object = restore("policyRef: {name: db}\ninto: {source: {}}");
    let want = want_restore("policyRef: {name: db}\ninto: {source: {}}", &estate());
    let report = report::restore(&object, &want, &[], Timestamp::UNIX_EPOCH);
    assert_eq!(report.status.summary.as_deref(), Some("ConfirmationRequired"));
    assert_eq!(report.status.phase, RestorePhase::Pending);
}

#[test]
fn what_a_command_printed_has_no_way_back_and_a_platform_is_restored_without_it() {
    let mut around = estate();
    let command =
        FILES.replace("  files:", "  command:").replace("paths: [/srv]", "command: export\n    fileName: a.json");
    around.policies.insert("export".into(), policy("export", &command).into());
    let alone = "policyRef: {name: export}\ninto: {source: {}}\nconfirm: export";
    let (reason, message) = want_restore(alone, &around).unwrap_err();
    assert_eq!(reason, RestoreReason::NotSupported);
    assert!(message.contains("into a directory"), "{message}");
    let want = want_restore("selector: {}\ninto: {source: {}}\nconfirm: zentoria", &around).unwrap();
    assert_eq!(want.policy, "4 policies (1 of command, 1 of vzdump left out)");
    let scratch = want_restore("selector: {}\ninto: {scratch: {}}", &around).unwrap();
    assert_eq!(scratch.policy, "5 policies (1 of vzdump left out)");
}

#[test]
fn what_cannot_be_restored_elsewhere_is_told_beside_what_can_and_stops_what_goes_over_the_sources() {
    let mut around = estate();
    let lost = FILES.replace("{name: main}", "{name: lost}");
    around.policies.insert("astray".into(), policy("astray", &lost).into());
    let want = want_restore("selector: {}\ninto: {scratch: {}}", &around).unwrap();
    assert_eq!(said(&want, &[]), ["restore cache", "restore db"]);
    let all = ["cache", "db", "files", "n8n"].map(|policy| restored(&want, policy, succeeded()));
    let (reason, message, status) = standing(&want, &all);
    assert_eq!((reason, status.phase), (RestoreReason::Failed, RestorePhase::Failed));
    assert!(message.starts_with("astray: spec.repositoryRef: there is no BackupRepository \"lost\""), "{message}");
    assert!(message.ends_with("(4 of 5 restored)"), "{message}");
    assert_eq!(status.progress.as_deref(), Some("4/5 policies"));
    let (reason, _) = want_restore("selector: {}\ninto: {source: {}}\nconfirm: zentoria", &around).unwrap_err();
    assert_eq!(reason, RestoreReason::NotFound);
    around.policies.retain(|name, _| name == "astray");
    let (reason, _) = want_restore("selector: {}\ninto: {scratch: {}}", &around).unwrap_err();
    assert_eq!(reason, RestoreReason::NotFound, "nothing can be restored");
}

#[test]
fn a_restore_tells_when_it_began_and_ended_and_how_old_its_data_is() {
    let want = want_restore("policyRef: {name: db}\ninto: {scratch: {}}", &estate()).unwrap();
    let job = names::restore(&want.owner.name, &want.owner.uid, "db");
    let begun = [running(&job, Operation::Restore("db".into()), "2026-02-01T01:59:30Z")];
    let (_, _, status) = standing(&want, &begun);
    assert_eq!(
        (status.begun.map(|time| time.0.to_string()).as_deref(), status.ended),
        (Some("2026-02-01T01:59:30Z"), None)
    );
    let (_, _, status) = standing(&want, &[restored(&want, "db", backed_up("abcd", "2026-02-01T00:00:00Z"))]);
    let text = |time: Option<Time>| time.map(|time| time.0.to_string()).unwrap_or_default();
    assert_eq!([text(status.begun), text(status.ended)], ["2026-02-01T01:59:30Z", "2026-02-01T02:00:00Z"]);
    assert_eq!(text(status.results["db"].made.clone()), "2026-02-01T00:00:00Z");
}

#[test]
fn data_that_did_not_change_is_as_young_as_the_last_look_at_it() {
    let mut around = estate();
    let mut files = policy("files", &FILES.replace("keep: 7d", "keep: 7d, onlyIfChanged: true"));
    let last = "2026-02-01T01:00:00Z".parse().unwrap();
    files.status.get_or_insert_default().last_success = Some(Time(last));
    around.policies.insert("files".into(), files.into());
    let want = want_restore("policyRef: {name: files}\ninto: {scratch: {}}", &around).unwrap();
    let runs = [restored(&want, "files", backed_up("abcd", "2026-01-03T00:00:00Z"))];
    let (status, _) = fold(&BackupRestoreStatus::default(), &want, &runs);
    assert_eq!(status.results["files"].unchanged_until, Some(Time(last)));
    // A look an hour later says nothing of what was restored.
    Arc::make_mut(around.policies.get_mut("files").unwrap()).status.as_mut().unwrap().last_success =
        Some(Time("2026-02-01T03:00:00Z".parse().unwrap()));
    let want = want_restore("policyRef: {name: files}\ninto: {scratch: {}}", &around).unwrap();
    let (status, _) = fold(&status, &want, &runs);
    assert_eq!(status.results["files"].unchanged_until, Some(Time(last)));
    let earlier = "policyRef: {name: files}\nsnapshot: {time: '2026-01-04T00:00:00Z'}\ninto: {scratch: {}}";
    assert!(want_restore(earlier, &around).unwrap().items[0].seen_equal.is_none());
}
