//! How long to wait before an object is tried again: per object, doubling, with jitter.
//!
//! kube's controller has no backoff per object, so every controller keeps one of these.

use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// The share of a delay that jitter may take away.
const JITTER: f64 = 0.2;

/// Shape of the delays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackoffConfig {
    /// The delay after the first failure.
    pub base: Duration,
    /// The longest delay.
    pub max: Duration,
    /// How many objects are remembered. Over it, the one that failed longest ago is forgotten and starts anew.
    pub capacity: usize,
}

impl Default for BackoffConfig {
    /// 5 s doubling to 5 min, for up to 10 000 objects.
    fn default() -> Self {
        Self { base: Duration::from_secs(5), max: Duration::from_secs(300), capacity: 10_000 }
    }
}

/// A source of numbers in `0.0..1.0`.
pub type Jitter = Box<dyn Fn() -> f64 + Send + Sync>;

/// Failures in a row and delays of the objects with key `K`.
pub struct Backoff<K> {
    config: BackoffConfig,
    jitter: Jitter,
    failing: Mutex<HashMap<K, Failing>>,
}

#[derive(Clone, Copy)]
struct Failing {
    failures: u32,
    since: Instant,
    last: Instant,
}

/// What a failure leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// How long to wait before the next attempt.
    pub wait: Duration,
    /// Failures in a row, this one included.
    pub failures: u32,
    /// How long the object has been failing without a success between.
    pub failing_for: Duration,
}

impl<K: Eq + Hash + Clone> Backoff<K> {
    /// Delays with random jitter.
    #[must_use]
    pub fn new(config: BackoffConfig) -> Self {
        Self::with_jitter(config, Box::new(rand::random::<f64>))
    }

    /// Delays with the given jitter; tests use a constant.
    #[must_use]
    pub fn with_jitter(config: BackoffConfig, jitter: Jitter) -> Self {
        Self { config, jitter, failing: Mutex::default() }
    }

    /// Notes a failure and says how long to wait.
    pub fn failed(&self, key: &K) -> Delay {
        let now = Instant::now();
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        if failing.len() >= self.config.capacity && !failing.contains_key(key) {
            let oldest = failing.iter().min_by_key(|(_, entry)| entry.last).map(|(key, _)| key.clone());
            oldest.map(|key| failing.remove(&key));
        }
        let entry = failing.entry(key.clone()).or_insert(Failing { failures: 0, since: now, last: now });
        entry.failures = entry.failures.saturating_add(1);
        entry.last = now;
        Delay {
            wait: self.delay(entry.failures),
            failures: entry.failures,
            failing_for: now.saturating_duration_since(entry.since),
        }
    }

    /// Notes a success, or that the object is gone: the next failure starts at the base delay.
    pub fn reset(&self, key: &K) {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    /// How many objects are failing now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether no object is failing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The delay after this many failures: shortened by jitter, so never longer than the maximum.
    fn delay(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let full = self.config.base.saturating_mul(1 << doublings).min(self.config.max);
        full.mul_f64(1.0 - JITTER * (self.jitter)().clamp(0.0, 1.0))
    }
}

impl<K> fmt::Debug for Backoff<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backoff").field("config", &self.config).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backoff(jitter: f64) -> Backoff<&'static str> {
        Backoff::with_jitter(BackoffConfig::default(), Box::new(move || jitter))
    }

    #[tokio::test(start_paused = true)]
    async fn delays_double_up_to_the_maximum_and_start_anew_after_a_success() {
        let backoff = backoff(0.0);
        let waits: Vec<u64> = (0..9).map(|_| backoff.failed(&"a").wait.as_secs()).collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
        assert_eq!(backoff.failed(&"b").wait.as_secs(), 5, "another object has its own count");
        backoff.reset(&"a");
        assert_eq!(backoff.failed(&"a").wait.as_secs(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn jitter_shortens_a_delay_by_at_most_a_fifth() {
        for (jitter, millis) in [(0.0, 5000), (0.5, 4500), (1.0, 4000), (9.0, 4000)] {
            assert_eq!(backoff(jitter).failed(&"a").wait, Duration::from_millis(millis), "jitter {jitter}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_tells_for_how_long_the_object_has_been_failing() {
        let backoff = backoff(0.0);
        backoff.failed(&"a");
        tokio::time::advance(Duration::from_secs(900)).await;
        let delay = backoff.failed(&"a");
        assert_eq!((delay.failures, delay.failing_for), (2, Duration::from_secs(900)));
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_and_the_oldest_failure_is_forgotten_first() {
        let config = BackoffConfig { capacity: 2, ..BackoffConfig::default() };
        let backoff = Backoff::with_jitter(config, Box::new(|| 0.0));
        for key in ["a", "b", "c"] {
            backoff.failed(&key);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(backoff.len(), 2);
        assert_eq!(backoff.failed(&"c").failures, 2);
        assert_eq!(backoff.failed(&"a").failures, 1, "the oldest was forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn very_many_failures_do_not_overflow() {
        let backoff = backoff(0.0);
        let last = (0..100).map(|_| backoff.failed(&"a").wait).last();
        assert_eq!(last, Some(Duration::from_secs(300)));
    }
}
