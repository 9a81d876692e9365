//! The decision core of the leader election: pure, no clock but an argument.
//!
//! A candidate never compares its clock with a time that somebody else wrote. It counts from the moment when it saw
//! the lease change itself; a holder counts from the moment when it sent its last successful renewal. The second lies
//! before the first, so a holder that gives up after `renew_deadline` is silent before any rival may take over
//! (`lease_duration` later by the rival's count).

use std::time::Duration;

use tokio::time::Instant;

use super::config::ElectionConfig;

/// What a `coordination.k8s.io/v1` Lease says, reduced to what the election reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRecord {
    /// `metadata.resourceVersion`; opaque, compared only for equality.
    pub resource_version: String,
    /// `spec.holderIdentity`; `None` when absent or empty: the lease was released.
    pub holder: Option<String>,
    /// `spec.leaseDurationSeconds`: how long the holder asks others to wait; `None` when the lease does not say.
    pub lease_duration: Option<Duration>,
    /// `spec.leaseTransitions`.
    pub transitions: i32,
}

/// A [`LeaseRecord`] and the moment at which this process first saw it in this version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The lease, or `None` when the API server said that there is none.
    pub record: Option<LeaseRecord>,
    /// When this process saw `record` for the first time. Unchanged by reads that show the same version again.
    pub changed_at: Instant,
}

impl Observed {
    /// Takes in a read that was answered at `now`.
    #[must_use]
    pub fn update(previous: Option<Self>, record: Option<LeaseRecord>, now: Instant) -> Self {
        match previous {
            Some(previous) if previous.record == record => previous,
            Some(_) | None => Self { record, changed_at: now },
        }
    }
}

/// This process' part in the election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Not the leader.
    Candidate,
    /// The leader.
    Leader {
        /// When the last renewal that succeeded was sent.
        renewed_at: Instant,
    },
}

/// Why leadership ended without our wish.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LossReason {
    /// No renewal succeeded within the renew deadline.
    #[error("the lease could not be renewed within {}", humantime(.0))]
    RenewDeadline(Duration),
    /// Another process holds the lease.
    #[error("the lease is held by {0}")]
    TakenBy(String),
    /// Somebody cleared the holder of the lease.
    #[error("the lease was cleared by somebody else")]
    Cleared,
    /// Somebody deleted the lease.
    #[error("the lease was deleted")]
    Deleted,
}

fn humantime(duration: &Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Write ourselves into the lease (create it when there is none).
    Acquire,
    /// Write a fresh `renewTime`.
    Renew,
    /// Nothing to do before this moment, unless the lease changes.
    Wait {
        /// When to decide again.
        until: Instant,
    },
    /// Leadership has ended; stop writing and exit.
    Lost(LossReason),
}

/// Decides from what was seen, who we are and what time it is. `observed` is `None` before the first successful read.
#[must_use]
pub fn decide(observed: Option<&Observed>, role: Role, me: &str, now: Instant, config: &ElectionConfig) -> Step {
    match role {
        Role::Leader { renewed_at } => decide_as_leader(observed, renewed_at, me, now, config),
        Role::Candidate => decide_as_candidate(observed, me, now, config),
    }
}

fn decide_as_leader(
    observed: Option<&Observed>,
    renewed_at: Instant,
    me: &str,
    now: Instant,
    config: &ElectionConfig,
) -> Step {
    if now.saturating_duration_since(renewed_at) >= config.renew_deadline {
        return Step::Lost(LossReason::RenewDeadline(config.renew_deadline));
    }
    if let Some(observed) = observed {
        match &observed.record {
            None => return Step::Lost(LossReason::Deleted),
            Some(record) => match record.holder.as_deref() {
                None => return Step::Lost(LossReason::Cleared),
                Some(holder) if holder != me => return Step::Lost(LossReason::TakenBy(holder.to_owned())),
                Some(_) => {}
            },
        }
    }
    let due = renewed_at + config.retry_period;
    if now >= due { Step::Renew } else { Step::Wait { until: due } }
}

