//! Plain HTTP on loopback: the double's control port and the operator's own pages.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// A client for one base URL.
#[derive(Clone)]
pub struct Http {
    base: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Http {
    /// For `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn new(base: &str) -> Self {
        Self { base: base.to_owned(), client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// The same with connections of its own: those of this one belong to the runtime that opened them.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self::new(&self.base)
    }

    /// Status and body.
    ///
    /// # Errors
    /// Where no answer comes.
    pub async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, String), String> {
        let text = body.map_or_else(String::new, Value::to_string);
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(text)))
            .map_err(|error| error.to_string())?;
        let answer = self.client.request(request).await.map_err(|error| format!("{method} {path}: {error:?}"))?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }

    /// The JSON of a 200.
    ///
    /// # Panics
    /// Where the answer is another one.
    pub async fn json(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        match self.send(method, path, body).await {
            Ok((200, text)) => serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}")),
            Ok((status, text)) => panic!("{method} {path} {body:?}: {status} {text}"),
            Err(error) => panic!("{error}"),
        }
    }
}
