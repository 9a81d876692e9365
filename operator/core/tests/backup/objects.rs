//! The objects of Kubernetes: golden files under `tests/golden/backups`, and what holds for every pod of every Job.
//! `UPDATE_GOLDEN=1` writes the files anew; the difference is to be read.

use super::fixture::{
    POSTGRES, PVC, S3, around, around_policies, known, policy, repository, repository_mut, want_policy,
    want_repository, want_restore,
};
use super::refusals::REDIS;
use k8s_openapi::api::batch::v1::JobSpec as KubeJobSpec;
use k8s_openapi::api::core::v1::{Container, PodSpec, Volume};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::PathBuf;
use zentoria_core::backup::jobs::{self, Desired, Settings};
use zentoria_core::backup::names::LONGEST;
use zentoria_core::backup::validate;
use zentoria_core::backup::want::{WantRepository, What};
use zentoria_types::backup_job::{JobSpec, Location, Operation as Work};

fn settings() -> Settings {
    Settings { image: "zentoria.ai/jobs:1".into() }
}

fn compare(name: &str, page: &str) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/backups");
    let file = folder.join(format!("{name}.yaml"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&file, page).unwrap();
        return;
    }
    let golden = std::fs::read_to_string(&file).unwrap_or_default();
    let differs = page.lines().zip(golden.lines()).position(|(now, then)| now != then);
    let line = differs.unwrap_or_else(|| page.lines().count().min(golden.lines().count()));
    let at = |text: &str| text.lines().nth(line).unwrap_or("(end)").to_owned();
    assert!(
        page == golden,
        "tests/golden/backups/{name}.yaml differs in line {}:\n  golden: {}\n  now:    {}\nUPDATE_GOLDEN=1 writes it anew",
        line + 1,
        at(&golden),
        at(page)
    );
}

fn yaml(object: &impl Serialize) -> String {
    format!("---\n{}", serde_saphyr::to_string(object).unwrap())
}

fn page(desired: &[Desired]) -> String {
    let one = |Desired { config, cron, job }: &Desired| {
        let cron = cron.as_ref().map(yaml).unwrap_or_default();
        let job = job.as_ref().map(yaml).unwrap_or_default();
        format!("{}{cron}{job}", yaml(config))
    };
    desired.iter().map(one).collect()
}

fn main_repository() -> WantRepository {
    let mut around = around_policies(&[("db", POSTGRES), ("cache", REDIS)]);
    repository_mut(&mut around, "main").spec.copies =
        serde_saphyr::from_str("[{name: offsite, to: {name: offsite}, schedule: '0 9 * * *'}]").unwrap();
    want_repository("main", &around).unwrap()
}

const SOURCES: [(&str, &str); 7] = [
    (
        "postgres",
        "postgres: {server: {containerRef: {name: zentoria-db}, port: 5433}, user: backup, passwordSecretRef: {name: db, key: password}, sslMode: VerifyFull, caSecretRef: {name: ca, key: ca.crt}}",
    ),
    (
        "redis",
        "redis: {server: {containerRef: {name: zentoria-redis}}, user: backup, passwordSecretRef: {name: db, key: password}}",
    ),
    (
        "qdrant",
        "qdrant: {server: {host: embeddings.zentoria.local}, tls: true, caSecretRef: {name: ca, key: ca.crt}, apiKeySecretRef: {name: db, key: password}}",
    ),
    (
        "vault",
        "vault: {server: {host: vault.zentoria.local}, tokenSecretRef: {name: db, key: password}, caSecretRef: {name: ca, key: ca.crt}}",
    ),
    (
        "s3",
        "s3: {server: {containerRef: {name: zentoria-files}}, buckets: [documents], credentialsSecretRef: {name: s3}}",
    ),
    (
        "files",
        "files: {server: {containerRef: {name: zentoria-n8n}}, ssh: {knownHosts: ['zentoria-n8n ssh-ed25519 AAAAC3NzaC1lZDI1NTE5']}, paths: [/etc], exclude: ['*.tmp']}",
    ),
    (
        "command",
        "command: {server: {containerRef: {name: zentoria-n8n}}, ssh: {user: n8n, knownHosts: ['zentoria-n8n ssh-ed25519 AAAAC3NzaC1lZDI1NTE5']}, command: n8n export:workflow --all, fileName: workflows.json}",
    ),
];

