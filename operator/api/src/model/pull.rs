//! Which model is to be where, and how it is kept.

use super::source::{OllamaModel, WhisperModel};
use super::status::ModelPullStatus;
use crate::backup::SecretKey;
use crate::common::Span;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One model on one model server: pulled where it is missing, pinned or kept current as the policy says, and watched.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "zentoria.ai",
    version = "v1alpha1",
    kind = "ModelPull",
    plural = "modelpulls",
    shortname = "mp",
    category = "zentoria",
    namespaced,
    status = "ModelPullStatus",
    derive = "PartialEq",
    printcolumn = r#"{"name":"Model","type":"string","jsonPath":".status.model"}"#,
    printcolumn = r#"{"name":"Target","type":"string","jsonPath":".status.target"}"#,
    printcolumn = r#"{"name":"Phase","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"Progress","type":"string","jsonPath":".status.progress"}"#,
    printcolumn = r#"{"name":"Size","type":"string","jsonPath":".status.size"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Status","type":"string","jsonPath":".status.summary"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Message","type":"string","priority":1,"jsonPath":".status.conditions[?(@.type==\"Ready\")].message"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "has(self.containerRef) != has(self.url)", "message": "name the model server by exactly one of containerRef and url"},
    {"rule": "has(self.ollama) != has(self.whisper)", "message": "name the model by exactly one of ollama and whisper"},
    {"rule": "!has(self.ollama) || has(self.ollama.digest) == (has(self.policy) && self.policy == 'Pinned')", "message": "policy Pinned needs ollama.digest, and no other policy takes it"},
    {"rule": "!has(self.whisper) || !has(self.policy) || self.policy != 'Pinned' || (has(self.whisper.revision) && self.whisper.revision.matches('^[0-9a-f]{40}$'))", "message": "policy Pinned needs whisper.revision to be a commit of 40 hexadecimal digits (and engine HuggingFace)"},
    {"rule": "!has(self.refresh) || (has(self.policy) && self.policy == 'Always')", "message": "refresh goes with policy Always alone"},
    {"rule": "!has(self.whisper) || !has(self.whisper.download) || (has(self.containerRef) && !has(self.containerRef.service))", "message": "engine HuggingFace works in a container: name it by containerRef, without a service"},
    {"rule": "!has(self.whisper) || !has(self.whisper.download) || (!has(self.tls) && !has(self.tokenSecretRef))", "message": "engine HuggingFace works over SSH: tls and tokenSecretRef do not go with it (the hub's token is whisper.download.tokenSecretRef)"},
    {"rule": "!has(self.whisper) || has(self.whisper.download) || !has(self.policy) || self.policy != 'Always'", "message": "policy Always needs engine HuggingFace: speaches keeps what it has and never looks for something newer"},
    {"rule": "!has(self.url) || !has(self.tls) || self.url.startsWith('https://')", "message": "tls goes with an https URL"}
]))]
pub struct ModelPullSpec {
    /// The model server as a service of a ZentoriaContainer of this namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_ref: Option<ModelServerRef>,

    /// The model server by its URL: `https://ollama.example.com`, `http://10.10.40.5:11434`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 8, max = 1024))]
    #[schemars(extend("x-kubernetes-validations" = [
        {"rule": "self.matches('^https?://')", "message": "url begins with http:// or https://"},
        {"rule": "!self.contains('@')", "message": "no user or password in url: put a bearer token into a Secret and name it in tokenSecretRef"},
        {"rule": "!self.contains('?') && !self.contains('#') && !self.contains(' ')", "message": "url takes no query, no fragment and no blanks"}
    ]))]
    pub url: Option<String>,

    /// The model, on an Ollama server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ollama: Option<OllamaModel>,

    /// The model, for faster-whisper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whisper: Option<WhisperModel>,

    /// When it is pulled. Default `IfNotPresent`.
    #[serde(default)]
    pub policy: PullPolicy,

    /// When policy `Always` pulls again. Default: once a day, at an hour of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<Refresh>,

    /// What happens to the model when this resource is deleted. Default `Retain`.
    #[serde(default)]
    pub deletion_policy: ModelDeletion,

    /// A pull that gets no byte for so long is broken off and begun again. Default 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stall_timeout: Option<Span>,

    /// The server speaks HTTPS, and how its certificate is verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ServerTls>,

    /// Bearer token that the server, or the proxy before it, asks for. With an http URL it is sent in the clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_secret_ref: Option<SecretKey>,

    /// True: the operator looks away from it, and a pull that is at work is broken off.
    #[serde(default)]
    pub suspend: bool,
}

/// A service of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelServerRef {
    /// Name of the ZentoriaContainer.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Name of one of its `spec.services`. Default: the only one that it has, else the one named `ollama` or `whisper`, as
    /// the model is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
    pub service: Option<String>,
}

/// When a model is pulled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PullPolicy {
    /// When the server does not have it. One that somebody replaces there is reported and left alone.
    #[default]
    IfNotPresent,
    /// And again by `refresh`: for tags that move.
    Always,
    /// When the server does not have exactly what `ollama.digest` or `whisper.revision` says.
    Pinned,
}

/// When a model is pulled again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Refresh {
    /// Five cron fields, or `@daily` and its like.
    #[schemars(length(min = 6, max = 120))]
    pub schedule: String,
    /// IANA name of the time zone of the schedule. Default UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: Option<String>,
}

/// What happens to a model when its resource is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ModelDeletion {
    /// It stays on the server.
    #[default]
    Retain,
    /// It is unloaded and deleted, unless another ModelPull names it on the same server.
    Delete,
}

/// How the certificate of a model server is verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServerTls {
    /// PEM certificates of the CA that the certificate is of. Default: the public ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<SecretKey>,
}
