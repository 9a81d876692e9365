//! One gate for every write to the API server: fenced, bounded in time, with typed refusals.

use std::{future::Future, time::Duration};

use super::leader::Fence;

/// How long a write may take. The client has no read timeout of its own, because watches must stay open.
const LIMIT: Duration = Duration::from_secs(15);

/// The field manager of our writes.
pub const FIELD_MANAGER: &str = "zentoria-operator";

/// A write that was not done, or whose answer did not come.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// This process does not lead (any more); nothing was sent.
    #[error("this replica is not the leader")]
    Fenced,
    /// The object has changed since it was read; read it again.
    #[error("the object has changed in the meantime")]
    Conflict,
    /// An object of this name exists already.
    #[error("the object exists already")]
    AlreadyExists,
    /// The object is gone.
    #[error("the object is gone")]
    Gone,
    /// No answer in time; the write may have been done.
    #[error("the API server did not answer within {} s", .0.as_secs())]
    Timeout(Duration),
    /// The object has no name or no uid, so it was never stored.
    #[error("the object was never stored: it has no name or no uid")]
    NotStored,
    /// Our own value cannot be written as JSON.
    #[error("the value cannot be written as JSON")]
    Encode(#[source] serde_json::Error),
    /// Anything else that the client reports.
    #[error("the API server refused or could not be reached")]
    Kube(#[source] Box<kube::Error>),
}

/// Sends writes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Writer {
    fence: Fence,
    limit: Duration,
}

impl Writer {
    /// Writes go out only while `fence` is open.
    #[must_use]
    pub fn new(fence: Fence) -> Self {
        Self { fence, limit: LIMIT }
    }

    /// Whether a write would be sent now.
    #[must_use]
    pub fn may_write(&self) -> bool {
        self.fence.may_write()
    }

    /// Sends one write, unless this process is fenced.
    ///
    /// # Errors
    /// Every way in which the write may fail, see [`WriteError`].
    pub async fn send<T>(&self, request: impl Future<Output = kube::Result<T>>) -> Result<T, WriteError> {
        if !self.fence.may_write() {
            return Err(WriteError::Fenced);
        }
        self.read(request).await
    }

    /// Sends one request that changes nothing; the fence does not matter.
    ///
    /// # Errors
    /// As [`Writer::send`], without [`WriteError::Fenced`].
    pub async fn read<T>(&self, request: impl Future<Output = kube::Result<T>>) -> Result<T, WriteError> {
        match tokio::time::timeout(self.limit, request).await {
            Ok(answer) => answer.map_err(WriteError::from),
            Err(_) => Err(WriteError::Timeout(self.limit)),
        }
    }
}

impl From<kube::Error> for WriteError {
    fn from(error: kube::Error) -> Self {
        match &error {
            kube::Error::Api(status) if status.code == 404 => Self::Gone,
            kube::Error::Api(status) if status.code == 409 && status.reason == "AlreadyExists" => Self::AlreadyExists,
            kube::Error::Api(status) if status.code == 409 => Self::Conflict,
            _ => Self::Kube(Box::new(error)),
        }
    }
}

impl WriteError {
    /// Whether the same write, built anew from a fresh read, may succeed without anybody's help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Conflict | Self::Timeout(_) => true,
            Self::Fenced | Self::AlreadyExists | Self::Gone | Self::NotStored | Self::Encode(_) => false,
            Self::Kube(error) => match error.as_ref() {
                kube::Error::Api(status) => status.code == 429 || status.code >= 500,
                kube::Error::HyperError(_) | kube::Error::Service(_) => true,
                _ => false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake_api::FakeApi;
    use super::*;
    use http::StatusCode;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::Api;

    #[tokio::test(start_paused = true)]
    async fn refusals_are_typed_and_an_answer_that_never_comes_is_a_timeout() {
        let server = FakeApi::new();
        let (client, link) = server.client();
        let api: Api<ConfigMap> = Api::namespaced(client, "ns");
        let writer = Writer::new(Fence::always());
        for (status, reason, retryable) in [
            (StatusCode::CONFLICT, "Conflict", true),
            (StatusCode::CONFLICT, "AlreadyExists", false),
            (StatusCode::NOT_FOUND, "NotFound", false),
            (StatusCode::FORBIDDEN, "Forbidden", false),
            (StatusCode::INTERNAL_SERVER_ERROR, "InternalError", true),
        ] {
            server.fail_next(status, reason);
            let error = writer.send(api.get("x")).await.unwrap_err();
            assert_eq!(error.is_retryable(), retryable, "{reason}: {error:?}");
        }
        link.cut();
        assert!(matches!(writer.send(api.get("x")).await, Err(WriteError::Timeout(_))));
    }
}
