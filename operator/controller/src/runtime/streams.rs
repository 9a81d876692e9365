//! Watch streams: what of them wakes a controller, and those that feed a cache alone.

use super::shutdown::Shutdown;
use futures::{Stream, StreamExt};
use kube::runtime::controller::Config;
use kube::runtime::{Predicate, PredicateConfig, WatchStreamExt, predicates, watcher};
use tracing::warn;

/// Changes of the wish alone. Status is written by us: what it would wake is woken by name, and a refusal that writes
/// its intent and takes it back must not wake itself.
pub fn changed<K>(
    stream: impl Stream<Item = Result<K, watcher::Error>> + Send + 'static,
) -> impl Stream<Item = Result<K, watcher::Error>> + Send + 'static
where
    K: kube::Resource<DynamicType = ()> + Send + 'static,
{
    let wish = predicates::generation.combine(predicates::annotations).combine(predicates::labels);
    stream.predicate_filter(wish, PredicateConfig::default())
}

/// For kinds whose work is mostly with the API server: so many objects of one kind at once. A thousand that are written to in the
/// same moment would leave no answer for the Lease.
#[must_use]
pub fn a_few_at_once() -> Config {
    Config::default().concurrency(8)
}

/// An error with its causes, once.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Drives a stream that feeds a cache, and tells of every object, until the stop.
pub async fn drain<K>(stream: impl Stream<Item = Result<K, watcher::Error>>, stop: Shutdown, mut on: impl FnMut(&K)) {
    let mut stream = std::pin::pin!(stream.take_until(stop.requested()));
    while let Some(item) = stream.next().await {
        match item {
            Ok(object) => on(&object),
            Err(error) => warn!(error = %chain(&error), "a watch failed; it is opened again"),
        }
    }
}
