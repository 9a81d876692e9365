//! A Qdrant server: a snapshot of each collection.
//!
//! A snapshot is made on the server's own disk, fetched, and deleted there. Aliases are not in it.
//!
//! Its points are counted right before and right after it is made, for Qdrant does not tell how many are in a snapshot. Where
//! both counts are the same, a collection that is put back has to have as many. A scratch place has no Qdrant: there the
//! file is compared, byte by byte, and the count is told.

use super::counted::Counted;
use super::directory;
use super::http::{Http, Refused};
use crate::contract::{Held, Input, Output, Part, PartKind, Place, Source, StoredPart};
use crate::failure::Failure;
use crate::setup::Setup;
use crate::stream::Digesting;
use async_trait::async_trait;
use bytes::Bytes;
use hyper::Method;
use serde::{Deserialize, Serialize};
use zentoria_types::backup_job::secrets::SOURCE_PASSWORD;
use zentoria_types::backup_job::{JobError, Server};

/// What parts the pieces of an upload; no snapshot holds it by chance.
const BOUNDARY: &str = "zentoria-snapshot-7d1f0c52b8a94e63";

/// A Qdrant server.
pub struct Qdrant {
    http: Http,
    collections: Vec<String>,
    counted: Counted,
}

/// What is kept as evidence.
#[derive(Default, Serialize, Deserialize)]
struct Facts {
    /// Points before and after the snapshot was made; nothing, where the server does not count.
    #[serde(default)]
    points: Option<(u64, u64)>,
}

/// What every answer is wrapped in.
#[derive(Deserialize)]
struct Answer<T> {
    result: T,
}

#[derive(Deserialize)]
struct Collections {
    collections: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Snapshot {
    name: String,
    /// SHA-256 of the file; older servers do not tell it.
    checksum: Option<String>,
}

impl Qdrant {
    /// The server, with the API key read and nothing connected to.
    ///
    /// # Errors
    /// [`JobError::Setup`].
    pub fn new(server: &Server, tls: bool, collections: &[String], setup: &Setup) -> Result<Self, Failure> {
        let login = setup.secrets.read(SOURCE_PASSWORD)?.map(|key| ("api-key", key));
        Ok(Self {
            http: Http::new("Qdrant", server, tls, login, setup)?,
            collections: collections.to_vec(),
            counted: Counted::of(setup)?,
        })
    }

    fn read<T: serde::de::DeserializeOwned>(&self, body: &Bytes) -> Result<T, Failure> {
        let answer: Answer<T> = serde_json::from_slice(body).map_err(|error| {
            Failure::new(JobError::SourceFailed, format!("{} answers as no Qdrant does: {error}", self.http.name))
        })?;
        Ok(answer.result)
    }

    fn refused(&self, collection: &str, refused: &Refused) -> Failure {
        let (kind, remedy) = match refused.status {
            404 => (JobError::SourceGone, ": the collection does not exist: take it off the policy, or restore it"),
            401 | 403 => (JobError::SourceAccessDenied, ": look at the API key"),
            507 => (JobError::SourceFailed, ": its disk has no room for a snapshot"),
            _ => (JobError::SourceFailed, ""),
        };
        self.http.failure(kind, refused, remedy).during(format!("the collection `{collection}`"))
    }

