//! The three conditions that every kind has, from one phase; and a writer that keeps transition times.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use zentoria_api::conditions::{Phase, READY, RECONCILING, STALLED};

/// `True`, `False` or `Unknown` of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Nobody knows.
    Unknown,
}

impl Truth {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}

/// The conditions of one object while a new status is made.
pub struct Conditions<'a> {
    list: Vec<Condition>,
    generation: i64,
    now: &'a Timestamp,
}

impl<'a> Conditions<'a> {
    /// Starts from the conditions that the object has; what is not set again stays.
    #[must_use]
    pub fn from(list: &[Condition], generation: i64, now: &'a Timestamp) -> Self {
        Self { list: list.to_vec(), generation, now }
    }

    /// Sets one condition. Its transition time moves only with its status.
    pub fn set(&mut self, kind: &str, truth: Truth, reason: &str, message: &str) {
        let next = Condition {
            type_: kind.to_owned(),
            status: truth.as_str().to_owned(),
            reason: reason.to_owned(),
            message: message.to_owned(),
            observed_generation: Some(self.generation),
            last_transition_time: Time(*self.now),
        };
        match self.list.iter_mut().find(|c| c.type_ == kind) {
            Some(old) if old.status == next.status => {
                *old = Condition { last_transition_time: old.last_transition_time.clone(), ..next };
            }
            Some(old) => *old = next,
            None => self.list.push(next),
        }
    }

    /// Removes a condition that says nothing any more.
    pub fn remove(&mut self, kind: &str) {
        self.list.retain(|c| c.type_ != kind);
    }

    /// Sets Ready, Reconciling and Stalled as `phase` has them. kstatus reads the first of Reconciling and Stalled that
    /// is True, so never both are.
    pub fn set_phase(&mut self, phase: Phase, reason: &str, message: &str) {
        let last_ready = self.list.iter().find(|c| c.type_ == READY).map(|c| c.status.as_str());
        let kept = match last_ready {
            Some("True") => Truth::True,
            Some("False") => Truth::False,
            Some(_) | None => Truth::Unknown,
        };
        let (ready, reconciling, stalled) = match phase {
            Phase::Settled => (Truth::True, Truth::False, Truth::False),
            Phase::Progressing | Phase::Waiting => (Truth::False, Truth::True, Truth::False),
            Phase::Retrying => (kept, Truth::True, Truth::False),
            Phase::Stalled => (Truth::False, Truth::False, Truth::True),
            Phase::Resting => (Truth::False, Truth::False, Truth::False),
            Phase::Silent => return,
        };
        self.set(READY, ready, reason, message);
        self.set(RECONCILING, reconciling, reason, message);
        self.set(STALLED, stalled, reason, message);
    }

    /// The finished list.
    #[must_use]
    pub fn finish(self) -> Vec<Condition> {
        self.list
    }
}

/// Whether a condition of this type is True.
#[must_use]
pub fn is_true(list: &[Condition], kind: &str) -> bool {
    list.iter().any(|c| c.type_ == kind && c.status == "True")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(list: &'a [Condition], kind: &str) -> (&'a str, &'a str) {
        let found = list.iter().find(|c| c.type_ == kind).unwrap();
        (&found.status, &found.reason)
    }

    #[test]
    fn reconciling_and_stalled_are_never_both_true() {
        let now = Timestamp::UNIX_EPOCH;
        for phase in
            [Phase::Settled, Phase::Progressing, Phase::Waiting, Phase::Retrying, Phase::Stalled, Phase::Resting]
        {
            let mut conditions = Conditions::from(&[], 1, &now);
            conditions.set_phase(phase, "Because", "");
            let list = conditions.finish();
            assert!(!(is_true(&list, RECONCILING) && is_true(&list, STALLED)), "{phase:?}");
        }
    }

    #[test]
    fn a_transition_time_moves_only_with_the_status() {
        let (first, later) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(60).unwrap());
        let mut conditions = Conditions::from(&[], 1, &first);
        conditions.set(READY, Truth::False, "Creating", "a");
        let mut conditions = Conditions::from(&conditions.finish(), 2, &later);
        conditions.set(READY, Truth::False, "Starting", "b");
        let list = conditions.finish();
        assert_eq!(read(&list, READY), ("False", "Starting"));
        assert_eq!(list[0].last_transition_time.0, first);
        let mut conditions = Conditions::from(&list, 2, &later);
        conditions.set(READY, Truth::True, "Running", "");
        assert_eq!(conditions.finish()[0].last_transition_time.0, later);
    }

    #[test]
    fn a_retry_keeps_the_last_known_ready() {
        let now = Timestamp::UNIX_EPOCH;
        let mut conditions = Conditions::from(&[], 1, &now);
        conditions.set_phase(Phase::Settled, "Running", "");
        conditions.set_phase(Phase::Retrying, "PveError", "595");
        let list = conditions.finish();
        assert_eq!(read(&list, READY), ("True", "PveError"));
        assert_eq!(read(&list, RECONCILING), ("True", "PveError"));
    }
}
