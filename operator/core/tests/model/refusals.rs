//! Which specs make which wishes, and what is said of those that make none.

use crate::fixture::{IN_CONTAINER, WITH_HUB, around, pull, want};
use zentoria_api::conditions::ModelReason;
use zentoria_core::model::conflict::{rival, shared};
use zentoria_core::model::validate::{claim, validate};
use zentoria_core::model::want::Server;

#[test]
fn what_cannot_work_is_refused_with_the_field_the_reason_and_the_remedy() {
    let digest = format!("sha256:{}", "0".repeat(64));
    let cases: &[(&str, ModelReason, &[&str])] = &[
        (
            "{containerRef: {name: a}, ollama: {model: m}}",
            ModelReason::NotFound,
            &["spec.containerRef", "\"a\"", "ai, new, off, voice"],
        ),
        ("{containerRef: {name: new}, ollama: {model: m}}", ModelReason::WaitingFor, &["new has no address yet"]),
        ("{containerRef: {name: off}, ollama: {model: m}}", ModelReason::WaitingFor, &["off does not run"]),
        (
            "{containerRef: {name: ai, service: gpu}, ollama: {model: m}}",
            ModelReason::ServiceNotFound,
            &["\"gpu\"", "ollama, orchestrator", "spec.services"],
        ),
        (
            "{containerRef: {name: ai}, whisper: {size: small}}",
            ModelReason::ServiceNotFound,
            &["none is named whisper", "spec.containerRef.service"],
        ),
        (
            "{url: 'http://h:1', ollama: {model: 'a/b/c/d'}}",
            ModelReason::InvalidSpec,
            &["spec.ollama.model", "too many slashes"],
        ),
        ("{url: 'http://h:1', ollama: {model: 'a:b:c'}}", ModelReason::InvalidSpec, &["spec.ollama.model"]),
        ("{url: 'http://me:secret@h', ollama: {model: m}}", ModelReason::InvalidSpec, &["spec.url", "tokenSecretRef"]),
        ("{url: 'http://h:99999', ollama: {model: m}}", ModelReason::InvalidSpec, &["spec.url", "port"]),
        ("{url: 'http://', ollama: {model: m}}", ModelReason::InvalidSpec, &["spec.url", "no host"]),
        (
            "{url: 'http://h', ollama: {model: m}, stallTimeout: 1s}",
            ModelReason::InvalidSpec,
            &["spec.stallTimeout", "at least 5s"],
        ),
        (
            "{url: 'http://h', ollama: {model: m}, stallTimeout: 9999999999999999999s}",
            ModelReason::InvalidSpec,
            &["spec.stallTimeout", "at most 24h"],
        ),
        (
            "{containerRef: {name: voice}, whisper: {size: small}, policy: Always}",
            ModelReason::InvalidSpec,
            &["spec.policy", "speaches", "HuggingFace"],
        ),
        (
            "{url: 'http://h', ollama: {model: m}, policy: Always, refresh: {schedule: '61 * * * *'}}",
            ModelReason::InvalidSpec,
            &["spec.refresh", "61 * * * *"],
        ),
        (
            "{url: 'http://h', ollama: {model: m}, policy: Always, refresh: {schedule: '@daily', timeZone: Amsterdam}}",
            ModelReason::InvalidSpec,
            &["spec.refresh", "Europe/Amsterdam"],
        ),
        ("{url: 'http://h', ollama: {model: m}, policy: Pinned}", ModelReason::InvalidSpec, &["spec.ollama.digest"]),
        ("{url: 'http://h'}", ModelReason::InvalidSpec, &["exactly one of ollama and whisper"]),
        ("{ollama: {model: m}}", ModelReason::InvalidSpec, &["exactly one of containerRef and url"]),
        (
            "{url: 'http://h', ollama: {model: m}, tokenSecretRef: {name: gone, key: t}}",
            ModelReason::SecretNotFound,
            &["spec.tokenSecretRef", "\"gone\""],
        ),
        (
            "{url: 'http://h', ollama: {model: m}, tokenSecretRef: {name: token, key: t}}",
            ModelReason::SecretNotFound,
            &["no key \"t\"", "it has token"],
        ),
    ];
    for (yaml, reason, words) in cases {
        let (said, message) = validate(&pull(yaml), &around()).map(|want| want.target).unwrap_err();
        assert_eq!(said, *reason, "{yaml}: {message}");
        for word in *words {
            assert!(message.contains(word), "{yaml}: {word:?} is not in {message:?}");
        }
        assert!(!message.contains("secret@"), "a password is repeated");
    }
    let pinned = format!("{{url: 'http://h', policy: Pinned, ollama: {{model: m, digest: '{digest}'}}}}");
    assert_eq!(want(&pull(&pinned)).model.pin(), Some(digest.as_str()));
}

