//! The pulls that are at work: a task each, so that no reconcile waits for one. A pull of a resource that goes, or whose
//! wish changes, is broken off: the dropped request closes its connection, and the server stops.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use zentoria_api::conditions::ModelReason;
use zentoria_api::model::Transfer;
use zentoria_core::model::progress::Track;
use zentoria_core::model::report::Failure;

/// Where a pull stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It waits for its turn.
    Queued,
    /// At work, as it was last worth to be told.
    Pulling {
        /// How far.
        transfer: Transfer,
        /// Whether all bytes are there.
        verifying: bool,
    },
    /// Its turn came, and it was not needed any more.
    NotNeeded,
    /// It has ended.
    Ended {
        /// How.
        result: Result<(), Failure>,
        /// How long it took.
        took: Duration,
        /// The bytes that it ended with.
        bytes: u64,
    },
}

impl State {
    /// A task that is gone without a word.
    fn lost() -> Self {
        let message =
            "the pull ended without a word: that is a fault of the operator, and its log says more".to_owned();
        Self::Ended {
            result: Err(Failure { reason: ModelReason::Interrupted, message }),
            took: Duration::ZERO,
            bytes: 0,
        }
    }
}

/// All pulls, by the uid of their resource.
#[derive(Debug, Default)]
pub(super) struct Pulls(Mutex<HashMap<String, Pull>>);

#[derive(Debug)]
struct Pull {
    wish: String,
    progress: Arc<Progress>,
    task: AbortHandle,
}

/// What a pull tells of itself.
#[derive(Debug)]
pub(super) struct Progress(Mutex<Told>);

#[derive(Debug)]
struct Told {
    state: State,
    track: Track,
    began: Instant,
}

impl Progress {
    /// Its turn came.
    pub fn begin(&self) {
        let mut told = lock(&self.0);
        told.began = Instant::now();
        told.state = State::Pulling { transfer: Transfer::default(), verifying: false };
    }

    /// Notes how far it is; true where that is worth to be told now.
    pub fn note(&self, completed: u64, total: u64, verifying: bool) -> bool {
        let mut told = lock(&self.0);
        let since = told.began.elapsed();
        let worth = told.track.note(completed, total, verifying, since);
        if worth {
            let (transfer, verifying) = told.track.told();
            told.state = State::Pulling { transfer, verifying };
        }
        worth
    }

    /// Where it stands. A server that says nothing new for a while leaves something to be told.
    fn state(&self) -> State {
        let mut told = lock(&self.0);
        let since = told.began.elapsed();
        if matches!(told.state, State::Pulling { .. }) && told.track.due(since) {
            let (transfer, verifying) = told.track.told();
            told.state = State::Pulling { transfer, verifying };
        }
        told.state.clone()
    }

    /// It was not needed any more.
    pub fn not_needed(&self) {
        lock(&self.0).state = State::NotNeeded;
    }

    /// It has ended.
    pub fn end(&self, result: Result<(), Failure>) {
        let mut told = lock(&self.0);
        let (transfer, _) = told.track.now();
        let took = told.began.elapsed();
        told.state = State::Ended { result, took, bytes: transfer.completed_bytes };
    }
}

impl Pulls {
    /// Where the pull of this resource stands; one of another wish is broken off.
    pub fn state(&self, uid: &str, wish: &str) -> Option<State> {
        let mut all = lock(&self.0);
        let pull = all.get(uid)?;
        if pull.wish == wish {
            // in this order: what has ended says nothing more
            let ended = pull.task.is_finished();
            return Some(match pull.progress.state() {
                State::Queued | State::Pulling { .. } if ended => State::lost(),
                state => state,
            });
        }
        if let Some(pull) = all.remove(uid) {
            pull.task.abort();
        }
        None
    }

    /// Starts one; the one before is broken off.
    pub fn start<F>(&self, uid: &str, wish: &str, work: impl FnOnce(Arc<Progress>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let told = Told { state: State::Queued, track: Track::default(), began: Instant::now() };
        let progress = Arc::new(Progress(Mutex::new(told)));
        let task = tokio::spawn(work(Arc::clone(&progress))).abort_handle();
        let pull = Pull { wish: wish.to_owned(), progress, task };
        if let Some(before) = lock(&self.0).insert(uid.to_owned(), pull) {
            before.task.abort();
        }
    }

    /// Drops one; where it is at work, it is broken off. Says whether there was one.
    pub fn stop(&self, uid: &str) -> bool {
        let stopped = lock(&self.0).remove(uid);
        if let Some(pull) = &stopped {
            pull.task.abort();
        }
        stopped.is_some()
    }

    /// Breaks off those of resources of which `is_live` (asked by uid) says no.
    pub fn sweep(&self, is_live: impl Fn(&str) -> bool) {
        lock(&self.0).retain(|uid, pull| {
            let stays = is_live(uid);
            if !stays {
                pull.task.abort();
            }
            stays
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bell(tokio::sync::mpsc::UnboundedSender<()>);

    impl Drop for Bell {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }

    #[tokio::test]
    async fn a_pull_of_another_wish_or_of_nobody_is_broken_off() {
        let pulls = Pulls::default();
        let (sender, mut ended) = tokio::sync::mpsc::unbounded_channel();
        let work = |_: Arc<Progress>| {
            let bell = Bell(sender.clone());
            async move {
                let _bell = bell;
                std::future::pending::<()>().await;
            }
        };
        pulls.start("u1", "small", work);
        assert_eq!(pulls.state("u1", "small"), Some(State::Queued));
        assert_eq!(pulls.state("u1", "large"), None);
        ended.recv().await.unwrap();
        pulls.start("u1", "large", work);
        pulls.sweep(|uid| uid == "u1");
        assert_eq!(pulls.state("u1", "large"), Some(State::Queued));
        pulls.sweep(|_| false);
        ended.recv().await.unwrap();
        pulls.start("u3", "x", |_| async { panic!("as the test says") });
        while pulls.state("u3", "x") == Some(State::Queued) {
            tokio::task::yield_now().await;
        }
        assert_eq!(pulls.state("u3", "x"), Some(State::lost()), "it does not stand at what it was for ever");
        pulls.start("u2", "x", work);
        assert!(pulls.stop("u2") && !pulls.stop("u2"));
        ended.recv().await.unwrap();
    }
}
