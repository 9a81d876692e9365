//! Models that do not fit.

use zentoria_models::{Class, ModelError, ModelServer, PullOptions};
use zentoria_test_servers::gguf::gguf;
use zentoria_test_servers::line::Way;
use zentoria_test_servers::ollama::Ollama;
use zentoria_test_servers::registry::Registry;

use crate::stage::{MIB, PATIENT, Stage};

#[tokio::test]
async fn a_model_that_is_larger_than_the_room_is_stopped_at_its_first_size() {
    let Some(stage) = Stage::set().await else { return };
    stage.registry.push("lib/big", "1b", &gguf(16 * MIB, 1)).await;
    let model = stage.model("lib/big:1b");
    stage.line.set(Way::Slow(4 * MIB as u64));
    let free = 10 * MIB as u64;
    let error = stage.pull(&model, PullOptions { room: Some(free), ..PATIENT }).await.unwrap_err();
    let ModelError::TooBig { total, free: said, .. } = &error else { panic!("{error:?}") };
    assert!(*total > free && *said == free, "{error}");
    assert!(error.to_string().contains("only 10.0 MiB free"), "{error}");
    assert!(stage.line.carried() < 8 * MIB as u64, "it was not stopped: {}", stage.line.carried());
    stage.line.set(Way::Open);
    stage.pull(&model, PullOptions { room: Some(64 * MIB as u64), ..PATIENT }).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_told() {
    let Some(registry) = Registry::start().await else { return };
    let Some(server) = Ollama::start_small(3 * MIB as u64).await else { return };
    let Some(stage) = Stage::with(server, registry).await else { return };
    stage.registry.push("lib/big", "1b", &gguf(8 * MIB, 1)).await;
    stage.registry.push("lib/small", "1b", &gguf(MIB / 4, 2)).await;
    let error = stage.pull(&stage.model("lib/big:1b"), PATIENT).await.unwrap_err();
    assert_eq!((error.reason(), error.class()), ("DiskFull", Class::Retry), "{error}");
    assert!(error.to_string().contains("no space left on device"), "{error}");
    assert_eq!(stage.ollama.list().await, Ok(vec![]));
}
