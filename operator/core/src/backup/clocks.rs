//! Which times are believed. Those of a Job, or of a backup that Proxmox VE holds, are of another clock than ours. When that
//! had jumped forward, a success of 2030 would hide every failure until then: what lies in the future proves nothing.

use super::runs::{Ending, Run};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// How far a moment may lie in the future and still be believed: clocks differ a little.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(10);

/// Whether a moment does not lie in the future.
pub(super) fn is_believed(moment: Timestamp, now: Timestamp) -> bool {
    now.checked_add(TOLERANCE).is_ok_and(|limit| moment <= limit)
}

/// A time that is dropped where it lies in the future: that of something good.
pub(super) fn believed(time: Option<Time>, now: Timestamp) -> Option<Time> {
    time.filter(|time| is_believed(time.0, now))
}

/// A time that becomes now where it lies in the future: that of a failure, which stays until something good comes later.
pub(super) fn by_now(time: Time, now: Timestamp) -> Time {
    if is_believed(time.0, now) { time } else { Time(now) }
}

/// When and how a run ended, by the first clock that is believed: of its Job, of its pod, of the API server when it was made
/// (never by ours, which would say another time at each look). `None` where all of them had jumped: it says nothing.
pub(super) fn ended(run: &Run, now: Timestamp) -> Option<(Timestamp, &Ending)> {
    let (at, ending) = run.ended()?;
    let by_pod = || {
        let told = ending.outcome()?;
        let seconds = SignedDuration::from_secs(i64::try_from(told.seconds).ok()?);
        let started = Timestamp::from_second(told.started).ok()?;
        // A run that does not say when it began is not of 1970.
        started.checked_add(seconds).ok().filter(|_| told.started > 0)
    };
    let times = [Some(at), by_pod(), Some(run.created)];
    let at = times.into_iter().flatten().find(|moment| is_believed(*moment, now))?;
    Some((at, ending))
}
