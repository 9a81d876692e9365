//! `manifests/zentoria-backups.yaml` as it is: every policy is accepted, whatever it still waits for.

use super::{message, policies, ready};
use kube::api::ListParams;
use zentoria_api_tests::World;
use zentoria_api_tests::estate::documents;
use zentoria_api_tests::kubernetes::{apply_any, put_secret};
use zentoria_api_tests::wait::eventually;

const SECRETS: [(&str, &[&str]); 7] = [
    ("backup-passwords", &["local", "files", "minio"]),
    ("backup-minio", &["accessKeyId", "secretAccessKey"]),
    ("backup-postgres", &["password"]),
    ("backup-redis", &["password"]),
    ("backup-qdrant", &["api-key"]),
    ("backup-vault", &["token"]),
    ("backup-files", &["accessKeyId", "secretAccessKey"]),
];

#[tokio::test]
async fn the_backups_of_the_whole_estate_are_accepted() {
    let world = World::builder("vzdump estate").without_cluster().start().await;
    for (name, keys) in SECRETS {
        let data: Vec<(&str, &str)> = keys.iter().map(|key| (*key, "x")).collect();
        put_secret(&world.client, &world.namespace, name, &data).await;
    }
    for manifest in ["manifests/zentoria.yaml", "manifests/zentoria-backups.yaml"] {
        for document in documents(manifest, &world.namespace, &world.cluster) {
            apply_any(&world.client, &document).await.unwrap_or_else(|error| panic!("{manifest}: {error}"));
        }
    }
    let wrong = ["InvalidSpec", "SecretNotFound", "NotFound", "NotAllowed", "MatchesNothing", "PveError"];
    let seen = eventually("every policy that does not rest was looked at and is accepted", || async {
        let all = policies(&world).list(&ListParams::default()).await.map_err(|error| error.to_string())?.items;
        let mut lines = Vec::new();
        for policy in all.iter().filter(|policy| !policy.spec.suspend) {
            let name = policy.metadata.name.clone().unwrap_or_default();
            match ready(policy).map(|one| one.reason) {
                None => lines.push(format!("{name}: nothing yet")),
                Some(reason) if wrong.contains(&reason.as_str()) => {
                    lines.push(format!("{name}: {reason}: {}", message(policy)))
                }
                Some(_) => {}
            }
        }
        if lines.is_empty() { Ok(all.len()) } else { Err(lines.join("\n")) }
    })
    .await;
    assert_eq!(seen, 26);
    let by_pve = policies(&world).get("lxc-containers").await.unwrap();
    assert_eq!(by_pve.status.and_then(|status| status.target).as_deref(), Some("storage local"));
}
