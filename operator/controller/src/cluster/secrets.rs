//! The Secrets of a ProxmoxCluster, from the watch cache of the operator's namespace.

use crate::context::Context;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::runtime::reflector::ObjectRef;
use std::sync::Arc;
use zentoria_api::cluster::ProxmoxClusterSpec;
use zentoria_core::cluster::report::Verdict;
use zentoria_ops::cluster::{Access, secrets};

/// Whether the cluster refers to this Secret.
#[must_use]
pub fn refers_to(spec: &ProxmoxClusterSpec, secret: &str) -> bool {
    secrets::references(spec).iter().any(|(_, name)| *name == secret)
}

/// What the Secrets hold, and a text that changes when they do.
pub(super) fn read(context: &Context, spec: &ProxmoxClusterSpec) -> Result<(Access, String), Verdict> {
    let find =
        |name: &str| -> Option<Arc<Secret>> { context.secrets.get(&ObjectRef::new(name).within(&context.namespace)) };
    let mut versions = String::new();
    for (field, name) in secrets::references(spec) {
        let secret = find(name).ok_or_else(|| secrets::not_found(field, name, &context.namespace))?;
        versions +=
            &format!("{name}={}/{} ", secret.uid().unwrap_or_default(), secret.resource_version().unwrap_or_default());
    }
    Ok((secrets::access(spec, &context.namespace, find)?, versions))
}
