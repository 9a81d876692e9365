//! The CRDs, one file per kind.

mod describe;
mod polish;

use super::{Artifact, yaml};
use crate::tree::TaskError;
use kube::CustomResourceExt;
use serde_json::Value;
use zentoria_api::backup::{
    BackupPolicy, BackupPolicySpec, BackupPolicyStatus, BackupRepository, BackupRepositorySpec, BackupRepositoryStatus,
    BackupRestore, BackupRestoreSpec, BackupRestoreStatus,
};
use zentoria_api::{
    FirewallRule, FirewallRuleSpec, FirewallRuleStatus, ModelPull, ModelPullSpec, ModelPullStatus, ProxmoxCluster,
    ProxmoxClusterSpec, ProxmoxClusterStatus, ZentoriaContainer, ZentoriaContainerSpec, ZentoriaContainerStatus,
};

const HEADER: &str = "# Generated from operator/api by `xtask gen`. Do not edit.\n";

/// One kind.
pub struct Definition {
    /// Its plural, which names the file.
    pub plural: String,
    /// The CustomResourceDefinition.
    pub crd: Value,
}

/// Every kind.
pub fn definitions() -> Result<Vec<Definition>, TaskError> {
    Ok(vec![
        definition::<BackupPolicy, BackupPolicySpec, BackupPolicyStatus>()?,
        definition::<BackupRepository, BackupRepositorySpec, BackupRepositoryStatus>()?,
        definition::<BackupRestore, BackupRestoreSpec, BackupRestoreStatus>()?,
        definition::<ProxmoxCluster, ProxmoxClusterSpec, ProxmoxClusterStatus>()?,
        definition::<FirewallRule, FirewallRuleSpec, FirewallRuleStatus>()?,
        definition::<ModelPull, ModelPullSpec, ModelPullStatus>()?,
        definition::<ZentoriaContainer, ZentoriaContainerSpec, ZentoriaContainerStatus>()?,
    ])
}

fn definition<K: CustomResourceExt, Spec: schemars::JsonSchema, Status: schemars::JsonSchema>()
-> Result<Definition, TaskError> {
    let derived = K::crd();
    let plural = derived.spec.names.plural.clone();
    let path = format!("crds/{plural}.yaml");
    let mut crd =
        serde_json::to_value(&derived).map_err(|error| TaskError::Yaml { path, message: error.to_string() })?;
    if let Some(schema) = crd.pointer_mut("/spec/versions/0/schema/openAPIV3Schema") {
        describe::kind::<Spec, Status>(schema);
        polish::schema(schema);
    }
    Ok(Definition { plural, crd: polish::sorted(crd) })
}

/// One file per kind, named by its plural. There is no file beside them that holds them all, since
/// `kubectl apply -f crds/` would then apply everything twice; `manifests/install/crds.yaml` is that file.
pub fn artifacts() -> Result<Vec<Artifact>, TaskError> {
    let mut artifacts = Vec::new();
    let mut together = String::from(HEADER);
    for Definition { plural, crd } in definitions()? {
        let path = format!("crds/{plural}.yaml");
        let text = yaml(&path, &crd)?;
        together.push_str("---\n");
        together.push_str(&text);
        artifacts.push(Artifact::new(path, format!("{HEADER}{text}")));
    }
    artifacts.push(Artifact::new("manifests/install/crds.yaml", together));
    Ok(artifacts)
}
