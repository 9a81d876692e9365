//! Adds and removes our finalizer without ever touching another's.

use std::fmt::Debug;

use json_patch::Patch as JsonPatch;
use kube::{
    Api, Resource, ResourceExt,
    api::{Patch, PatchParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::write::{FIELD_MANAGER, WriteError, Writer};

/// How often a write that met a changed object is built anew.
const ATTEMPTS: usize = 4;

/// What became of the finalizer.
#[derive(Debug)]
pub enum Finalized<K> {
    /// It was as wanted; nothing was sent.
    Unchanged,
    /// It was written; the object as the API server has it now. After a removal the object may be gone at once.
    Patched(Box<K>),
    /// The object is gone, is another one of the same name now, or (when adding) is being deleted already.
    Gone,
}

/// One finalizer of ours.
#[derive(Clone, Debug)]
pub struct Finalizer {
    name: &'static str,
    writer: Writer,
}

impl Finalizer {
    /// The finalizer `name`, written through `writer`.
    #[must_use]
    pub fn new(name: &'static str, writer: Writer) -> Self {
        Self { name, writer }
    }

    /// Whether the object carries it.
    #[must_use]
    pub fn is_on<K: Resource>(&self, object: &K) -> bool {
        object.finalizers().iter().any(|name| name == self.name)
    }

    /// Puts the finalizer on, unless it is there or the object is being deleted.
    ///
    /// # Errors
    /// See [`WriteError`]; [`WriteError::Conflict`] when others change the list again and again.
    pub async fn ensure<K>(&self, api: &Api<K>, object: &K) -> Result<Finalized<K>, WriteError>
    where
        K: Resource + Clone + DeserializeOwned + Serialize + Debug,
    {
        self.write(api, object, |object| {
            if object.meta().deletion_timestamp.is_some() && !self.is_on(object) {
                return Wish::Impossible;
            }
            if self.is_on(object) { Wish::Nothing } else { Wish::Patch(self.addition(object)) }
        })
        .await
    }

    /// Takes the finalizer off, when it is there.
    ///
    /// # Errors
    /// As [`Finalizer::ensure`].
    pub async fn remove<K>(&self, api: &Api<K>, object: &K) -> Result<Finalized<K>, WriteError>
    where
        K: Resource + Clone + DeserializeOwned + Serialize + Debug,
    {
        self.write(api, object, |object| match object.finalizers().iter().position(|name| name == self.name) {
            Some(index) => Wish::Patch(self.removal(index)),
            None => Wish::Nothing,
        })
        .await
    }

    async fn write<K>(&self, api: &Api<K>, object: &K, wish: impl Fn(&K) -> Wish) -> Result<Finalized<K>, WriteError>
    where
        K: Resource + Clone + DeserializeOwned + Serialize + Debug,
    {
        let (Some(name), Some(uid)) = (object.meta().name.as_deref(), object.uid()) else {
            return Err(WriteError::NotStored);
        };
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let mut fresh: Option<K> = None;
        for _ in 0..ATTEMPTS {
            let operations = match wish(fresh.as_ref().unwrap_or(object)) {
                Wish::Nothing => return Ok(fresh.map_or(Finalized::Unchanged, |new| Finalized::Patched(Box::new(new)))),
                Wish::Impossible => return Ok(Finalized::Gone),
                Wish::Patch(operations) => operations,
            };
            let patch = json_patch(&uid, operations)?;
            match self.writer.send(api.patch(name, &params, &Patch::Json::<()>(patch))).await {
                Ok(object) => return Ok(Finalized::Patched(Box::new(object))),
                Err(WriteError::Gone) => return Ok(Finalized::Gone),
                Err(error) if is_changed(&error) => {}
                Err(error) => return Err(error),
            }
            match self.writer.read(api.get_opt(name)).await? {
                Some(object) if object.uid().as_deref() == Some(uid.as_str()) => fresh = Some(object),
                Some(_) | None => return Ok(Finalized::Gone),
            }
        }
        Err(WriteError::Conflict)
    }

    fn addition<K: Resource>(&self, object: &K) -> Value {
        let present = object.finalizers();
        if present.is_empty() {
            // A test for null holds when the list is missing.
            json!([
                { "op": "test", "path": "/metadata/finalizers", "value": null },
                { "op": "add", "path": "/metadata/finalizers", "value": [self.name] },
            ])
        } else {
            json!([
                { "op": "test", "path": "/metadata/finalizers", "value": present },
                { "op": "add", "path": "/metadata/finalizers/-", "value": self.name },
            ])
        }
    }

    fn removal(&self, index: usize) -> Value {
        let path = format!("/metadata/finalizers/{index}");
        json!([
            { "op": "test", "path": path, "value": self.name },
            { "op": "remove", "path": path },
        ])
    }
}

enum Wish {
    Nothing,
    Impossible,
    Patch(Value),
}

/// The operations with a test of the uid before them: never another object of the same name.
fn json_patch(uid: &str, operations: Value) -> Result<JsonPatch, WriteError> {
    let mut all = vec![json!({ "op": "test", "path": "/metadata/uid", "value": uid })];
    if let Value::Array(operations) = operations {
        all.extend(operations);
    }
    serde_json::from_value(Value::Array(all)).map_err(WriteError::Encode)
}

/// A test that fails is answered with 422 Invalid.
fn is_changed(error: &WriteError) -> bool {
    match error {
        WriteError::Conflict => true,
        WriteError::Kube(error) => matches!(error.as_ref(), kube::Error::Api(status) if status.code == 422),
        WriteError::Fenced
        | WriteError::AlreadyExists
        | WriteError::Gone
        | WriteError::Timeout(_)
        | WriteError::NotStored
        | WriteError::Encode(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;

    use super::super::{fake_api::FakeApi, leader::Fence};
    use super::*;

    const PATH: &str = "/api/v1/namespaces/ns/configmaps/x";
    const OURS: &str = "zentoria.ai/guest";

    struct Scene {
        server: FakeApi,
        api: Api<ConfigMap>,
        finalizer: Finalizer,
    }

    fn scene() -> Scene {
        let server = FakeApi::new();
        let api = Api::namespaced(server.client().0, "ns");
        Scene { server, api, finalizer: Finalizer::new(OURS, Writer::new(Fence::always())) }
    }

    impl Scene {
        fn put(&self, uid: &str, finalizers: &[&str], deleting: bool) -> ConfigMap {
            let mut metadata = json!({"name": "x", "namespace": "ns", "uid": uid});
            if !finalizers.is_empty() {
                metadata["finalizers"] = json!(finalizers);
            }
            if deleting {
                metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
            }
            serde_json::from_value(self.server.put(PATH, json!({"metadata": metadata}))).unwrap()
        }

        fn finalizers(&self) -> Value {
            self.server.get(PATH).unwrap()["metadata"]["finalizers"].clone()
        }

        fn writes(&self) -> usize {
            self.server.seen().iter().filter(|seen| seen.method == http::Method::PATCH).count()
        }
    }

    #[tokio::test]
    async fn it_is_added_once_and_removed_once() {
        let scene = scene();
        let bare = scene.put("u1", &[], false);
        let Finalized::Patched(with) = scene.finalizer.ensure(&scene.api, &bare).await.unwrap() else { panic!() };
        assert!(scene.finalizer.is_on(&*with));
        assert!(matches!(scene.finalizer.ensure(&scene.api, &*with).await.unwrap(), Finalized::Unchanged));
        assert_eq!(scene.writes(), 1);
        scene.finalizer.remove(&scene.api, &*with).await.unwrap();
        assert_eq!(scene.finalizers(), json!([]));
        assert!(matches!(scene.finalizer.remove(&scene.api, &bare).await.unwrap(), Finalized::Unchanged));
    }

    #[tokio::test]
    async fn another_finalizer_that_came_in_between_is_kept() {
        let scene = scene();
        let stale = scene.put("u1", &[], false);
        scene.put("u1", &["other/a"], false);
        scene.finalizer.ensure(&scene.api, &stale).await.unwrap();
        assert_eq!(scene.finalizers(), json!(["other/a", OURS]));

        let stale = scene.put("u1", &[OURS, "other/b"], true);
        scene.put("u1", &["other/c", "other/b", OURS], true);
        scene.finalizer.remove(&scene.api, &stale).await.unwrap();
        assert_eq!(scene.finalizers(), json!(["other/c", "other/b"]));
    }

    #[tokio::test]
    async fn another_object_of_the_same_name_is_left_alone() {
        let scene = scene();
        let old = scene.put("u1", &[OURS], true);
        scene.put("u2", &[OURS], false);
        assert!(matches!(scene.finalizer.remove(&scene.api, &old).await.unwrap(), Finalized::Gone));
        assert_eq!(scene.finalizers(), json!([OURS]));
    }

    #[tokio::test]
    async fn an_object_that_is_being_deleted_or_is_gone_gets_none() {
        let scene = scene();
        let deleting = scene.put("u1", &["other/a"], true);
        assert!(matches!(scene.finalizer.ensure(&scene.api, &deleting).await.unwrap(), Finalized::Gone));
        let living = scene.put("u1", &[], false);
        scene.server.delete(PATH);
        assert!(matches!(scene.finalizer.ensure(&scene.api, &living).await.unwrap(), Finalized::Gone));
    }
}
