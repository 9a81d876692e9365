//! Conditions as kstatus reads them.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// The status of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// Nobody knows yet.
    Unknown,
}

impl ConditionStatus {
    /// As it is written: `True`, `False`, `Unknown`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl From<bool> for ConditionStatus {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// What a condition shall say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewCondition<'a> {
    /// The type, such as `Ready`.
    pub type_: &'a str,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// A CamelCase word, never empty (the API server refuses an empty one).
    pub reason: &'a str,
    /// What, why and how to fix, for people.
    pub message: &'a str,
    /// The generation of the spec that this speaks of.
    pub observed_generation: Option<i64>,
}

/// Sets one condition in its list: at its old place, else at the end. `lastTransitionTime` moves to `now` (cut to
/// whole seconds, as the API server stores it) only when the status changes.
pub fn set_condition(conditions: &mut Vec<Condition>, new: NewCondition<'_>, now: Timestamp) {
    let NewCondition { type_, status, reason, message, observed_generation } = new;
    let known = conditions.iter_mut().find(|condition| condition.type_ == type_);
    let changed_at = match &known {
        Some(before) if before.status == status.as_str() => before.last_transition_time.clone(),
        Some(_) | None => Time(Timestamp::from_second(now.as_second()).unwrap_or(now)),
    };
    let condition = Condition {
        type_: type_.to_owned(),
        status: status.as_str().to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        observed_generation,
        last_transition_time: changed_at,
    };
    match known {
        Some(place) => *place = condition,
        None => conditions.push(condition),
    }
}

/// The condition of this type.
#[must_use]
pub fn find_condition<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(status: ConditionStatus, reason: &str) -> NewCondition<'_> {
        NewCondition { type_: "Ready", status, reason, message: "m", observed_generation: Some(3) }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn the_transition_time_moves_with_the_status_and_with_nothing_else() {
        let mut conditions = Vec::new();
        for (status, reason, now, moved) in [
            (ConditionStatus::Unknown, "FirstSight", 100, 100),
            (ConditionStatus::False, "Creating", 200, 200),
            (ConditionStatus::False, "Starting", 300, 200),
            (ConditionStatus::True, "Running", 400, 400),
            (ConditionStatus::True, "Running", 500, 400),
        ] {
            set_condition(&mut conditions, ready(status, reason), at(now));
            let condition = find_condition(&conditions, "Ready").unwrap();
            assert_eq!((condition.status.as_str(), condition.reason.as_str()), (status.as_str(), reason));
            assert_eq!(condition.last_transition_time.0, at(moved), "{reason} at {now}");
            assert_eq!(condition.observed_generation, Some(3));
        }
        assert_eq!(conditions.len(), 1);
    }

    #[test]
    fn conditions_keep_their_order_so_that_a_status_does_not_change_without_a_cause() {
        let mut conditions = Vec::new();
        let other = NewCondition { type_: "Stalled", ..ready(ConditionStatus::False, "Fine") };
        set_condition(&mut conditions, ready(ConditionStatus::True, "Running"), at(1));
        set_condition(&mut conditions, other, at(1));
        set_condition(&mut conditions, ready(ConditionStatus::False, "Stopped"), at(2));
        let types: Vec<_> = conditions.iter().map(|condition| condition.type_.as_str()).collect();
        assert_eq!(types, ["Ready", "Stalled"]);
    }

    #[test]
    fn a_fraction_of_a_second_that_the_api_server_would_drop_is_not_written() {
        let mut conditions = Vec::new();
        let now = Timestamp::from_millisecond(1_500).unwrap();
        set_condition(&mut conditions, ready(ConditionStatus::True, "Running"), now);
        assert_eq!(conditions[0].last_transition_time.0, at(1));
    }
}
