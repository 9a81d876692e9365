//! The wish that it ends: SIGTERM, from the deadline of the Job or a person.

use crate::failure::Failure;
use tokio::sync::watch;
use zentoria_types::backup_job::JobError;

/// Tells all that wait that it is to end. Cloned, it is the same wish.
#[derive(Clone, Debug)]
pub struct Cancel(watch::Sender<bool>);

impl Default for Cancel {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Cancel {
    /// Says that it is to end.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }

    /// Whether it is to end.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }

    /// Comes back when it is to end.
    pub async fn cancelled(&self) {
        // the sender is `self`, so that this cannot fail
        let _ = self.0.subscribe().wait_for(|cancelled| *cancelled).await;
    }

    /// What is reported then.
    #[must_use]
    pub fn failure() -> Failure {
        Failure::new(JobError::Cancelled, "it was told to end: its time limit was reached, or somebody deleted the pod")
    }

    /// `work`, or the failure as soon as it is to end. What `work` holds is dropped then.
    ///
    /// # Errors
    /// Those of `work`, and [`JobError::Cancelled`].
    pub async fn or<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        tokio::select! {
            done = work => done,
            () = self.cancelled() => Err(Self::failure()),
        }
    }
}
