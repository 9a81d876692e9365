//! How long snapshots are kept, and the rules of a repository.

use super::fixture::{POSTGRES, around_policies, at, policy, repository_mut};
use proptest::prelude::*;
use zentoria_api::backup::Keep;
use zentoria_core::backup::keep::{Keeping, rules};

fn parse(text: &str) -> Result<Keeping, String> {
    Keeping::parse(&Keep(text.to_owned()))
}

#[test]
fn times_are_said_as_restic_takes_them() {
    let cases = [
        ("7d", Some("7d")),
        ("168h", Some("168h")),
        ("12w", Some("84d")),
        ("12m", Some("12m")),
        ("1y6m", Some("1y6m")),
        ("1w3d12h", Some("10d12h")),
        ("0y30d", Some("30d")),
        ("Forever", None),
    ];
    for (text, within) in cases {
        assert_eq!(parse(text).unwrap().within().as_deref(), within, "{text}");
    }
}

#[test]
fn what_keeps_nothing_or_cannot_be_read_is_refused_with_what_to_write() {
    for text in ["0d", "0h", "0y0m0w0d0h"] {
        let error = parse(text).unwrap_err();
        assert!(error.starts_with("keeps nothing but the newest snapshot; write 168h, 30d"), "{error}");
    }
    for text in ["", "7", "d", "7x", "1h1d", "1d1d", "forever", "7d ", "-7d", "99999999999d"] {
        let error = parse(text).unwrap_err();
        assert!(error.starts_with("is no time to keep something; write "), "{text}: {error}");
    }
}

#[test]
fn what_is_kept_is_counted_by_the_calendar() {
    let Keeping::Within(within) = parse("1m").unwrap() else { panic!("a time") };
    assert_eq!(within.before(at("2026-03-31T04:00:00Z")), Some(at("2026-02-28T04:00:00Z")));
}

proptest! {
    #[test]
    fn every_time_that_is_taken_reaches_back_and_is_digits_and_units(
        years in 0u32..20, months in 0u32..30, weeks in 0u32..60, days in 0u32..400, hours in 0u32..1000,
    ) {
        let text: String = [(years, 'y'), (months, 'm'), (weeks, 'w'), (days, 'd'), (hours, 'h')]
            .iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}")).collect();
        let nothing = years + months + weeks + days + hours == 0;
        let read = parse(if nothing { "0d" } else { &text });
        prop_assert_eq!(read.is_err(), nothing);
        if let Ok(Keeping::Within(within)) = read {
            let now = at("2026-06-15T12:00:00Z");
            prop_assert!(within.before(now).unwrap() < now);
            prop_assert!(within.to_string().chars().all(|c| c.is_ascii_digit() || "ymdh".contains(c)));
        }
    }
}

#[test]
fn a_repository_keeps_what_its_policies_say_and_those_that_are_copied_to_it() {
    let mut around = around_policies(&[("db", POSTGRES)]);
    repository_mut(&mut around, "main").spec.copies =
        serde_saphyr::from_str("[{name: offsite, to: {name: offsite}, schedule: '0 9 * * *'}]").unwrap();
    let said = |repository: &str| -> Vec<String> {
        let found = rules(repository, &around.repositories, &around.policies);
        found
            .iter()
            .map(|rule| format!("{}/{} {}", rule.policy, rule.tier, rule.within.as_deref().unwrap_or("-")))
            .collect()
    };
    assert_eq!(said("main"), ["db/hourly 7d", "db/daily 30d", "db/weekly 84d"]);
    assert_eq!(said("offsite"), said("main"));
    assert!(said("other").is_empty());
}

#[test]
fn nothing_is_forgotten_of_a_policy_that_is_suspended_or_whose_words_cannot_be_read() {
    let mut around = around_policies(&[("db", POSTGRES)]);
    let mut broken = policy("broken", POSTGRES);
    broken.spec.tiers[0].keep = Keep("0d".into());
    let mut asleep = policy("asleep", POSTGRES);
    asleep.spec.suspend = true;
    let mut paused = policy("paused", POSTGRES);
    paused.metadata.annotations = Some([("zentoria.ai/paused".to_owned(), "true".to_owned())].into());
    for other in [broken, asleep, paused] {
        around.policies.insert(other.metadata.name.clone().unwrap(), other.into());
    }
    let found = rules("main", &around.repositories, &around.policies);
    let of = |name: &str| found.iter().filter(|rule| rule.policy == name).count();
    assert_eq!((of("db"), of("broken"), of("asleep"), of("paused")), (3, 2, 0, 0));
}
