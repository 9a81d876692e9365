//! Models: what ModelPulls ask for is looked at on their servers ([`servers`]), pulled ([`pulls`]), and said.
//!
//! Nothing here decides: [`zentoria_core::model`] does, from what is gathered ([`gather`]). What is kept in memory is what
//! pulls are at work; after a restart each is looked at, and pulled again where it is missing.

mod deletion;
mod gather;
mod pulls;
mod reconcile;
mod servers;
mod start;
mod wake;

pub use start::{Controller, open};

use crate::context::{Context, Unheld};
use crate::runtime::backoff::{Backoff, BackoffConfig};
use crate::runtime::finalizer::Finalizer;
use crate::runtime::write::Writer;
use kube::ResourceExt;
use pulls::Pulls;
use servers::Servers;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use zentoria_api::model::ModelPull;
use zentoria_api::wire::MODEL_FINALIZER;
use zentoria_core::model::tries::Pauses;

/// What the reconciles of models share.
pub struct Models {
    /// The resources.
    pub resources: Unheld<ModelPull>,
    /// Holds those whose model is deleted with them.
    finalizer: Finalizer,
    servers: Arc<Servers>,
    pulls: Arc<Pulls>,
    /// How often a server is looked at.
    poll: Duration,
    /// Pauses between tries of a pull.
    pauses: Pauses,
    /// Pauses between looks that fail, by uid.
    looks: Backoff<String>,
}

impl Models {
    fn new(
        resources: Unheld<ModelPull>,
        pulls: Arc<Pulls>,
        writer: &Writer,
        poll: Duration,
        config: BackoffConfig,
    ) -> Self {
        Self {
            resources,
            finalizer: Finalizer::new(MODEL_FINALIZER, writer.clone()),
            servers: Arc::default(),
            pulls,
            poll,
            pauses: Pauses { base: config.base, max: config.max },
            looks: Backoff::new(config),
        }
    }
}

/// Memory and figures of what is gone are given back.
pub fn sweep(context: &Context) {
    let models = &context.models;
    models.resources.sweep();
    let live: HashSet<String> = models.resources.all().iter().filter_map(|object| object.uid()).collect();
    models.pulls.sweep(|uid| live.contains(uid));
    models.servers.sweep(models.poll);
    context.metrics.retain_models(|namespace, name| models.resources.get(namespace, name).is_some());
}
