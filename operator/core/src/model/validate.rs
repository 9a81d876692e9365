//! Makes a wish of a spec, or says why not.

mod place;

use super::conflict::{Claim, rival};
use super::surroundings::{SecretSeen, Surroundings};
use super::want::{Model, RefreshPlan, Server, WantModel, is_commit};
use crate::backup::jitter;
use crate::backup::schedule::Runs;
use crate::digest;
use std::collections::BTreeSet;
use std::time::Duration;
use zentoria_api::backup::SecretKey;
use zentoria_api::conditions::ModelReason;
use zentoria_api::model::{
    HubDownload, ModelDeletion, ModelPull, ModelPullSpec, OllamaModel, PullPolicy, WhisperModel,
};
use zentoria_api::wire::{SSH_PRIVATE_KEY, SSH_SECRET_NAME};
use zentoria_types::model::OllamaName;

/// Why something is refused, or waits: reason and message.
pub type Refused = (ModelReason, String);

const STALL_DEFAULT: Duration = Duration::from_mins(5);
const STALL_LEAST: Duration = Duration::from_secs(5);
const STALL_MOST: Duration = Duration::from_hours(24);
/// Models without a schedule of their own are refreshed once a day, over the whole day.
const DAY: Duration = Duration::from_secs(86_399);

fn invalid(message: String) -> Refused {
    (ModelReason::InvalidSpec, message)
}

/// Names of the Secrets that a ModelPull names.
#[must_use]
pub fn secrets_of(pull: &ModelPull) -> BTreeSet<String> {
    keys_of(&pull.spec).into_iter().map(|(_, key)| key.name).collect()
}

/// Every key of a Secret that is needed, with the field that names it.
fn keys_of(spec: &ModelPullSpec) -> Vec<(&'static str, SecretKey)> {
    let mut keys = Vec::new();
    let mut add = |field, key: Option<&SecretKey>| keys.extend(key.map(|key| (field, key.clone())));
    add("spec.tokenSecretRef", spec.token_secret_ref.as_ref());
    add("spec.tls.caSecretRef", spec.tls.as_ref().and_then(|tls| tls.ca_secret_ref.as_ref()));
    if let Some(download) = spec.whisper.as_ref().and_then(|whisper| whisper.download.as_ref()) {
        add("spec.whisper.download.ssh.keySecretRef", Some(&ssh_key(download)));
        add("spec.whisper.download.tokenSecretRef", download.token_secret_ref.as_ref());
    }
    keys
}

/// The key to log in with: the user's own, or the namespace's.
fn ssh_key(download: &HubDownload) -> SecretKey {
    let default = || SecretKey { name: SSH_SECRET_NAME.to_owned(), key: SSH_PRIVATE_KEY.to_owned() };
    download.ssh.key_secret_ref.clone().unwrap_or_else(default)
}

/// Checks a ModelPull.
///
/// # Errors
/// InvalidSpec, NotFound, ServiceNotFound, SecretNotFound, WaitingFor, Conflict.
pub fn validate(pull: &ModelPull, around: &Surroundings) -> Result<WantModel, Refused> {
    let spec = &pull.spec;
    let model = model(spec)?;
    let refresh = refresh(spec, pull.metadata.uid.as_deref().unwrap_or_default())?;
    let stall = stall(spec)?;
    let place = place::find(spec, around)?;
    if spec.policy == PullPolicy::Always && matches!(place.server, Server::Speaches(_)) {
        return Err(invalid(
            "spec.policy: speaches keeps what it has and never looks for something newer, so that Always does nothing there: \
             set IfNotPresent, or whisper.engine HuggingFace"
                .to_owned(),
        ));
    }
    let versions = versions(spec, around)?;
    if let Some(claim) = claim_of(pull, &model, &place.server)
        && let Some(rival) = rival(&claim, &around.others)
    {
        let (mine, theirs) = (claim.pin.unwrap_or_default(), rival.pin.clone().unwrap_or_default());
        let message = format!(
            "{} pins {} on {} to {theirs}, and this one to {mine}: pin both to the same, or delete one of them",
            rival.who,
            model.name(),
            place.target
        );
        return Err((ModelReason::Conflict, message));
    }
    let insecure = matches!(model, Model::Ollama { insecure: true, .. });
    let server = format!("{:?}", place.server);
    let words = model.words();
    let mut parts =
        vec![words.as_str(), model.pin().unwrap_or_default(), &server, if insecure { "insecure" } else { "" }];
    parts.extend(versions.iter().map(String::as_str));
    let access = std::iter::once(server.as_str()).chain(versions.iter().map(String::as_str));
    Ok(WantModel {
        access: digest::of_parts(access),
        wish: digest::of_parts(parts),
        deletes: spec.deletion_policy == ModelDeletion::Delete,
        container: place.container,
        target: place.target,
        server: place.server,
        model,
        refresh,
        stall,
    })
}

/// Model and place, for people, as far as the spec alone tells them.
#[must_use]
pub fn words(spec: &ModelPullSpec) -> (Option<String>, Option<String>) {
    let place = spec.container_ref.as_ref().map(|named| named.name.clone());
    let place = place.or_else(|| spec.url.as_ref().and_then(|url| place::authority(url).ok()));
    (model(spec).ok().map(|model| model.words()), place)
}

/// What a ModelPull wants of its server, as far as that can be told.
#[must_use]
pub fn claim(pull: &ModelPull, around: &Surroundings) -> Option<Claim> {
    let model = model(&pull.spec).ok()?;
    let place = place::wherever(&pull.spec, around).ok()?;
    claim_of(pull, &model, &place.server)
}