/// A policy of each kind of source.
fn of_source(source: &str) -> String {
    // What says when it was made differs each time.
    let repeats = source.starts_with("files") || source.starts_with("command");
    format!(
        "source: {{{source}}}\nrepositoryRef: {{name: main}}\ntiers: [{{name: daily, schedule: '@daily', keep: 30d, onlyIfChanged: \
         {repeats}}}]\nverify: {{restoreTest: {{schedule: '0 7 * * 0'}}}}\n"
    )
}

/// Everything that is ever made.
fn everything() -> Vec<Desired> {
    let mut all = jobs::of_policy(&want_policy("db", POSTGRES), &settings());
    for (name, source) in SOURCES {
        let want = want_policy(name, &of_source(source));
        all.extend(jobs::of_policy(&want, &settings()));
        all.extend(jobs::manual_run(&want, "daily", "now", &settings()));
    }
    let want = main_repository();
    all.extend(jobs::of_repository(&want, &settings()));
    all.push(jobs::init(&want, &settings()));
    all.push(jobs::inspect(&want, "a run whose word is lost", &settings()));
    all.push(jobs::unlock(&want, &["bp-db-hourly-29-abcde".into()], &settings()));
    let around = around_policies(&[("db", POSTGRES)]);
    for into in ["scratch: {}", "directory: {claimName: offsite, path: back}", "source: {}"] {
        let confirm = if into.starts_with("source") { "\nconfirm: db" } else { "" };
        let want = want_restore(&format!("policyRef: {{name: db}}\ninto: {{{into}}}{confirm}"), &around).unwrap();
        all.push(jobs::of_restore(&want, &want.items[0], &settings()));
        all.push(jobs::securing(&want, &want.items[0], &settings()));
    }
    all
}

#[test]
fn the_objects_of_a_postgres_policy_are_as_in_the_golden_file() {
    compare("policy-postgres", &page(&jobs::of_policy(&want_policy("db", POSTGRES), &settings())));
}

#[test]
fn what_the_jobs_of_each_source_are_told_is_as_in_the_golden_file() {
    let mut all = String::new();
    for (name, source) in SOURCES {
        let want = want_policy(name, &of_source(source));
        let made = jobs::of_policy(&want, &settings());
        let secrets = parts(&made[0]).1.volumes.iter().flatten().find(|volume| volume.projected.is_some());
        all += &format!("# {name}\n{}{}", yaml(&spec_of(&made[0])), yaml(&secrets));
    }
    compare("sources", &all);
}

#[test]
fn the_objects_of_a_repository_are_as_in_the_golden_files() {
    let want = main_repository();
    let mut all = page(&jobs::of_repository(&want, &settings()));
    all += &page(&[jobs::init(&want, &settings()), jobs::unlock(&want, &["bp-db-29-abcde".into()], &settings())]);
    all += &yaml(&jobs::network_policy(&want));
    compare("repository-s3", &all);
    let want = want_repository("offsite", &around()).unwrap();
    compare("repository-pvc", &page(&[jobs::init(&want, &settings()), jobs::inspect(&want, "first", &settings())]));
}

#[test]
fn the_objects_of_restores_are_as_in_the_golden_file() {
    let around = around_policies(&[("db", POSTGRES), ("cache", REDIS)]);
    let mut all = Vec::new();
    for yaml in [
        "policyRef: {name: db}\ninto: {scratch: {image: 'postgres:18'}}\nonly: [shop]",
        "policyRef: {name: cache}\nsnapshot: {time: 2026-01-09T12:00:00Z}\ninto: {directory: {claimName: offsite, path: back}}",
        "policyRef: {name: db}\nsnapshot: {id: 0123abcd}\ninto: {source: {}}\nconfirm: db",
    ] {
        let want = want_restore(yaml, &around).unwrap();
        if want.secure {
            all.push(jobs::securing(&want, &want.items[0], &settings()));
        }
        all.push(jobs::of_restore(&want, &want.items[0], &settings()));
    }
    compare("restore", &page(&all));
}

