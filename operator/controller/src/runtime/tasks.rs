//! Long-running tasks that are watched: one that dies takes the process with it, loudly.
//!
//! A spawned task that panics is silent in tokio: the process would stay up, look healthy and do nothing.

use std::{
    fmt,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::watch,
    task::{AbortHandle, JoinError, JoinHandle},
    time::{Instant, timeout_at},
};

use super::{health::Health, shutdown::Shutdown};

/// How a supervised task may end: with `()`, or with a result whose error is shown.
pub trait Outcome: Send + 'static {
    /// The error, when it is one.
    fn error(self) -> Option<String>;
}

impl Outcome for () {
    fn error(self) -> Option<String> {
        None
    }
}

impl<E: fmt::Display + Send + 'static> Outcome for Result<(), E> {
    fn error(self) -> Option<String> {
        self.err().map(|error| error.to_string())
    }
}

/// A task that ended although nobody had asked it to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the task {name:?} {cause}")]
pub struct TaskFailure {
    /// The task's name.
    pub name: String,
    /// `ended`, `panicked: ...` or `failed: ...`.
    pub cause: String,
}

/// The supervised tasks of the process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tasks(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shutdown: Shutdown,
    health: Health,
    running: Mutex<Vec<Running>>,
    first_failure: watch::Sender<Option<TaskFailure>>,
}

#[derive(Debug)]
struct Running {
    name: String,
    task: AbortHandle,
    watcher: JoinHandle<()>,
}

impl Tasks {
    /// An empty set. A task may end without being a failure once `shutdown` is requested.
    #[must_use]
    pub fn new(shutdown: Shutdown, health: Health) -> Self {
        let first_failure = watch::Sender::new(None);
        Self(Arc::new(Inner { shutdown, health, running: Mutex::default(), first_failure }))
    }

    /// Spawns a task that is expected to run until the shutdown. Its end before that, its panic and its error make
    /// `/healthz` fail and [`Tasks::failed`] resolve.
    pub fn spawn<F>(&self, name: impl Into<String>, future: F)
    where
        F: Future + Send + 'static,
        F::Output: Outcome,
    {
        let name = name.into();
        let task = tokio::spawn(future);
        let abort = task.abort_handle();
        let watcher = tokio::spawn(watch_task(Arc::clone(&self.0), name.clone(), task));
        let mut running = self.0.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|other| !other.watcher.is_finished());
        running.push(Running { name, task: abort, watcher });
    }

    /// Resolves with the first failure, also one that happened before the call. Then the process must end with an
    /// error.
    pub async fn failed(&self) -> TaskFailure {
        let mut failures = self.0.first_failure.subscribe();
        loop {
            if let Some(failure) = failures.borrow_and_update().clone() {
                return failure;
            }
            if failures.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until all tasks have ended, at most `limit`; aborts the rest and returns their names.
    /// To be called after the shutdown was requested.
    pub async fn join(&self, limit: Duration) -> Vec<String> {
        let deadline = Instant::now() + limit;
        let mut late = Vec::new();
        loop {
            let next = self.0.running.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(mut running) = next else { return late };
            if timeout_at(deadline, &mut running.watcher).await.is_err() {
                running.task.abort();
                late.push(running.name);
            }
        }
    }
}

async fn watch_task<T: Outcome>(inner: Arc<Inner>, name: String, task: JoinHandle<T>) {
    let (cause, expected_at_shutdown) = match task.await {
        Ok(outcome) => match outcome.error() {
            None => ("ended".to_owned(), true),
            Some(error) => (format!("failed: {error}"), false),
        },
        Err(error) if error.is_cancelled() => ("was aborted".to_owned(), true),
        Err(error) => (format!("panicked: {}", panic_text(error)), false),
    };
    if expected_at_shutdown && inner.shutdown.is_requested() {
        tracing::debug!(task = name, "{cause}");
        return;
    }
    let failure = TaskFailure { name, cause };
    tracing::error!(task = failure.name, "{}", failure.cause);
    inner.health.died(failure.to_string());
    inner.first_failure.send_if_modified(|first| {
        let is_first = first.is_none();
        first.get_or_insert(failure);
        is_first
    });
}

fn panic_text(error: JoinError) -> String {
    let Ok(payload) = error.try_into_panic() else {
        return "unknown".to_owned();
    };
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (None, Some(text)) => text.clone(),
        (None, None) => "no message".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::shutdown;
    use super::*;

    async fn failure_of<F>(future: F) -> (TaskFailure, Vec<String>)
    where
        F: Future + Send + 'static,
        F::Output: Outcome,
    {
        let (_trigger, shutdown) = shutdown::pair();
        let health = Health::new();
        let tasks = Tasks::new(shutdown, health.clone());
        tasks.spawn("patient", std::future::pending::<()>());
        tasks.spawn("watched", future);
        let failure = tokio::time::timeout(Duration::from_secs(5), tasks.failed()).await;
        (failure.expect("the failure is reported within 5 s"), health.why_not_alive())
    }

    #[tokio::test]
    async fn a_task_that_panics_fails_or_just_ends_is_reported_and_the_process_is_not_alive() {
        let (failure, health) = failure_of(async { assert!(std::env::args().count() == 0, "lost it") }).await;
        assert_eq!(failure.to_string(), "the task \"watched\" panicked: lost it");
        assert_eq!(health, [failure.to_string()]);
        let (failure, _) = failure_of(async { Err::<(), _>("no route") }).await;
        assert_eq!(failure.cause, "failed: no route");
        let (failure, _) = failure_of(async { Ok::<(), String>(()) }).await;
        assert_eq!(failure.cause, "ended");
        let (failure, _) = failure_of(async {}).await;
        assert_eq!(failure.cause, "ended");
    }

    #[tokio::test]
    async fn a_task_may_end_after_the_shutdown_was_requested_and_a_late_one_is_named() {
        let (trigger, shutdown) = shutdown::pair();
        let health = Health::new();
        let tasks = Tasks::new(shutdown.clone(), health.clone());
        tasks.spawn("obedient", shutdown.requested());
        tasks.spawn("deaf", std::future::pending::<()>());
        trigger.request();
        assert_eq!(tasks.join(Duration::from_millis(50)).await, ["deaf"]);
        assert!(health.why_not_alive().is_empty());
    }

    #[tokio::test]
    async fn an_error_during_the_shutdown_is_still_a_failure() {
        let (trigger, shutdown) = shutdown::pair();
        let health = Health::new();
        let tasks = Tasks::new(shutdown.clone(), health.clone());
        let requested = shutdown.requested();
        tasks.spawn("writer", async move {
            requested.await;
            Err::<(), _>("could not finish")
        });
        trigger.request();
        assert_eq!(tasks.join(Duration::from_secs(5)).await, Vec::<String>::new());
        assert_eq!(tasks.failed().await.cause, "failed: could not finish");
    }
}
