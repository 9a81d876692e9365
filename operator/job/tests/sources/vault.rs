//! OpenBao, whose interface is Vault's.

use crate::support::job::{Kept, Pod, bring_back, scratch, take_all};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::routing::{get, post};
use rustix::process::Signal;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;
use zentoria_job::contract::Place;
use zentoria_test_servers::http::{Double, serve};
use zentoria_test_servers::pki::{Pki, pki};
use zentoria_test_servers::process::{Process, component, directory, free_port};
use zentoria_test_servers::wait::until;
use zentoria_types::backup_job::secrets::{SOURCE_CA, SOURCE_PASSWORD};
use zentoria_types::backup_job::{JobError, Server, SourceSpec};

/// A server with integrated storage, unsealed.
pub struct Bao {
    port: u16,
    pub token: String,
    key: String,
    tls: bool,
    dir: TempDir,
    bao: std::path::PathBuf,
    process: Option<Process>,
}

impl Bao {
    pub async fn start(pki: Option<&Pki>) -> Option<Self> {
        let bao = component("openbao")?;
        let dir = directory();
        let at = dir.path().display().to_string();
        std::fs::create_dir(dir.path().join("raft")).expect("a directory");
        let tls = match pki {
            None => "tls_disable = true".to_owned(),
            Some(pki) => {
                std::fs::write(dir.path().join("crt"), &pki.certificate).expect("a certificate");
                std::fs::write(dir.path().join("key"), &pki.key).expect("a key");
                std::fs::write(dir.path().join("ca"), &pki.ca).expect("a CA");
                format!("tls_cert_file = \"{at}/crt\" tls_key_file = \"{at}/key\"")
            }
        };
        let (port, cluster) = (free_port(), free_port());
        let scheme = if pki.is_some() { "https" } else { "http" };
        let config = format!(
            "storage \"raft\" {{ path = \"{at}/raft\" node_id = \"a\" }}\n\
             listener \"tcp\" {{ address = \"127.0.0.1:{port}\" cluster_address = \"127.0.0.1:{cluster}\" {tls} }}\n\
             api_addr = \"{scheme}://127.0.0.1:{port}\"\ncluster_addr = \"https://127.0.0.1:{cluster}\"\n"
        );
        std::fs::write(dir.path().join("config.hcl"), config).expect("its configuration");
        let mut command = Command::new(&bao);
        command.arg("server").arg(format!("-config={at}/config.hcl")).env("HOME", dir.path());
        let mut process = Process::start(&mut command, &dir.path().join("log"), Signal::TERM);
        let mut server =
            Self { port, token: String::new(), key: String::new(), tls: pki.is_some(), dir, bao, process: None };
        let told = until("OpenBao to be initialised", async || {
            assert!(!process.ended(), "{}", std::fs::read_to_string(server.dir.path().join("log")).unwrap_or_default());
            server.cli(&["operator", "init", "-key-shares=1", "-key-threshold=1", "-format=json"]).ok()
        })
        .await;
        server.process = Some(process);
        let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
        server.key = told["unseal_keys_b64"][0].as_str().expect("a key").to_owned();
        server.token = told["root_token"].as_str().expect("a token").to_owned();
        server.unseal().await;
        Some(server)
    }

    async fn unseal(&self) {
        self.cli(&["operator", "unseal", &self.key]).expect("unsealed");
        until("OpenBao to become active", async || self.cli(&["token", "lookup"]).ok()).await;
    }

