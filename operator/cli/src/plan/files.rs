//! An estate from manifests, without any Kubernetes.

use super::estate::{Estate, Given, Us};
use crate::error::Error;
use crate::manifests::{self, Documents, UNCHECKED};
use crate::options::{Plan, To};
use k8s_openapi::api::core::v1::Secret;
use std::collections::BTreeMap;
use std::sync::Arc;
use zentoria_api::ProxmoxCluster;
use zentoria_api::cluster::{ProxmoxClusterSpec, Tls};
use zentoria_api::wire::{ROOT_PASSWORD_KEY, TOKEN_ID_KEY, TOKEN_SECRET_KEY};
use zentoria_core::estate::key_of;
use zentoria_ops::cluster::secrets;
use zentoria_types::mark::ControlPlaneId;

/// Where credentials come from that no file has.
const ENV_TOKEN: [&str; 2] = ["PVE_TOKEN_ID", "PVE_TOKEN_SECRET"];
/// How a certificate is verified whose CA no file has.
const ENV_FINGERPRINT: &str = "PVE_FINGERPRINT";

/// Reads the files that are named.
///
/// # Errors
/// Where one cannot be read, or holds no YAML.
pub fn read(to: &To, what: &Plan) -> Result<Estate, Error> {
    let control_plane = match &what.control_plane {
        Some(id) => {
            let id = ControlPlaneId::new(id.clone());
            Us::Is(id.map_err(|error| Error::Refused(format!("--control-plane: {error}")))?)
        }
        None => Us::AsMarked,
    };
    let documents = manifests::read(&what.filenames, to.namespace.as_deref().unwrap_or("default"))?;
    Ok(estate(documents, &what.operator_namespace, control_plane, &|name| std::env::var(name).ok()))
}

fn estate(
    documents: Documents,
    operator_namespace: &str,
    control_plane: Us,
    env: &dyn Fn(&str) -> Option<String>,
) -> Estate {
    let labels = documents.labels();
    let Documents { clusters: given_clusters, containers, rules, namespaces: _, secrets, others, mut problems } =
        documents;
    let mut notes = vec![UNCHECKED.to_owned()];
    if !others.is_empty() {
        let kinds: Vec<&str> = others.iter().map(String::as_str).collect();
        notes.push(format!("Left out, for it is not planned: {}", kinds.join(", ")));
    }
    let chosen = containers.iter().map(key_of).collect();
    let mut clusters = BTreeMap::new();
    for cluster in given_clusters {
        let name = cluster.metadata.name.clone().unwrap_or_default();
        let given = given(cluster, &secrets, operator_namespace, env, &mut notes);
        if clusters.insert(name.clone(), given).is_some() {
            problems.push(format!("ProxmoxCluster {name} is in the files twice"));
        }
    }
    let containers = containers.into_iter().map(Arc::new).collect();
    Estate { clusters, containers, rules, chosen, labels, control_plane, problems, notes }
}

/// A cluster with the Secrets that the files have; the environment fills in what they lack.
fn given(
    mut object: ProxmoxCluster,
    secrets: &[Secret],
    namespace: &str,
    env: &dyn Fn(&str) -> Option<String>,
    notes: &mut Vec<String>,
) -> Given {
    let name = object.metadata.name.clone().unwrap_or_default();
    let in_files = |name: &str| {
        let named = |secret: &&Secret| secret.metadata.name.as_deref() == Some(name);
        let home = |secret: &&Secret| secret.metadata.namespace.as_deref() == Some(namespace);
        let found = secrets.iter().filter(named).find(home).or_else(|| secrets.iter().find(named));
        found.cloned()
    };
    let spec: &mut ProxmoxClusterSpec = &mut object.spec;
    if let (Tls::CaSecretRef(ca), Some(fingerprint)) = (&spec.tls, env(ENV_FINGERPRINT))
        && in_files(&ca.name).is_none()
    {
        spec.tls = Tls::FingerprintSha256(fingerprint);
    }
    let root = spec.credentials.root_secret_ref.as_ref().map(|root| root.name.clone());
    if let Some(root) = root.as_ref().filter(|root| in_files(root).is_none()) {
        notes.push(format!("ProxmoxCluster {name}: Secret {root} is not in the files; it is taken as there"));
    }
    let token = spec.credentials.token_secret_ref.name.clone();
    let find = |wanted: &str| {
        in_files(wanted).or_else(|| {
            let from_env = ENV_TOKEN.map(env);
            match (wanted == token, from_env, root.as_deref() == Some(wanted)) {
                (true, [Some(id), Some(secret)], _) => {
                    Some(secret_of(&[(TOKEN_ID_KEY, &id), (TOKEN_SECRET_KEY, &secret)]))
                }
                // Nothing is done with it: no step is carried out.
                (_, _, true) => Some(secret_of(&[(ROOT_PASSWORD_KEY, "not known")])),
                (_, _, false) => None,
            }
        })
    };
    let access = secrets::access(&object.spec, namespace, find).map_err(|verdict| {
        format!(
            "{}; add the Secret to the files, or set {} (and {ENV_FINGERPRINT} in place of a CA)",
            verdict.message,
            ENV_TOKEN.join(" and ")
        )
    });
    Given { object, access }
}