/// The Job of one operation, and its pod.
fn parts(desired: &Desired) -> (&KubeJobSpec, &PodSpec) {
    let job = match (&desired.cron, &desired.job) {
        (Some(cron), None) => cron.spec.job_template.spec.as_ref(),
        (None, Some(job)) => job.spec.as_ref(),
        (Some(_), Some(_)) | (None, None) => panic!("either of them"),
    };
    let job = job.unwrap();
    (job, job.template.spec.as_ref().unwrap())
}

fn containers(pod: &PodSpec) -> impl Iterator<Item = &Container> {
    pod.containers.iter().chain(pod.init_containers.iter().flatten())
}

#[test]
fn every_pod_is_without_privileges_token_and_endless_time() {
    for desired in everything() {
        let (job, pod) = parts(&desired);
        let name = desired.config.metadata.name.as_deref().unwrap();
        assert!(name.len() <= LONGEST, "{name}");
        assert_eq!(pod.automount_service_account_token, Some(false), "{name}");
        assert_eq!(pod.restart_policy.as_deref(), Some("Never"), "{name}");
        let security = pod.security_context.as_ref().unwrap();
        assert_eq!((security.run_as_non_root, security.run_as_user), (Some(true), Some(65_532)), "{name}");
        assert_eq!(security.seccomp_profile.as_ref().unwrap().type_, "RuntimeDefault", "{name}");
        assert!(job.active_deadline_seconds.unwrap() >= 6 * 3600, "{name}");
        assert_eq!(job.pod_replacement_policy.as_deref(), Some("Failed"), "{name}");
        for container in containers(pod) {
            let security = container.security_context.as_ref().unwrap();
            assert_eq!(security.read_only_root_filesystem, Some(true), "{name}");
            assert_eq!(security.allow_privilege_escalation, Some(false), "{name}");
            assert_eq!(
                security.capabilities.as_ref().unwrap().drop.as_deref(),
                Some(&["ALL".to_owned()][..]),
                "{name}"
            );
            assert_ne!(security.run_as_user, Some(0), "{name}");
            let limits = container.resources.as_ref().unwrap().limits.as_ref().unwrap();
            assert!(limits.contains_key("cpu") && limits.contains_key("memory"), "{name}");
        }
    }
}

#[test]
fn every_object_belongs_to_its_owner_and_carries_labels_that_kubernetes_takes() {
    for desired in everything() {
        let (job, _) = parts(&desired);
        let metadata = [
            Some(&desired.config.metadata),
            desired.cron.as_ref().map(|cron| &cron.metadata),
            desired.job.as_ref().map(|job| &job.metadata),
        ];
        for metadata in metadata.into_iter().flatten() {
            assert_eq!(metadata.name, desired.config.metadata.name);
            let owners = metadata.owner_references.as_ref().unwrap();
            assert!(owners.len() == 1 && owners[0].controller == Some(true) && !owners[0].uid.is_empty());
        }
        let pods = job.template.metadata.as_ref().unwrap().labels.as_ref().unwrap();
        assert_eq!(Some(pods), desired.config.metadata.labels.as_ref());
        for key in ["zentoria.ai/backup-owner", "zentoria.ai/operation", "zentoria.ai/backup-repository"] {
            let value = &pods[key];
            let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            assert!(!value.is_empty() && value.len() <= 63 && value.chars().all(fine), "{key}={value}");
        }
    }
}

