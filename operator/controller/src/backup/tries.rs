//! When a Job that failed is tried again: a pause after its end, which grows with each of them.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The moment of the next try, by the uid of the Job that failed. A restart forgets them: the next pause is the shortest.
#[derive(Debug, Default)]
pub struct Tries(Mutex<HashMap<String, Timestamp>>);

impl Tries {
    /// When the Job that failed at `at` is due again; `pause` is asked once for each Job.
    pub fn due(&self, job: &Job, at: Timestamp, pause: impl FnOnce() -> SignedDuration) -> Timestamp {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = || at.saturating_add(pause()).unwrap_or(Timestamp::MAX);
        *known.entry(job.uid().unwrap_or_default()).or_insert_with(due)
    }

    /// Drops what is known of Jobs of which `is_live` (asked by uid) says no.
    pub fn sweep(&self, is_live: impl Fn(&str) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|uid, _| is_live(uid));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_job_that_failed_has_one_pause_however_often_it_is_looked_at() {
        let tries = Tries::default();
        let mut job = Job::default();
        job.metadata.uid = Some("u1".into());
        let at = Timestamp::UNIX_EPOCH;
        let due = tries.due(&job, at, || SignedDuration::from_secs(5));
        assert_eq!(due, Timestamp::from_second(5).unwrap());
        assert_eq!(tries.due(&job, at, || unreachable!()), due);
        tries.sweep(|_| false);
        assert_eq!(tries.due(&job, at, || SignedDuration::from_secs(9)), Timestamp::from_second(9).unwrap());
    }
}
