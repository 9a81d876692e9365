//! Following tasks: asked about seldom, never blocking a reconcile, which is woken at the end.

use super::{Cluster, Live};
use crate::slots::Slot;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tracing::{debug, warn};
use zentoria_core::container::want::Key;
use zentoria_pve::{PveError, TaskOutcome, TaskStatus};
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

/// How long tasks of a type took on a cluster: the next one is first asked about when it should be done.
#[derive(Default)]
pub(super) struct Durations(Mutex<HashMap<String, Duration>>);

const FIRST_GUESS: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(5);

impl Durations {
    fn guess(&self, kind: &str) -> Duration {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        map.get(kind).copied().unwrap_or(FIRST_GUESS)
    }

    /// A moving mean; what was seen late is not taken for long.
    fn learn(&self, kind: &str, took: Duration) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mean = map.entry(kind.to_owned()).or_insert(took);
        *mean = (*mean * 3 + took.min(Duration::from_secs(60))) / 4;
    }
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
            {
                let mut state = cluster.lock();
                state.followed.remove(&upid);
                state.ended.insert(upid, end);
            }
            drop(slot);
            (cluster.waker)(&key);
        });
    }

    /// What a task of this type leaves unknown. Start and stop change the configuration only where something is pending.
    fn after_task(&self, vmid: Vmid, kind: &str, end: &TaskEnd) {
        let mut state = self.lock();
        state.live.remove(&vmid);
        // Our own creation never starts a guest.
        if matches!(kind, "vzcreate" | "vzclone") && *end == TaskEnd::Well {
            state.live.insert(vmid, Live { running: false, ha: false, read_at: Instant::now() });
        }
        let power_only = matches!(kind, "vzstart" | "vzshutdown" | "vzstop" | "vzreboot");
        let settled = state.configs.get(&vmid).is_some_and(|known| known.config.pending.is_empty());
        if !(power_only && settled) {
            state.configs.remove(&vmid);
        }
    }

    /// Whether a task is followed.
    pub(crate) fn is_followed(&self, upid: &Upid) -> bool {
        self.lock().followed.contains(upid)
    }

    /// The end of a task, once somebody has seen it.
    pub(crate) fn end_of(&self, upid: &Upid) -> Option<TaskEnd> {
        self.lock().ended.get(upid).cloned()
    }

    /// The end was taken up; it need not be remembered.
    pub fn forget_task(&self, upid: &Upid) {
        self.lock().ended.remove(upid);
    }

    /// At most one question per second after the first, which comes when such a task should be done.
    async fn wait(&self, upid: &Upid) -> TaskEnd {
        let started = Instant::now();
        let mut pause = self.durations.guess(upid.task_type());
        let mut failures = 0u32;
        loop {
            tokio::time::sleep(pause).await;
            match self.ask(upid).await {
                Ok(Some(end)) => {
                    self.durations.learn(upid.task_type(), started.elapsed());
                    return end;
                }
                Ok(None) => {
                    failures = 0;
                    // What takes longer than such tasks usually do is asked about again after a quarter of its age.
                    pause = (started.elapsed() / 4).clamp(Duration::from_secs(1), LONGEST);
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
        match self.client.task_status(upid).await? {
            TaskStatus::Running => Ok(None),
            TaskStatus::Unknown => Ok(Some(TaskEnd::Lost)),
            TaskStatus::Stopped { exit } => {
                let outcome = TaskOutcome::from_exit(&exit, Vec::new());
                let outcome = match outcome {
                    TaskOutcome::Failed { .. } => {
                        let tail = self.client.task_log_tail(upid, 20).await.unwrap_or_default();
                        TaskOutcome::from_exit(&exit, tail)
                    }
                    TaskOutcome::Ok | TaskOutcome::Warnings(_) | TaskOutcome::Unknown => outcome,
                };
                Ok(Some(TaskEnd::of(&outcome)))
            }
        }
    }
}
