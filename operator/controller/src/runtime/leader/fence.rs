//! The fence: may this process change the outside world now?

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

/// A cheap handle that every writer asks right before it writes.
///
/// The answer is computed at the call, from the time when the last successful renewal was *sent*. No timer has to fire
/// for it to close: a process that was frozen and wakes up is fenced before its first instruction of ours.
#[derive(Clone)]
pub struct Fence(Kind);

#[derive(Clone)]
enum Kind {
    Always,
    Lease(Arc<Held>),
}

struct Held {
    renew_deadline: Duration,
    renewal: RwLock<Option<Renewal>>,
}

#[derive(Clone, Copy)]
struct Renewal {
    sent: Instant,
    /// The monotonic clock stands still while a machine is suspended; the wall clock shows it afterwards. A wall clock
    /// that is set forward closes the fence only until the next renewal.
    sent_wall: SystemTime,
}

impl Fence {
    /// A fence that is always open: for a single process without leader election.
    #[must_use]
    pub fn always() -> Self {
        Self(Kind::Always)
    }

    /// Whether this process may write now.
    #[must_use]
    pub fn may_write(&self) -> bool {
        match &self.0 {
            Kind::Always => true,
            Kind::Lease(held) => held.is_fresh(Instant::now(), SystemTime::now()),
        }
    }

    /// A closed fence with its keeper, for the elector.
    pub(super) fn lease(renew_deadline: Duration) -> (Self, FenceKeeper) {
        let held = Arc::new(Held { renew_deadline, renewal: RwLock::new(None) });
        (Self(Kind::Lease(Arc::clone(&held))), FenceKeeper(held))
    }
}

impl fmt::Debug for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fence").field("may_write", &self.may_write()).finish()
    }
}

impl Held {
    fn is_fresh(&self, now: Instant, now_wall: SystemTime) -> bool {
        let renewal = *self.renewal.read().unwrap_or_else(PoisonError::into_inner);
        renewal.is_some_and(|renewal| {
            let wall = now_wall.duration_since(renewal.sent_wall).unwrap_or_default();
            now.saturating_duration_since(renewal.sent) < self.renew_deadline && wall < self.renew_deadline
        })
    }
}

/// The elector's end of a [`Fence`]. When it is dropped, with the elector's task for instance, the fence closes.
pub(super) struct FenceKeeper(Arc<Held>);

impl FenceKeeper {
    /// A renewal that was sent at these times has succeeded.
    pub(super) fn renewed(&self, sent: Instant, sent_wall: SystemTime) {
        *self.0.renewal.write().unwrap_or_else(PoisonError::into_inner) = Some(Renewal { sent, sent_wall });
    }

    /// Nobody may write through this fence any more.
    pub(super) fn close(&self) {
        *self.0.renewal.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Drop for FenceKeeper {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Duration = Duration::from_secs(7);

    #[test]
    fn a_fence_without_an_election_is_always_open() {
        assert!(Fence::always().may_write());
    }

    #[test]
    fn a_fence_closes_by_itself_at_the_deadline_on_either_clock() {
        let (sent, wall) = (Instant::now(), SystemTime::now());
        let (_fence, keeper) = Fence::lease(DEADLINE);
        let held = Arc::clone(&keeper.0);
        assert!(!held.is_fresh(sent, wall), "closed before the first renewal");
        keeper.renewed(sent, wall);
        let after = Duration::from_secs;
        for (name, monotonic, wall_clock, open) in [
            ("at once", after(0), after(0), true),
            ("just before", Duration::from_millis(6_999), after(6), true),
            ("at the deadline", after(7), after(7), false),
            ("a machine that was suspended", after(1), after(3600), false),
            ("a wall clock that was set back", after(1), after(0), true),
        ] {
            assert_eq!(held.is_fresh(sent + monotonic, wall + wall_clock), open, "{name}");
        }
    }

    #[test]
    fn a_fence_closes_when_the_elector_is_gone() {
        let (fence, keeper) = Fence::lease(DEADLINE);
        keeper.renewed(Instant::now(), SystemTime::now());
        assert!(fence.may_write());
        drop(keeper);
        assert!(!fence.may_write());
    }
}
