//! Pulls that cannot succeed, and what is said of them.

use zentoria_models::{Class, Model, ModelServer, PullOptions};
use zentoria_test_servers::gguf::gguf;
use zentoria_test_servers::line::Way;
use zentoria_test_servers::process::free_port;

use crate::stage::{MIB, PATIENT, Stage};

#[tokio::test]
async fn what_the_registry_does_not_have_or_does_not_say_is_told() {
    let Some(stage) = Stage::set().await else { return };
    let pushed = stage.registry.push("lib/tiny", "1b", &gguf(MIB, 1)).await;
    let nobody = Model { name: format!("127.0.0.1:{}/lib/tiny:1b", free_port()), revision: None };
    let by_tls = PullOptions { insecure: false, ..PATIENT };
    let named = |name: &str| Model { name: name.to_owned(), revision: None };
    for (model, ask, reason, class, said) in [
        (stage.model("lib/none:1b"), PATIENT, "ModelNotFound", Class::Retry, "has no 127.0.0.1:"),
        (stage.model("lib/tiny:7b"), PATIENT, "ModelNotFound", Class::Retry, "lib/tiny:7b"),
        (nobody, PATIENT, "RegistryUnreachable", Class::Retry, "connection refused"),
        (stage.model("lib/tiny:1b"), by_tls, "RegistryNotTls", Class::Stalled, "insecure: true"),
        (named("tiny model"), PATIENT, "BadName", Class::Stalled, "\"tiny model\""),
        (named(""), PATIENT, "BadName", Class::Stalled, "is empty"),
    ] {
        let error = stage.pull(&model, ask).await.unwrap_err();
        assert_eq!((error.reason(), error.class()), (reason, class), "{model:?}: {error}");
        assert!(error.to_string().contains(said), "{error}");
    }
    stage.line.set(Way::Closed);
    let error = stage.pull(&stage.model("lib/tiny:1b"), PATIENT).await.unwrap_err();
    assert_eq!((error.reason(), error.class()), ("RegistryUnreachable", Class::Retry), "{error}");
    stage.line.set(Way::Open);
    // the manifest is there, a part of it is not
    std::fs::remove_file(stage.registry.path_of(&pushed.weights)).unwrap();
    let error = stage.pull(&stage.model("lib/tiny:1b"), PATIENT).await.unwrap_err();
    assert_eq!(error.reason(), "ModelNotFound", "{error}");
    assert_eq!(stage.ollama.list().await, Ok(vec![]));
}

#[tokio::test]
async fn a_damaged_part_is_noticed_and_fetched_again_when_it_is_whole() {
    let Some(stage) = Stage::set().await else { return };
    let weights = gguf(MIB, 1);
    let pushed = stage.registry.push("lib/tiny", "1b", &weights).await;
    let model = stage.model("lib/tiny:1b");
    let stored = stage.registry.path_of(&pushed.weights);
    let mut damaged = weights.clone();
    damaged[MIB / 2] ^= 1;
    std::fs::write(&stored, damaged).unwrap();
    let error = stage.pull(&model, PATIENT).await.unwrap_err();
    assert_eq!((error.reason(), error.class()), ("DownloadDamaged", Class::Retry), "{error}");
    assert_eq!(stage.ollama.installed(&model).await, Ok(None));
    std::fs::write(&stored, weights).unwrap();
    stage.pull(&model, PATIENT).await.unwrap();
    let installed = stage.ollama.installed(&model).await.unwrap().unwrap();
    assert_eq!(installed.digest.unwrap().to_string(), pushed.digest);
}
