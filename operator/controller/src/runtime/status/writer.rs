//! The one place that patches a status.

use std::fmt::Debug;

use kube::{
    Api, Resource, ResourceExt,
    api::{Patch, PatchParams},
    core::object::HasStatus,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::runtime::{
    metrics::Metrics,
    write::{FIELD_MANAGER, WriteError, Writer},
};

use super::merge_patch;

/// How often a patch that met a newer version is sent again.
const ATTEMPTS: usize = 4;

/// Whether a patch insists on the version that it was computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// The patch is applied to whatever version of the same object (by uid) is stored.
    SameObject,
    /// The patch is refused ([`WriteError::Conflict`]) when anything has changed since `object` was read. For an
    /// intent that must not be written twice: a VMID, a UPID.
    Unchanged,
}

/// What became of a status.
#[derive(Debug)]
pub enum Written<K> {
    /// Nothing differed; nothing was sent.
    Unchanged,
    /// It was patched; the object as the API server has it now.
    Patched(Box<K>),
    /// The object is gone; there is nothing to write to.
    Gone,
}

impl<K> Written<K> {
    /// The patched object.
    #[must_use]
    pub fn into_patched(self) -> Option<K> {
        match self {
            Self::Patched(object) => Some(*object),
            Self::Unchanged | Self::Gone => None,
        }
    }
}

/// Patches status subresources.
#[derive(Clone, Debug)]
pub struct StatusWriter {
    writer: Writer,
    metrics: Metrics,
}

impl StatusWriter {
    /// Writes through `writer`, counts in `metrics`.
    #[must_use]
    pub fn new(writer: Writer, metrics: Metrics) -> Self {
        Self { writer, metrics }
    }

    /// Sends the difference between `object`'s status and `status` as a merge patch, unless there is none.
    ///
    /// `object` must be the newest version known (see [`crate::runtime::latest::Latest`]): what it does not show is
    /// neither changed nor removed.
    ///
    /// # Errors
    /// [`WriteError::Conflict`] with [`Precondition::Unchanged`] (or when others write again and again), and the others of [`WriteError`]. An object that is
    /// gone is no error.
    pub async fn patch_if_changed<K, S>(
        &self,
        api: &Api<K>,
        object: &K,
        status: &S,
        precondition: Precondition,
    ) -> Result<Written<K>, WriteError>
    where
        K: Resource<DynamicType = ()> + HasStatus + Clone + DeserializeOwned + Debug,
        K::Status: Serialize,
        S: Serialize,
    {
        let current = serde_json::to_value(object.status()).map_err(WriteError::Encode)?;
        let wanted = serde_json::to_value(status).map_err(WriteError::Encode)?;
        // An empty status and none are the same.
        let current = if current.is_null() { json!({}) } else { current };
        let Some(difference) = merge_patch(&current, &wanted) else {
            return Ok(Written::Unchanged);
        };
        match self.send(api, object, &difference, precondition).await {
            Ok(Written::Patched(object)) => {
                self.metrics.status_written(&K::kind(&()));
                Ok(Written::Patched(object))
            }
            Err(WriteError::Gone) => Ok(Written::Gone),
            other => other,
        }
    }

    /// Always with a resourceVersion: a uid in the patch is ignored by the status subresource, so this is the only way
    /// to keep the status of one object from landing in another of the same name.
    async fn send<K>(
        &self,
        api: &Api<K>,
        object: &K,
        difference: &Value,
        precondition: Precondition,
    ) -> Result<Written<K>, WriteError>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
    {
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let name = object.meta().name.as_deref().ok_or(WriteError::NotStored)?;
        let uid = object.uid().ok_or(WriteError::NotStored)?;
        let mut version = object.resource_version().ok_or(WriteError::NotStored)?;
        for _ in 0..ATTEMPTS {
            let patch = json!({ "metadata": { "resourceVersion": version }, "status": difference });
            match self.writer.send(api.patch_status(name, &params, &Patch::Merge(patch))).await {
                Ok(object) => return Ok(Written::Patched(Box::new(object))),
                Err(WriteError::Conflict) if precondition == Precondition::SameObject => {}
                Err(error) => return Err(error),
            }
            let fresh = self.writer.read(api.get_metadata(name)).await?;
            if fresh.metadata.uid.as_deref() != Some(uid.as_str()) {
                return Ok(Written::Gone);
            }
            version = fresh.metadata.resource_version.ok_or(WriteError::NotStored)?;
        }
        Err(WriteError::Conflict)
    }
}
