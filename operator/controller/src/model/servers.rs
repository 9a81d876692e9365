//! Model servers: one pull at a time on each, and one look for all models of it.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;
use zentoria_core::model::decide::Installed;
use zentoria_core::model::report::Failure;

/// What a server showed.
type List = Arc<Vec<Installed>>;
/// A server that could not be asked is not asked again at once by everybody who waits for its answer.
const FAILED: Duration = Duration::from_secs(5);

/// All servers, by the address under which they are known.
#[derive(Debug, Default)]
pub(super) struct Servers {
    turns: Mutex<HashMap<String, Arc<AsyncMutex<()>>>>,
    /// By address and credentials: what one may see, another may not.
    looks: Mutex<HashMap<(String, String), Arc<Look>>>,
}

#[derive(Debug, Default)]
struct Look(AsyncMutex<Option<(Instant, Result<List, Failure>)>>);

impl Servers {
    /// Who holds it, pulls.
    pub fn turn(&self, server: &str) -> Arc<AsyncMutex<()>> {
        Arc::clone(lock(&self.turns).entry(server.to_owned()).or_default())
    }

    /// What a server shows: what it showed within `age`, or else what `ask` answers. Many that ask at once share an answer,
    /// and a failure for a moment.
    pub async fn look(
        &self,
        server: &str,
        access: &str,
        age: Duration,
        ask: impl Future<Output = Result<Vec<Installed>, Failure>>,
    ) -> Result<List, Failure> {
        let key = (server.to_owned(), access.to_owned());
        let look = Arc::clone(lock(&self.looks).entry(key).or_default());
        let mut known = look.0.lock().await;
        if let Some((at, answer)) = known.as_ref()
            && at.elapsed() < if answer.is_ok() { age } else { age.min(FAILED) }
        {
            return answer.clone();
        }
        *known = None;
        let answer = ask.await.map(Arc::new);
        *known = Some((Instant::now(), answer.clone()));
        answer
    }

    /// What a server showed is not believed any more: something was pulled or deleted there.
    pub fn forget(&self, server: &str) {
        lock(&self.looks).retain(|(known, _), _| known != server);
    }

    /// Drops servers that nobody looked at for a while.
    pub fn sweep(&self, poll: Duration) {
        let is_old = |look: &Arc<Look>| match look.0.try_lock() {
            Ok(known) => known.as_ref().is_none_or(|(at, _)| at.elapsed() > poll.saturating_mul(3)),
            Err(_) => false,
        };
        lock(&self.looks).retain(|_, look| Arc::strong_count(look) > 1 || !is_old(look));
        lock(&self.turns).retain(|_, turn| Arc::strong_count(turn) > 1);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use std::sync::atomic::{AtomicU32, Ordering};
    use zentoria_api::conditions::ModelReason;

    #[tokio::test(start_paused = true)]
    async fn one_look_serves_all_models_of_a_server_for_a_while_and_a_failure_for_a_moment() {
        let (servers, asked) = (Servers::default(), AtomicU32::new(0));
        let ask = || async {
            asked.fetch_add(1, Ordering::Relaxed);
            Ok(Vec::new())
        };
        let age = Duration::from_secs(10);
        let both = tokio::join!(servers.look("a", "", age, ask()), servers.look("a", "", age, ask()));
        assert!(both.0.is_ok() && both.1.is_ok());
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        servers.look("a", "other credentials", age, ask()).await.unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        tokio::time::advance(age).await;
        servers.look("a", "", age, ask()).await.unwrap();
        servers.forget("a");
        servers.look("a", "", age, ask()).await.unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), 4);
        servers.forget("a");
        let down = || async { Err(Failure { reason: ModelReason::Unreachable, message: String::new() }) };
        let both = tokio::join!(servers.look("a", "", age, down()), servers.look("a", "", age, ask()));
        assert!(both.0.is_err() && both.1.is_err());
        servers.look("a", "", Duration::ZERO, ask()).await.unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), 5, "who has to know asks anew");
        servers.forget("a");
        servers.look("a", "", age, down()).await.unwrap_err();
        tokio::time::advance(FAILED).await;
        servers.look("a", "", age, ask()).await.unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), 6);
    }

    #[tokio::test]
    async fn one_at_a_time_pulls_on_a_server_and_others_pull_on_others() {
        let servers = Servers::default();
        let first = servers.turn("a").lock_owned().await;
        assert!(servers.turn("a").lock_owned().now_or_never().is_none());
        assert!(servers.turn("b").lock_owned().now_or_never().is_some());
        servers.sweep(Duration::ZERO);
        assert!(servers.turn("a").lock_owned().now_or_never().is_none(), "a turn that is held is kept");
        drop(first);
        assert!(servers.turn("a").lock_owned().now_or_never().is_some());
    }
}
