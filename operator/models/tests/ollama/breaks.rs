//! What breaks in the midst of a pull, and how it goes on.

use std::time::Duration;

use zentoria_models::{Class, ModelServer, PullOptions};
use zentoria_test_servers::gguf::gguf;
use zentoria_test_servers::line::Way;
use zentoria_test_servers::wait::until;

use crate::stage::{MIB, PATIENT, Stage};

const SIZE: usize = 8 * MIB;
/// Long enough in the midst of a pull, on any machine.
const SLOW: Way = Way::Slow(3 * MIB as u64);

#[tokio::test]
async fn a_registry_that_goes_away_and_comes_back_is_gone_on_with() {
    let Some(stage) = Stage::set().await else { return };
    let pushed = stage.registry.push("lib/tiny", "1b", &gguf(SIZE, 1)).await;
    let model = stage.model("lib/tiny:1b");
    stage.line.set(SLOW);
    let (pulled, ()) = tokio::join!(stage.pull(&model, PATIENT), async {
        until("a part of the model", async || (stage.line.carried() > 2 * MIB as u64).then_some(())).await;
        stage.line.set(Way::Closed);
        // Ollama tries again after 1, 2, 4 seconds
        until("Ollama to try again", async || stage.server.log().contains("attempt 0 failed").then_some(())).await;
        stage.line.set(Way::Open);
    });
    pulled.unwrap();
    assert!(stage.line.carried() < pushed.size * 12 / 10, "{} of {}", stage.line.carried(), pushed.size);
    let installed = stage.ollama.installed(&model).await.unwrap().unwrap();
    assert_eq!(installed.digest.unwrap().to_string(), pushed.digest);
}

#[tokio::test]
async fn a_pull_that_was_dropped_goes_on_where_it_was() {
    let Some(stage) = Stage::set().await else { return };
    let pushed = stage.registry.push("lib/tiny", "1b", &gguf(SIZE, 1)).await;
    let model = stage.model("lib/tiny:1b");
    stage.line.set(SLOW);
    stage.pull_until(&model, 3 * MIB as u64).await;
    // it ends there too: nothing comes over the line any more
    let mut before = 0;
    until("Ollama to stop", async || {
        let carried = stage.line.carried();
        let still = carried == before;
        before = carried;
        tokio::time::sleep(Duration::from_millis(300)).await;
        still.then_some(())
    })
    .await;
    assert!(before < pushed.size, "it went on without us: {before}");
    assert_eq!(stage.ollama.installed(&model).await, Ok(None));
    // The line stays slow: Ollama asks once for the whole part, only to learn where it is, and hangs up on the answer. Over
    // an open line much of it would have come by then.
    let told = stage.pull(&model, PATIENT).await.unwrap();
    let first = told.iter().find(|progress| progress.total > 0).unwrap();
    assert!(first.completed >= 2 * MIB as u64, "{first:?}");
    assert!(stage.line.carried() < pushed.size * 12 / 10, "{} of {}", stage.line.carried(), pushed.size);
}

#[tokio::test]
async fn a_pull_that_no_longer_grows_is_given_up_and_goes_on_later() {
    let Some(stage) = Stage::set().await else { return };
    let pushed = stage.registry.push("lib/tiny", "1b", &gguf(SIZE, 1)).await;
    let model = stage.model("lib/tiny:1b");
    stage.line.set(SLOW);
    let impatient = PullOptions { stall: Duration::from_secs(3), ..PATIENT };
    let (pulled, ()) = tokio::join!(stage.pull(&model, impatient), async {
        until("a part of the model", async || (stage.line.carried() > 2 * MIB as u64).then_some(())).await;
        stage.line.set(Way::Silent);
    });
    let error = pulled.unwrap_err();
    assert_eq!((error.reason(), error.class()), ("NoGrowth", Class::Retry), "{error}");
    assert!(error.to_string().contains("has not grown for 3s"), "{error}");
    stage.line.set(Way::Open);
    stage.pull(&model, PATIENT).await.unwrap();
    // what the silent connection still held may come twice: how much is not ours to say
    let installed = stage.ollama.installed(&model).await.unwrap().unwrap();
    assert_eq!(installed.digest.unwrap().to_string(), pushed.digest);
}

#[tokio::test]
async fn an_ollama_that_dies_breaks_the_pull_and_begins_again() {
    let Some(mut stage) = Stage::set().await else { return };
    let pushed = stage.registry.push("lib/tiny", "1b", &gguf(SIZE, 1)).await;
    let model = stage.model("lib/tiny:1b");
    stage.line.set(SLOW);
    let Stage { server, line, ollama, .. } = &mut stage;
    let (pulled, ()) = tokio::join!(crate::stage::pull(ollama, &model, PATIENT), async {
        until("a part of the model", async || (line.carried() > 2 * MIB as u64).then_some(())).await;
        server.kill();
    });
    let error = pulled.unwrap_err();
    assert_eq!((error.reason(), error.class()), ("Broken", Class::Retry), "{error}");
    let error = ollama.list().await.unwrap_err();
    assert_eq!((error.reason(), error.class()), ("Unreachable", Class::Retry), "{error}");
    assert!(server.resume().await, "its port was taken");
    line.set(Way::Open);
    stage.pull(&model, PATIENT).await.unwrap();
    let installed = stage.ollama.installed(&model).await.unwrap().unwrap();
    assert_eq!(installed.digest.unwrap().to_string(), pushed.digest);
}