fn secret_of(data: &[(&str, &str)]) -> Secret {
    let data = data.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Secret { string_data: Some(data.collect()), ..Secret::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifests::NAME_LABEL;

    const MANIFEST: &str = "
kind: ProxmoxCluster
metadata: {name: pve}
spec:
  estateId: home
  mode: Enforce
  endpoints: ['https://10.10.0.2:8006']
  tls: {caSecretRef: {name: pve-ca}}
  credentials: {tokenSecretRef: {name: pve-token}, rootSecretRef: {name: pve-root}}
---
kind: ZentoriaContainer
metadata: {name: a}
spec: {clusterRef: {name: pve}}
---
kind: ZentoriaContainer
metadata: {name: b, namespace: shop}
spec: {clusterRef: {name: pve}, vmid: many}
---
kind: ConfigMap
metadata: {name: c}
---
";

    fn estate(text: &str, env: &[(&str, &str)]) -> Estate {
        let mut documents = Documents::default();
        documents.take("x.yaml", text).unwrap();
        documents.settle("default");
        let env: BTreeMap<&str, &str> = env.iter().copied().collect();
        super::estate(documents, "zentoria-system", Us::AsMarked, &|name| env.get(name).map(|v| (*v).to_owned()))
    }

    #[test]
    fn what_cannot_be_read_is_named_and_the_rest_is_planned() {
        let estate = estate(MANIFEST, &[]);
        assert_eq!(estate.chosen.iter().map(ToString::to_string).collect::<Vec<_>>(), ["default/a"]);
        assert!(estate.problems[0].starts_with("x.yaml: ZentoriaContainer b: "), "{:?}", estate.problems);
        assert!(estate.notes.iter().any(|note| note.contains("ConfigMap")), "{:?}", estate.notes);
        assert_eq!(estate.labels["default"][NAME_LABEL], "default");
    }

    #[test]
    fn credentials_come_from_the_files_or_the_environment() {
        let env = [("PVE_TOKEN_ID", "u@pve!t"), ("PVE_TOKEN_SECRET", "s"), ("PVE_FINGERPRINT", "AA:BB")];
        let given = &estate(MANIFEST, &env).clusters["pve"];
        let access = given.access.as_ref().unwrap_or_else(|why| panic!("{why}"));
        assert_eq!((access.token_id.as_str(), access.root_password.is_some()), ("u@pve!t", true));
        assert_eq!(given.object.spec.tls, Tls::FingerprintSha256("AA:BB".into()));
        let missing = &estate(MANIFEST, &[]).clusters["pve"];
        let why = missing.access.as_ref().err().unwrap();
        assert!(why.contains("there is no Secret pve-token") && why.contains("PVE_TOKEN_ID"), "{why}");
        let secret = "\n---\nkind: Secret\nmetadata: {name: pve-token}\nstringData: {tokenId: 'u@pve!u', secret: s}\n";
        let given = &estate(&format!("{MANIFEST}{secret}"), &env[2..]).clusters["pve"];
        assert_eq!(given.access.as_ref().map(|access| access.token_id.clone()), Ok("u@pve!u".to_owned()));
    }

    #[test]
    fn who_stands_first_is_the_older() {
        let twice =
            format!("{MANIFEST}kind: ZentoriaContainer\nmetadata: {{name: a}}\nspec: {{clusterRef: {{name: pve}}}}\n");
        assert!(estate(&twice, &[]).problems.iter().any(|problem| problem == "default/a is in the files twice"));
    }
}
