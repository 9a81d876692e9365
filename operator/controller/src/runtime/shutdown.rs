//! One signal for "finish what you do, then stop", for the whole process.

use std::{future::Future, io, sync::Arc};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Asks everybody who holds a [`Shutdown`] of the same pair to stop. It cannot be taken back.
#[derive(Clone, Debug)]
pub struct ShutdownTrigger(Arc<watch::Sender<bool>>);

/// Tells whether a shutdown was requested. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

/// A trigger and the handle that it acts on.
#[must_use]
pub fn pair() -> (ShutdownTrigger, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (ShutdownTrigger(Arc::new(sender)), Shutdown(receiver))
}

impl ShutdownTrigger {
    /// Requests the shutdown. A second call does nothing.
    pub fn request(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Whether the shutdown was requested.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Resolves when the shutdown is requested; never, when every trigger is gone without a request.
    /// Fits kube's `Controller::graceful_shutdown_on`.
    pub fn requested(&self) -> impl Future<Output = ()> + Send + Sync + 'static + use<> {
        let mut receiver = self.0.clone();
        async move {
            if receiver.wait_for(|requested| *requested).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// Waits for SIGTERM or SIGINT and requests the shutdown; a second signal ends the process at once with status 130.
///
/// The handlers are installed by this call; the returned future does the waiting and is to be spawned. It ends when
/// the shutdown is requested in another way.
///
/// # Errors
/// When the handlers cannot be installed.
pub fn on_signals(trigger: ShutdownTrigger, shutdown: &Shutdown) -> io::Result<impl Future<Output = ()> + use<>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let requested = shutdown.requested();
    Ok(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
            () = requested => return,
        };
        tracing::info!(signal = name, "stopping; a second signal stops at once");
        trigger.request();
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::warn!("a second signal: stopping at once");
        std::process::exit(130);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_clone_sees_a_request_even_one_that_was_made_before_it_waits() {
        let (trigger, shutdown) = pair();
        assert!(!shutdown.is_requested());
        let waiting = tokio::spawn(shutdown.clone().requested());
        trigger.request();
        trigger.request();
        waiting.await.expect("the waiting task ends");
        shutdown.requested().await;
        assert!(shutdown.is_requested());
    }

    #[tokio::test(start_paused = true)]
    async fn a_trigger_that_is_dropped_is_not_a_request() {
        let (trigger, shutdown) = pair();
        drop(trigger);
        let waited = tokio::time::timeout(std::time::Duration::from_secs(3600), shutdown.requested()).await;
        assert!(waited.is_err());
    }
}
