//! S3, served by rclone.

use crate::support::job::{Kept, Pod, bring_back, scratch, take_all};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Path as Name;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use tokio::net::TcpStream;
use zentoria_job::contract::Place;
use zentoria_test_servers::http::serve;
use zentoria_test_servers::process::{Process, component, directory, free_port};
use zentoria_test_servers::wait::until;
use zentoria_types::backup_job::{JobError, Server, SourceSpec};

pub const ID: &str = "accesskey01";
pub const KEY: &str = "secretkey01";

pub struct S3 {
    port: u16,
    dir: TempDir,
    _process: Process,
}

impl S3 {
    pub async fn start() -> Option<Self> {
        let rclone = component("rclone")?;
        let dir = directory();
        std::fs::create_dir(dir.path().join("data")).expect("a directory");
        for _ in 0..5 {
            let port = free_port();
            let mut command = Command::new(&rclone);
            command.args(["serve", "s3", "--auth-key", &format!("{ID},{KEY}"), "--addr", &format!("127.0.0.1:{port}")]);
            // what changes below it is seen at once
            command.args(["--dir-cache-time", "0s"]).arg(dir.path().join("data")).env("HOME", dir.path());
            let mut process = Process::start(&mut command, &dir.path().join("log"), Signal::TERM);
            let up = until("the S3 server to start", async || {
                if process.ended() {
                    return Some(false);
                }
                TcpStream::connect(("127.0.0.1", port)).await.ok().map(|_| true)
            })
            .await;
            if up {
                return Some(Self { port, dir, _process: process });
            }
        }
        panic!("the S3 server does not start");
    }

    pub fn bucket(&self, name: &str) -> PathBuf {
        let path = self.dir.path().join("data").join(name);
        std::fs::create_dir_all(&path).expect("a bucket");
        path
    }

    pub fn spec(&self, buckets: &[&str]) -> SourceSpec {
        spec(self.port, buckets)
    }

    pub fn put(&self, bucket: &str, name: &str, contents: &[u8]) {
        let path = self.bucket(bucket).join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("its directory");
        std::fs::write(path, contents).expect("an object");
    }
}

fn spec(port: u16, buckets: &[&str]) -> SourceSpec {
    let buckets = buckets.iter().map(|bucket| (*bucket).to_owned()).collect();
    SourceSpec::S3 { server: Server { host: "127.0.0.1".into(), port }, tls: false, buckets }
}

fn pod(key: &str) -> Option<Pod> {
    let rclone = component("rclone")?;
    let secrets = [("source/credentials/accessKeyId", ID), ("source/credentials/secretAccessKey", key)];
    Some(Pod::with(&secrets, &[rclone.parent()?, Path::new("/usr/bin"), Path::new("/bin")]))
}

async fn fails(pod: &Pod, spec: &SourceSpec, error: JobError, said: &str) {
    let source = pod.source(spec).expect("a source");
    let failure = take_all(source.as_ref()).await.map(|_| ()).expect_err(said);
    assert_eq!(failure.error, error, "{failure}");
    assert!(failure.message.contains(said) && !failure.message.contains(KEY), "{failure}");
}

#[tokio::test]
async fn buckets_come_back_with_all_their_objects() {
    let (Some(s3), Some(pod)) = (S3::start().await, pod(KEY)) else { return };
    let big: Vec<u8> = (0..3_000_000_u32).map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    s3.put("documents", "deep/er/big.bin", &big);
    s3.put("documents", "ü b.txt", b"small");
    s3.put("documents", "none", b"");
    s3.bucket("nothing-in-it");
    let source = pod.source(&spec(s3.port, &["documents", "nothing-in-it"])).expect("a source");
    let all = take_all(source.as_ref()).await.expect("a backup");
    assert_eq!(all["documents"].stored.part.path, "/s3/documents.tar");
    let place = scratch(&pod.directory("proved"), 0);
    for kept in all.values() {
        assert_eq!(bring_back(source.as_ref(), kept, &place).await.expect("a restore"), Vec::<String>::new());
    }
    let documents = s3.bucket("documents");
    std::fs::remove_dir_all(documents.join("deep")).expect("a loss");
    s3.put("documents", "ü b.txt", b"changed");
    bring_back(source.as_ref(), &all["documents"], &Place::Source).await.expect("a restore");
    let stored = async |name: &str, expected: &[u8]| {
        let path = documents.join(name);
        until("the object to be written", async || (std::fs::read(&path).ok()? == expected).then_some(())).await;
    };
    stored("deep/er/big.bin", &big).await;
    stored("ü b.txt", b"small").await;
    let place = Place::Directory(pod.directory("out"));
    bring_back(source.as_ref(), &all["documents"], &place).await.expect("a restore");
    assert!(pod.directory("out").join("s3/documents.tar").is_file());
    let half = Kept { bytes: all["documents"].bytes[..1_000_000].to_vec(), ..all["documents"].clone() };
    let failure =
        bring_back(source.as_ref(), &half, &scratch(&pod.directory("half"), 0)).await.expect_err("half of it");
    assert_eq!(failure.error, JobError::TargetFailed);
}

#[tokio::test]
async fn each_way_to_be_refused_has_its_own_error() {
    let (Some(s3), Some(right), Some(wrong)) = (S3::start().await, pod(KEY), pod("anotherkey")) else { return };
    s3.put("documents", "one", b"1");
    fails(&right, &spec(s3.port, &["documents", "vanished"]), JobError::SourceGone, "`vanished`").await;
    fails(&wrong, &spec(s3.port, &["documents"]), JobError::SourceAccessDenied, "look at the key").await;
    fails(&right, &spec(free_port(), &["documents"]), JobError::SourceUnreachable, "look whether it runs").await;
    let without = Pod::with(&[("source/credentials/accessKeyId", ID)], &[]);
    let failure = without.source(&spec(s3.port, &["documents"])).map(|_| ()).expect_err("half of the credentials");
    assert_eq!(failure.error, JobError::Setup, "{failure}");
}

const LIST: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult><Name>documents</Name><KeyCount>2</KeyCount>\
    <MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>\
    <Contents><Key>a</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified><ETag>\"x\"</ETag><Size>4</Size></Contents>\
    <Contents><Key>b</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified><ETag>\"y\"</ETag><Size>4000000</Size></Contents>\
    </ListBucketResult>";

async fn object(Name((_, key)): Name<(String, String)>) -> Response {
    if key == "a" {
        return "good".into_response();
    }
    let chunks = [Ok(Bytes::from(vec![7; 100_000])), Err(std::io::Error::other("gone"))];
    let headers = [("content-length", "4000000")];
    (headers, Body::from_stream(futures::stream::iter(chunks))).into_response()
}

#[tokio::test]
async fn an_object_that_breaks_off_half_way_is_an_error() {
    let Some(pod) = pod(KEY) else { return };
    let routes = Router::new().route("/documents", get(async || LIST)).route("/documents/", get(async || LIST));
    let server = serve(routes.route("/{bucket}/{key}", get(object))).await;
    fails(&pod, &spec(server.port, &["documents"]), JobError::SourceFailed, "rclone broke off").await;
}
