//! Following tasks: asked about seldom, never blocking a reconcile, which is woken at the end.

use super::{Cluster, Live};
use crate::slots::Slot;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tracing::{debug, warn};
use zentoria_core::container::want::Key;
use zentoria_pve::{PveError, TaskOutcome};
use zentoria_types::upid::Upid;
use zentoria_types::vmid::Vmid;

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskEnd {
    /// It worked.
    Well,
    /// It failed: its exit text, with the tail of its log.
    Badly(String),
    /// Nobody can tell any more; the guest itself has to be looked at.
    Lost,
}

impl TaskEnd {
    pub(crate) fn of(outcome: &TaskOutcome) -> Self {
        match outcome {
            TaskOutcome::Ok | TaskOutcome::Warnings(_) => Self::Well,
            TaskOutcome::Failed { exit, log_tail } => {
                let tail: Vec<&str> = log_tail.iter().map(String::as_str).filter(|line| !line.contains(exit)).collect();
                let tail = tail.iter().rev().take(3).rev().copied().collect::<Vec<_>>().join(" | ");
                Self::Badly(if tail.is_empty() { exit.clone() } else { format!("{exit} (log: {tail})") })
            }
            TaskOutcome::Unknown => Self::Lost,
        }
    }
}

/// When to ask about a task of a type for the first time: what was learned from those before it on the same cluster.
#[derive(Default)]
pub(super) struct Durations(Mutex<HashMap<String, Pace>>);

/// What was learned about the tasks of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pace {
    /// The age at which the next one is asked about.
    ask_after: Duration,
    /// An age at which one still ran; it fades, for not every task is as slow.
    too_early: Duration,
}

/// At most one question per task and second.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(5);

/// As long as the quickest task of a type takes. Who asks too early asks once more; who asks late wastes a slot.
fn quickest(kind: &str) -> Duration {
    match kind {
        "vzcreate" | "vzclone" | "vzrestore" | "vzdump" | "vzmigrate" => Duration::from_millis(240),
        _ => Duration::from_millis(80),
    }
}

impl Pace {
    fn new(kind: &str) -> Self {
        Self { ask_after: quickest(kind), too_early: Duration::ZERO }
    }

    /// The next pace, after a task that ran at `still_ran` (if it was asked about then) and had ended at `ended`. Nobody
    /// tells when it ended: from above one feels one's way down, but not to where it was too early just now.
    fn learn(self, kind: &str, still_ran: Option<Duration>, ended: Duration) -> Self {
        match still_ran {
            Some(age) => Self { ask_after: (age * 5 / 4).min(ended), too_early: age },
            None => {
                let ask_after = (self.ask_after * 7 / 8).max(self.too_early * 9 / 8).max(quickest(kind));
                // To ask a task of milliseconds too early costs a second; one of many seconds is asked again anyway.
                let fades = if self.too_early < SHORTEST { 64 } else { 16 };
                let too_early = self.too_early * (fades - 1) / fades;
                Self { ask_after: ask_after.min(self.ask_after), too_early }
            }
        }
    }
}

impl Durations {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Pace>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn guess(&self, kind: &str) -> Duration {
        self.lock().get(kind).copied().unwrap_or_else(|| Pace::new(kind)).ask_after
    }

    fn learn(&self, kind: &str, still_ran: Option<Duration>, ended: Duration) {
        let mut paces = self.lock();
        let pace = paces.entry(kind.to_owned()).or_insert_with(|| Pace::new(kind));
        *pace = pace.learn(kind, still_ran, ended);
    }
}

fn makes_a_guest(kind: &str) -> bool {
    matches!(kind, "vzcreate" | "vzclone" | "vzrestore")
}

impl Cluster {
    /// Follows a task until it ends; then the slot is given back and the container woken. Once per task.
    pub(crate) fn follow(self: &Arc<Self>, key: Key, vmid: Vmid, upid: Upid, slot: Slot) {
        if !self.lock().followed.insert(upid.clone()) {
            return;
        }
        let cluster = Arc::clone(self);
        tokio::spawn(async move {
            let end = cluster.wait(&upid).await;
            debug!(%key, %vmid, %upid, ?end, "task ended");
            cluster.after_task(vmid, upid.task_type(), &end);
            if let Some(other) = upid.vmid().filter(|other| *other != vmid) {
                cluster.invalidate_config(other);
            }
            let made = makes_a_guest(upid.task_type()) && end == TaskEnd::Well;
            {
                let mut state = cluster.lock();
                state.followed.remove(&upid);
                state.ended.insert(upid, end);
            }
            // It is started next, mostly; a plan without a task gives the slot up.
            if made {
                slot.keep_for(&key);
            } else {
                drop(slot);
            }
            (cluster.waker)(&key);
        });
    }

