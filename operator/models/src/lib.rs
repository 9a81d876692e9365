//! Clients of model servers: Ollama and Speaches over HTTP, and the Hugging Face client on another machine over SSH.
//!
//! It knows nothing of Kubernetes. Every server is a [`ModelServer`]; every failure is a [`ModelError`], whose message
//! says what to do. A dropped future ends what it did: the connection is closed, the process is stopped.

mod endpoint;
mod error;
mod http;
mod hugging_face;
mod ndjson;
mod ollama;
mod server;
mod speaches;

pub use endpoint::{BadEndpoint, Endpoint};
pub use error::{Class, ModelError};
pub use hugging_face::{Hub, HuggingFace, SshAccess};
pub use ollama::Ollama;
pub use server::{Installed, Model, ModelServer, Progress, PullOptions, Stage};
pub use speaches::Speaches;
pub use zentoria_net::Dialer;
