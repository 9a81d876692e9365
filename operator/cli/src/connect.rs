//! The way to the API server.

use crate::error::{Error, chain};
use crate::options::To;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// The API server and the namespace that a verb is about.
#[derive(Clone)]
pub struct Api {
    /// The API server.
    pub client: Client,
    /// `-n`, or that of the context.
    pub namespace: String,
}

/// Reads the kubeconfig as kubectl does; the API server is not asked yet.
///
/// # Errors
/// Where there is none, or it cannot be used.
pub async fn connect(to: &To) -> Result<Api, Error> {
    let options = KubeConfigOptions { context: to.context.clone(), ..KubeConfigOptions::default() };
    let config = match (&to.kubeconfig, &to.context) {
        (Some(path), _) => Config::from_custom_kubeconfig(Kubeconfig::read_from(path)?, &options).await?,
        (None, Some(_)) => Config::from_kubeconfig(&options).await?,
        (None, None) => Config::infer().await.map_err(|error| Error::NoCluster(chain(&error)))?,
    };
    let namespace = to.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
    let client = Client::try_from(config).map_err(|error| Error::NoCluster(chain(&error)))?;
    Ok(Api { client, namespace })
}
