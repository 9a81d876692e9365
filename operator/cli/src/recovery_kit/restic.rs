//! What restic needs to open a repository where there is no cluster: from the manifests and Secrets of an opened kit.

use crate::error::Error;
use serde_json::Value;
use zentoria_api::backup::{Backend, BackupRepositorySpec};

/// Lines for a shell: `export RESTIC_REPOSITORY=...` and what else restic reads.
pub(super) fn environment(kit: &str, repository: &str) -> Result<String, Error> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(kit)
        .map_err(|_| Error::Refused("what is in the kit is no YAML: it was not written by this program".to_owned()))?;
    let (namespace, name) = repository.split_once('/').ok_or_else(|| {
        Error::Refused(format!("--restic-env {repository:?}: write NAMESPACE/NAME of a BackupRepository"))
    })?;
    let found = find(&documents, "BackupRepository", namespace, name).ok_or_else(|| {
        let all = documents.iter().filter(|document| document["kind"] == "BackupRepository");
        let all = all.map(|document| format!("{}/{}", text(document, "namespace"), text(document, "name")));
        Error::NotFound(format!(
            "the kit has no BackupRepository {repository}; it has {}",
            all.collect::<Vec<_>>().join(", ")
        ))
    })?;
    let spec: BackupRepositorySpec = serde_json::from_value(found["spec"].clone())
        .map_err(|error| Error::Refused(format!("the BackupRepository {repository} of the kit: {error}")))?;
    let key = |secret: &str, key: &str| value(&documents, namespace, secret, key);
    let mut lines = vec![("RESTIC_PASSWORD", key(&spec.password_secret_ref.name, &spec.password_secret_ref.key)?)];
    let mut notes = Vec::new();
    let credentials = spec.credentials_secret_ref.as_ref().map(|secret| secret.name.as_str());
    match &spec.backend {
        Backend::Pvc(pvc) => notes.push(format!(
            "set RESTIC_REPOSITORY to the directory {:?} of the volume that was the claim {}",
            pvc.path.as_deref().unwrap_or("."),
            pvc.claim_name
        )),
        Backend::Rest(rest) => {
            lines.push(("RESTIC_REPOSITORY", format!("rest:{}", rest.url)));
            if let Some(secret) = credentials {
                lines.push(("RESTIC_REST_USERNAME", key(secret, "username")?));
                lines.push(("RESTIC_REST_PASSWORD", key(secret, "password")?));
            }
        }
        Backend::S3(s3) => {
            let prefix = s3.prefix.as_ref().map(|prefix| format!("/{prefix}")).unwrap_or_default();
            let endpoint = s3.endpoint.trim_end_matches('/');
            lines.push(("RESTIC_REPOSITORY", format!("s3:{endpoint}/{}{prefix}", s3.bucket)));
            if let Some(secret) = credentials {
                lines.push(("AWS_ACCESS_KEY_ID", key(secret, "accessKeyId")?));
                lines.push(("AWS_SECRET_ACCESS_KEY", key(secret, "secretAccessKey")?));
            }
            if let Some(region) = &s3.region {
                lines.push(("AWS_DEFAULT_REGION", region.clone()));
            }
        }
    }
    if let Some(ca) = &spec.ca_secret_ref {
        notes.push(format!(
            "its server has a CA of its own: put key {} of Secret {} into a file, and its path into RESTIC_CACERT",
            ca.key, ca.name
        ));
    }
    let mut page: String = notes.iter().map(|note| format!("# {note}\n")).collect();
    for (name, value) in lines {
        page.push_str(&format!("export {name}={}\n", quoted(&value)));
    }
    Ok(page)
}

fn text<'a>(document: &'a Value, field: &str) -> &'a str {
    document["metadata"][field].as_str().unwrap_or_default()
}

fn find<'a>(documents: &'a [Value], kind: &str, namespace: &str, name: &str) -> Option<&'a Value> {
    documents.iter().find(|document| {
        document["kind"] == kind && text(document, "namespace") == namespace && text(document, "name") == name
    })
}

/// A key of a Secret of the kit.
fn value(documents: &[Value], namespace: &str, secret: &str, key: &str) -> Result<String, Error> {
    let missing = |what: &str| Error::NotFound(format!("the kit has no {what} of Secret {namespace}/{secret}"));
    let found = find(documents, "Secret", namespace, secret).ok_or_else(|| missing("manifest"))?;
    let data = found["data"].get(key).filter(|data| data.is_string()).ok_or_else(|| missing(&format!("key {key}")))?;
    let data: k8s_openapi::ByteString =
        serde_json::from_value(data.clone()).map_err(|_| missing(&format!("readable key {key}")))?;
    // The file that a pod gets may end in a line feed, which restic leaves out, too.
    let text = String::from_utf8(data.0).map_err(|_| missing(&format!("text in key {key}")))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// For a shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIT: &str = "
# Recovery kit
---
apiVersion: v1
kind: Secret
metadata: {name: main, namespace: zentoria}
data: {password: aXQncyBhIHNlY3JldAo=, accessKeyId: a2V5, secretAccessKey: c2VjcmV0}
---
apiVersion: zentoria.ai/v1alpha1
kind: BackupRepository
metadata: {name: main, namespace: zentoria}
spec:
  backend: {s3: {endpoint: 'https://s3.local:9000/', bucket: backups, prefix: main, region: eu}}
  passwordSecretRef: {name: main, key: password}
  credentialsSecretRef: {name: main}
---
apiVersion: zentoria.ai/v1alpha1
kind: BackupRepository
metadata: {name: near, namespace: zentoria}
spec:
  backend: {pvc: {claimName: backups, path: zentoria}}
  passwordSecretRef: {name: main, key: password}
";

    #[test]
    fn restic_gets_place_password_and_credentials() {
        let expected = "export RESTIC_PASSWORD='it'\\''s a secret'\n\
                        export RESTIC_REPOSITORY='s3:https://s3.local:9000/backups/main'\n\
                        export AWS_ACCESS_KEY_ID='key'\nexport AWS_SECRET_ACCESS_KEY='secret'\n\
                        export AWS_DEFAULT_REGION='eu'\n";
        assert_eq!(environment(KIT, "zentoria/main").unwrap(), expected);
        let near = environment(KIT, "zentoria/near").unwrap();
        assert!(near.starts_with("# set RESTIC_REPOSITORY to the directory \"zentoria\""), "{near}");
    }

    #[test]
    fn what_is_not_in_the_kit_is_said() {
        let said = environment(KIT, "zentoria/other").unwrap_err().to_string();
        assert!(said.contains("it has zentoria/main, zentoria/near"), "{said}");
        let said = environment(&KIT.replace("password: aXQncyBhIHNlY3JldAo=, ", ""), "zentoria/near").unwrap_err();
        assert!(said.to_string().contains("no key password of Secret zentoria/main"), "{said}");
        assert!(environment(KIT, "main").is_err());
    }
}
