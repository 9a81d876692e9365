//! What is known of a model.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a model stands. It says in one word what the conditions say; nothing is decided by it alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ModelPhase {
    /// Not looked at yet, or it waits for its turn on the server.
    #[default]
    Pending,
    /// Its container is not ready.
    Waiting,
    /// It is being pulled.
    Pulling,
    /// All bytes are there, and are being verified.
    Verifying,
    /// It is there, as the spec says.
    Ready,
    /// The last try failed; the next one comes at `retryAt`.
    Failed,
    /// A person must change something.
    Stalled,
}

/// What the operator knows of a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelPullStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The model, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Where it is to be, for people: `zentoria-ai/ollama`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Where it stands.
    #[serde(default)]
    pub phase: ModelPhase,
    /// How far the pull is, for people: `42%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<String>,
    /// The pull that is at work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer: Option<Transfer>,
    /// Digest of the model as the server shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The digest that it had when it was pulled, or when it was first seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pulled_digest: Option<String>,
    /// The commit that was downloaded, with engine `HuggingFace`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Its size, for people: `1.9 GiB`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// Its size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// End of the last pull that succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_pull_time: Option<Time>,
    /// Seconds that it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_pull_seconds: Option<u64>,
    /// After a failure, when the next try is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Time>,
    /// Why the last try failed, while no later one succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<PullTrouble>,
    /// One word or phrase for people: the reason of Ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Ready, Reconciling, Stalled, Pulled.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// How far a pull is. Written at most every 5 seconds, and then every 5 percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Transfer {
    /// Of a hundred.
    pub percent: u32,
    /// Bytes that the server has.
    pub completed_bytes: u64,
    /// Bytes in all, as far as the server has said.
    pub total_bytes: u64,
}

/// A pull, or a look at the server, that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PullTrouble {
    /// A reason of Ready: `RegistryUnreachable`, `NotEnoughSpace`.
    pub reason: String,
    /// What was said.
    pub message: String,
    /// When.
    pub time: Time,
    /// How many tries have failed one after the other.
    pub failures: u32,
    /// What it was tried with: another spec, server or Secret is tried at once.
    pub wish: String,
}
