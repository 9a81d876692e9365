//! What is pulled.

use crate::backup::{SecretKey, Ssh};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A model of an Ollama server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OllamaModel {
    /// Its name as `ollama pull` takes it: `llama3.2:latest`, `nomic-embed-text` (then `:latest`), or with a registry of
    /// your own, `registry.example.com:5000/team/model:tag`.
    #[schemars(length(min = 1, max = 255))]
    #[schemars(extend("x-kubernetes-validations" = [
        {"rule": "!self.contains('://')", "message": "write the name without a scheme: for a registry without TLS set insecure"},
        {"rule": "self.contains('://') || !self.contains('@')", "message": "no user, password or digest in the name: the digest goes into digest, with policy Pinned"},
        {"rule": "self.contains('://') || self.contains('@') || self.matches('^[A-Za-z0-9]([A-Za-z0-9._:/-]*[A-Za-z0-9_])?$')", "message": "a model's name is [HOST[:PORT]/][NAMESPACE/]NAME[:TAG] of letters, digits, dots, dashes and underscores"}
    ]))]
    pub model: String,
    /// True: the registry that the name begins with speaks HTTP, or HTTPS with a certificate that nobody vouches for. Anyone
    /// between server and registry can then replace the model.
    #[serde(default)]
    pub insecure: bool,
    /// The digest that the server has to show (`ollama ls`, `/api/tags`), with policy `Pinned`. Ollama writes the manifest
    /// anew, so that the registry's own digest may differ: take it from the status of a ModelPull without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 71), regex(pattern = r"^sha256:[0-9a-f]{64}$"))]
    pub digest: Option<String>,
}

/// A Whisper model in the format of CTranslate2 (faster-whisper).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {"rule": "has(self.size) != has(self.repository)", "message": "name the model by exactly one of size and repository"},
    {"rule": "(has(self.engine) && self.engine == 'HuggingFace') == has(self.download)", "message": "engine HuggingFace needs download, and no other engine takes it"},
    {"rule": "!has(self.revision) || has(self.download)", "message": "revision needs engine HuggingFace: over its API speaches pulls the newest revision alone"}
]))]
pub struct WhisperModel {
    /// The model by its size, from the repositories that faster-whisper itself takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<WhisperSize>,
    /// The model by its repository on the hub: `Systran/faster-whisper-small`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 3, max = 200),
        regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$")
    )]
    pub repository: Option<String>,
    /// Branch, tag or commit; with policy `Pinned` a commit. Default `main`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._/-]*$"))]
    pub revision: Option<String>,
    /// Who downloads it.
    #[serde(default)]
    pub engine: WhisperEngine,
    /// How the client of the hub is run, with engine `HuggingFace`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download: Option<HubDownload>,
}

/// Who downloads a Whisper model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WhisperEngine {
    /// The server itself: one with the API of speaches (`/v1/models/...`).
    #[default]
    Speaches,
    /// The client of the hub (`hf download`), run in the container over SSH, into the directory that its server reads.
    HuggingFace,
}

/// A download by the client of the hub, over SSH.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HubDownload {
    /// Who logs in.
    pub ssh: Ssh,
    /// Port of SSH. Default 22.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<u32>,
    /// Absolute path of the directory that models lie in, a directory each.
    #[schemars(length(min = 2, max = 1024), regex(pattern = r"^/[A-Za-z0-9._/-]+$"))]
    pub directory: String,
    /// Absolute path of the client there. Default: `hf` as the user's shell finds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 1024), regex(pattern = r"^/[A-Za-z0-9._/-]+$"))]
    pub client: Option<String>,
    /// URL of the hub or of a mirror. Default `https://huggingface.co`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 9, max = 1024), regex(pattern = r"^https?://[^\s@?#]+$"))]
    pub endpoint: Option<String>,
    /// Token for the hub, where the model asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_secret_ref: Option<SecretKey>,
}

/// Sizes of Whisper models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WhisperSize {
    /// `Systran/faster-whisper-tiny`
    #[serde(rename = "tiny")]
    Tiny,
    /// `Systran/faster-whisper-tiny.en`
    #[serde(rename = "tiny.en")]
    TinyEn,
    /// `Systran/faster-whisper-base`
    #[serde(rename = "base")]
    Base,
    /// `Systran/faster-whisper-base.en`
    #[serde(rename = "base.en")]
    BaseEn,
    /// `Systran/faster-whisper-small`
    #[serde(rename = "small")]
    Small,
    /// `Systran/faster-whisper-small.en`
    #[serde(rename = "small.en")]
    SmallEn,
    /// `Systran/faster-whisper-medium`
    #[serde(rename = "medium")]
    Medium,
    /// `Systran/faster-whisper-medium.en`
    #[serde(rename = "medium.en")]
    MediumEn,
    /// `Systran/faster-whisper-large-v1`
    #[serde(rename = "large-v1")]
    LargeV1,
    /// `Systran/faster-whisper-large-v2`
    #[serde(rename = "large-v2")]
    LargeV2,
    /// `Systran/faster-whisper-large-v3`
    #[serde(rename = "large-v3")]
    LargeV3,
    /// `mobiuslabsgmbh/faster-whisper-large-v3-turbo`
    #[serde(rename = "turbo")]
    Turbo,
    /// `Systran/faster-distil-whisper-small.en`
    #[serde(rename = "distil-small.en")]
    DistilSmallEn,
    /// `Systran/faster-distil-whisper-medium.en`
    #[serde(rename = "distil-medium.en")]
    DistilMediumEn,
    /// `Systran/faster-distil-whisper-large-v2`
    #[serde(rename = "distil-large-v2")]
    DistilLargeV2,
    /// `Systran/faster-distil-whisper-large-v3`
    #[serde(rename = "distil-large-v3")]
    DistilLargeV3,
}

impl WhisperSize {
    /// The repository on the hub.
    #[must_use]
    pub const fn repository(self) -> &'static str {
        match self {
            Self::Tiny => "Systran/faster-whisper-tiny",
            Self::TinyEn => "Systran/faster-whisper-tiny.en",
            Self::Base => "Systran/faster-whisper-base",
            Self::BaseEn => "Systran/faster-whisper-base.en",
            Self::Small => "Systran/faster-whisper-small",
            Self::SmallEn => "Systran/faster-whisper-small.en",
            Self::Medium => "Systran/faster-whisper-medium",
            Self::MediumEn => "Systran/faster-whisper-medium.en",
            Self::LargeV1 => "Systran/faster-whisper-large-v1",
            Self::LargeV2 => "Systran/faster-whisper-large-v2",
            Self::LargeV3 => "Systran/faster-whisper-large-v3",
            Self::Turbo => "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
            Self::DistilSmallEn => "Systran/faster-distil-whisper-small.en",
            Self::DistilMediumEn => "Systran/faster-distil-whisper-medium.en",
            Self::DistilLargeV2 => "Systran/faster-distil-whisper-large-v2",
            Self::DistilLargeV3 => "Systran/faster-distil-whisper-large-v3",
        }
    }
}
