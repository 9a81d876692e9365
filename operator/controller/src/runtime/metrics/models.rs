//! What is shown of models.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Seconds; from a model that is there already to one of hundreds of gigabytes.
const BUCKETS: [f64; 9] = [0.1, 1.0, 10.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 43_200.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
struct ModelLabels {
    namespace: String,
    model_pull: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PullLabels {
    engine: String,
    result: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct EngineLabels {
    engine: String,
}

type Level = Family<ModelLabels, Gauge<i64, AtomicI64>>;

/// What is shown of one model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelFigures {
    /// Whether it is Ready.
    pub ready: bool,
    /// Its size.
    pub bytes: Option<u64>,
    /// Whether it is being pulled.
    pub pulling: bool,
}

/// The figures of all models.
pub(super) struct ModelMetrics {
    ready: Level,
    size: Level,
    pulling: Level,
    pulls: Family<PullLabels, Counter<u64, AtomicU64>>,
    bytes: Family<EngineLabels, Counter<u64, AtomicU64>>,
    duration: Family<EngineLabels, Histogram, fn() -> Histogram>,
    known: Mutex<BTreeSet<ModelLabels>>,
}

impl Default for ModelMetrics {
    fn default() -> Self {
        Self {
            ready: Level::default(),
            size: Level::default(),
            pulling: Level::default(),
            pulls: Family::default(),
            bytes: Family::default(),
            duration: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            known: Mutex::default(),
        }
    }
}

impl ModelMetrics {
    pub(super) fn set(&self, namespace: &str, name: &str, figures: ModelFigures) {
        let labels = ModelLabels { namespace: namespace.to_owned(), model_pull: name.to_owned() };
        self.ready.get_or_create(&labels).set(i64::from(figures.ready));
        self.pulling.get_or_create(&labels).set(i64::from(figures.pulling));
        match figures.bytes {
            Some(bytes) => {
                self.size.get_or_create(&labels).set(i64::try_from(bytes).unwrap_or(i64::MAX));
            }
            None => {
                self.size.remove(&labels);
            }
        }
        self.known().insert(labels);
    }

    /// A pull ended: with so many bytes, or (`None`) it failed.
    pub(super) fn pulled(&self, engine: &str, bytes: Option<u64>, took: Duration) {
        let result = if bytes.is_some() { "success" } else { "failure" };
        let labels = PullLabels { engine: engine.to_owned(), result: result.to_owned() };
        self.pulls.get_or_create(&labels).inc();
        if let Some(bytes) = bytes {
            let labels = EngineLabels { engine: engine.to_owned() };
            self.bytes.get_or_create(&labels).inc_by(bytes);
            self.duration.get_or_create(&labels).observe(took.as_secs_f64());
        }
    }

    /// Removes the figures of what is gone.
    pub(super) fn retain(&self, is_there: impl Fn(&str, &str) -> bool) {
        self.known().retain(|labels| {
            let stays = is_there(&labels.namespace, &labels.model_pull);
            if !stays {
                for family in [&self.ready, &self.size, &self.pulling] {
                    family.remove(labels);
                }
            }
            stays
        });
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("zentoria_model_ready", "1 where a ModelPull is Ready", self.ready.clone());
        registry.register("zentoria_model_size_bytes", "Size of a model on its server", self.size.clone());
        registry.register("zentoria_model_pulling", "1 while a model is being pulled", self.pulling.clone());
        let pulls = "Pulls of models by result, as this process has seen them end";
        registry.register("zentoria_model_pulls", pulls, self.pulls.clone());
        let bytes = "Bytes of the models whose pulls succeeded, those that the server had already among them";
        registry.register("zentoria_model_pulled_bytes", bytes, self.bytes.clone());
        let duration = "Duration of pulls that succeeded";
        registry.register("zentoria_model_pull_duration_seconds", duration, self.duration.clone());
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeSet<ModelLabels>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::metrics::{BuildInfo, Metrics};

    #[test]
    fn pulls_are_counted_by_engine_and_the_figures_of_a_resource_go_with_it() {
        let metrics = Metrics::new(BuildInfo { version: "1", revision: "a" });
        metrics.set_model("ns", "llama", ModelFigures { ready: true, bytes: Some(2000), pulling: false });
        metrics.model_pulled("ollama", Some(2000), Duration::from_secs(4));
        metrics.model_pulled("ollama", None, Duration::from_secs(4));
        let text = metrics.encode().unwrap();
        for line in [
            "zentoria_model_ready{namespace=\"ns\",model_pull=\"llama\"} 1",
            "zentoria_model_size_bytes{namespace=\"ns\",model_pull=\"llama\"} 2000",
            "zentoria_model_pulls_total{engine=\"ollama\",result=\"failure\"} 1",
            "zentoria_model_pulled_bytes_total{engine=\"ollama\"} 2000",
            "zentoria_model_pull_duration_seconds_count{engine=\"ollama\"} 1",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\nis missing in\n{text}");
        }
        metrics.retain_models(|_, _| false);
        let text = metrics.encode().unwrap();
        assert!(!text.contains("model_pull=\"llama\"") && text.contains("zentoria_model_pulls_total{"), "{text}");
    }
}
