//! How far a pull is: it never goes back, and is written down seldom.

use std::time::Duration;
use zentoria_api::model::Transfer;

/// The shortest time between two writes.
const PAUSE: Duration = Duration::from_secs(5);
/// The least growth that is worth a write, of a hundred.
const STEP: u32 = 5;
/// What is told by an Event, of a hundred.
const MILESTONES: [u32; 3] = [25, 50, 75];

/// The progress of one pull.
#[derive(Clone, Debug, Default)]
pub struct Track {
    now: Transfer,
    verifying: bool,
    told: Option<(Duration, Transfer, bool)>,
}

impl Track {
    /// Notes what the server says, `since` after the beginning. True where it is worth a write now: the first word, all
    /// bytes being there, and else what is both 5 seconds and 5 percent on.
    pub fn note(&mut self, completed: u64, total: u64, verifying: bool, since: Duration) -> bool {
        self.verifying |= verifying;
        // A server names the parts of a model one after the other, so that the total grows and the share falls.
        let percent = share(completed, total).max(self.now.percent);
        self.now = Transfer {
            percent,
            completed_bytes: completed.max(self.now.completed_bytes),
            total_bytes: total.max(self.now.total_bytes),
        };
        self.due(since)
    }

    /// Whether what is known is worth a write now, though nothing new was said.
    pub fn due(&mut self, since: Duration) -> bool {
        let percent = self.now.percent;
        let worth = match &self.told {
            None => true,
            Some((_, _, verifying)) if *verifying != self.verifying => true,
            Some((at, told, _)) => since.saturating_sub(*at) >= PAUSE && percent >= told.percent.saturating_add(STEP),
        };
        if worth {
            self.told = Some((since, self.now, self.verifying));
        }
        worth
    }

    /// What was last worth a write.
    #[must_use]
    pub fn told(&self) -> (Transfer, bool) {
        self.told.map_or((self.now, self.verifying), |(_, transfer, verifying)| (transfer, verifying))
    }

    /// Everything that is known.
    #[must_use]
    pub const fn now(&self) -> (Transfer, bool) {
        (self.now, self.verifying)
    }
}

/// Of a hundred, rounded down; a hundred only where all is there.
#[must_use]
pub fn share(completed: u64, total: u64) -> u32 {
    if total == 0 {
        return 0;
    }
    let share = u128::from(completed.min(total)) * 100 / u128::from(total);
    u32::try_from(share).unwrap_or(100)
}

/// The milestones between two shares: the highest of those that were passed.
#[must_use]
pub fn milestone(before: u32, after: u32) -> Option<u32> {
    MILESTONES.into_iter().filter(|mark| before < *mark && *mark <= after).max()
}
