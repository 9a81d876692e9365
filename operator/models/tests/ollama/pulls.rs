//! Pulls that succeed.

use zentoria_models::{Model, ModelServer, Stage as At};
use zentoria_test_servers::gguf::gguf;
use zentoria_test_servers::line::Way;

use crate::stage::{MIB, PATIENT, Stage};

#[tokio::test]
async fn a_model_is_pulled_found_and_deleted() {
    let Some(stage) = Stage::set().await else { return };
    let pushed = stage.registry.push("lib/tiny", "1b", &gguf(2 * MIB, 1)).await;
    let model = stage.model("lib/tiny:1b");
    assert_eq!(stage.ollama.list().await, Ok(vec![]));
    assert_eq!(stage.ollama.installed(&model).await, Ok(None));

    let told = stage.pull(&model, PATIENT).await.unwrap();
    assert!(told.is_sorted_by_key(|progress| (progress.stage, progress.completed)), "{told:?}");
    let last = told.last().unwrap();
    assert_eq!((last.completed, last.total), (pushed.size, pushed.size));
    for at in [At::Resolving, At::Downloading, At::Verifying, At::Writing] {
        assert!(told.iter().any(|progress| progress.stage == at), "{at:?} is not in {told:?}");
    }

    let installed = stage.ollama.installed(&model).await.unwrap().unwrap();
    assert_eq!(installed.digest.unwrap().to_string(), pushed.digest);
    assert_eq!((installed.name, installed.size), (model.name.clone(), Some(pushed.size)));
    // the same, by a name that Ollama takes for the same
    let other = Model { name: model.name.to_uppercase().replace("LIB/TINY:1B", "Lib/Tiny:1B"), revision: None };
    assert!(stage.ollama.installed(&other).await.unwrap().is_some());
    assert_eq!(stage.ollama.loaded(&model).await, Ok(false));
    assert_eq!(stage.ollama.unload(&model).await, Ok(()));

    let before = stage.line.carried();
    stage.pull(&model, PATIENT).await.unwrap();
    assert!(stage.line.carried() - before < pushed.size / 4, "what is there is not fetched again");

    assert_eq!(stage.ollama.delete(&model).await, Ok(()));
    assert_eq!(stage.ollama.list().await, Ok(vec![]));
    assert_eq!(stage.ollama.delete(&model).await, Ok(()), "that it is gone is no error");
    assert_eq!(stage.ollama.unload(&model).await, Ok(()));
}

#[tokio::test]
async fn a_tag_that_moved_is_followed() {
    let Some(stage) = Stage::set().await else { return };
    let model = stage.model("lib/moving:latest");
    let mut digests = Vec::new();
    for seed in 1..=2 {
        let pushed = stage.registry.push("lib/moving", "latest", &gguf(MIB, seed)).await;
        stage.pull(&model, PATIENT).await.unwrap();
        let digest = stage.ollama.installed(&model).await.unwrap().unwrap().digest.unwrap().to_string();
        assert_eq!(digest, pushed.digest);
        digests.push(digest);
    }
    assert_ne!(digests[0], digests[1]);
    assert_eq!(stage.ollama.list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn two_pulls_of_one_model_fetch_it_once() {
    let Some(stage) = Stage::set().await else { return };
    let pushed = stage.registry.push("lib/tiny", "1b", &gguf(4 * MIB, 1)).await;
    let model = stage.model("lib/tiny:1b");
    stage.line.set(Way::Slow(4 * MIB as u64));
    let (one, other) = tokio::join!(stage.pull(&model, PATIENT), stage.pull(&model, PATIENT));
    one.unwrap();
    other.unwrap();
    assert!(stage.line.carried() < pushed.size * 12 / 10, "{} of {}", stage.line.carried(), pushed.size);
}
