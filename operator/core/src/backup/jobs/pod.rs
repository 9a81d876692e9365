//! The pods of Jobs: non-root, read-only root, no privileges, no token of the API server, secrets as files.

use super::Settings;
use super::objects::Meta;
use crate::backup::want::{CredentialsUse, Place, PodWish, RepositoryUse, SourceSecrets};
use k8s_openapi::api::core::v1::{
    Capabilities, ConfigMapVolumeSource, Container, EmptyDirVolumeSource, EnvVar, KeyToPath,
    PersistentVolumeClaimVolumeSource, PodSecurityContext, PodSpec, PodTemplateSpec, ProjectedVolumeSource,
    ResourceRequirements, SeccompProfile, SecretProjection, SecurityContext, Volume, VolumeMount, VolumeProjection,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::collections::BTreeMap;
use zentoria_api::backup::SecretKey;
use zentoria_types::backup_job::{Location, secrets};

/// The user and group of the Jobs' image.
const USER: i64 = 65_532;
/// Where the repository's claim is mounted, that of the repository that a copy goes to, and that of a restore.
const REPOSITORY_MOUNT: &str = "/repository";
const COPY_MOUNT: &str = "/copy";
const TARGET_MOUNT: &str = "/target";
const SPEC_MOUNT: &str = "/etc/zentoria/job";
const SECRETS_MOUNT: &str = "/etc/zentoria/secrets";
const SCRATCH_MOUNT: &str = "/scratch";
/// The key of the ConfigMap.
pub(super) const SPEC_FILE: &str = "job.json";
/// The container whose termination message is the outcome.
pub(in crate::backup) const CONTAINER: &str = "job";
/// Time that a run has for its end when it is told to: restic removes its locks then.
const GRACE_SECONDS: i64 = 60;

/// What one pod needs.
#[derive(Default)]
pub(super) struct PodNeeds<'a> {
    /// The repository.
    pub repository: Option<&'a RepositoryUse>,
    /// The repository that a copy goes to.
    pub copy: Option<&'a RepositoryUse>,
    /// Secrets of the source.
    pub source: Option<&'a SourceSecrets>,
    /// Claim that a restore goes to.
    pub target_claim: Option<&'a str>,
    /// Image of a scratch PostgreSQL beside the Job.
    pub postgres_image: Option<&'a str>,
}

/// Where a repository is for the Job that has it mounted.
pub(super) fn location(repository: &RepositoryUse) -> Location {
    located(repository, REPOSITORY_MOUNT)
}

/// The same for the repository that a copy goes to.
pub(super) fn copy_location(repository: &RepositoryUse) -> Location {
    located(repository, COPY_MOUNT)
}

fn located(repository: &RepositoryUse, mount: &str) -> Location {
    match &repository.place {
        Place::Server(location) => location.clone(),
        Place::Claim { claim: _, path } if path.is_empty() => Location::Path(mount.to_owned()),
        Place::Claim { claim: _, path } => Location::Path(format!("{mount}/{path}")),
    }
}

/// A directory of the claim that a restore goes to.
pub(super) fn target_path(path: &str) -> String {
    format!("{TARGET_MOUNT}/{path}")
}

