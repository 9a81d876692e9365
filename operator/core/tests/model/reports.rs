//! What is said of a model, from its first look to its last.

use crate::fixture::{IN_CONTAINER, PAUSES, around, at, installed, pull, want};
use jiff::Timestamp;
use zentoria_api::conditions::{ModelReason, PULLED, READY, RECONCILING, STALLED};
use zentoria_api::model::{ModelPhase, ModelPull, Transfer};
use zentoria_core::conditions::is_true;
use zentoria_core::model::decide::{Decision, Why};
use zentoria_core::model::report::{Failure, Report, Scene, report};
use zentoria_core::model::validate::validate;

const DIGEST: &str = "sha256:a80c4f17acd55265feec403c7aef86be0c25983ab279d83f3bcd3abbcb5b8b72";

fn tell(pull: &mut ModelPull, scene: &Scene, now: Timestamp) -> Report {
    let report = report(pull, &validate(pull, &around()), scene, PAUSES, now);
    pull.status = Some(report.status.clone());
    report
}

fn there() -> Scene {
    Scene::Looked { installed: Some(installed("llama3.2:latest", DIGEST)), decision: Decision::Rest }
}

fn failure(reason: ModelReason) -> Scene {
    Scene::Failed(Failure { reason, message: "as the test says".into() })
}

#[test]
fn a_model_goes_from_absent_to_ready_and_every_column_follows() {
    let mut pull = pull(IN_CONTAINER);
    let now = at("2026-02-01T00:00:00Z");
    let said = tell(&mut pull, &Scene::Looked { installed: None, decision: Decision::Pull(Why::Absent) }, now);
    assert_eq!((said.status.phase, said.reason), (ModelPhase::Pending, ModelReason::Pending));
    assert_eq!(said.status.model.as_deref(), Some("llama3.2:latest"));
    assert_eq!(said.status.target.as_deref(), Some("ai/ollama"));
    let transfer = Transfer { percent: 42, completed_bytes: 420, total_bytes: 1000 };
    let said = tell(&mut pull, &Scene::Pulling { transfer, verifying: false }, now);
    assert_eq!((said.status.phase, said.status.progress.as_deref()), (ModelPhase::Pulling, Some("42%")));
    assert!(is_true(&said.status.conditions, RECONCILING) && !is_true(&said.status.conditions, PULLED));
    let transfer = Transfer { percent: 100, completed_bytes: 1000, total_bytes: 1000 };
    let said = tell(&mut pull, &Scene::Pulling { transfer, verifying: true }, now);
    assert_eq!((said.status.phase, said.status.progress.as_deref()), (ModelPhase::Verifying, Some("100%")));
    let took = std::time::Duration::from_secs(75);
    let said = tell(&mut pull, &Scene::Pulled { installed: installed("llama3.2:latest", DIGEST), took }, now);
    let status = &said.status;
    assert_eq!(
        (status.phase, status.size.as_deref(), status.digest.as_deref()),
        (ModelPhase::Ready, Some("1.8 GiB"), Some(DIGEST))
    );
    assert!(is_true(&status.conditions, READY) && is_true(&status.conditions, PULLED) && status.transfer.is_none());
    assert!(said.message.contains("pulled in 1m15s"), "{}", said.message);
    let quiet = tell(&mut pull, &there(), at("2026-02-01T00:05:00Z"));
    assert_eq!(quiet.status, said.status, "a later look that shows the same changes nothing");
}

#[test]
fn a_failure_says_when_it_is_tried_again_and_waiting_for_that_changes_nothing() {
    let mut pull = pull(IN_CONTAINER);
    let now = at("2026-02-01T00:00:00Z");
    let said = tell(&mut pull, &failure(ModelReason::RegistryUnreachable), now);
    assert_eq!(said.status.phase, ModelPhase::Failed);
    assert!(
        said.message.contains("as the test says (try 1; the next one at 2026-02-01 00:00 UTC)"),
        "{}",
        said.message
    );
    let due = said.status.retry_at.clone().unwrap().0;
    assert_eq!(said.look_again, Some(due));
    let hold = Scene::Looked { installed: None, decision: Decision::Hold };
    let mut first = tell(&mut pull, &hold, now);
    for _ in 0..3 {
        let again = tell(&mut pull, &hold, now);
        assert_eq!(again.status, first.status);
        first = again;
    }
    assert_eq!(first.reason, ModelReason::RegistryUnreachable);
    let said = tell(&mut pull, &failure(ModelReason::RegistryUnreachable), due);
    assert_eq!(said.status.trouble.as_ref().unwrap().failures, 2);
    let said = tell(&mut pull, &failure(ModelReason::NotEnoughSpace), due);
    assert_eq!(said.status.phase, ModelPhase::Stalled);
    assert!(is_true(&said.status.conditions, STALLED));
    let said = tell(&mut pull, &there(), due);
    assert_eq!(said.status.phase, ModelPhase::Ready, "somebody brought it by hand");
}

#[test]
fn a_refresh_that_fails_does_not_make_a_model_unready() {
    let mut pull = pull("{containerRef: {name: ai}, policy: Always, ollama: {model: llama3.2}}");
    let now = at("2026-02-01T00:00:00Z");
    tell(&mut pull, &there(), now);
    tell(&mut pull, &failure(ModelReason::RegistryUnreachable), now);
    let said = tell(&mut pull, &there(), now);
    assert!(is_true(&said.status.conditions, READY) && said.status.trouble.is_some());
    assert!(said.message.contains("its last refresh failed: as the test says"), "{}", said.message);
}

