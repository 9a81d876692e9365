//! The state machine: its table, and what never happens.

use proptest::prelude::*;
use proptest::sample::select;
use zentoria_api::model::ModelPhase;
use zentoria_core::model::machine::{Event, next};

const PHASES: [ModelPhase; 7] = [
    ModelPhase::Pending,
    ModelPhase::Waiting,
    ModelPhase::Pulling,
    ModelPhase::Verifying,
    ModelPhase::Ready,
    ModelPhase::Failed,
    ModelPhase::Stalled,
];

#[test]
fn every_event_leads_where_the_documentation_says() {
    let docs = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/models.md")).unwrap();
    for event in Event::ALL {
        let row = docs.lines().find(|line| line.starts_with(&format!("| `{event:?}` |")));
        let row = row.unwrap_or_else(|| panic!("{event:?} is not in docs/models.md"));
        for phase in PHASES {
            let to = next(phase, event);
            let stays = to == phase && row.contains("stays");
            assert!(stays || row.contains(&format!("`{to:?}`")), "{event:?} from {phase:?} leads to {to:?}: {row}");
        }
    }
}

#[test]
fn a_model_is_ready_by_a_look_alone_and_a_failed_look_does_not_lose_it() {
    for phase in PHASES {
        for event in Event::ALL {
            let to = next(phase, event);
            if to == ModelPhase::Ready {
                let kept = phase == ModelPhase::Ready && matches!(event, Event::NotSeen | Event::BrokenOff);
                assert!(event == Event::Present || kept, "{phase:?} {event:?}");
            }
        }
    }
    assert_eq!(next(ModelPhase::Ready, Event::NotSeen), ModelPhase::Ready);
}

proptest! {
    #[test]
    fn from_wherever_it_stands_a_look_that_shows_it_ends_in_ready(events in prop::collection::vec(select(Event::ALL.to_vec()), 0..20)) {
        let phase = events.into_iter().fold(ModelPhase::Pending, next);
        prop_assert_eq!(next(phase, Event::Present), ModelPhase::Ready);
        prop_assert_eq!(next(next(phase, Event::Downloading), Event::AllThere), ModelPhase::Verifying);
        prop_assert!(!matches!(next(phase, Event::BrokenOff), ModelPhase::Pulling | ModelPhase::Verifying));
    }
}