/// The template.
pub(super) fn template(meta: &Meta, pod: &PodWish, needs: &PodNeeds<'_>, settings: &Settings) -> PodTemplateSpec {
    let mounts = Mounts::of(&meta.name, pod, needs);
    let job = Container {
        name: CONTAINER.to_owned(),
        image: Some(pod.image.clone().unwrap_or_else(|| settings.image.clone())),
        command: Some(vec!["zentoria-job".to_owned()]),
        args: Some(
            ["run", "--spec", "/etc/zentoria/job/job.json", "--secrets", SECRETS_MOUNT, "--scratch", SCRATCH_MOUNT]
                .map(str::to_owned)
                .to_vec(),
        ),
        env: Some(vec![variable("HOME", SCRATCH_MOUNT), variable("TMPDIR", SCRATCH_MOUNT)]),
        resources: Some(resources(&pod.limits)),
        security_context: Some(unprivileged(None)),
        termination_message_policy: Some("File".to_owned()),
        volume_mounts: Some(mounts.mounts),
        ..Container::default()
    };
    let postgres = needs.postgres_image.map(|image| super::postgres::sidecar(image, pod));
    let mut volumes = mounts.volumes;
    volumes.extend(needs.postgres_image.map(|_| super::postgres::volumes(pod)).into_iter().flatten());
    PodTemplateSpec {
        metadata: Some(ObjectMeta { labels: Some(meta.labels.clone()), ..ObjectMeta::default() }),
        spec: Some(PodSpec {
            automount_service_account_token: Some(false),
            containers: vec![job],
            enable_service_links: Some(false),
            init_containers: postgres.map(|postgres| vec![postgres]),
            node_selector: (!pod.node_selector.is_empty()).then(|| pod.node_selector.clone()),
            restart_policy: Some("Never".to_owned()),
            security_context: Some(PodSecurityContext {
                // Files of Secrets are root's: the group reads them.
                fs_group: Some(USER),
                fs_group_change_policy: Some("OnRootMismatch".to_owned()),
                run_as_group: Some(USER),
                run_as_non_root: Some(true),
                run_as_user: Some(USER),
                seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), localhost_profile: None }),
                ..PodSecurityContext::default()
            }),
            termination_grace_period_seconds: Some(GRACE_SECONDS),
            volumes: Some(volumes),
            ..PodSpec::default()
        }),
    }
}

/// A container that may do nothing beyond its files and its connections.
pub(super) fn unprivileged(user: Option<i64>) -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities { add: None, drop: Some(vec!["ALL".to_owned()]) }),
        read_only_root_filesystem: Some(true),
        run_as_user: user,
        run_as_group: user,
        ..SecurityContext::default()
    }
}

/// Limits, and requests of the same but for CPU: backups of many policies begin together and mostly wait for the network.
pub(super) fn resources(limits: &BTreeMap<String, String>) -> ResourceRequirements {
    let quantities = |values: BTreeMap<String, String>| -> BTreeMap<String, Quantity> {
        values.into_iter().map(|(name, value)| (name, Quantity(value))).collect()
    };
    let mut requests = limits.clone();
    if let Some(cpu) = requests.get_mut("cpu") {
        *cpu = a_tenth(cpu);
    }
    ResourceRequirements {
        limits: Some(quantities(limits.clone())),
        requests: Some(quantities(requests)),
        ..ResourceRequirements::default()
    }
}

/// A tenth of a number of CPUs, in thousandths, and at least one of them.
fn a_tenth(cpu: &str) -> String {
    let (number, scale) = cpu.strip_suffix('m').map_or((cpu, 100.0), |number| (number, 0.1));
    let thousandths = number.parse::<f64>().map_or(1.0, |number| (number * scale).floor().max(1.0));
    format!("{thousandths}m")
}

pub(super) fn variable(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.to_owned(), value: Some(value.to_owned()), value_from: None }
}

pub(super) fn mount(name: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    }
}

/// A volume that ends with the pod.
pub(super) fn empty_dir(name: &str, size: &str) -> Volume {
    Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource {
            size_limit: Some(Quantity(size.to_owned())),
            ..EmptyDirVolumeSource::default()
        }),
        ..Volume::default()
    }
}

struct Mounts {
    volumes: Vec<Volume>,
    mounts: Vec<VolumeMount>,
}

impl Mounts {
    fn of(config: &str, pod: &PodWish, needs: &PodNeeds<'_>) -> Self {
        let mut all = Self { volumes: Vec::new(), mounts: Vec::new() };
        all.add(spec_volume(config), SPEC_MOUNT, true);
        all.add(secrets_volume(needs), SECRETS_MOUNT, true);
        all.add(empty_dir("scratch", &pod.scratch), SCRATCH_MOUNT, false);
        all.claim("repository", needs.repository.and_then(claim_of), REPOSITORY_MOUNT);
        all.claim("copy", needs.copy.and_then(claim_of), COPY_MOUNT);
        all.claim("target", needs.target_claim, TARGET_MOUNT);
        all
    }

    fn add(&mut self, volume: Volume, path: &str, read_only: bool) {
        self.mounts.push(mount(&volume.name, path, read_only));
        self.volumes.push(volume);
    }

