//! The Lease in the API server: reads, writes with a precondition, and a watch. Every request has a deadline.

use std::{future::Future, pin::pin, time::Duration};

use futures::TryStreamExt;
use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client,
    api::{ObjectMeta, Patch, PatchParams, PostParams, WatchEvent, WatchParams},
};
use serde_json::json;
use tokio::{sync::Notify, time::timeout};

use super::{config::ElectionConfig, decide::LeaseRecord};

/// How long the API server keeps one watch open, in seconds; its own upper bound is 5 minutes.
const WATCH_SECONDS: u32 = 290;

/// A request about the Lease that did not succeed.
#[derive(Debug, thiserror::Error)]
pub(super) enum LeaseError {
    #[error("the API server did not answer within {0:?}")]
    Timeout(Duration),
    #[error("the API server's answer has no resourceVersion")]
    NoVersion,
    #[error(transparent)]
    Kube(#[from] kube::Error),
}

/// What became of a write with a precondition.
pub(super) enum Written {
    /// The Lease now says this.
    Done(LeaseRecord),
    /// Somebody else wrote, created or deleted it in the meantime.
    Conflict,
}

/// The Lease of one election.
pub(super) struct LeaseClient {
    api: Api<Lease>,
    config: ElectionConfig,
}

impl LeaseClient {
    pub(super) fn new(client: Client, config: ElectionConfig) -> Self {
        Self { api: Api::namespaced(client, &config.namespace), config }
    }

    /// Another client of the same Lease, for the watch beside the loop.
    pub(super) fn new_like(other: &Self) -> Self {
        Self { api: other.api.clone(), config: other.config.clone() }
    }

    pub(super) async fn read(&self) -> Result<Option<LeaseRecord>, LeaseError> {
        let limit = self.config.request_timeout();
        let lease = bounded(limit, self.api.get_opt(&self.config.lease)).await??;
        lease.as_ref().map(record).transpose()
    }

    /// Makes us the holder: creates the Lease when `base` is `None`, else changes exactly the version that was read.
    pub(super) async fn acquire(&self, base: Option<&LeaseRecord>) -> Result<Written, LeaseError> {
        let now = MicroTime(Timestamp::now());
        let Some(base) = base else {
            return self.create(now).await;
        };
        let changed_hands = base.holder.as_deref() != Some(self.config.identity.as_str());
        let spec = json!({
            "holderIdentity": self.config.identity,
            "leaseDurationSeconds": self.config.lease_duration_seconds(),
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": base.transitions.saturating_add(i32::from(changed_hands)),
        });
        self.patch(base, spec, self.config.request_timeout()).await
    }

    /// Writes a fresh `renewTime`, within `limit`.
    pub(super) async fn renew(&self, base: &LeaseRecord, limit: Duration) -> Result<Written, LeaseError> {
        let spec = json!({
            "holderIdentity": self.config.identity,
            "leaseDurationSeconds": self.config.lease_duration_seconds(),
            "renewTime": MicroTime(Timestamp::now()),
        });
        self.patch(base, spec, limit.min(self.config.request_timeout())).await
    }

    /// Clears the holder, so that the next one need not wait.
    pub(super) async fn release(&self, base: &LeaseRecord) -> Result<Written, LeaseError> {
        let spec = json!({
            "holderIdentity": null,
            "leaseDurationSeconds": 1,
            "renewTime": MicroTime(Timestamp::now()),
        });
        self.patch(base, spec, self.config.request_timeout()).await
    }

    async fn create(&self, now: MicroTime) -> Result<Written, LeaseError> {
        let lease = Lease {
            metadata: ObjectMeta { name: Some(self.config.lease.clone()), ..ObjectMeta::default() },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.config.identity.clone()),
                lease_duration_seconds: Some(self.config.lease_duration_seconds()),
                acquire_time: Some(now.clone()),
                renew_time: Some(now),
                lease_transitions: Some(0),
                ..LeaseSpec::default()
            }),
        };
        let params = PostParams::default();
        outcome(bounded(self.config.request_timeout(), self.api.create(&params, &lease)).await?)
    }

    async fn patch(&self, base: &LeaseRecord, spec: serde_json::Value, limit: Duration) -> Result<Written, LeaseError> {
        let patch = Patch::Merge(json!({
            "metadata": { "resourceVersion": base.resource_version },
            "spec": spec,
        }));
        let params = PatchParams::default();
        outcome(bounded(limit, self.api.patch(&self.config.lease, &params, &patch)).await?)
    }

    /// Notifies `changed` whenever the Lease is not, or no longer, ours. Never ends; after an error it starts again.
    ///
    /// A watch is only a hint to look. Nothing is decided on it, so a watch that hangs or replays old versions costs
    /// time, not safety.
    pub(super) async fn watch(&self, changed: &Notify) {
        loop {
            if let Err(error) = self.watch_once(changed).await {
                tracing::debug!(%error, lease = self.config.lease, "the watch of the lease ended");
            }
            tokio::time::sleep(self.config.retry_period / 2).await;
        }
    }

    async fn watch_once(&self, changed: &Notify) -> Result<(), LeaseError> {
        let selector = format!("metadata.name={}", self.config.lease);
        let params = WatchParams::default().fields(&selector).timeout(WATCH_SECONDS);
        // "0": the stream starts with the present state, so nothing is missed between two watches.
        let opened = bounded(self.config.request_timeout(), self.api.watch(&params, "0")).await??;
        let mut events = pin!(opened);
        while let Some(event) = events.try_next().await? {
            match event {
                WatchEvent::Added(lease) | WatchEvent::Modified(lease) => {
                    let holder = lease.spec.and_then(|spec| spec.holder_identity);
                    if holder.as_deref() != Some(self.config.identity.as_str()) {
                        changed.notify_one();
                    }
                }
                WatchEvent::Deleted(_) => changed.notify_one(),
                WatchEvent::Bookmark(_) => {}
                WatchEvent::Error(status) => return Err(LeaseError::Kube(kube::Error::Api(status))),
            }
        }
        Ok(())
    }
}

async fn bounded<T>(limit: Duration, request: impl Future<Output = T>) -> Result<T, LeaseError> {
    timeout(limit, request).await.map_err(|_| LeaseError::Timeout(limit))
}

fn outcome(answer: kube::Result<Lease>) -> Result<Written, LeaseError> {
    match answer {
        Ok(lease) => Ok(Written::Done(record(&lease)?)),
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(Written::Conflict),
        Err(error) => Err(LeaseError::Kube(error)),
    }
}

fn record(lease: &Lease) -> Result<LeaseRecord, LeaseError> {
    let spec = lease.spec.as_ref();
    let seconds = spec.and_then(|spec| spec.lease_duration_seconds).and_then(|seconds| u64::try_from(seconds).ok());
    Ok(LeaseRecord {
        resource_version: lease.metadata.resource_version.clone().ok_or(LeaseError::NoVersion)?,
        holder: spec.and_then(|spec| spec.holder_identity.clone()).filter(|holder| !holder.is_empty()),
        lease_duration: seconds.map(Duration::from_secs),
        transitions: spec.and_then(|spec| spec.lease_transitions).unwrap_or_default(),
    })
}