    /// Points of a collection; nothing, where the server does not count them.
    async fn points(&self, collection: &str) -> Result<Option<u64>, Failure> {
        #[derive(Deserialize)]
        struct Count {
            count: u64,
        }
        let path = format!("/collections/{}/points/count", directory::file_name(collection));
        let asked = (Bytes::from_static(br#"{"exact": true}"#), Bytes::new());
        let call = (Method::POST, path.as_str(), "application/json");
        match self.http.upload(call, asked, &mut tokio::io::empty()).await? {
            Ok(answer) => Ok(Some(self.read::<Count>(&answer)?.count)),
            Err(_) => Ok(None),
        }
    }

    /// Fetches a snapshot that was made, and compares it with what the server says that it is.
    async fn fetch(&self, collection: &str, path: &str, snapshot: &Snapshot, out: Output<'_>) -> Result<(), Failure> {
        let mut digesting = Digesting::new(out);
        self.http.download(path, &mut digesting).await?.map_err(|refused| self.refused(collection, &refused))?;
        let found = digesting.finish();
        if found.bytes == 0 || snapshot.checksum.as_ref().is_some_and(|sum| *sum != found.sha256) {
            return Err(Failure::new(
                JobError::SourceFailed,
                format!(
                    "the snapshot of `{collection}` is not what {} says that it is: {} bytes came",
                    self.http.name, found.bytes
                ),
            ));
        }
        Ok(())
    }
}

fn snapshots(collection: &str) -> String {
    format!("/collections/{}/snapshots", directory::file_name(collection))
}

#[async_trait]
impl Source for Qdrant {
    fn repeatable(&self) -> bool {
        false
    }

    async fn parts(&self) -> Result<Vec<Part>, Failure> {
        let listed = self.http.ask(Method::GET, "/collections").await?;
        let listed = listed.map_err(|refused| {
            self.http.failure(JobError::SourceFailed, &refused, ": look at the API key, and whether this is Qdrant")
        })?;
        let mut there: Vec<String> =
            self.read::<Collections>(&listed)?.collections.into_iter().map(|collection| collection.name).collect();
        there.sort();
        if let Some(gone) = self.collections.iter().find(|name| !there.contains(name)) {
            return Err(Failure::new(
                JobError::SourceGone,
                format!(
                    "the collection `{gone}` does not exist on {}: take it off the policy, or restore it",
                    self.http.name
                ),
            ));
        }
        let part = |name: &String| Part {
            name: name.clone(),
            path: format!("/qdrant/{}.snapshot", directory::file_name(name)),
            kind: PartKind::Data,
        };
        Ok(if self.collections.is_empty() { &there } else { &self.collections }.iter().map(part).collect())
    }

    async fn hold(&self, _: &Part) -> Result<Box<dyn Held>, Failure> {
        self.counted.held()
    }

    async fn stream(&self, part: &Part, _: &str, out: Output<'_>) -> Result<(), Failure> {
        let all = snapshots(&part.name);
        let before = self.points(&part.name).await?;
        let made = self.http.ask(Method::POST, &format!("{all}?wait=true")).await?;
        let snapshot: Snapshot = self.read(&made.map_err(|refused| self.refused(&part.name, &refused))?)?;
        let points = before.zip(self.points(&part.name).await?);
        let path = format!("{all}/{}", directory::file_name(&snapshot.name));
        let fetched = self.fetch(&part.name, &path, &snapshot, out).await;
        // it takes room there, whether it was fetched or not
        let deleted = self.http.ask(Method::DELETE, &format!("{path}?wait=true")).await;
        fetched?;
        deleted?.map_err(|refused| self.refused(&part.name, &refused).during("its snapshot stays on the server"))?;
        self.counted.tell(&serde_json::json!(Facts { points }))
    }

    async fn restore(&self, stored: &StoredPart, bytes: Input<'_>, place: &Place) -> Result<Vec<String>, Failure> {
        match place {
            Place::Directory(at) | Place::Scratch { directory: at, .. } => {
                directory::write(at, &stored.part, bytes).await?;
            }
            Place::Source => {
                let path = format!("{}/upload?priority=snapshot&wait=true", snapshots(&stored.part.name));
                let head = format!(
                    "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"snapshot\"; filename=\"backup.snapshot\"\r\n\
                     Content-Type: application/octet-stream\r\n\r\n"
                );
                let tail = format!("\r\n--{BOUNDARY}--\r\n");
                let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
                let call = (Method::POST, path.as_str(), content_type.as_str());
                let answer = self.http.upload(call, (Bytes::from(head), Bytes::from(tail)), bytes).await?;
                answer.map_err(|refused| {
                    let failure = self.refused(&stored.part.name, &refused);
                    Failure { error: JobError::TargetFailed, ..failure }
                })?;
                let found = self.points(&stored.part.name).await?;
                return Ok(facts(stored).points.zip(found).and_then(differs).into_iter().collect());
            }
        }
        Ok(Vec::new())
    }

    fn compared(&self, parts: &[StoredPart]) -> String {
        let bytes: u64 = parts.iter().map(|stored| stored.bytes).sum();
        let collections = if parts.len() == 1 { "collection" } else { "collections" };
        let points: Option<u64> = parts.iter().map(|stored| facts(stored).points.map(|(_, after)| after)).sum();
        let points = points.map(|points| format!(" with {points} points")).unwrap_or_default();
        format!("{} {collections}{points}, {bytes} bytes equal", parts.len())
    }
}

/// Those of a part; of one that an older version made, nothing.
fn facts(stored: &StoredPart) -> Facts {
    serde_json::from_value(stored.facts.clone()).unwrap_or_default()
}

/// Whether there are not the points that were backed up. A collection that was written to meanwhile says nothing.
fn differs(((before, after), found): ((u64, u64), u64)) -> Option<String> {
    (before == after && found != before).then(|| format!("{found} points are there, and {before} were backed up"))
}