#[test]
fn no_secret_is_in_arguments_environment_or_the_spec_and_each_is_a_file_that_only_the_pod_reads() {
    let secrets = ["restic", "s3", "ca", "db", "zentoria-ssh"];
    for desired in everything() {
        let (_, pod) = parts(&desired);
        for container in containers(pod) {
            assert!(container.env_from.is_none());
            for variable in container.env.iter().flatten() {
                assert!(variable.value_from.is_none() && !variable.value.as_deref().unwrap().contains("password"));
            }
            let args = container.args.iter().flatten().cloned().collect::<Vec<_>>().join(" ");
            assert!(!args.contains("password"), "{args}");
        }
        let is_projected = |volume: &&Volume| volume.projected.is_some();
        let volumes = pod.volumes.as_ref().unwrap();
        assert!(volumes.iter().all(|volume| volume.secret.is_none()));
        let projected = volumes.iter().find(is_projected).unwrap().projected.as_ref().unwrap();
        assert_eq!(projected.default_mode, Some(0o400));
        let sources = projected.sources.as_ref().unwrap();
        let names: Vec<&str> = sources.iter().map(|source| source.secret.as_ref().unwrap().name.as_str()).collect();
        assert!(names.contains(&"restic") && names.iter().all(|name| secrets.contains(name)), "{names:?}");
        let paths: Vec<&String> = sources
            .iter()
            .flat_map(|source| source.secret.as_ref().unwrap().items.iter().flatten())
            .map(|item| &item.path)
            .collect();
        assert_eq!(paths.iter().collect::<BTreeSet<_>>().len(), paths.len(), "two files of one name: {paths:?}");
    }
}

/// The spec as the Job reads it.
fn spec_of(desired: &Desired) -> JobSpec {
    serde_json::from_str(&desired.config.data.as_ref().unwrap()["job.json"]).unwrap()
}

#[test]
fn every_spec_is_read_by_the_job_and_has_the_id_that_the_repository_must_have() {
    for desired in everything() {
        let spec = spec_of(&desired);
        assert!(spec.repository_id.is_some(), "{:?}", spec.operation);
        assert!(spec.delay_seconds <= 60);
        let (job, _) = parts(&desired);
        let has_delay = u64::try_from(job.active_deadline_seconds.unwrap()).unwrap() == 6 * 3600 + spec.delay_seconds;
        assert!(has_delay || desired.job.is_some());
    }
}

#[test]
fn every_cronjob_runs_once_at_a_time_in_its_own_time_zone_and_makes_up_for_a_run_that_was_missed() {
    for cron in everything().into_iter().filter_map(|desired| desired.cron) {
        assert_eq!(cron.spec.concurrency_policy.as_deref(), Some("Forbid"));
        assert!(cron.spec.time_zone.is_some(), "never the zone of the control plane");
        let deadline = cron.spec.starting_deadline_seconds.unwrap();
        assert!((300..=86_400).contains(&deadline), "{deadline}");
        assert_eq!(cron.spec.suspend, Some(false));
    }
}

#[test]
fn a_policy_that_is_suspended_has_cronjobs_that_start_nothing() {
    let want = want_policy("db", &format!("{POSTGRES}suspend: true\n"));
    let all = jobs::of_policy(&want, &settings());
    assert!(all.len() == 4 && all.iter().all(|desired| desired.cron.as_ref().unwrap().spec.suspend == Some(true)));
}

#[test]
fn the_scratch_postgres_is_a_sidecar_that_listens_to_its_own_pod_alone() {
    let all = jobs::of_policy(&want_policy("db", POSTGRES), &settings());
    let (_, pod) = parts(&all[3]);
    let sidecar = &pod.init_containers.as_ref().unwrap()[0];
    assert_eq!(sidecar.restart_policy.as_deref(), Some("Always"));
    assert_eq!(sidecar.image.as_deref(), Some("docker.io/pgvector/pgvector:pg17"));
    assert!(sidecar.args.as_ref().unwrap().contains(&"listen_addresses=127.0.0.1".to_owned()));
    assert!(sidecar.ports.is_none() && pod.host_network.is_none());
    assert!(parts(&all[0]).1.init_containers.is_none(), "a backup has none");
    let Work::Restore { source, .. } = spec_of(&all[3]).operation else { panic!("a restore") };
    assert!(matches!(source, zentoria_types::backup_job::SourceSpec::Postgres { .. }));
}

