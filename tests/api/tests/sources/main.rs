//! What guests are made from: templates that are downloaded, OCI images, backups, copies of guests that run, templates made
//! from containers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

mod backups;
mod clones;
mod files;
mod images;
mod templates;

use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use zentoria_api::ZentoriaContainer;
use zentoria_api::cluster::ProxmoxClusterSpec;
use zentoria_api_tests::World;
use zentoria_api_tests::pve::Request;

/// The user of the operator's token.
const USER: &str = "zentoria@pve";

/// A web server on loopback with one file, which counts who fetches it.
struct Web {
    url: String,
    fetched: Arc<AtomicUsize>,
    /// Whether it answers.
    open: watch::Sender<bool>,
}

impl Web {
    /// Serves `body` under every path but `/none`.
    async fn serve(body: &'static [u8]) -> Self {
        let web = Self::held(body).await;
        web.answer();
        web
    }

    /// The same, but nobody is answered before [`Web::answer`]: a download runs until then.
    async fn held(body: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let fetched = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&fetched);
        let (open, opened) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (count, mut opened) = (Arc::clone(&count), opened.clone());
                tokio::spawn(async move {
                    let mut request = vec![0; 4096];
                    let read = stream.read(&mut request).await.unwrap_or(0);
                    let is_there = !request[..read].starts_with(b"GET /none");
                    let (status, body) = if is_there { ("200 OK", body) } else { ("404 Not Found", &b""[..]) };
                    count.fetch_add(1, Ordering::SeqCst);
                    let head =
                        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                    // An error says that the test has ended.
                    let _ = opened.wait_for(|open| *open).await;
                    let _ = stream.write_all(head.as_bytes()).await;
                    let _ = stream.write_all(body).await;
                });
            }
        });
        Self { url, fetched, open }
    }

    /// Answers from now on, also those who wait.
    fn answer(&self) {
        self.open.send_replace(true);
    }

    /// Grants it to whom it does not reach by itself.
    fn is_granted(&self) -> impl FnOnce(&mut ProxmoxClusterSpec) + use<> {
        let host = self.url.trim_start_matches("http://").to_owned();
        move |spec| may_fetch_from(spec, &[&host])
    }

    fn fetched(&self) -> usize {
        self.fetched.load(Ordering::SeqCst)
    }
}

/// Gives the operator's user what a download takes, beside what it has. A grant on a path takes the place of those above
/// it, so what it has is said again.
fn may_download(seed: &mut Value) {
    grant(seed, json!([USER, "/nodes", "Sys.Audit", "Sys.AccessNetwork"]));
    let storage = json!([USER, "/storage", "Datastore.AllocateSpace", "Datastore.Audit", "Datastore.AllocateTemplate"]);
    grant(seed, storage);
}

/// Lets the namespace have files fetched from these hosts.
fn may_fetch_from(spec: &mut ProxmoxClusterSpec, hosts: &[&str]) {
    spec.access[0].allow.download_hosts.extend(hosts.iter().map(|host| (*host).to_owned()));
}

/// Gives it what backups and snapshots take.
fn may_keep(seed: &mut Value) {
    grant(seed, json!([USER, "/vms", "VM.Backup", "VM.Snapshot"]));
}

fn grant(seed: &mut Value, row: Value) {
    seed["grants"].as_array_mut().unwrap().push(row);
}

/// The container, made from this.
fn made_from(mut container: ZentoriaContainer, source: Value) -> ZentoriaContainer {
    container.spec.source = Some(serde_json::from_value(source).unwrap());
    container
}

/// Whether a call starts a download.
fn is_download(request: &Request) -> bool {
    request.method == "POST"
        && (request.path.ends_with("/download-url") || request.path.ends_with("/oci-registry-pull"))
}

async fn downloads(world: &World) -> Vec<Request> {
    let mut rows = world.pve.requests().await;
    rows.retain(is_download);
    rows
}
