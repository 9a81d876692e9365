//! Kubernetes Events, published beside the work: never an error of the caller, never a wait.
//!
//! Written against `events.k8s.io/v1` directly, because kube's recorder folds events whose notes differ (the second
//! note is lost) and can no longer publish an event once the API server has let it expire.

mod series;

use std::{borrow::Cow, sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::{
    api::{
        core::v1::ObjectReference,
        events::v1::{Event as ApiEvent, EventSeries},
    },
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client,
    api::{ObjectMeta, Patch, PatchParams, PostParams},
};
use serde_json::json;
use tokio::{sync::mpsc, time::timeout};

use series::{Publication, Series, SeriesKey};

/// The API server's limit for a note, in bytes.
const MAX_NOTE: usize = 1024;
/// Events that wait to be sent; more are dropped.
const QUEUE: usize = 1024;
/// How long one publication may take.
const LIMIT: Duration = Duration::from_secs(10);

/// How serious an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventType {
    /// Worth knowing.
    Normal,
    /// Somebody may have to act.
    Warning,
}

impl EventType {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// One thing that a person would want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// How serious it is.
    pub type_: EventType,
    /// A CamelCase word: the reason of the condition that it comes with.
    pub reason: Cow<'static, str>,
    /// A CamelCase verb: what was done, or what to do (`CheckCredentials`).
    pub action: Cow<'static, str>,
    /// For people; cut at 1024 bytes.
    pub note: String,
}

/// Who publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reporter {
    /// `reportingController`: `zentoria.ai/operator`.
    pub controller: String,
    /// `reportingInstance`: the pod's name; unique per replica.
    pub instance: String,
}

/// Where events are handed in. Cheap to clone.
#[derive(Clone, Debug)]
pub struct EventSink(mpsc::Sender<(ObjectReference, Event)>);

/// Sends what was handed in.
pub struct EventPublisher {
    queue: mpsc::Receiver<(ObjectReference, Event)>,
    client: Client,
    reporter: Arc<Reporter>,
    series: Series,
}

/// A sink and the publisher behind it; spawn [`EventPublisher::run`].
#[must_use]
pub fn channel(client: Client, reporter: Reporter) -> (EventSink, EventPublisher) {
    let (sender, queue) = mpsc::channel(QUEUE);
    let reporter = Arc::new(reporter);
    (EventSink(sender), EventPublisher { queue, client, reporter, series: Series::default() })
}

impl EventSink {
    /// Hands in an event about `regarding` (kube's `Resource::object_ref`). Returns at once; when the queue is full,
    /// the event becomes a log line.
    pub fn publish(&self, regarding: ObjectReference, event: Event) {
        if let Err(refused) = self.0.try_send((regarding, event)) {
            let (regarding, event) = refused.into_inner();
            tracing::warn!(object = name(&regarding), reason = %event.reason, note = event.note, "event not published");
        }
    }
}

impl EventPublisher {
    /// Publishes until all sinks are gone. During a shutdown what was handed in before is still sent.
    pub async fn run(mut self) {
        while let Some((regarding, event)) = self.queue.recv().await {
            let key = SeriesKey::new(without_version(regarding), event);
            match timeout(LIMIT, self.publish(&key)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => complain(&key, &error),
                Err(_) => complain(&key, &"no answer in time"),
            }
        }
    }

    async fn publish(&mut self, key: &SeriesKey) -> Result<(), kube::Error> {
        let namespace = key.regarding.namespace.as_deref().unwrap_or("default");
        let api: Api<ApiEvent> = Api::namespaced(self.client.clone(), namespace);
        let now = Timestamp::now();
        match self.series.next(key) {
            Publication::Skip => return Ok(()),
            Publication::Repeat { name, count } => {
                let series = EventSeries { count, last_observed_time: MicroTime(now) };
                let patch = Patch::Merge(json!({ "series": series }));
                match api.patch(&name, &PatchParams::default(), &patch).await {
                    Ok(_) => {
                        self.series.published(key, name, count);
                        return Ok(());
                    }
                    // Events expire in the API server (after an hour by default): start anew.
                    Err(kube::Error::Api(status)) if status.code == 404 => {}
                    Err(error) => return Err(error),
                }
            }
            Publication::First => {}
        }
        let event = self.build(key, namespace, now);
        let name = event.metadata.name.clone().unwrap_or_default();
        api.create(&PostParams::default(), &event).await?;
        self.series.published(key, name, 1);
        Ok(())
    }

    fn build(&self, key: &SeriesKey, namespace: &str, now: Timestamp) -> ApiEvent {
        let object = key.regarding.name.as_deref().unwrap_or("unknown");
        // As kubectl and client-go name them: unique, sortable, and a valid object name (253 bytes at most).
        let name = format!("{}.{:x}", cut(object, 230), now.as_nanosecond());
        ApiEvent {
            metadata: ObjectMeta { name: Some(name), namespace: Some(namespace.to_owned()), ..ObjectMeta::default() },
            event_time: Some(MicroTime(now)),
            regarding: Some(key.regarding.clone()),
            type_: Some(key.event.type_.as_str().to_owned()),
            reason: Some(key.event.reason.to_string()),
            action: Some(key.event.action.to_string()),
            note: Some(key.event.note.clone()),
            reporting_controller: Some(self.reporter.controller.clone()),
            reporting_instance: Some(self.reporter.instance.clone()),
            ..ApiEvent::default()
        }
    }
}

impl SeriesKey {
    fn new(regarding: ObjectReference, mut event: Event) -> Self {
        event.note.truncate(cut(&event.note, MAX_NOTE).len());
        Self { regarding, event }
    }
}

/// The longest start of `text` that has at most `limit` bytes and ends between two characters.
fn cut(text: &str, limit: usize) -> &str {
    let end = (0..=limit.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// A version would make every event about an object look like one about another object.
fn without_version(mut regarding: ObjectReference) -> ObjectReference {
    regarding.resource_version = None;
    regarding
}

fn complain(key: &SeriesKey, error: &dyn std::fmt::Display) {
    let (object, reason) = (name(&key.regarding), &key.event.reason);
    tracing::warn!(object, %reason, note = key.event.note, %error, "event not published");
}

fn name(regarding: &ObjectReference) -> String {
    let part = |text: &Option<String>| text.clone().unwrap_or_default();
    format!("{} {}/{}", part(&regarding.kind), part(&regarding.namespace), part(&regarding.name))
}

#[cfg(test)]
mod tests;
