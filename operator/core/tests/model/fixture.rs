//! Objects as a user writes them, and what lies around them.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use std::collections::BTreeMap;
use std::time::Duration;
use zentoria_api::firewall::Service;
use zentoria_api::model::{ModelPull, ModelPullSpec};
use zentoria_core::model::decide::Installed;
use zentoria_core::model::surroundings::{ContainerSeen, SecretSeen, Surroundings};
use zentoria_core::model::tries::Pauses;
use zentoria_core::model::validate::validate;
use zentoria_core::model::want::WantModel;

pub const PAUSES: Pauses = Pauses { base: Duration::from_secs(5), max: Duration::from_mins(5) };
pub const IN_CONTAINER: &str = "{containerRef: {name: ai}, ollama: {model: 'llama3.2'}}";
pub const WITH_HUB: &str = "
containerRef: {name: voice}
whisper:
  size: small
  engine: HuggingFace
  download: {ssh: {knownHosts: ['10.0.0.6 ssh-ed25519 AAAAC3NzaC1lZDI1']}, directory: /models}
";

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub fn pull(yaml: &str) -> ModelPull {
    let spec: ModelPullSpec = serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    let metadata = ObjectMeta {
        creation_timestamp: Some(Time(at("2026-01-10T00:00:00Z"))),
        generation: Some(1),
        name: Some("model".into()),
        namespace: Some("zentoria".into()),
        uid: Some("00000000-0000-4000-8000-000000000001".into()),
        ..ObjectMeta::default()
    };
    ModelPull { metadata, spec, status: None }
}

fn service(name: &str, port: u32) -> Service {
    Service { name: name.into(), port, end_port: None, protocol: None }
}

/// Two containers that run: `ai` with Ollama and another service, `voice` with one service; `new`, which has no address;
/// and the namespace's key.
pub fn around() -> Surroundings {
    let seen =
        |address: &str, services| ContainerSeen { addresses: vec![address.parse().unwrap()], running: true, services };
    let containers = [
        ("ai", seen("10.0.0.5", vec![service("ollama", 11434), service("orchestrator", 5000)])),
        ("voice", seen("fd00::6", vec![service("voice-api", 9300)])),
        ("new", ContainerSeen { services: vec![service("ollama", 11434)], ..ContainerSeen::default() }),
        ("off", ContainerSeen { running: false, ..seen("10.0.0.7", vec![service("ollama", 11434)]) }),
    ];
    let secret = |keys: &[&str]| SecretSeen::Present {
        version: "1".into(),
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
    };
    Surroundings {
        containers: containers.into_iter().map(|(name, seen)| (name.to_owned(), seen)).collect(),
        secrets: BTreeMap::from([
            ("token".to_owned(), secret(&["token"])),
            ("gone".to_owned(), SecretSeen::Absent),
            ("zentoria-ssh".to_owned(), secret(&["ssh-privatekey"])),
        ]),
        others: Vec::new(),
    }
}

pub fn want(pull: &ModelPull) -> WantModel {
    validate(pull, &around()).unwrap_or_else(|(reason, message)| panic!("{reason}: {message}"))
}

pub fn installed(name: &str, digest: &str) -> Installed {
    Installed { name: name.into(), digest: Some(digest.into()), bytes: Some(2_019_393_189), revision: None }
}
