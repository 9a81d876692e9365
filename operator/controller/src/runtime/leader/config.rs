//! How an election is run: names and times.

use std::time::Duration;

/// Names and times of one election. The defaults are those of the design: 10 s, 7 s, 2 s.
#[derive(Clone, Debug)]
pub struct ElectionConfig {
    /// Namespace of the Lease.
    pub namespace: String,
    /// Name of the Lease.
    pub lease: String,
    /// Who we are; must be unique per process, see [`identity`].
    pub identity: String,
    /// How long others wait after the last change that they saw. Written to the Lease in whole seconds, rounded up.
    pub lease_duration: Duration,
    /// How long after its last successful renewal was sent a leader may still write. Less than `lease_duration`.
    pub renew_deadline: Duration,
    /// Time between two renewals, and between two attempts after an error. Less than `renew_deadline`.
    pub retry_period: Duration,
}

/// The times of an election contradict each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ElectionConfigError {
    /// A leader would still write when another may already lead.
    #[error("the lease duration ({lease:?}) must be longer than the renew deadline ({renew:?})")]
    LeaseNotLonger {
        /// The lease duration.
        lease: Duration,
        /// The renew deadline.
        renew: Duration,
    },
    /// A leader would be fenced between two renewals.
    #[error("the renew deadline ({renew:?}) must be at least twice the retry period ({retry:?})")]
    DeadlineTooShort {
        /// The renew deadline.
        renew: Duration,
        /// The retry period.
        retry: Duration,
    },
    /// A retry period of zero would ask the API server without a pause.
    #[error("the retry period must be longer than zero")]
    NoRetryPeriod,
}

impl ElectionConfig {
    /// An election with the default times.
    #[must_use]
    pub fn new(namespace: impl Into<String>, lease: impl Into<String>, identity: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            lease: lease.into(),
            identity: identity.into(),
            lease_duration: Duration::from_secs(10),
            renew_deadline: Duration::from_secs(7),
            retry_period: Duration::from_secs(2),
        }
    }

    /// Checks that the times fit together.
    ///
    /// # Errors
    /// The first rule that they break.
    pub fn check(&self) -> Result<(), ElectionConfigError> {
        if self.retry_period.is_zero() {
            return Err(ElectionConfigError::NoRetryPeriod);
        }
        if self.lease_duration <= self.renew_deadline {
            return Err(ElectionConfigError::LeaseNotLonger { lease: self.lease_duration, renew: self.renew_deadline });
        }
        if self.renew_deadline < self.retry_period * 2 {
            return Err(ElectionConfigError::DeadlineTooShort { renew: self.renew_deadline, retry: self.retry_period });
        }
        Ok(())
    }

    /// How long one request to the API server may take: three fit into the renew deadline.
    #[must_use]
    pub fn request_timeout(&self) -> Duration {
        self.renew_deadline / 3
    }

    /// The lease duration as the Lease holds it: whole seconds, rounded up, at least one.
    #[must_use]
    pub fn lease_duration_seconds(&self) -> i32 {
        let whole = self.lease_duration.as_secs() + u64::from(self.lease_duration.subsec_nanos() > 0);
        i32::try_from(whole.max(1)).unwrap_or(i32::MAX)
    }
}

/// An identity that no other process has: the host's name (a pod's name, in a cluster) and a random part.
#[must_use]
pub fn identity(hostname: &str) -> String {
    format!("{hostname}_{:016x}", rand::random::<u64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_would_allow_two_writers_are_refused() {
        let seconds = Duration::from_secs;
        let base = ElectionConfig::new("ns", "lease", "me");
        assert_eq!(base.check(), Ok(()));
        let equal = ElectionConfig { renew_deadline: seconds(10), ..base.clone() };
        assert!(matches!(equal.check(), Err(ElectionConfigError::LeaseNotLonger { .. })));
        let slow = ElectionConfig { retry_period: seconds(4), ..base.clone() };
        assert!(matches!(slow.check(), Err(ElectionConfigError::DeadlineTooShort { .. })));
        let zero = ElectionConfig { retry_period: seconds(0), ..base };
        assert_eq!(zero.check(), Err(ElectionConfigError::NoRetryPeriod));
    }

    #[test]
    fn a_lease_duration_is_rounded_up_so_that_others_wait_long_enough() {
        for (millis, seconds) in [(10_000, 10), (1_200, 2), (300, 1)] {
            let config = ElectionConfig {
                lease_duration: Duration::from_millis(millis),
                ..ElectionConfig::new("ns", "lease", "me")
            };
            assert_eq!(config.lease_duration_seconds(), seconds, "{millis} ms");
        }
    }

    #[test]
    fn two_processes_of_one_host_have_different_identities() {
        assert_ne!(identity("pod-0"), identity("pod-0"));
    }
}
