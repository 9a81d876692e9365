//! A real registry, with models as Ollama wants them.

use std::path::PathBuf;
use std::process::Command;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{CONTENT_TYPE, LOCATION};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustix::process::Signal;
use serde_json::json;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::process::{Process, component, directory, free_port};
use crate::wait::until;

const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// The registry, without TLS.
pub struct Registry {
    /// Where it listens, on loopback.
    pub port: u16,
    dir: TempDir,
    client: Client<HttpConnector, Full<Bytes>>,
    _process: Process,
}

/// A model that was pushed.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// Digest of the manifest as Ollama encodes it, `sha256:...`.
    pub digest: String,
    /// Digest of the part with the weights.
    pub weights: String,
    /// Bytes of all parts.
    pub size: u64,
}

impl Registry {
    /// Starts one; `None`, said loudly, where it cannot be had.
    pub async fn start() -> Option<Self> {
        let program = component("docker-registry")?;
        let dir = directory();
        let client = Client::builder(TokioExecutor::new()).build_http();
        for _ in 0..5 {
            let port = free_port();
            // Ollama asks each answer for its Location, also one that leads nowhere else
            let config = format!(
                "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\n\
                 http: {{addr: \"127.0.0.1:{port}\", headers: {{Location: [\"?\"]}}}}\n",
                dir.path().join("store").display()
            );
            std::fs::write(dir.path().join("config.yml"), config).expect("its configuration");
            let mut command = Command::new(&program);
            command.arg("serve").arg(dir.path().join("config.yml"));
            let mut process = Process::start(&mut command, &dir.path().join("log"), Signal::TERM);
            let up = until("the registry to start", async || {
                if process.ended() {
                    return Some(false);
                }
                TcpStream::connect(("127.0.0.1", port)).await.ok().map(|_| true)
            })
            .await;
            if up {
                return Some(Self { port, dir, client, _process: process });
            }
        }
        panic!("the registry does not start: {}", std::fs::read_to_string(dir.path().join("log")).unwrap_or_default());
    }

    /// Pushes a model under `NAMESPACE/NAME` and a tag.
    pub async fn push(&self, name: &str, tag: &str, weights: &[u8]) -> Pushed {
        let config = json!({
            "model_format": "gguf", "model_family": "llama", "model_families": ["llama"], "model_type": "1K",
            "file_type": "F32", "architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}
        });
        let config = config.to_string().into_bytes();
        let mut size = config.len();
        let mut layers = Vec::new();
        for (kind, blob) in [("model", weights), ("template", b"{{ .Prompt }}"), ("params", br#"{"num_ctx":64}"#)] {
            let digest = self.blob(name, blob).await;
            size += blob.len();
            layers.push(format!(
                r#"{{"mediaType":"application/vnd.ollama.image.{kind}","digest":"{digest}","size":{}}}"#,
                blob.len()
            ));
        }
        let digest = self.blob(name, &config).await;
        // in the order and without the spaces of Ollama, which encodes it again and shows the digest of that
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{{"mediaType":"application/vnd.docker.container.image.v1+json","digest":"{digest}","size":{}}},"layers":[{}]}}"#,
            config.len(),
            layers.join(",")
        );
        let path = format!("/v2/{name}/manifests/{tag}");
        let put = self.send(Method::PUT, &path, MANIFEST, manifest.clone().into_bytes()).await;
        assert_eq!(put.status(), StatusCode::CREATED, "{path}");
        Pushed { digest: sha256(manifest.as_bytes()), weights: sha256(weights), size: size as u64 }
    }

    /// Where it keeps a part, to be damaged.
    #[must_use]
    pub fn path_of(&self, digest: &str) -> PathBuf {
        let hex = digest.trim_start_matches("sha256:");
        let blobs = self.dir.path().join("store/docker/registry/v2/blobs/sha256");
        blobs.join(&hex[..2]).join(hex).join("data")
    }

    async fn blob(&self, name: &str, blob: &[u8]) -> String {
        let digest = sha256(blob);
        let begun = self.send(Method::POST, &format!("/v2/{name}/blobs/uploads/"), "", Vec::new()).await;
        assert_eq!(begun.status(), StatusCode::ACCEPTED);
        // the last one is the upload's; the other is the one for Ollama
        let at = begun.headers().get_all(LOCATION).iter().filter_map(|at| at.to_str().ok()).find(|at| at.len() > 1);
        let at = at.expect("where to upload to").trim_start_matches(&format!("http://127.0.0.1:{}", self.port));
        let and = if at.contains('?') { '&' } else { '?' };
        let to = format!("{at}{and}digest={digest}");
        let put = self.send(Method::PUT, &to, "application/octet-stream", blob.to_vec()).await;
        assert_eq!(put.status(), StatusCode::CREATED);
        digest
    }

    async fn send(&self, method: Method, path: &str, kind: &str, body: Vec<u8>) -> Response<()> {
        let mut request = Request::builder().method(method).uri(format!("http://127.0.0.1:{}{path}", self.port));
        if !kind.is_empty() {
            request = request.header(CONTENT_TYPE, kind);
        }
        let request = request.body(Full::new(Bytes::from(body))).expect("a request");
        let (head, body) = self.client.request(request).await.expect("the registry answers").into_parts();
        body.collect().await.expect("its answer");
        Response::from_parts(head, ())
    }
}

/// `sha256:...` of bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
