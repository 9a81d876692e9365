//! When a pull that failed is tried again: a pause that doubles, shortened by a part that differs from one resource to the
//! other, so that many do not come at once. It is computed from the status alone: a restart changes nothing.

use crate::backup::jitter;
use jiff::Timestamp;
use std::time::Duration;
use zentoria_api::conditions::Phase;

/// What a person must change is looked at again after so many of the longest pauses.
const STALLED_FACTOR: u32 = 6;

/// The shortest and the longest pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pauses {
    /// After the first failure.
    pub base: Duration,
    /// At most.
    pub max: Duration,
}

impl Pauses {
    /// When the next try is due, after so many failures of the resource `uid`.
    #[must_use]
    pub fn due(&self, uid: &str, failures: u32, phase: Phase, now: Timestamp) -> Timestamp {
        let pause = match phase {
            Phase::Stalled => self.max.saturating_mul(STALLED_FACTOR),
            Phase::Settled | Phase::Progressing | Phase::Waiting | Phase::Retrying | Phase::Resting | Phase::Silent => {
                self.base.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(self.max)
            }
        };
        let share = jitter::delay(uid, &format!("try-{failures}"), Duration::from_secs(100)).as_secs();
        let part = pause.saturating_mul(u32::try_from(share).unwrap_or(0)) / 500;
        now.checked_add(pause.saturating_sub(part)).unwrap_or(Timestamp::MAX)
    }
}
