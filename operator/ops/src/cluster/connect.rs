//! From a ProxmoxCluster and its Secrets to a [`Cluster`].

use super::Cluster;
use crate::Waker;
use crate::slots::SlotLimits;
use std::sync::Arc;
use zentoria_api::cluster::{ProxmoxClusterSpec, Tls};
use zentoria_core::cluster::span;
use zentoria_core::container::siting::overcommit;
use zentoria_net::Dialer;
use zentoria_pve::{ApiToken, Client, ClientConfig, Endpoint, Fence, Limits, Observer, Trust};
use zentoria_types::secret::Secret;

/// What the Secrets of a ProxmoxCluster hold.
pub struct Access {
    /// `user@realm!name`.
    pub token_id: String,
    /// The token's secret.
    pub token_secret: Secret,
    /// root@pam's password.
    pub root_password: Option<Secret>,
    /// The CA of `tls.caSecretRef`.
    pub ca: Option<String>,
}

/// Why no client can be made: a field of the spec or a Secret cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{field}: {why}")]
pub struct ConnectError {
    /// The field.
    pub field: &'static str,
    /// What is wrong with it.
    pub why: String,
}

/// The process' own part: the way out, the fence, the metrics.
#[derive(Clone)]
pub struct Outside {
    /// How connections are made.
    pub dialer: Dialer,
    /// Whether this process may write.
    pub fence: Fence,
    /// Who is told of each request, by name of the ProxmoxCluster.
    pub observer: Observers,
}

/// Makes the observer of one ProxmoxCluster's requests, by its name.
pub type Observers = Arc<dyn Fn(&str) -> Arc<dyn Observer> + Send + Sync>;

/// A cluster; nothing is contacted yet.
///
/// # Errors
/// Where the spec or a Secret cannot be used.
pub fn connect(
    name: &str,
    spec: &ProxmoxClusterSpec,
    access: Access,
    outside: &Outside,
    waker: Waker,
) -> Result<Cluster, ConnectError> {
    let error = |field, why: String| ConnectError { field, why };
    let endpoints = spec
        .endpoints
        .iter()
        .map(|endpoint| endpoint.0.parse::<Endpoint>().map_err(|why| error("spec.endpoints", why.to_string())))
        .collect::<Result<Vec<_>, _>>()?;
    let trust = match &spec.tls {
        Tls::CaBundle(pem) => Trust::CaBundle(pem.clone()),
        Tls::CaSecretRef(_) => Trust::CaBundle(access.ca.unwrap_or_default()),
        Tls::FingerprintSha256(text) => Trust::Fingerprint(
            text.parse()
                .map_err(|why: zentoria_pve::ConfigError| error("spec.tls.fingerprintSha256", why.to_string()))?,
        ),
    };
    let token = ApiToken::new(&access.token_id, &access.token_secret)
        .map_err(|why| error("spec.credentials.tokenSecretRef", why.to_string()))?;
    let interval = span::parse(&spec.poll.interval).filter(|d| !d.is_zero());
    interval.ok_or_else(|| error("spec.poll.interval", format!("{:?} is not a duration", spec.poll.interval.0)))?;
    let full_resync = span::parse(&spec.poll.full_resync).filter(|d| !d.is_zero());
    let full_resync = full_resync
        .ok_or_else(|| error("spec.poll.fullResync", format!("{:?} is not a duration", spec.poll.full_resync.0)))?;
    let client = Client::new(ClientConfig {
        endpoints,
        trust,
        token,
        root_password: access.root_password,
        dialer: outside.dialer.clone(),
        fence: Arc::clone(&outside.fence),
        observer: Some((outside.observer)(name)),
        limits: Limits::default(),
    })
    .map_err(|why| error("spec.tls", why.to_string()))?;
    let limits = SlotLimits {
        cluster: spec.limits.tasks_per_cluster as usize,
        node: spec.limits.tasks_per_node as usize,
        storage: spec.limits.tasks_per_storage as usize,
    };
    Ok(Cluster::new(name.to_owned(), client, limits, full_resync, overcommit(&spec.overcommit), waker))
}

/// The way to all PVE clusters: direct, or by a dial map (`IP:PORT=127.0.0.1:PORT`), beside which nothing is contacted.
///
/// # Errors
/// Where a row cannot be read.
pub fn dialer(rows: &[String]) -> Result<Dialer, zentoria_net::DialMapError> {
    if rows.is_empty() { Ok(Dialer::direct()) } else { Dialer::from_rows(rows) }
}