    /// A claim that is mounted already (a copy within one volume) is mounted once more by the same volume.
    fn claim(&mut self, name: &str, claim: Option<&str>, path: &str) {
        let Some(claim) = claim else { return };
        let is_it =
            |volume: &&Volume| volume.persistent_volume_claim.as_ref().is_some_and(|source| source.claim_name == claim);
        match self.volumes.iter().find(is_it) {
            Some(volume) => {
                let name = volume.name.clone();
                self.mounts.push(mount(&name, path, false));
            }
            None => {
                let source = PersistentVolumeClaimVolumeSource { claim_name: claim.to_owned(), read_only: None };
                let volume =
                    Volume { name: name.to_owned(), persistent_volume_claim: Some(source), ..Volume::default() };
                self.add(volume, path, false);
            }
        }
    }
}

fn claim_of(repository: &RepositoryUse) -> Option<&str> {
    match &repository.place {
        Place::Claim { claim, path: _ } => Some(claim),
        Place::Server(_) => None,
    }
}

fn spec_volume(config: &str) -> Volume {
    let item = KeyToPath { key: SPEC_FILE.to_owned(), path: SPEC_FILE.to_owned(), ..KeyToPath::default() };
    Volume {
        name: "spec".to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: config.to_owned(),
            items: Some(vec![item]),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    }
}

/// All secrets of the Job in one volume, by the names that it knows them by.
fn secrets_volume(needs: &PodNeeds<'_>) -> Volume {
    let mut files: Vec<(String, SecretKey)> = Vec::new();
    let mut sources: Vec<VolumeProjection> = Vec::new();
    if let Some(repository) = needs.repository {
        repository_files(
            &mut files,
            repository,
            [secrets::REPOSITORY_PASSWORD, secrets::REPOSITORY_CREDENTIALS, secrets::REPOSITORY_CA],
        );
    }
    if let Some(copy) = needs.copy {
        repository_files(&mut files, copy, [secrets::COPY_PASSWORD, secrets::COPY_CREDENTIALS, secrets::COPY_CA]);
    }
    sources.extend(files.into_iter().map(|file| projection(file, false)));
    if let Some(SourceSecrets { password, credentials, ca, ssh_key, optional }) = needs.source {
        let one = |path: &str, key: &Option<SecretKey>| key.clone().map(|key| (path.to_owned(), key));
        let mut files: Vec<(String, SecretKey)> = Vec::new();
        files.extend(one(secrets::SOURCE_PASSWORD, password));
        files.extend(credentials.iter().flat_map(|use_| credential_files(secrets::SOURCE_CREDENTIALS, use_)));
        files.extend(one(secrets::SOURCE_CA, ca));
        files.extend(one(secrets::SOURCE_SSH_KEY, ssh_key));
        sources.extend(files.into_iter().map(|file| projection(file, *optional)));
    }
    Volume {
        name: "secrets".to_owned(),
        projected: Some(ProjectedVolumeSource {
            default_mode: Some(0o400),
            sources: Some(sources),
            ..ProjectedVolumeSource::default()
        }),
        ..Volume::default()
    }
}

fn projection((path, SecretKey { name, key }): (String, SecretKey), optional: bool) -> VolumeProjection {
    let item = KeyToPath { key, path, ..KeyToPath::default() };
    let secret = SecretProjection { name, items: Some(vec![item]), optional: optional.then_some(true) };
    VolumeProjection { secret: Some(secret), ..VolumeProjection::default() }
}

fn repository_files(files: &mut Vec<(String, SecretKey)>, repository: &RepositoryUse, paths: [&str; 3]) {
    let [password, credentials, ca] = paths;
    files.push((password.to_owned(), repository.password.clone()));
    files.extend(repository.credentials.iter().flat_map(|use_| credential_files(credentials, use_)));
    files.extend(repository.ca.iter().map(|key| (ca.to_owned(), key.clone())));
}

fn credential_files(directory: &str, credentials: &CredentialsUse) -> Vec<(String, SecretKey)> {
    let CredentialsUse { secret, keys } = credentials;
    let file = |key: &&str| (format!("{directory}/{key}"), SecretKey { name: secret.clone(), key: (*key).to_owned() });
    keys.iter().map(file).collect()
}
