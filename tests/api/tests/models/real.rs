//! A real Ollama, which pulls from a real registry over a line that is slow, counts and breaks.

use super::{apply, phase, pulls, says, until};
use kube::api::DeleteParams;
use serde_json::json;
use zentoria_api::model::ModelPhase;
use zentoria_api_tests::World;
use zentoria_api_tests::wait::eventually;
use zentoria_test_servers::gguf::gguf;
use zentoria_test_servers::line::{Line, Way};
use zentoria_test_servers::ollama::Ollama;
use zentoria_test_servers::registry::Registry;

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn a_real_ollama_gets_its_model_though_the_operator_is_killed_in_mid_pull_and_loses_it_with_its_resource() {
    let (Some(ollama), Some(registry)) = (Ollama::start().await, Registry::start().await) else { return };
    let pushed = registry.push("lib/tiny", "1b", &gguf(16 * MIB, 1)).await;
    let line = Line::to(registry.port).await;
    line.set(Way::Slow(2 * MIB as u64));
    let row = format!("10.9.1.1:11434=127.0.0.1:{}", ollama.port);
    let flags = ["--dial-map", &row, "--model-poll", "500ms"];
    let world = World::builder("mp-real").without_cluster().flags(&flags).start().await;
    let spec = json!({
        "url": "http://10.9.1.1:11434", "deletionPolicy": "Delete",
        "ollama": {"model": format!("127.0.0.1:{}/lib/tiny:1b", line.port), "insecure": true},
    });
    apply(&world, "tiny", spec).await;
    let half = until(&world, "has a part of it", "tiny", |pull| {
        let transfer = pull.status.as_ref().and_then(|status| status.transfer);
        transfer.is_some_and(|transfer| transfer.percent >= 5)
    })
    .await;
    assert_eq!(phase(&half), ModelPhase::Pulling);
    world.kill_operator().await;
    world.start_operator().await;
    eventually("the pull goes on", || async {
        let carried = line.carried();
        if carried > pushed.size / 2 { Ok(()) } else { Err(format!("{carried} bytes")) }
    })
    .await;
    line.set(Way::Open);
    let ready = says(&world, "tiny", "Ready").await;
    let status = ready.status.unwrap();
    assert_eq!((status.digest, status.bytes), (Some(pushed.digest.clone()), Some(pushed.size)));
    assert!(line.carried() < pushed.size * 12 / 10, "{} of {}", line.carried(), pushed.size);

    pulls(&world).delete("tiny", &DeleteParams::default()).await.unwrap();
    world.event("tiny", "ModelDeleted").await;
    eventually("the resource is gone", || async {
        match pulls(&world).get_opt("tiny").await {
            Ok(None) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}
