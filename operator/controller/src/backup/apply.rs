//! Objects of ours in the API server, written where they differ from what is there, and not touched where they do not.

use crate::runtime::write::{FIELD_MANAGER, WriteError, Writer};
use kube::api::{Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};
use zentoria_api::wire::APPLIED_ANNOTATION;
use zentoria_core::digest;

/// What our last write of each object came to, by uid: the API server writes some values in another form than we do
/// (`1024Mi` as `1Gi`), which is no difference.
#[derive(Debug, Default)]
pub struct Applied(Mutex<HashMap<String, Answer>>);

#[derive(Debug, PartialEq, Eq)]
struct Answer {
    digest: String,
    /// Of the object as it was answered: where it has one, it moves with the spec alone.
    generation: Option<i64>,
    version: Option<String>,
}

impl Applied {
    /// Applies `wanted`, unless `stored` holds all of it already. Says whether something was sent.
    ///
    /// # Errors
    /// Those of the write.
    pub async fn apply<K>(
        &self,
        writer: &Writer,
        api: &Api<K>,
        stored: Option<&K>,
        wanted: &K,
    ) -> Result<bool, WriteError>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned,
    {
        let mut body = serde_json::to_value(wanted).map_err(WriteError::Encode)?;
        let digest = digest::of_parts([body.to_string().as_str()]);
        if let Some(stored) = stored
            && self.is_in_place(stored, &body, &digest)?
        {
            return Ok(false);
        }
        body["metadata"]["annotations"][APPLIED_ANNOTATION] = json!(digest);
        let name = wanted.meta().name.as_deref().ok_or(WriteError::NotStored)?;
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let answer = writer.send(api.patch(name, &params, &Patch::Apply(&body))).await?;
        if let Some(uid) = answer.uid() {
            let (generation, version) = (answer.meta().generation, answer.resource_version());
            self.answers().insert(uid, Answer { digest, generation, version });
        }
        Ok(true)
    }

    /// Drops what is known of objects of which `is_live` (asked by uid) says no.
    pub fn sweep(&self, is_live: impl Fn(&str) -> bool) {
        self.answers().retain(|uid, _| is_live(uid));
    }

    fn is_in_place<K>(&self, stored: &K, wanted: &Value, digest: &str) -> Result<bool, WriteError>
    where
        K: Resource<DynamicType = ()> + Serialize,
    {
        // Without the digest a value that is wanted no more would stay.
        if stored.annotations().get(APPLIED_ANNOTATION).map(String::as_str) != Some(digest) {
            return Ok(false);
        }
        let value = serde_json::to_value(stored).map_err(WriteError::Encode)?;
        if holds(&value, wanted) {
            return Ok(true);
        }
        let answers = self.answers();
        let Some(answer) = stored.uid().and_then(|uid| answers.get(&uid)) else { return Ok(false) };
        let unmoved = match stored.meta().generation {
            Some(generation) => {
                let meta = |value: &Value, key: &str| value["metadata"][key].clone();
                let kept = ["labels", "annotations"].iter().all(|key| holds(&meta(&value, key), &meta(wanted, key)));
                answer.generation == Some(generation) && kept
            }
            None => answer.version == stored.resource_version(),
        };
        Ok(answer.digest == digest && unmoved)
    }

    fn answers(&self) -> std::sync::MutexGuard<'_, HashMap<String, Answer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether everything of `wanted` is in `stored`; what else is there was filled in by the API server or by others.
fn holds(stored: &Value, wanted: &Value) -> bool {
    match (stored, wanted) {
        (_, Value::Null) => true,
        (Value::Object(stored), Value::Object(wanted)) => {
            wanted.iter().all(|(key, value)| holds(stored.get(key).unwrap_or(&Value::Null), value))
        }
        // The API server leaves out what is empty.
        (Value::Null, Value::Object(wanted)) => wanted.values().all(|value| holds(&Value::Null, value)),
        (Value::Null, Value::Array(wanted)) => wanted.is_empty(),
        (Value::Array(stored), Value::Array(wanted)) => {
            stored.len() == wanted.len() && stored.iter().zip(wanted).all(|(stored, wanted)| holds(stored, wanted))
        }
        (stored, wanted) => stored == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::fake_api::FakeApi;
    use crate::runtime::leader::Fence;
    use k8s_openapi::api::core::v1::ConfigMap;

    const PATH: &str = "/api/v1/namespaces/ns/configmaps/a";

    fn config(data: &Value) -> ConfigMap {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "ns"},
            "data": data});
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn what_the_api_server_fills_in_or_leaves_out_is_no_difference() {
        for (name, stored, wanted, same) in [
            ("the same", json!({"a": 1}), json!({"a": 1}), true),
            ("defaults", json!({"a": {"x": 1, "y": 2}, "b": 3}), json!({"a": {"x": 1}}), true),
            ("in a list's object", json!([{"x": 1, "y": 2}]), json!([{"x": 1}]), true),
            ("empty is left out", json!({}), json!({"a": {}, "b": [], "c": {"d": {}}}), true),
            ("another value", json!({"a": 1}), json!({"a": 2}), false),
            ("a missing one", json!({}), json!({"a": {"b": 1}}), false),
            ("a longer list", json!([1, 2]), json!([1]), false),
            ("a shorter list", json!([]), json!([1]), false),
        ] {
            assert_eq!(holds(&stored, &wanted), same, "{name}");
        }
    }

    #[tokio::test]
    async fn an_object_is_sent_once_and_again_only_where_it_differs_or_something_is_wanted_no_more() {
        let server = FakeApi::new();
        let api: Api<ConfigMap> = Api::namespaced(server.client().0, "ns");
        let (writer, applied) = (Writer::new(Fence::always()), Applied::default());
        // The fake merges where a real API server applies: enough to see what is sent.
        server.put(PATH, json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "uid": "u1"}}));
        let stored = || serde_json::from_value::<ConfigMap>(server.get(PATH).unwrap()).unwrap();
        let full = config(&json!({"x": "1", "y": "2"}));
        assert!(applied.apply(&writer, &api, Some(&stored()), &full).await.unwrap());
        assert!(!applied.apply(&writer, &api, Some(&stored()), &full).await.unwrap());
        let less = config(&json!({"x": "1"}));
        assert!(applied.apply(&writer, &api, Some(&stored()), &less).await.unwrap(), "y is wanted no more");
        let mut by_hand = stored();
        by_hand.data.as_mut().unwrap().insert("x".into(), "3".into());
        by_hand.metadata.resource_version = Some("99".into());
        assert!(applied.apply(&writer, &api, Some(&by_hand), &less).await.unwrap(), "x was changed by hand");
        assert!(applied.apply(&writer, &api, None, &less).await.unwrap(), "it is gone");
    }
}