#[test]
fn a_server_is_found_by_container_service_or_url() {
    let cases = [
        (IN_CONTAINER, "http://10.0.0.5:11434", "ai/ollama"),
        ("{containerRef: {name: voice}, whisper: {size: small}}", "http://[fd00::6]:9300", "voice/voice-api"),
        (
            "{containerRef: {name: ai, service: orchestrator}, tls: {}, ollama: {model: m}}",
            "https://10.0.0.5:5000",
            "ai/orchestrator",
        ),
        (
            "{url: 'https://Ollama.example.com/api-of/ollama/', ollama: {model: m}}",
            "https://ollama.example.com:443/api-of/ollama",
            "Ollama.example.com",
        ),
        ("{url: 'http://[fd00::1]:11434', ollama: {model: m}}", "http://[fd00::1]:11434", "[fd00::1]:11434"),
    ];
    for (yaml, key, target) in cases {
        let want = want(&pull(yaml));
        assert_eq!((want.server.key().as_str(), want.target.as_str()), (key, target), "{yaml}");
    }
    let want = want(&pull(WITH_HUB));
    let Server::Hub(hub) = &want.server else { panic!("the hub") };
    assert_eq!((hub.host.as_str(), hub.port, hub.user.as_str()), ("fd00::6", 22, "root"));
    assert_eq!((want.target.as_str(), want.model.name()), ("voice:/models", "Systran/faster-whisper-small"));
}

#[test]
fn a_try_depends_on_model_server_and_secrets_and_on_nothing_else() {
    let token = "{url: 'http://h', ollama: {model: m}, tokenSecretRef: {name: token, key: token}}";
    let first = want(&pull(token));
    let mut changed = around();
    let other = zentoria_core::model::surroundings::SecretSeen::Present {
        version: "2".into(),
        keys: ["token".to_owned()].into(),
    };
    changed.secrets.insert("token".into(), other);
    let second = validate(&pull(token), &changed).unwrap();
    assert!(first.wish != second.wish && first.access != second.access, "another token is tried at once");
    let slower = want(&pull(
        "{url: 'http://h', ollama: {model: m}, tokenSecretRef: {name: token, key: token}, stallTimeout: 1h}",
    ));
    assert_eq!(first.wish, slower.wish);
    let other_model = want(&pull("{url: 'http://h', ollama: {model: n}, tokenSecretRef: {name: token, key: token}}"));
    assert!(first.wish != other_model.wish && first.access == other_model.access, "a look serves both");
}

#[test]
fn one_server_has_one_name_however_it_is_written_and_whether_it_runs_or_not() {
    let server = |yaml: &str| claim(&pull(yaml), &around()).unwrap().server;
    let at = |url: &str| server(&format!("{{url: '{url}', ollama: {{model: m}}}}"));
    for (one, other) in [
        ("https://ollama.example", "https://Ollama.example:443/"),
        ("http://ollama.example/", "http://ollama.example:80"),
        ("http://ollama.example/path", "http://ollama.example:80/path/"),
        ("https://[fd00::6]", "https://[fd00::6]:443"),
    ] {
        assert_eq!(at(one), at(other));
    }
    assert!(
        at("https://h") != at("http://h")
            && at("http://h") != at("http://h/path")
            && at("http://h:1") != at("http://h")
    );
    let stopped = "{containerRef: {name: off}, ollama: {model: m}}";
    assert_eq!(validate(&pull(stopped), &around()).map(|want| want.target).unwrap_err().0, ModelReason::WaitingFor);
    assert_eq!(server(stopped), at("http://10.0.0.7:11434"), "its model is not deleted by another meanwhile");
}

#[test]
fn of_two_that_pin_one_model_differently_the_older_wins_and_others_share_it() {
    let with = |digit: &str, uid: &str| {
        let digest = digit.repeat(64);
        let mut pull = pull(&format!(
            "{{containerRef: {{name: ai}}, policy: Pinned, ollama: {{model: llama3.2, digest: 'sha256:{digest}'}}}}"
        ));
        pull.metadata.uid = Some(uid.to_owned());
        pull.metadata.name = Some(format!("pull-{uid}"));
        pull
    };
    let (older, younger) = (with("a", "1"), with("b", "2"));
    let plain = pull("{url: 'http://10.0.0.5:11434/', ollama: {model: 'registry.ollama.ai/library/Llama3.2:latest'}}");
    let claims: Vec<_> = [&older, &younger, &plain].iter().map(|pull| claim(pull, &around()).unwrap()).collect();
    assert_eq!(rival(&claims[0], &claims), None);
    assert_eq!(rival(&claims[1], &claims).unwrap().uid, "1");
    assert_eq!(rival(&claims[2], &claims), None, "one that pins nothing is in nobody's way");
    assert_eq!(shared(&claims[0], &claims).unwrap().uid, plain.metadata.uid.clone().unwrap());
    let mut around = around();
    around.others = claims[..1].to_vec();
    let (reason, message) = validate(&younger, &around).map(|want| want.target).unwrap_err();
    assert_eq!(reason, ModelReason::Conflict);
    assert!(message.contains("zentoria/pull-1") && message.contains("pin both to the same"), "{message}");
}
