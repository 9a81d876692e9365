//! A small API server in memory for tests: objects as JSON by path, versions, preconditions, watches of one object,
//! and connections that can be cut.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures::StreamExt;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use kube::{Client, client::Body};
use serde_json::{Value, json};
use tokio::sync::{broadcast, watch};

type Answer = Response<UnsyncBoxBody<Bytes, std::convert::Infallible>>;

/// One request that the server saw.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: Method,
    pub path: String,
    pub body: Value,
}

impl Seen {
    /// `METHOD path`.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

#[derive(Clone)]
pub struct FakeApi(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    changes: broadcast::Sender<(String, Value)>,
}

#[derive(Default)]
struct State {
    version: u64,
    objects: BTreeMap<String, Value>,
    seen: Vec<Seen>,
    failures: Vec<(StatusCode, &'static str)>,
}

/// Cuts and heals the connection of one client: requests and watches hang, as with a lost network.
#[derive(Clone)]
pub struct Link(Arc<watch::Sender<bool>>);

impl Link {
    pub fn cut(&self) {
        self.0.send_replace(false);
    }

    pub fn heal(&self) {
        self.0.send_replace(true);
    }
}

impl FakeApi {
    pub fn new() -> Self {
        Self(Arc::new(Inner { state: Mutex::default(), changes: broadcast::channel(256).0 }))
    }

    /// A client with its own connection.
    pub fn client(&self) -> (Client, Link) {
        let (sender, receiver) = watch::channel(true);
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let (server, mut up) = (server.clone(), receiver.clone());
            async move {
                up.wait_for(|up| *up).await.ok();
                let answer = server.answer(request, up.clone()).await;
                up.wait_for(|up| *up).await.ok();
                Ok::<_, std::convert::Infallible>(answer)
            }
        });
        (Client::new(service, "default"), Link(Arc::new(sender)))
    }

    /// Puts an object at its path (`/api/v1/namespaces/ns/secrets/name`) and gives it a new version.
    pub fn put(&self, path: &str, object: Value) -> Value {
        let stored = self.0.state.lock().unwrap().store(path, object);
        self.0.changes.send((path.to_owned(), json!({"type": "MODIFIED", "object": stored}))).ok();
        stored
    }

    pub fn get(&self, path: &str) -> Option<Value> {
        self.0.state.lock().unwrap().objects.get(path).cloned()
    }

    pub fn delete(&self, path: &str) {
        let gone = self.0.state.lock().unwrap().objects.remove(path);
        self.0.changes.send((path.to_owned(), json!({"type": "DELETED", "object": gone}))).ok();
    }

    /// The next request is refused with this status and reason.
    pub fn fail_next(&self, status: StatusCode, reason: &'static str) {
        self.0.state.lock().unwrap().failures.insert(0, (status, reason));
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.0.state.lock().unwrap().seen.clone()
    }

    async fn answer(&self, request: Request<Body>, up: watch::Receiver<bool>) -> Answer {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let path = parts.uri.path().to_owned();
        let query = parts.uri.query().unwrap_or_default();
        if query.contains("watch=true") {
            return self.watch(&path, query, up);
        }
        let mut state = self.0.state.lock().unwrap();
        state.seen.push(Seen { method: parts.method.clone(), path: path.clone(), body: body.clone() });
        if let Some((status, reason)) = state.failures.pop() {
            return failure(status, reason);
        }
        let (answer, changed) = state.apply(&parts.method, &path, body);
        drop(state);
        if let Some((path, event)) = changed {
            self.0.changes.send((path, event)).ok();
        }
        answer
    }

    fn watch(&self, path: &str, query: &str, up: watch::Receiver<bool>) -> Answer {
        let name = query.split("metadata.name%3D").nth(1).and_then(|rest| rest.split('&').next()).unwrap();
        let path = format!("{path}/{name}");
        let changes = self.0.changes.subscribe();
        let first = self.get(&path).map(|object| json!({"type": "ADDED", "object": object}));
        let wanted = path.clone();
        let later = tokio_stream(changes).filter_map(move |(path, event)| {
            let event = (path == wanted).then_some(event);
            async move { event }
        });
        let lines = futures::stream::iter(first).chain(later).then(move |event| {
            let mut up = up.clone();
            async move {
                up.wait_for(|up| *up).await.ok();
                Ok(hyper::body::Frame::data(Bytes::from(format!("{event}\n"))))
            }
        });
        Response::new(StreamBody::new(lines).boxed_unsync())
    }
}

fn tokio_stream(receiver: broadcast::Receiver<(String, Value)>) -> impl futures::Stream<Item = (String, Value)> {
    futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.ok().map(|change| (change, receiver))
    })
}

impl State {
    fn store(&mut self, path: &str, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.objects.insert(path.to_owned(), object.clone());
        object
    }

    fn apply(&mut self, method: &Method, path: &str, body: Value) -> (Answer, Option<(String, Value)>) {
        // The status subresource shares its object's place here.
        let path = path.strip_suffix("/status").unwrap_or(path).to_owned();
        let path = if *method == Method::POST {
            format!("{path}/{}", body["metadata"]["name"].as_str().unwrap())
        } else {
            path
        };
        let present = self.objects.get(&path).cloned();
        let next = match (method, present) {
            (&Method::GET, Some(object)) => return (success(&object), None),
            (&Method::POST, Some(_)) => return (failure(StatusCode::CONFLICT, "AlreadyExists"), None),
            (&Method::POST, None) => body,
            (&Method::PATCH, Some(object)) => match patched(object, body) {
                Ok(object) => object,
                Err(answer) => return (*answer, None),
            },
            (_, None) => return (failure(StatusCode::NOT_FOUND, "NotFound"), None),
            (method, Some(_)) => panic!("the fake API server does not know {method}"),
        };
        let stored = self.store(&path, next);
        (success(&stored), Some((path, json!({"type": "MODIFIED", "object": stored}))))
    }
}

fn patched(mut object: Value, patch: Value) -> Result<Value, Box<Answer>> {
    if patch.is_array() {
        let mut patch: json_patch::Patch = serde_json::from_value(patch).unwrap();
        // As in the real API server, a test for null holds where nothing is.
        patch.0.retain(|operation| match operation {
            json_patch::PatchOperation::Test(test) => {
                !test.value.is_null() || object.pointer(test.path.as_str()).is_some()
            }
            _ => true,
        });
        return match json_patch::patch(&mut object, &patch) {
            Ok(()) => Ok(object),
            Err(_) => Err(Box::new(failure(StatusCode::UNPROCESSABLE_ENTITY, "Invalid"))),
        };
    }
    let wanted = &patch["metadata"]["resourceVersion"];
    if !wanted.is_null() && *wanted != object["metadata"]["resourceVersion"] {
        return Err(Box::new(failure(StatusCode::CONFLICT, "Conflict")));
    }
    json_patch::merge(&mut object, &patch);
    Ok(object)
}

fn success(object: &Value) -> Answer {
    Response::new(Full::from(object.to_string()).boxed_unsync())
}

fn failure(status: StatusCode, reason: &str) -> Answer {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure",
        "message": "the fake says no", "reason": reason, "code": status.as_u16(),
    });
    let mut answer = success(&body);
    *answer.status_mut() = status;
    answer
}