#[test]
fn a_copy_within_one_volume_mounts_it_twice_under_one_name() {
    let mut around = around();
    let near = PVC.replace("path: zentoria", "path: second");
    around.repositories.insert("near".into(), known(repository("near", &near)).into());
    repository_mut(&mut around, "offsite").spec.copies =
        serde_saphyr::from_str("[{name: near, to: {name: near}, schedule: '0 9 * * *'}]").unwrap();
    let want = want_repository("offsite", &around).unwrap();
    let all = jobs::of_repository(&want, &settings());
    let (_, pod) = parts(&all[2]);
    let claims = pod.volumes.as_ref().unwrap().iter().filter(|volume| volume.persistent_volume_claim.is_some());
    assert_eq!(claims.count(), 1);
    let Work::Copy { to, .. } = spec_of(&all[2]).operation else { panic!("a copy") };
    assert_eq!(to, Location::Path("/copy/second".into()));
    assert_eq!(spec_of(&all[2]).repository, Location::Path("/repository/zentoria".into()));
}

#[test]
fn a_restore_elsewhere_begins_though_the_secrets_of_its_source_are_gone() {
    let around = around_policies(&[("db", POSTGRES)]);
    let optional = |into: &str| -> Vec<(String, bool)> {
        let want = want_restore(&format!("policyRef: {{name: db}}\ninto: {into}"), &around).unwrap();
        let made = jobs::of_restore(&want, &want.items[0], &settings());
        let volumes = parts(&made).1.volumes.clone().unwrap();
        let projected = volumes.into_iter().find_map(|volume| volume.projected).unwrap();
        let secrets = projected.sources.unwrap().into_iter().map(|source| source.secret.unwrap());
        secrets.map(|secret| (secret.name, secret.optional == Some(true))).collect()
    };
    let found = optional("{scratch: {}}");
    assert!(found.iter().all(|(name, optional)| *optional == (name == "db")), "{found:?}");
    assert!(found.iter().any(|(name, _)| name == "db"));
    let found = optional("{source: {}}\nconfirm: db");
    assert!(found.iter().all(|(_, optional)| !optional), "{found:?}");
}

#[test]
fn nothing_is_scheduled_before_the_id_is_known() {
    let mut around = around();
    around.repositories.insert("main".into(), repository("main", S3).into());
    let want = want_repository("main", &around).unwrap();
    assert!(jobs::of_repository(&want, &settings()).is_empty());
    assert_eq!(spec_of(&jobs::init(&want, &settings())).repository_id, None);
    around.repositories.insert("main".into(), known(repository("main", S3)).into());
    around.repositories.insert("offsite".into(), repository("offsite", PVC).into());
    repository_mut(&mut around, "main").spec.copies =
        serde_saphyr::from_str("[{name: offsite, to: {name: offsite}, schedule: '0 9 * * *'}]").unwrap();
    let want = want_repository("main", &around).unwrap();
    assert_eq!(jobs::of_repository(&want, &settings()).len(), 2, "the copy waits for its target");
}

#[test]
fn what_a_policy_says_of_pods_goes_before_what_its_repository_says() {
    let mut around = around();
    let main = repository_mut(&mut around, "main");
    main.spec.job = serde_saphyr::from_str(
        "{image: one, limits: {cpu: '2', memory: 2Gi}, timeout: 1h, nodeSelector: {disk: fast}}",
    )
    .unwrap();
    let yaml = format!("{POSTGRES}job: {{image: two, limits: {{memory: 512Mi}}, scratch: 1Gi}}\n");
    let want = validate::policy(&policy("db", &yaml), &around).unwrap();
    let all = jobs::of_policy(&want, &settings());
    let (job, pod) = parts(&all[0]);
    let container = &pod.containers[0];
    let resources = container.resources.as_ref().unwrap();
    let (limits, requests) = (resources.limits.as_ref().unwrap(), resources.requests.as_ref().unwrap());
    assert_eq!(container.image.as_deref(), Some("two"));
    assert_eq!((limits["cpu"].0.as_str(), limits["memory"].0.as_str()), ("2", "512Mi"));
    assert_eq!((requests["cpu"].0.as_str(), requests["memory"].0.as_str()), ("200m", "512Mi"));
    assert_eq!(pod.node_selector.as_ref().unwrap()["disk"], "fast");
    assert!((3600..=3660).contains(&job.active_deadline_seconds.unwrap()));
    assert!(matches!(want.what, What::Jobs(_)));
}
