//! What goes wrong, for people: what, where, why, and what to do.

use kube::config::KubeconfigError;

/// Why a verb ended early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The way to the API server is not known.
    #[error("no way to a Kubernetes API server: {0}; name one by --kubeconfig or KUBECONFIG")]
    NoCluster(String),
    /// The API server refused, or was not reached.
    #[error("{what}: {why}")]
    Kubernetes {
        /// What was to be done.
        what: String,
        /// What came of it.
        why: String,
    },
    /// There is no such object.
    #[error("{0}")]
    NotFound(String),
    /// It was asked for what must not, or cannot, be done.
    #[error("{0}")]
    Refused(String),
    /// A file cannot be read, or does not hold what it should.
    #[error("{file}: {why}")]
    File {
        /// Which.
        file: String,
        /// What is wrong with it.
        why: String,
    },
}

impl Error {
    /// An answer of the API server.
    pub fn kubernetes(what: impl Into<String>, error: &kube::Error) -> Self {
        let why = match error {
            kube::Error::Api(status) if status.code == 403 => {
                format!("{}; ask for that right, or use --context of somebody who has it", status.message)
            }
            kube::Error::Api(status) => status.message.clone(),
            other => chain(other),
        };
        Self::Kubernetes { what: what.into(), why }
    }
}

impl From<KubeconfigError> for Error {
    fn from(error: KubeconfigError) -> Self {
        Self::NoCluster(chain(&error))
    }
}

/// An error with its causes.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
