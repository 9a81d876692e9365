//! An estate from manifests, without any Kubernetes.

use super::estate::{Estate, Given, Us};
use crate::error::Error;
use crate::options::{Plan, To};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zentoria_api::cluster::{ProxmoxClusterSpec, Tls};
use zentoria_api::wire::{ROOT_PASSWORD_KEY, TOKEN_ID_KEY, TOKEN_SECRET_KEY};
use zentoria_api::{ProxmoxCluster, ZentoriaContainer};
use zentoria_core::estate::key_of;
use zentoria_ops::cluster::secrets;
use zentoria_types::mark::ControlPlaneId;

/// Where credentials come from that no file has.
const ENV_TOKEN: [&str; 2] = ["PVE_TOKEN_ID", "PVE_TOKEN_SECRET"];
/// How a certificate is verified whose CA no file has.
const ENV_FINGERPRINT: &str = "PVE_FINGERPRINT";
/// The label that every namespace has.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// The documents, by kind.
#[derive(Default)]
struct Documents {
    clusters: Vec<ProxmoxCluster>,
    containers: Vec<ZentoriaContainer>,
    namespaces: Vec<Namespace>,
    secrets: Vec<Secret>,
    others: BTreeSet<String>,
    problems: Vec<String>,
}

/// Reads the files that are named.
///
/// # Errors
/// Where one cannot be read, or holds no YAML.
pub fn read(to: &To, what: &Plan) -> Result<Estate, Error> {
    let mut documents = Documents::default();
    for name in &what.filenames {
        for (file, text) in texts(name)? {
            documents.take(&file, &text)?;
        }
    }
    let control_plane = match &what.control_plane {
        Some(id) => {
            let id = ControlPlaneId::new(id.clone());
            Us::Is(id.map_err(|error| Error::Refused(format!("--control-plane: {error}")))?)
        }
        None => Us::AsMarked,
    };
    let namespace = to.namespace.clone().unwrap_or_else(|| "default".to_owned());
    Ok(documents.estate(&namespace, &what.operator_namespace, control_plane, &|name| std::env::var(name).ok()))
}

/// The texts of a file, of all manifests of a directory, or of standard input.
fn texts(name: &str) -> Result<Vec<(String, String)>, Error> {
    let failed =
        |file: &Path, error: std::io::Error| Error::File { file: file.display().to_string(), why: error.to_string() };
    if name == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|error| failed(Path::new("standard input"), error))?;
        return Ok(vec![("standard input".to_owned(), text)]);
    }
    let path = Path::new(name);
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(|error| failed(path, error))?;
        files = entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|file| is_manifest(file)).collect();
        files.sort();
        if files.is_empty() {
            let why = "holds no .yaml, .yml or .json file".to_owned();
            return Err(Error::File { file: name.to_owned(), why });
        }
    }
    let read = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).map_err(|error| failed(file, error))?;
        Ok((file.display().to_string(), text))
    };
    files.iter().map(read).collect()
}

fn is_manifest(file: &Path) -> bool {
    let extension = file.extension().and_then(|extension| extension.to_str());
    file.is_file() && matches!(extension, Some("yaml" | "yml" | "json"))
}

impl Documents {
    fn take(&mut self, file: &str, text: &str) -> Result<(), Error> {
        let all: Vec<Value> = serde_saphyr::from_multiple(text)
            .map_err(|error| Error::File { file: file.to_owned(), why: error.to_string() })?;
        for document in all {
            self.document(file, document);
        }
        Ok(())
    }

    fn document(&mut self, file: &str, document: Value) {
        let kind = document["kind"].as_str().unwrap_or_default().to_owned();
        match kind.as_str() {
            "ProxmoxCluster" => parse(file, document, &mut self.clusters, &mut self.problems),
            "ZentoriaContainer" => parse(file, document, &mut self.containers, &mut self.problems),
            "Namespace" => parse(file, document, &mut self.namespaces, &mut self.problems),
            "Secret" => parse(file, document, &mut self.secrets, &mut self.problems),
            "List" => {
                for item in document["items"].as_array().cloned().unwrap_or_default() {
                    self.document(file, item);
                }
            }
            "" if document.is_null() => {}
            "" => self.problems.push(format!("{file}: a document without a kind")),
            other => {
                self.others.insert(other.to_owned());
            }
        }
    }

    fn estate(
        mut self,
        namespace: &str,
        operator_namespace: &str,
        control_plane: Us,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Estate {
        let mut notes = vec![
            "The CRDs' own rules (required fields, patterns) are not checked here; the API server does: kubectl apply \
             --dry-run=server"
                .to_owned(),
        ];
        if !self.others.is_empty() {
            let kinds: Vec<&str> = self.others.iter().map(String::as_str).collect();
            notes.push(format!("Left out, for it is not planned: {}", kinds.join(", ")));
        }
        for (age, container) in self.containers.iter_mut().enumerate() {
            dated(&mut container.metadata, namespace, age);
        }
        let mut chosen = BTreeSet::new();
        for container in &self.containers {
            if !chosen.insert(key_of(container)) {
                self.problems.push(format!("{} is in the files twice", key_of(container)));
            }
        }
        let labels = self.labels();
        let secrets = std::mem::take(&mut self.secrets);
        let mut clusters = BTreeMap::new();
        for cluster in std::mem::take(&mut self.clusters) {
            let name = cluster.metadata.name.clone().unwrap_or_default();
            let given = given(cluster, &secrets, operator_namespace, env, &mut notes);
            if clusters.insert(name.clone(), given).is_some() {
                self.problems.push(format!("ProxmoxCluster {name} is in the files twice"));
            }
        }
        let containers = self.containers.into_iter().map(Arc::new).collect();
        Estate { clusters, containers, chosen, labels, control_plane, problems: self.problems, notes }
    }

    /// Labels of the namespaces, with the one that the API server gives to all.
    fn labels(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let named = self.namespaces.iter().map(|namespace| {
            let ObjectMeta { name, labels, .. } = &namespace.metadata;
            (name.clone().unwrap_or_default(), labels.clone().unwrap_or_default())
        });
        let mut all: BTreeMap<String, BTreeMap<String, String>> = named.collect();
        for container in &self.containers {
            all.entry(key_of(container).namespace).or_default();
        }
        for (name, labels) in &mut all {
            labels.insert(NAME_LABEL.to_owned(), name.clone());
        }
        all
    }
}

fn parse<K: DeserializeOwned>(file: &str, document: Value, list: &mut Vec<K>, problems: &mut Vec<String>) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = format!("{} {}", text(&document["kind"]), text(&document["metadata"]["name"]));
    match serde_json::from_value(document) {
        Ok(object) => list.push(object),
        Err(error) => problems.push(format!("{file}: {name}: {error}")),
    }
}

/// Two that claim the same are told apart by age: the one that stands first in the files is the older.
fn dated(metadata: &mut ObjectMeta, namespace: &str, age: usize) {
    metadata.namespace.get_or_insert_with(|| namespace.to_owned());
    let second = i64::try_from(age).unwrap_or(i64::MAX);
    let time = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
    metadata.creation_timestamp.get_or_insert(Time(time));
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
        let env: BTreeMap<&str, &str> = env.iter().copied().collect();
        documents.estate("default", "zentoria-system", Us::AsMarked, &|name| env.get(name).map(|v| (*v).to_owned()))
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
