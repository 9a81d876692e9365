//! A machine to log in to, with the client, and a hub.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use zentoria_models::{Dialer, Hub, HuggingFace, Model, ModelError, ModelServer, Progress, PullOptions, SshAccess};
use zentoria_test_servers::hub::Hub as Stub;
use zentoria_test_servers::process::component;
use zentoria_test_servers::sshd::Sshd;
use zentoria_types::Secret;

pub const REPOSITORY: &str = "Systran/faster-whisper-tiny";
pub const PATIENT: PullOptions = PullOptions { insecure: false, stall: Duration::from_secs(60), room: None };

/// All that a test needs.
pub struct Stage {
    pub sshd: Sshd,
    pub stub: Stub,
    /// Directory of `hf` and `python`.
    pub programs: PathBuf,
    pub hub: Hub,
}

impl Stage {
    pub async fn set() -> Option<Self> {
        let programs = component("whisper")?;
        let sshd = Sshd::start().await?;
        let stub = Stub::start().await;
        let hub = Hub {
            directory: sshd.dir.path().join("models").display().to_string(),
            endpoint: Some(stub.url()),
            token: None,
            client: Some(programs.join("hf").display().to_string()),
        };
        Some(Self { sshd, stub, programs, hub })
    }

    pub fn access(&self) -> SshAccess {
        SshAccess { server: self.sshd.server(), key: Secret::new(self.sshd.key.clone()), dialer: Dialer::direct() }
    }

    pub fn driver(&self) -> HuggingFace {
        HuggingFace::new(self.access(), self.hub.clone()).unwrap()
    }

    /// Where the files of the model are.
    pub fn top(&self) -> PathBuf {
        PathBuf::from(&self.hub.directory).join(REPOSITORY.replace('/', "--"))
    }

    pub fn python(&self) -> Command {
        let mut command = Command::new(self.programs.join("python"));
        command.env("HF_HUB_OFFLINE", "1").env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}

pub fn model(revision: Option<&str>) -> Model {
    Model { name: REPOSITORY.to_owned(), revision: revision.map(str::to_owned) }
}

/// Files that are true to nothing but their digests; `model.bin` has so many bytes.
pub fn files(size: usize, seed: u64) -> BTreeMap<String, Vec<u8>> {
    let bin = zentoria_test_servers::gguf::gguf(size, seed);
    BTreeMap::from([
        ("config.json".to_owned(), b"{}".to_vec()),
        ("model.bin".to_owned(), bin),
        ("nested/vocabulary.json".to_owned(), b"[]".to_vec()),
    ])
}

pub async fn pull(driver: &HuggingFace, model: &Model, ask: PullOptions) -> Result<Vec<Progress>, ModelError> {
    let told = Mutex::new(Vec::new());
    driver.pull(model, ask, &|progress| told.lock().unwrap().push(progress)).await?;
    Ok(told.into_inner().unwrap())
}