fn decide_as_candidate(observed: Option<&Observed>, me: &str, now: Instant, config: &ElectionConfig) -> Step {
    let Some(observed) = observed else {
        return Step::Wait { until: now + config.retry_period };
    };
    let Some(record) = &observed.record else {
        return Step::Acquire;
    };
    match record.holder.as_deref() {
        None => Step::Acquire,
        // A write of ours whose answer was lost. Identities are unique per process, so nobody else can be meant.
        Some(holder) if holder == me => Step::Acquire,
        Some(_) => {
            let expires = observed.changed_at + record.lease_duration.unwrap_or(config.lease_duration);
            if now >= expires { Step::Acquire } else { Step::Wait { until: expires } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: &str = "me";

    fn config() -> ElectionConfig {
        ElectionConfig::new("ns", "lease", ME)
    }

    fn record(holder: Option<&str>) -> LeaseRecord {
        LeaseRecord {
            resource_version: "7".into(),
            holder: holder.map(str::to_owned),
            lease_duration: Some(Duration::from_secs(10)),
            transitions: 1,
        }
    }

    fn seen(record: Option<LeaseRecord>, changed_at: Instant) -> Observed {
        Observed { record, changed_at }
    }

    #[test]
    fn a_candidate_decides_by_what_it_saw_and_when_it_saw_it() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let short = LeaseRecord { lease_duration: Some(Duration::from_secs(4)), ..record(Some("rival")) };
        let silent = LeaseRecord { lease_duration: None, ..record(Some("rival")) };
        let rows: Vec<(&str, Option<Observed>, Instant, Step)> = vec![
            ("nothing was read yet", None, at(1), Step::Wait { until: at(3) }),
            ("there is no lease", Some(seen(None, at(0))), at(1), Step::Acquire),
            ("the lease was released", Some(seen(Some(record(None)), at(0))), at(0), Step::Acquire),
            ("a lost answer of ours", Some(seen(Some(record(Some(ME))), at(0))), at(0), Step::Acquire),
            ("a live rival", Some(seen(Some(record(Some("rival"))), at(0))), at(9), Step::Wait { until: at(10) }),
            ("a silent rival", Some(seen(Some(record(Some("rival"))), at(0))), at(10), Step::Acquire),
            ("the rival's own duration counts", Some(seen(Some(short), at(0))), at(4), Step::Acquire),
            ("no duration: ours counts", Some(seen(Some(silent), at(0))), at(9), Step::Wait { until: at(10) }),
        ];
        for (name, observed, now, expected) in rows {
            assert_eq!(decide(observed.as_ref(), Role::Candidate, ME, now, &config()), expected, "{name}");
        }
    }

    #[test]
    fn a_leader_renews_in_time_and_stops_at_the_deadline_or_when_the_lease_is_not_its_own() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mine = || Some(seen(Some(record(Some(ME))), at(0)));
        let deadline = Step::Lost(LossReason::RenewDeadline(Duration::from_secs(7)));
        let rows: Vec<(&str, Option<Observed>, Instant, Step)> = vec![
            ("just renewed", mine(), at(1), Step::Wait { until: at(2) }),
            ("renewal due", mine(), at(2), Step::Renew),
            ("still trying", mine(), at(6), Step::Renew),
            ("deadline reached", mine(), at(7), deadline.clone()),
            ("woken after a long freeze", mine(), at(3600), deadline.clone()),
            ("deadline counts before what was read", Some(seen(None, at(0))), at(7), deadline),
            ("deleted", Some(seen(None, at(0))), at(1), Step::Lost(LossReason::Deleted)),
            ("cleared", Some(seen(Some(record(None)), at(0))), at(1), Step::Lost(LossReason::Cleared)),
            (
                "taken",
                Some(seen(Some(record(Some("rival"))), at(0))),
                at(1),
                Step::Lost(LossReason::TakenBy("rival".into())),
            ),
        ];
        for (name, observed, now, expected) in rows {
            let role = Role::Leader { renewed_at: at(0) };
            assert_eq!(decide(observed.as_ref(), role, ME, now, &config()), expected, "{name}");
        }
    }

    #[test]
    fn reading_the_same_version_again_does_not_restart_the_count() {
        let start = Instant::now();
        let later = start + Duration::from_secs(5);
        let first = Observed::update(None, Some(record(Some("rival"))), start);
        let same = Observed::update(Some(first.clone()), Some(record(Some("rival"))), later);
        assert_eq!(same.changed_at, start);
        let renewed = LeaseRecord { resource_version: "8".into(), ..record(Some("rival")) };
        assert_eq!(Observed::update(Some(same), Some(renewed), later).changed_at, later);
    }
}
