//! What follows from a look at a server.

use crate::fixture::{IN_CONTAINER, WITH_HUB, at, installed, pull, want};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use zentoria_api::conditions::PULLED;
use zentoria_api::model::{ModelPullStatus, PullTrouble};
use zentoria_core::model::decide::{Decision, Installed, Why, decide, find, refresh_due};
use zentoria_core::model::want::WantModel;

const A: &str = "sha256:aaaa";
const B: &str = "sha256:bbbb";

fn condition(kind: &str) -> Condition {
    Condition {
        type_: kind.into(),
        status: "True".into(),
        reason: "Present".into(),
        message: String::new(),
        observed_generation: Some(1),
        last_transition_time: Time(at("2026-02-01T00:00:00Z")),
    }
}

#[test]
fn a_model_is_found_under_every_way_to_write_its_name() {
    let wanted = want(&pull(IN_CONTAINER)).model;
    for (name, is_it) in [
        ("llama3.2:latest", true),
        ("registry.ollama.ai/library/llama3.2:latest", true),
        ("LLAMA3.2:latest", true),
        ("llama3.2:1b", false),
        ("me/llama3.2:latest", false),
        ("registry.test:5000/library/llama3.2:latest", false),
        ("", false),
    ] {
        assert_eq!(find(&wanted, &[installed("other:latest", A), installed(name, A)]).is_some(), is_it, "{name}");
    }
    let whisper = want(&pull("{containerRef: {name: voice}, whisper: {size: turbo}}")).model;
    assert!(find(&whisper, &[installed("mobiuslabsgmbh/faster-whisper-large-v3-turbo", A)]).is_some());
}

#[test]
fn each_policy_does_what_it_says() {
    let pinned = format!(
        "{{containerRef: {{name: ai}}, policy: Pinned, ollama: {{model: llama3.2, digest: 'sha256:{}'}}}}",
        "a".repeat(64)
    );
    let pin = format!("sha256:{}", "a".repeat(64));
    let always =
        "{containerRef: {name: ai}, policy: Always, refresh: {schedule: '0 3 * * *'}, ollama: {model: llama3.2}}";
    let rows: [(&str, &str, Option<&str>, &str, Decision); 8] = [
        ("absent", IN_CONTAINER, None, "02:00", Decision::Pull(Why::Absent)),
        ("there", IN_CONTAINER, Some(A), "02:00", Decision::Rest),
        ("replaced", IN_CONTAINER, Some(B), "02:00", Decision::Replaced { was: A.to_owned() }),
        ("pinned and different", &pinned, Some(B), "02:00", Decision::Pull(Why::Different)),
        ("pinned and the same", &pinned, Some(&pin), "02:00", Decision::Rest),
        ("always, not due", always, Some(A), "02:59", Decision::Rest),
        ("always, due", always, Some(A), "03:00", Decision::Pull(Why::Refresh)),
        ("always, replaced, not due", always, Some(B), "02:00", Decision::Rest),
    ];
    for (name, yaml, digest, time, expected) in rows {
        let (pull, want) = (pull(yaml), want(&pull(yaml)));
        let status = ModelPullStatus {
            model: Some(want.model.words()),
            target: Some(want.target.clone()),
            pulled_digest: Some(A.to_owned()),
            last_pull_time: Some(Time(at("2026-02-01T01:00:00Z"))),
            ..ModelPullStatus::default()
        };
        let there = digest.map(|digest| installed("llama3.2:latest", digest));
        let now = at(&format!("2026-02-01T{time}:00Z"));
        let made = pull.metadata.creation_timestamp.unwrap().0;
        assert_eq!(decide(&want, &status, made, there.as_ref(), now), expected, "{name}");
    }
}

