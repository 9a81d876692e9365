//! What is told about each request, for metrics.

use std::time::Duration;

/// One finished request. It carries no parameter and no name, so it may become labels.
#[derive(Debug, Clone, Copy)]
pub struct RequestRecord<'a> {
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: &'a str,
    /// The path with its variable parts named: `/nodes/{node}/lxc/{vmid}/config`.
    pub template: &'a str,
    /// The HTTP status, when an answer came.
    pub status: Option<u16>,
    /// [`crate::PveError::kind`] of the failure, when the call failed (also one with a status).
    pub error: Option<&'static str>,
    /// From the call until its answer was complete, waiting for a free place at the node included.
    pub duration: Duration,
}

/// Is called after each request, from the task that made it; it must not block.
pub trait Observer: Send + Sync {
    /// A request has ended.
    fn on_request(&self, record: &RequestRecord<'_>);
}