    pub fn cli(&self, args: &[&str]) -> Result<String, String> {
        let scheme = if self.tls { "https" } else { "http" };
        let mut command = Command::new(&self.bao);
        if self.tls {
            command.env("BAO_CACERT", self.dir.path().join("ca"));
        }
        let output = command
            .args(args)
            .env("HOME", self.dir.path())
            .env("BAO_ADDR", format!("{scheme}://127.0.0.1:{}", self.port))
            .env("BAO_TOKEN", &self.token)
            .env_remove("VAULT_ADDR")
            .output()
            .expect("bao runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    pub fn spec(&self) -> SourceSpec {
        spec(self.port, self.tls)
    }
}

fn spec(port: u16, tls: bool) -> SourceSpec {
    SourceSpec::Vault { server: Server { host: "127.0.0.1".into(), port }, tls }
}

fn pod(token: &str, ca: Option<&str>) -> Pod {
    let mut secrets = vec![(SOURCE_PASSWORD, token)];
    secrets.extend(ca.map(|ca| (SOURCE_CA, ca)));
    Pod::with(&secrets, &[Path::new("/usr/bin"), Path::new("/bin")])
}

async fn fails(pod: &Pod, spec: &SourceSpec, error: JobError, said: &str) {
    let source = pod.source(spec).expect("a source");
    let failure = take_all(source.as_ref()).await.map(|_| ()).expect_err(said);
    assert_eq!(failure.error, error, "{failure}");
    assert!(failure.message.contains(said), "{failure}");
}

#[tokio::test]
async fn a_server_gets_back_what_it_had_and_its_snapshot_is_proved_by_its_own_digests() {
    let Some(bao) = Bao::start(None).await else { return };
    bao.cli(&["secrets", "enable", "-path=kv", "kv"]).expect("a place for secrets");
    bao.cli(&["kv", "put", "kv/app", "word=first"]).expect("a secret");
    let pod = pod(&bao.token, None);
    let source = pod.source(&bao.spec()).expect("a source");
    let kept = take_all(source.as_ref()).await.expect("a backup").remove("vault").expect("one part");
    let place = scratch(&pod.directory("proved"), 0);
    assert_eq!(bring_back(source.as_ref(), &kept, &place).await.expect("a restore"), Vec::<String>::new());

    bao.cli(&["kv", "put", "kv/app", "word=second"]).expect("a change");
    bring_back(source.as_ref(), &kept, &Place::Source).await.expect("a restore");
    assert_eq!(bao.cli(&["kv", "get", "-field=word", "kv/app"]).expect("a secret"), "first");

    let half = Kept { bytes: kept.bytes[..kept.bytes.len() / 2].to_vec(), ..kept.clone() };
    let failure = bring_back(source.as_ref(), &half, &Place::Source).await.expect_err("half of it");
    assert_eq!(failure.error, JobError::TargetFailed, "{failure}");
    assert_eq!(bao.cli(&["kv", "get", "-field=word", "kv/app"]).expect("a secret"), "first");
    let found = bring_back(source.as_ref(), &half, &scratch(&pod.directory("half"), 0)).await.expect("it is judged");
    assert_eq!(found.len(), 1, "{found:?}");
}

#[tokio::test]
async fn each_way_to_be_refused_has_its_own_error() {
    let ours = pki("127.0.0.1");
    let Some(bao) = Bao::start(Some(&ours)).await else { return };
    let other = pki("127.0.0.1");
    let right = pod(&bao.token, Some(&ours.ca));
    take_all(right.source(&bao.spec()).expect("a source").as_ref()).await.expect("a backup over TLS");
    let weak = bao.cli(&["token", "create", "-policy=default", "-field=token"]).expect("a token");
    for (pod, spec, error, said) in [
        (pod("s.wrong", Some(&ours.ca)), bao.spec(), JobError::SourceAccessDenied, "the token has to be valid"),
        (pod(&weak, Some(&ours.ca)), bao.spec(), JobError::SourceAccessDenied, "sys/storage/raft/snapshot"),
        (pod(&bao.token, Some(&other.ca)), bao.spec(), JobError::SourceAccessDenied, "is not trusted"),
        (pod(&bao.token, None), bao.spec(), JobError::SourceAccessDenied, "is not trusted"),
        (pod(&bao.token, None), spec(free_port(), false), JobError::SourceUnreachable, "cannot be reached"),
    ] {
        fails(&pod, &spec, error, said).await;
    }
    bao.cli(&["operator", "seal"]).expect("sealed");
    fails(&right, &bao.spec(), JobError::SourceUnreachable, "sealed").await;
}

/// A server whose snapshot is this.
async fn answering(body: impl Fn() -> Body + Clone + Send + Sync + 'static) -> Double {
    let routes = Router::new()
        .route("/v1/sys/health", get(async || "{}"))
        .route("/v1/sys/storage/raft/snapshot", get(async move |_: HeaderMap| body()))
        .route("/v1/sys/storage/raft/snapshot-force", post(async |_: Bytes| ""));
    serve(routes).await
}

#[tokio::test]
async fn a_snapshot_that_breaks_off_or_only_looks_whole_is_an_error() {
    let pod = pod("token", None);
    let broken = answering(|| {
        let chunks = [Ok(Bytes::from_static(b"\x1f\x8b begun")), Err(std::io::Error::other("gone"))];
        Body::from_stream(futures::stream::iter(chunks))
    })
    .await;
    fails(&pod, &spec(broken.port, false), JobError::SourceFailed, "broke off").await;
    let short = answering(|| Body::from("half of an archive")).await;
    fails(&pod, &spec(short.port, false), JobError::SourceFailed, "is not whole").await;
    let empty = answering(Body::empty).await;
    fails(&pod, &spec(empty.port, false), JobError::SourceFailed, "is not whole").await;
}