#[test]
fn another_revision_than_what_is_there_is_pulled_whatever_the_policy() {
    let at_revision = |revision: &str| {
        let yaml =
            WITH_HUB.replace("size: small", &format!("size: small, revision: '{revision}'").replace(", ", "\n  "));
        want(&pull(&yaml))
    };
    let (old, new) = ("0123456789abcdef0123456789abcdef01234567", "f123456789abcdef0123456789abcdef01234567");
    let there = Installed { revision: Some(old.to_owned()), ..installed("Systran/faster-whisper-small", A) };
    let now = at("2026-02-01T00:00:00Z");
    let seen = |want: &WantModel, pulled: bool| ModelPullStatus {
        model: Some(want.model.words()),
        target: Some(want.target.clone()),
        conditions: pulled.then(|| condition(PULLED)).into_iter().collect(),
        ..ModelPullStatus::default()
    };
    let (release, other) = (at_revision("release-2024.1"), at_revision("release-2024.2"));
    assert!(release.wish != other.wish, "{}", release.model.words());
    for (name, want, status, expected) in [
        ("a commit that is there", &at_revision(old), ModelPullStatus::default(), Decision::Rest),
        ("another commit", &at_revision(new), ModelPullStatus::default(), Decision::Pull(Why::Different)),
        ("a branch, first seen", &release, ModelPullStatus::default(), Decision::Rest),
        ("the same branch", &release, seen(&release, true), Decision::Rest),
        ("another branch", &other, seen(&release, true), Decision::Pull(Why::Different)),
        ("another branch, whose pull was lost", &other, seen(&other, false), Decision::Pull(Why::Different)),
    ] {
        assert_eq!(decide(want, &status, now, Some(&there), now), expected, "{name}");
    }
}

#[test]
fn what_another_model_was_pulled_as_is_nothing_to_this_one() {
    let want = want(&pull(IN_CONTAINER));
    let status = ModelPullStatus {
        model: Some("mistral:latest".into()),
        target: Some(want.target.clone()),
        pulled_digest: Some(A.into()),
        ..ModelPullStatus::default()
    };
    let there = installed("llama3.2:latest", B);
    let now = at("2026-02-01T00:00:00Z");
    assert_eq!(decide(&want, &status, now, Some(&there), now), Decision::Rest);
}

#[test]
fn after_a_failure_the_same_wish_waits_for_its_time_and_another_does_not() {
    let want = want(&pull(IN_CONTAINER));
    let now = at("2026-02-01T00:00:00Z");
    let failed = |wish: &str, retry: &str| ModelPullStatus {
        trouble: Some(PullTrouble {
            reason: "Interrupted".into(),
            message: "x".into(),
            time: Time(now),
            failures: 1,
            wish: wish.into(),
        }),
        retry_at: Some(Time(at(retry))),
        ..ModelPullStatus::default()
    };
    let later = "2026-02-01T00:00:05Z";
    assert_eq!(decide(&want, &failed(&want.wish, later), now, None, now), Decision::Hold);
    assert_eq!(decide(&want, &failed(&want.wish, later), now, None, at(later)), Decision::Pull(Why::Absent));
    assert_eq!(decide(&want, &failed("another", later), now, None, now), Decision::Pull(Why::Absent));
    let there = installed("llama3.2:latest", A);
    assert_eq!(
        decide(&want, &failed(&want.wish, later), now, Some(&there), now),
        Decision::Rest,
        "somebody brought it"
    );
}

#[test]
fn a_daily_refresh_has_an_hour_of_its_own_and_comes_once_a_day() {
    let pull = pull("{containerRef: {name: ai}, policy: Always, ollama: {model: llama3.2}}");
    let want = want(&pull);
    let mut status = ModelPullStatus {
        model: Some(want.model.words()),
        target: Some(want.target.clone()),
        last_pull_time: Some(Time(at("2026-02-01T12:00:00Z"))),
        ..ModelPullStatus::default()
    };
    let made = at("2026-01-01T00:00:00Z");
    let first = refresh_due(&want, &status, made).unwrap();
    assert!(first >= at("2026-02-02T00:00:00Z") && first < at("2026-02-03T00:00:00Z"), "{first}");
    status.last_pull_time = Some(Time(first));
    let second = refresh_due(&want, &status, made).unwrap();
    assert_eq!(second.duration_since(first).as_hours(), 24);
}
