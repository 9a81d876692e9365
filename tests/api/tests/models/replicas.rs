//! Operators that end in the midst of a pull.

use super::double::{Act, Double};
use super::{apply, flags, ollama, phase, pulls, says, started};
use zentoria_api::model::ModelPhase;
use zentoria_api_tests::World;
use zentoria_api_tests::operator::Launch;

#[tokio::test]
async fn an_operator_that_is_killed_in_mid_pull_issues_the_pull_again_when_it_is_back() {
    let (world, double) = started("mp-kill").await;
    double.offer("tiny:latest", 'a', Act::Hold(50));
    apply(&world, "tiny", ollama(&double, "tiny")).await;
    double.called("pull tiny:latest", 1).await;
    world.kill_operator().await;
    double.called("cancelled tiny:latest", 1).await;
    assert_ne!(phase(&pulls(&world).get("tiny").await.unwrap()), ModelPhase::Ready);
    world.start_operator().await;
    double.called("pull tiny:latest", 2).await;
    double.release();
    says(&world, "tiny", "Ready").await;
    assert_eq!(double.count("pull tiny:latest"), 2);
}

#[tokio::test]
async fn of_two_operators_one_pulls_and_the_other_takes_over_when_it_ends() {
    let double = Double::start().await;
    double.offer("tiny:latest", 'a', Act::Hold(50));
    let world = World::builder("mp-two-ops").without_cluster().without_operator().flags(&flags(&double)).start().await;
    let mut launch: Launch = world.launch.clone();
    let quick = ["--leader-elect=true", "--lease-duration=3s", "--renew-deadline=2s", "--retry-period=500ms"];
    launch.flags.extend(quick.map(str::to_owned));
    let mut operators = vec![world.another_operator("one", &launch)];
    apply(&world, "tiny", ollama(&double, "tiny")).await;
    double.called("pull tiny:latest", 1).await;
    operators.push(world.another_operator("two", &launch));
    assert_eq!(double.count("pull tiny:latest"), 1);
    operators[0].kill();
    double.called("pull tiny:latest", 2).await;
    assert_eq!((double.count("cancelled tiny:latest"), double.most_at_once()), (1, 1));
    double.release();
    says(&world, "tiny", "Ready").await;
}