    /// What a task of this type leaves unknown. Start and stop change the configuration only where something is pending.
    fn after_task(&self, vmid: Vmid, kind: &str, end: &TaskEnd) {
        let mut state = self.lock();
        state.live.remove(&vmid);
        // Our own creation never starts a guest.
        if makes_a_guest(kind) && *end == TaskEnd::Well {
            state.live.insert(vmid, Live { running: false, ha: false, read_at: Instant::now() });
        }
        let power_only = matches!(kind, "vzstart" | "vzshutdown" | "vzstop" | "vzreboot");
        let settled = state.configs.get(&vmid).is_some_and(|known| known.config.pending.is_empty());
        if !(power_only && settled) {
            state.configs.remove(&vmid);
        }
    }

    /// Whether a task is followed: it had not ended when it was asked about last.
    #[must_use]
    pub fn is_followed(&self, upid: &Upid) -> bool {
        self.lock().followed.contains(upid)
    }

    /// The end of a task, once somebody has seen it.
    pub(crate) fn end_of(&self, upid: &Upid) -> Option<TaskEnd> {
        self.lock().ended.get(upid).cloned()
    }

    /// The end of a task, taken up by that.
    #[must_use]
    pub fn take_end(&self, upid: &Upid) -> Option<TaskEnd> {
        self.lock().ended.remove(upid)
    }

    /// The end was taken up; it need not be remembered.
    pub fn forget_task(&self, upid: &Upid) {
        self.lock().ended.remove(upid);
    }

    /// At most one question per second after the first, which comes when such a task should be done.
    pub(super) async fn wait(&self, upid: &Upid) -> TaskEnd {
        let started = Instant::now();
        let mut pause = self.durations.guess(upid.task_type());
        let mut failures = 0u32;
        let mut still_ran = None;
        loop {
            tokio::time::sleep(pause).await;
            let age = started.elapsed();
            match self.ask(upid).await {
                Ok(Some(end)) => {
                    self.durations.learn(upid.task_type(), still_ran, age);
                    return end;
                }
                Ok(None) => {
                    failures = 0;
                    still_ran = Some(age);
                    // What takes longer than such tasks usually do is asked about again after a quarter of its age.
                    pause = (age / 4).clamp(SHORTEST, LONGEST);
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    if failures == 1 {
                        warn!(%upid, %error, "a task cannot be asked about; trying on");
                    }
                    pause = Duration::from_secs(u64::from(failures.min(10)));
                }
            }
        }
    }

    /// One question: its end, or none while it runs.
    pub(crate) async fn ask(&self, upid: &Upid) -> Result<Option<TaskEnd>, PveError> {
        Ok(self.client.task_outcome(upid).await?.as_ref().map(TaskEnd::of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks as `wait` does: the ages at which a task of this duration is asked about.
    fn ages(pace: Pace, takes: Duration) -> Vec<Duration> {
        let mut ages = vec![pace.ask_after];
        while let Some(age) = ages.last().copied().filter(|age| *age < takes) {
            ages.push(age + (age / 4).clamp(SHORTEST, LONGEST));
        }
        ages
    }

    fn after(pace: Pace, takes: Duration) -> Pace {
        let ages = ages(pace, takes);
        let still_ran = ages.len().checked_sub(2).map(|at| ages[at]);
        pace.learn("vzcreate", still_ran, ages[ages.len() - 1])
    }

    #[test]
    fn tasks_of_any_length_are_soon_asked_about_once_and_hardly_late() {
        for milliseconds in [50, 200, 400, 1_500, 3_000, 20_000, 90_000] {
            let takes = Duration::from_millis(milliseconds);
            let mut pace = Pace::new("vzcreate");
            for _ in 0..12 {
                pace = after(pace, takes);
            }
            let (mut asked, mut late) = (0, Duration::ZERO);
            for _ in 0..20 {
                let ages = ages(pace, takes);
                asked += ages.len();
                late += ages[ages.len() - 1].saturating_sub(takes.max(quickest("vzcreate")));
                pace = after(pace, takes);
            }
            assert!(asked <= 30, "{takes:?}: asked {asked} times about 20 tasks");
            let most = takes.max(SHORTEST) * 20 / 4;
            assert!(late <= most, "{takes:?}: 20 tasks were noticed {late:?} late");
        }
    }

    #[test]
    fn one_slow_task_does_not_make_the_next_ones_slow() {
        let mut pace = after(Pace::new("vzcreate"), Duration::from_secs(20));
        assert!(pace.ask_after > Duration::from_secs(10));
        for _ in 0..400 {
            pace = after(pace, Duration::from_millis(200));
        }
        assert_eq!(pace.ask_after, quickest("vzcreate"));
    }
}
