//! Wiring: the watch of ModelPulls is opened, then their controller is started.

use super::pulls::Pulls;
use super::{Models, reconcile, wake};
use crate::context::{Context, Unheld};
use crate::operator::controller;
use crate::runtime::backoff::BackoffConfig;
use crate::runtime::caches::watched_with;
use crate::runtime::health::Health;
use crate::runtime::shutdown::Shutdown;
use crate::runtime::streams::{a_few_at_once, changed};
use crate::runtime::tasks::Tasks;
use crate::runtime::wakeups::Wakeups;
use crate::runtime::write::Writer;
use futures::StreamExt;
use futures::stream::BoxStream;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;
use kube::{Api, Client};
use std::sync::Arc;
use std::time::Duration;
use zentoria_api::ZentoriaContainer;
use zentoria_api::model::ModelPull;

/// The controller, to be spawned once there is a context.
pub struct Controller {
    store: Store<ModelPull>,
    changes: BoxStream<'static, Result<ModelPull, watcher::Error>>,
    wakes: BoxStream<'static, ObjectRef<ModelPull>>,
    wake: Wakeups<ModelPull>,
}

/// Opens the watch. Servers are looked at every `poll`.
pub fn open(
    client: &Client,
    health: &Health,
    writer: &Writer,
    poll: Duration,
    pauses: BackoffConfig,
) -> (Models, Controller) {
    let (wake, wakes) = Wakeups::new();
    let pulls = Arc::new(Pulls::default());
    let api = Api::<ModelPull>::all(client.clone());
    let told = wake::gone(&wake, &pulls);
    let (store, changes) = watched_with(api, watcher::Config::default(), health.gate("modelpulls"), told);
    let models = Models::new(Unheld::new(store.clone(), wake.clone()), pulls, writer, poll, pauses);
    let controller = Controller { store, changes: changed(changes).boxed(), wakes: wakes.boxed(), wake };
    (models, controller)
}

impl Controller {
    /// Whatever is seen of a container is told to the ModelPulls that name it.
    pub fn concerned(&self) -> impl FnMut(&watcher::Event<ZentoriaContainer>) + Send + 'static + use<> {
        wake::containers(&self.wake, &self.store)
    }

    /// Reconciles until the stop.
    pub fn spawn(self, context: &Arc<Context>, tasks: &Tasks, stop: &Shutdown) {
        let Self { store, changes, wakes, wake: _ } = self;
        let work = kube::runtime::Controller::for_stream(changes, store);
        let work = work.with_config(a_few_at_once()).reconcile_on(wakes);
        let running = controller(work, stop.clone(), Arc::clone(context), "ModelPull", reconcile::reconcile);
        tasks.spawn("modelpulls", running);
    }
}
