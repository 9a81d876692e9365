//! A source as a Job has it, and one part of it backed up and restored without a repository.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use zentoria_job::cancel::Cancel;
use zentoria_job::contract::{Part, Place, Source, StoredPart};
use zentoria_job::failure::Failure;
use zentoria_job::programs::Programs;
use zentoria_job::setup::{Secrets, Setup};
use zentoria_job::source;
use zentoria_types::backup_job::{JobSpec, Location, Operation, SourceSpec};

/// The pod of a Job: its secrets and its scratch place.
pub struct Pod {
    dir: TempDir,
    programs: Vec<PathBuf>,
}

impl Pod {
    /// With these secrets, and the programs of these directories.
    pub fn with(secrets: &[(&str, &str)], programs: &[&Path]) -> Self {
        let dir = tempfile::Builder::new().prefix("zp").tempdir_in("/tmp").expect("a directory");
        let pod = Self { dir, programs: programs.iter().map(|path| path.to_path_buf()).collect() };
        for (name, text) in secrets {
            let path = pod.secrets().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("its directory");
            std::fs::write(path, text).expect("a secret");
        }
        std::fs::create_dir_all(pod.scratch()).expect("scratch");
        pod
    }

    fn secrets(&self) -> PathBuf {
        self.dir.path().join("secrets")
    }

    /// The scratch place.
    pub fn scratch(&self) -> PathBuf {
        self.dir.path().join("scratch")
    }

    /// An empty directory in the pod.
    pub fn directory(&self, name: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(&path).expect("a directory");
        path
    }

    /// The source of this spec.
    pub fn source(&self, spec: &SourceSpec) -> Result<Box<dyn Source>, Failure> {
        let setup = Setup {
            spec: JobSpec {
                namespace: "test".into(),
                repository: Location::Path("/nowhere".into()),
                repository_id: None,
                retry_lock_seconds: 0,
                delay_seconds: 0,
                operation: Operation::Backup {
                    policy: "policy".into(),
                    tier: "daily".into(),
                    source: spec.clone(),
                    only_if_changed: false,
                },
            },
            spec_path: PathBuf::from("/nowhere/job.json"),
            secrets: Secrets::at(self.secrets()),
            scratch: self.scratch(),
            programs: Programs::at(self.programs.clone()),
            started: 1_800_000_000,
            cancel: Cancel::default(),
            sources: source::of,
        };
        source::of(spec, &setup)
    }
}

/// A part as a repository would hold it.
#[derive(Clone)]
pub struct Kept {
    pub stored: StoredPart,
    pub bytes: Vec<u8>,
}

/// Backs one part up into memory.
pub async fn take(source: &dyn Source, part: &Part) -> Result<Kept, Failure> {
    take_while(source, part, async || {}).await
}

/// The same; `between` happens after the part was made to stand still, and before it is read.
pub async fn take_while(source: &dyn Source, part: &Part, between: impl AsyncFnOnce()) -> Result<Kept, Failure> {
    let held = source.hold(part).await?;
    between().await;
    let mut bytes = Vec::new();
    source.stream(part, &held.token(), &mut bytes).await?;
    let facts = held.facts().await?;
    let size = bytes.len() as u64;
    let stored = StoredPart { part: part.clone(), snapshot: "0".repeat(64), bytes: size, sha256: String::new(), facts };
    Ok(Kept { stored, bytes })
}

/// Backs everything up, by the names of the parts.
pub async fn take_all(source: &dyn Source) -> Result<BTreeMap<String, Kept>, Failure> {
    let mut all = BTreeMap::new();
    for part in source.parts().await? {
        all.insert(part.name.clone(), take(source, &part).await?);
    }
    Ok(all)
}

/// Restores one part.
pub async fn bring_back(source: &dyn Source, kept: &Kept, place: &Place) -> Result<Vec<String>, Failure> {
    source.restore(&kept.stored, &mut kept.bytes.as_slice(), place).await
}

/// A scratch place.
pub fn scratch(directory: &Path, postgres_port: u16) -> Place {
    Place::Scratch { postgres_port, directory: directory.to_owned() }
}
