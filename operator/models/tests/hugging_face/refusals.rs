//! What cannot succeed, and what is said of it.

use std::time::Duration;

use zentoria_models::{Class, Dialer, Hub, HuggingFace, Model, ModelError, ModelServer, PullOptions, SshAccess};
use zentoria_test_servers::process::free_port;
use zentoria_types::Secret;

use crate::stage::{PATIENT, REPOSITORY, Stage, files, model, pull};

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn what_the_hub_refuses_is_told() {
    let Some(stage) = Stage::set().await else { return };
    stage.stub.commit(REPOSITORY, &files(2 * MIB, 1));
    let driver = stage.driver();
    let named = |name: &str| Model { name: name.to_owned(), revision: None };
    let narrow = PullOptions { room: Some(MIB as u64), ..PATIENT };
    for (model, ask, reason, class) in [
        (named("nobody/nothing"), PATIENT, "ModelNotFound", Class::Retry),
        (model(Some("no-such-branch")), PATIENT, "ModelNotFound", Class::Retry),
        (model(None), narrow, "TooBig", Class::Retry),
        (named("../../etc"), PATIENT, "BadName", Class::Stalled),
        (model(Some("--force")), PATIENT, "BadName", Class::Stalled),
        (model(Some("a; rm -rf /")), PATIENT, "BadName", Class::Stalled),
    ] {
        let error = pull(&driver, &model, ask).await.unwrap_err();
        assert_eq!((error.reason(), error.class()), (reason, class), "{model:?}: {error}");
    }
    assert!(stage.stub.sent() < MIB as u64, "a model that does not fit is not begun");
    stage.stub.ask_for("hf_secret");
    for token in [None, Some("hf_wrong")] {
        let hub = Hub { token: token.map(Secret::new), ..stage.hub.clone() };
        let driver = HuggingFace::new(stage.access(), hub).unwrap();
        let error = pull(&driver, &model(None), PATIENT).await.unwrap_err();
        assert_eq!((error.reason(), error.class()), ("RegistryDenied", Class::Stalled), "{error}");
        assert!(!error.to_string().contains("hf_wrong"), "{error}");
    }
}

#[tokio::test]
async fn a_hub_that_is_away_is_told() {
    let Some(stage) = Stage::set().await else { return };
    let hub = Hub { endpoint: Some(format!("http://127.0.0.1:{}", free_port())), ..stage.hub.clone() };
    let driver = HuggingFace::new(stage.access(), hub).unwrap();
    let error = pull(&driver, &model(None), PATIENT).await.unwrap_err();
    assert_eq!((error.reason(), error.class()), ("RegistryUnreachable", Class::Retry), "{error}");
}

#[tokio::test]
async fn a_pull_that_no_longer_grows_is_given_up() {
    let Some(stage) = Stage::set().await else { return };
    stage.stub.commit(REPOSITORY, &files(8 * MIB, 1));
    // a byte in 20 milliseconds
    stage.stub.limit(Some(1));
    let impatient = PullOptions { stall: Duration::from_secs(4), ..PATIENT };
    let error = pull(&stage.driver(), &model(None), impatient).await.unwrap_err();
    assert_eq!((error.reason(), error.class()), ("NoGrowth", Class::Retry), "{error}");
}

#[tokio::test]
async fn a_machine_that_cannot_be_logged_in_to_or_lacks_the_client_is_told() {
    let Some(stage) = Stage::set().await else { return };
    let said_by = async |access: SshAccess, hub: Hub| -> ModelError {
        HuggingFace::new(access, hub).unwrap().list().await.unwrap_err()
    };
    let access = || stage.access();
    let hub = || stage.hub.clone();
    let mut away = access();
    away.server.port = free_port();
    let mut stranger = access();
    stranger.server = stage.sshd.server_with_wrong_key();
    let other = tempfile::tempdir().unwrap();
    zentoria_test_servers::sshd::keygen(&other.path().join("other"));
    let mut locked_out = access();
    locked_out.key = Secret::new(std::fs::read_to_string(other.path().join("other")).unwrap());
    let without = Hub { client: Some("/nowhere/hf".to_owned()), ..hub() };
    for (access, hub, reason, class, said) in [
        (away, hub(), "SshFailed", Class::Retry, "firewall lets the operator in"),
        (stranger, hub(), "SshFailed", Class::Stalled, "knownHosts"),
        (locked_out, hub(), "SshFailed", Class::Stalled, "authorized_keys"),
        (access(), without, "ClientMissing", Class::Stalled, "pip install huggingface_hub"),
    ] {
        let error = said_by(access, hub).await;
        assert_eq!((error.reason(), error.class()), (reason, class), "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
    // over the dial map
    let mut mapped = access();
    mapped.dialer = Dialer::from_rows([format!("10.0.0.9:22=127.0.0.1:{}", stage.sshd.port)]).unwrap();
    mapped.server.host = "10.0.0.9".to_owned();
    mapped.server.port = 22;
    assert_eq!(HuggingFace::new(mapped.clone(), hub()).unwrap().list().await, Ok(vec![]));
    mapped.server.host = "10.0.0.8".to_owned();
    let error = HuggingFace::new(mapped, hub()).err().unwrap();
    assert_eq!(error.reason(), "Unreachable", "{error}");
    let relative = Hub { directory: "models".to_owned(), ..hub() };
    assert_eq!(HuggingFace::new(access(), relative).err().unwrap().reason(), "Setup");
}

#[tokio::test]
async fn a_directory_that_no_pull_made_is_not_deleted() {
    let Some(stage) = Stage::set().await else { return };
    std::fs::create_dir_all(stage.top()).unwrap();
    std::fs::write(stage.top().join("precious"), "yes").unwrap();
    let error = stage.driver().delete(&model(None)).await.unwrap_err();
    assert!(error.to_string().contains("was not made by a pull"), "{error}");
    assert!(stage.top().join("precious").exists());
}