fn claim_of(pull: &ModelPull, model: &Model, server: &Server) -> Option<Claim> {
    let metadata = &pull.metadata;
    let (namespace, name) = (metadata.namespace.as_deref()?, metadata.name.as_deref()?);
    Some(Claim {
        who: format!("the ModelPull {namespace}/{name}"),
        uid: metadata.uid.clone()?,
        made: metadata.creation_timestamp.clone(),
        server: server.key(),
        model: model.name().to_ascii_lowercase(),
        pin: model.pin().map(str::to_owned),
    })
}

fn model(spec: &ModelPullSpec) -> Result<Model, Refused> {
    let pinned = spec.policy == PullPolicy::Pinned;
    match (&spec.ollama, &spec.whisper) {
        (Some(OllamaModel { model, insecure, digest }), None) => {
            let name: OllamaName = model.parse().map_err(|why| invalid(format!("spec.ollama.model: {why}")))?;
            if pinned && digest.is_none() {
                return Err(invalid("spec.ollama.digest: policy Pinned needs it".to_owned()));
            }
            Ok(Model::Ollama { name: name.to_string(), insecure: *insecure, digest: digest.clone().filter(|_| pinned) })
        }
        (None, Some(whisper)) => whisper_model(whisper, pinned),
        (Some(_), Some(_)) | (None, None) => {
            Err(invalid("spec: name the model by exactly one of ollama and whisper".to_owned()))
        }
    }
}

fn whisper_model(whisper: &WhisperModel, pinned: bool) -> Result<Model, Refused> {
    let WhisperModel { size, repository, revision, engine: _, download: _ } = whisper;
    let (called, repository) = match (size, repository) {
        (Some(size), None) => {
            let word = serde_json::to_value(size).ok().and_then(|value| value.as_str().map(str::to_owned));
            (word.unwrap_or_else(|| size.repository().to_owned()), size.repository().to_owned())
        }
        (None, Some(repository)) => (repository.clone(), repository.clone()),
        (Some(_), Some(_)) | (None, None) => {
            return Err(invalid("spec.whisper: name the model by exactly one of size and repository".to_owned()));
        }
    };
    let called = format!("whisper {called}");
    // A commit is one content, whatever the policy.
    let pin = revision.clone().filter(|revision| pinned || is_commit(revision));
    if pinned && pin.is_none() {
        return Err(invalid("spec.whisper.revision: policy Pinned needs a commit".to_owned()));
    }
    Ok(Model::Whisper { called, repository, revision: revision.clone(), pin })
}

fn refresh(spec: &ModelPullSpec, uid: &str) -> Result<Option<RefreshPlan>, Refused> {
    match (spec.policy, &spec.refresh) {
        (PullPolicy::Always, Some(refresh)) => {
            let zone = refresh.time_zone.as_deref();
            let field =
                |error| invalid(format!("spec.refresh ({:?}, {}): {error}", refresh.schedule, zone.unwrap_or("UTC")));
            Ok(Some(RefreshPlan { runs: Runs::parse(&refresh.schedule, zone).map_err(field)?, delay: Duration::ZERO }))
        }
        (PullPolicy::Always, None) => {
            let runs = Runs::parse("@daily", None).map_err(|error| invalid(format!("spec.refresh: {error}")))?;
            Ok(Some(RefreshPlan { runs, delay: jitter::delay(uid, "refresh", DAY) }))
        }
        (PullPolicy::IfNotPresent | PullPolicy::Pinned, _) => Ok(None),
    }
}

fn stall(spec: &ModelPullSpec) -> Result<Duration, Refused> {
    let Some(span) = &spec.stall_timeout else { return Ok(STALL_DEFAULT) };
    match crate::cluster::span::parse(span) {
        Some(stall) if (STALL_LEAST..=STALL_MOST).contains(&stall) => Ok(stall),
        Some(stall) if stall > STALL_MOST => {
            Err(invalid(format!("spec.stallTimeout {:?} is too long: at most 24h", span.0)))
        }
        Some(_) => Err(invalid(format!("spec.stallTimeout {:?} is too short: at least 5s", span.0))),
        None => Err(invalid(format!("spec.stallTimeout {:?} is no duration: write it as 5m or 90s", span.0))),
    }
}

/// What changes with the Secrets that are named.
fn versions(spec: &ModelPullSpec, around: &Surroundings) -> Result<Vec<String>, Refused> {
    let mut versions = Vec::new();
    for (field, SecretKey { name, key }) in keys_of(spec) {
        match around.secrets.get(&name) {
            None => {}
            Some(SecretSeen::Present { version, keys }) if keys.contains(&key) => {
                versions.push(format!("{name}/{key}={version}"))
            }
            Some(SecretSeen::Present { keys, version: _ }) => {
                let have: Vec<&str> = keys.iter().map(String::as_str).collect();
                let have = if have.is_empty() { "nothing".to_owned() } else { have.join(", ") };
                let message = format!(
                    "{field}: the Secret {name:?} has no key {key:?} (it has {have}): add it, or name another key"
                );
                return Err((ModelReason::SecretNotFound, message));
            }
            Some(SecretSeen::Absent) => {
                let message =
                    format!("{field}: there is no Secret {name:?} in this namespace: make one with the key {key:?}");
                return Err((ModelReason::SecretNotFound, message));
            }
        }
    }
    Ok(versions)
}
