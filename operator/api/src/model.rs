//! Models: which model is to be on which model server ([`ModelPull`]).

mod pull;
pub mod reasons;
mod source;
mod status;

pub use pull::{ModelDeletion, ModelPull, ModelPullSpec, ModelServerRef, PullPolicy, Refresh, ServerTls};
pub use source::{HubDownload, OllamaModel, WhisperEngine, WhisperModel, WhisperSize};
pub use status::{ModelPhase, ModelPullStatus, PullTrouble, Transfer};
