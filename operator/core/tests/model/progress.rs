//! Progress: never back, and seldom told.

use crate::fixture::PAUSES;
use jiff::Timestamp;
use proptest::prelude::*;
use std::time::Duration;
use zentoria_api::conditions::Phase;
use zentoria_core::model::progress::{Track, milestone, share};

proptest! {
    #[test]
    fn a_pull_never_goes_back_and_is_told_at_most_every_five_seconds_and_five_percent(
        steps in prop::collection::vec((0..1000u64, 1..1000u64, any::<bool>(), 0..3000u64), 1..200)
    ) {
        let mut track = Track::default();
        let mut since = Duration::ZERO;
        let mut told: Option<(Duration, u32, bool)> = None;
        let mut last = 0;
        for (completed, total, verifying, pause) in steps {
            since += Duration::from_millis(pause);
            let worth = track.note(completed, total, verifying && completed > 900, since);
            let (transfer, verifying) = track.now();
            prop_assert!(transfer.percent >= last && transfer.percent <= 100);
            last = transfer.percent;
            if worth {
                if let Some((at, percent, was_verifying)) = told {
                    let far = since - at >= Duration::from_secs(5) && transfer.percent >= percent + 5;
                    prop_assert!(far || verifying != was_verifying);
                }
                told = Some((since, transfer.percent, verifying));
                prop_assert_eq!(track.told(), (transfer, verifying));
            }
        }
    }

    #[test]
    fn pauses_grow_to_their_limit_and_are_shortened_by_a_fifth_at_most(failures in 1..40u32, uid in "[a-f0-9]{8}") {
        let now = Timestamp::UNIX_EPOCH;
        let pause = |phase| PAUSES.due(&uid, failures, phase, now).as_second();
        let full = i64::from(5u32.saturating_mul(1 << (failures - 1).min(20)).min(300));
        prop_assert!(pause(Phase::Retrying) <= full && pause(Phase::Retrying) >= full * 4 / 5);
        prop_assert!(pause(Phase::Stalled) <= 1800 && pause(Phase::Stalled) >= 1440);
    }
}

#[test]
fn shares_and_milestones_are_what_people_expect() {
    for (completed, total, percent) in
        [(0, 0, 0), (0, 10, 0), (999, 1000, 99), (10, 10, 100), (11, 10, 100), (u64::MAX, u64::MAX, 100)]
    {
        assert_eq!(share(completed, total), percent, "{completed}/{total}");
    }
    for (before, after, mark) in
        [(0, 24, None), (0, 25, Some(25)), (25, 49, None), (10, 80, Some(75)), (75, 100, None), (50, 50, None)]
    {
        assert_eq!(milestone(before, after), mark, "{before} to {after}");
    }
}
