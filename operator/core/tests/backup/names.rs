//! Names and labels.

use proptest::prelude::*;
use std::collections::BTreeSet;
use std::time::Duration;
use zentoria_core::backup::jitter;
use zentoria_core::backup::names::{self, LONGEST, Operation};
use zentoria_core::words;

#[test]
fn names_say_what_the_job_does() {
    assert_eq!(names::tier("db", "hourly"), "bp-db-hourly");
    assert_eq!(names::restore_test("db"), "bp-db-restore-test");
    assert_eq!(names::of_repository("main", &Operation::Copy("offsite".into())), "br-main-copy-offsite");
    assert_eq!(names::of_repository("main", &Operation::Init), "br-main-init");
    assert_eq!(names::lease("main"), "br-main");
    assert!(names::manual_run("db", "u", "hourly", "now").starts_with("bp-db-run-"));
    assert!(names::restore("friday", "u", "db").starts_with("brs-friday-db-"));
}

#[test]
fn a_restore_made_anew_under_the_same_name_has_other_jobs() {
    assert_ne!(names::restore("friday", "one", "db"), names::restore("friday", "two", "db"));
    assert_ne!(names::restore("friday", "one", "db"), names::secure("friday", "one", "db"));
    assert_ne!(names::restore("a-b", "one", "c"), names::restore("a", "two", "b-c"));
}

fn names_() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9.-]{0,38}[a-z0-9]"
}

proptest! {
    #[test]
    fn every_name_is_one_that_kubernetes_takes_for_a_cronjob(
        object in names_(), tier in "[a-z0-9][a-z0-9-]{0,14}", copy in "[a-z0-9][a-z0-9-]{0,18}", policy in names_(),
    ) {
        let all = [
            names::tier(&object, &tier),
            names::restore_test(&object),
            names::manual_run(&object, "u", &tier, "word"),
            names::of_repository(&object, &Operation::Copy(copy)),
            names::of_repository_once(&object, "u", &Operation::Inspect, "cause"),
            names::restore(&object, "u", &policy),
            names::secure(&object, "u", &policy),
        ];
        for name in &all {
            prop_assert!(name.len() <= LONGEST, "{name}");
            prop_assert!(name.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '-'), "{name}");
        }
        let distinct: BTreeSet<&String> = all.iter().collect();
        prop_assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn long_names_that_begin_alike_stay_apart(stem in "[a-z]{60}", one in "[a-z]{3}", two in "[a-z]{3}") {
        let fitted = |end: &str| names::fitted(&format!("{stem}{end}"));
        prop_assert_eq!(fitted(&one) == fitted(&two), one == two);
    }

    #[test]
    fn a_label_is_read_back_and_fits(name in names_()) {
        let operations = [
            Operation::Backup(name.clone()), Operation::RestoreTest, Operation::Init, Operation::Check,
            Operation::Maintain, Operation::Copy(name.clone()), Operation::Inspect, Operation::Unlock,
            Operation::Restore(name.clone()), Operation::Secure(name),
        ];
        for operation in operations {
            let label = operation.label();
            prop_assert!(label.len() <= 63);
            prop_assert_eq!(Operation::parse(&label), Some(operation));
        }
    }

    #[test]
    fn a_delay_is_always_the_same_and_never_more_than_is_allowed(uid in "[a-f0-9]{8}", most in 0u64..4000) {
        let most = Duration::from_secs(most);
        let delay = jitter::delay(&uid, "backup-hourly", most);
        prop_assert!(delay <= most);
        prop_assert_eq!(delay, jitter::delay(&uid, "backup-hourly", most));
    }
}

#[test]
fn the_restore_of_a_policy_that_is_called_test_is_no_restore_test() {
    let label = Operation::Restore("test".into()).label();
    assert_eq!((label.as_str(), Operation::parse(&label)), ("restore.test", Some(Operation::Restore("test".into()))));
    for word in ["", "backup", "backup-", "restore-db", "destroy-db", "-", "."] {
        assert_eq!(Operation::parse(word), None, "{word}");
    }
}

#[test]
fn fifty_policies_of_one_schedule_are_spread() {
    let minute = Duration::from_secs(60);
    let delays: BTreeSet<Duration> =
        (0..50).map(|number| jitter::delay(&format!("uid-{number}"), "backup-hourly", minute)).collect();
    assert!(delays.len() >= 25, "{delays:?}");
}

#[test]
fn durations_and_sizes_are_short_for_people() {
    let spans = [(0, "0s"), (45, "45s"), (120, "2m"), (5400, "1h30m"), (7200, "2h"), (90_061, "1d1h"), (86_400, "1d")];
    for (seconds, text) in spans {
        assert_eq!(words::in_units(Duration::from_secs(seconds)), text);
    }
    let sizes = [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (1 << 30, "1.0 GiB"), (u64::MAX, "16383.9 PiB")];
    for (bytes, text) in sizes {
        assert_eq!(words::size(bytes), text);
    }
}