#[test]
fn a_server_that_cannot_be_looked_at_leaves_what_is_known() {
    let mut pull = pull(IN_CONTAINER);
    let now = at("2026-02-01T00:00:00Z");
    tell(&mut pull, &there(), now);
    let down = Scene::NotSeen(Failure { reason: ModelReason::Unreachable, message: "it does not answer".into() });
    let said = tell(&mut pull, &down, now);
    assert_eq!(said.status.phase, ModelPhase::Ready);
    assert!(is_true(&said.status.conditions, READY) && is_true(&said.status.conditions, PULLED));
    assert!(is_true(&said.status.conditions, RECONCILING), "it is being asked again");
    assert_eq!(said.status.digest.as_deref(), Some(DIGEST));
    let other = Scene::NotSeen(Failure { reason: ModelReason::NotAModelServer, message: "a page of HTML".into() });
    let said = tell(&mut pull, &other, now);
    assert_eq!(said.status.phase, ModelPhase::Stalled);
    assert!(is_true(&said.status.conditions, STALLED) && !is_true(&said.status.conditions, READY));
}

#[test]
fn a_model_that_was_there_says_nothing_of_another_or_of_another_digest_of_it() {
    let now = at("2026-02-01T00:00:00Z");
    let down = Scene::NotSeen(Failure { reason: ModelReason::Unreachable, message: "it does not answer".into() });
    let pinned = format!(
        "{{containerRef: {{name: ai}}, policy: Pinned, ollama: {{model: llama3.2, digest: 'sha256:{}'}}}}",
        "b".repeat(64)
    );
    for yaml in ["{containerRef: {name: ai}, ollama: {model: mistral}}", &pinned] {
        let mut changed = pull(IN_CONTAINER);
        tell(&mut changed, &there(), now);
        changed.spec = pull(yaml).spec;
        let said = tell(&mut changed, &down, now);
        let conditions = &said.status.conditions;
        assert!(!is_true(conditions, READY) && !is_true(conditions, PULLED), "{yaml}: {conditions:?}");
        assert_eq!((said.status.phase, said.status.progress.as_deref()), (ModelPhase::Failed, None), "{yaml}");
        assert_eq!(tell(&mut changed, &down, now).status, said.status, "{yaml}: it is said once");
    }
}

#[test]
fn a_moment_that_has_passed_is_not_waited_for() {
    let mut pull = pull(IN_CONTAINER);
    let now = at("2026-02-01T00:00:00Z");
    let due = tell(&mut pull, &failure(ModelReason::RegistryUnreachable), now).look_again.unwrap();
    let later = due + std::time::Duration::from_secs(1);
    let down = Scene::NotSeen(Failure { reason: ModelReason::Unreachable, message: "it does not answer".into() });
    let transfer = Transfer { percent: 1, completed_bytes: 1, total_bytes: 100 };
    for scene in [down, Scene::Queued, Scene::Pulling { transfer, verifying: false }] {
        assert_eq!(tell(&mut pull, &scene, later).look_again, None, "{scene:?}");
    }
    let brought = tell(&mut pull, &there(), later);
    assert!(brought.status.trouble.is_none() && brought.status.retry_at.is_none(), "somebody brought it");
    assert!(!brought.message.contains("refresh"), "{}", brought.message);
}

#[test]
fn a_container_that_stops_makes_it_wait_and_keeps_what_is_known_and_another_model_does_not() {
    let mut pull = pull(IN_CONTAINER);
    let now = at("2026-02-01T00:00:00Z");
    tell(&mut pull, &there(), now);
    let stopped = Err((ModelReason::WaitingFor, "the container ai does not run".to_owned()));
    let said = report(&pull, &stopped, &Scene::Queued, PAUSES, now);
    assert_eq!((said.status.phase, said.status.digest.as_deref()), (ModelPhase::Waiting, Some(DIGEST)));
    assert!(is_true(&said.status.conditions, PULLED) && !is_true(&said.status.conditions, READY));
    pull.spec.ollama.as_mut().unwrap().model = "mistral".into();
    let said = report(&pull, &stopped, &Scene::Queued, PAUSES, now);
    assert_eq!((said.status.model.as_deref(), said.status.digest), (Some("mistral:latest"), None));
}

#[test]
fn what_is_paused_keeps_its_conditions_and_has_no_pull() {
    let mut pull = pull(IN_CONTAINER);
    let now = at("2026-02-01T00:00:00Z");
    let transfer = Transfer { percent: 42, completed_bytes: 420, total_bytes: 1000 };
    let before = tell(&mut pull, &Scene::Pulling { transfer, verifying: false }, now);
    pull.spec.suspend = true;
    let said = tell(&mut pull, &Scene::Paused, now);
    assert_eq!((said.reason, said.status.phase), (ModelReason::Paused, ModelPhase::Pending));
    assert_eq!((said.status.transfer, said.status.progress), (None, None));
    assert_eq!(said.status.conditions, before.status.conditions);
}

#[test]
fn one_that_somebody_replaced_is_ready_and_says_so() {
    let mut pull = pull(IN_CONTAINER);
    let now = at("2026-02-01T00:00:00Z");
    tell(&mut pull, &there(), now);
    let other = installed("llama3.2:latest", "sha256:bbbb");
    let scene = Scene::Looked { installed: Some(other), decision: Decision::Replaced { was: DIGEST.into() } };
    let said = tell(&mut pull, &scene, now);
    assert_eq!((said.reason, said.status.pulled_digest.as_deref()), (ModelReason::Replaced, Some(DIGEST)));
    assert!(
        said.message.contains("sha256:bbbb") && said.message.contains(DIGEST) && said.message.contains("Pinned"),
        "{}",
        said.message
    );
    let want = want(&pull);
    assert_eq!(want.model.pin(), None);
}
