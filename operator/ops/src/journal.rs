//! The journal: what must be in status before, or right after, a call that cannot be taken back.

use async_trait::async_trait;
use zentoria_api::container::{Origin, RecordedDefaults, Replacing, TaskAction};
use zentoria_types::names::NodeName;
use zentoria_types::upid::Upid;
use zentoria_types::vmid::Vmid;

/// What we set out to make.
#[derive(Clone, Debug)]
pub struct Intent {
    /// VMID that is taken.
    pub vmid: Vmid,
    /// Node that it is made on.
    pub node: NodeName,
    /// Create, Clone or Restore.
    pub action: TaskAction,
    /// From what.
    pub origin: Origin,
    /// The defaults that it is made with.
    pub defaults: RecordedDefaults,
}

/// The intent could not be stored, so the call must not be made.
#[derive(Debug, thiserror::Error)]
#[error("the intent could not be written to status: {0}")]
pub struct JournalError(pub String);

/// The journal of one reconcile.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Stores an intent. It must be stored, on the very version of the object that was planned from, before this
    /// returns: the call comes next.
    async fn intent(&self, intent: Intent) -> Result<(), JournalError>;
    /// Notes the task that runs. It is stored with the report that follows, before anybody waits for it.
    fn started(&self, action: TaskAction, upid: &Upid);
    /// Notes that no task runs.
    fn ended(&self);
    /// Notes that the guest is made or taken over, and how where no intent said it.
    fn finished(&self, vmid: Vmid, node: &NodeName, origin: Option<Origin>);
    /// Forgets an intent whose VMID a stranger took.
    fn forget(&self);
    /// Stores that a guest is about to be destroyed, for the breaker, and that it is made anew afterwards. As `intent`.
    async fn destroying(&self, vmid: Vmid, replacing: Option<&Replacing>) -> Result<(), JournalError>;
}
