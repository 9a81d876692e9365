//! Keys of every kind that a user may bring, and two replicas that generate one at the same time.
//! The files in `testdata` are made for these tests and open nothing.

use crate::runtime::{fake_api::FakeApi, leader::Fence};

use super::*;

const PATH: &str = "/api/v1/namespaces/zentoria/secrets/zentoria-ssh";

fn secret(parts: &[(&str, &str)]) -> Secret {
    Secret {
        metadata: ObjectMeta {
            name: Some("zentoria-ssh".into()),
            namespace: Some("zentoria".into()),
            resource_version: Some("5".into()),
            ..ObjectMeta::default()
        },
        data: Some(parts.iter().map(|(key, text)| ((*key).to_owned(), ByteString(text.as_bytes().to_vec()))).collect()),
        ..Secret::default()
    }
}

fn text(secret: &Secret, key: &str) -> String {
    String::from_utf8(secret.data.as_ref().unwrap()[key].0.clone()).unwrap()
}

#[test]
fn a_generated_secret_holds_a_pair_that_belongs_together_and_names_its_namespace() {
    let pair = KeyPair::generate("zentoria").unwrap();
    let secret = pair.to_secret("zentoria", "zentoria-ssh").unwrap();
    assert_eq!(secret.type_.as_deref(), Some("kubernetes.io/ssh-auth"));
    assert!(text(&secret, PRIVATE_KEY).starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
    let line = public_line(&secret).unwrap().line;
    assert!(line.starts_with("ssh-ed25519 AAAA") && line.ends_with(" zentoria-zentoria"), "{line}");
    assert_eq!(text(&secret, PUBLIC_KEY), format!("{line}\n"));
    let other = KeyPair::generate("zentoria").unwrap().to_secret("zentoria", "x").unwrap();
    assert_ne!(public_line(&other).unwrap().line, line);
}

#[test]
fn a_private_key_alone_is_enough_whatever_its_kind() {
    for (name, private, public) in [
        ("ecdsa", include_str!("testdata/ecdsa"), include_str!("testdata/ecdsa.pub")),
        ("rsa", include_str!("testdata/rsa"), include_str!("testdata/rsa.pub")),
    ] {
        let line = public_line(&secret(&[(PRIVATE_KEY, private)])).unwrap();
        assert_eq!(line.line, public.trim(), "{name}");
        assert_eq!(line.secret_version, "5");
        assert_eq!(public_line(&secret(&[(PUBLIC_KEY, public)])).unwrap().line, public.trim(), "{name}");
    }
}

#[test]
fn a_secret_without_a_usable_key_is_refused_with_words_that_show_nothing_of_it() {
    let (ecdsa, rsa) = (include_str!("testdata/ecdsa"), include_str!("testdata/rsa.pub"));
    let locked = include_str!("testdata/ed25519-with-passphrase");
    let garbage = "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n-----END OPENSSH PRIVATE KEY-----\n";
    for (parts, expected) in [
        (vec![], "has neither ssh-privatekey nor ssh-publickey"),
        (vec![("password", "hunter2")], "has neither"),
        (vec![(PRIVATE_KEY, garbage)], "is not a private key in OpenSSH format"),
        (vec![(PRIVATE_KEY, locked)], "is protected by a passphrase"),
        (vec![(PUBLIC_KEY, "hunter2")], "is not one public key"),
        (vec![(PRIVATE_KEY, ecdsa), (PUBLIC_KEY, rsa)], "does not belong to"),
    ] {
        let error = public_line(&secret(&parts)).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(error.to_string().contains(expected), "{shown}");
        assert!(shown.contains("zentoria/zentoria-ssh") && !shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn a_pair_does_not_show_its_private_part() {
    let shown = format!("{:?}", KeyPair::generate("zentoria").unwrap());
    assert!(shown.contains("ssh-ed25519") && !shown.contains("PRIVATE"), "{shown}");
}

#[tokio::test]
async fn a_key_is_generated_once_and_then_kept() {
    let server = FakeApi::new();
    let api = Api::namespaced(server.client().0, "zentoria");
    let writer = Writer::new(Fence::always());
    let first = get_or_create(&api, &writer, "zentoria", "zentoria-ssh").await.unwrap();
    let second = get_or_create(&api, &writer, "zentoria", "zentoria-ssh").await.unwrap();
    assert_eq!(first, second);
    let lines: Vec<_> = server.seen().iter().map(|seen| seen.line()).collect();
    assert_eq!(
        lines,
        [format!("GET {PATH}"), PATH.replace("/zentoria-ssh", "").replace("/api", "POST /api"), lines[0].clone()]
    );
}

#[tokio::test]
async fn of_two_replicas_that_generate_at_the_same_time_the_first_one_counts() {
    let server = FakeApi::new();
    let api = Api::namespaced(server.client().0, "zentoria");
    let writer = Writer::new(Fence::always());
    let theirs = KeyPair::generate("zentoria").unwrap().to_secret("zentoria", "zentoria-ssh").unwrap();
    let theirs_line = public_line(&theirs).unwrap().line;
    // The first read sees nothing, the create meets the other's Secret.
    server.put(PATH, serde_json::to_value(&theirs).unwrap());
    server.fail_next(http::StatusCode::NOT_FOUND, "NotFound");
    let ours = get_or_create(&api, &writer, "zentoria", "zentoria-ssh").await.unwrap();
    assert_eq!(ours.line, theirs_line);
}

#[tokio::test]
async fn a_users_secret_that_is_missing_is_named_and_a_replica_that_is_fenced_creates_nothing() {
    let server = FakeApi::new();
    let api = Api::namespaced(server.client().0, "zentoria");
    let error = read(&api, &Writer::new(Fence::always()), "mine").await.unwrap_err();
    assert_eq!(error.to_string(), "Secret zentoria/mine: it does not exist");
    let config = crate::runtime::leader::ElectionConfig::new("ns", "lease", "me");
    let (_leader, fence, _) = crate::runtime::leader::Leader::new(server.client().0, config).unwrap();
    let error = get_or_create(&api, &Writer::new(fence), "zentoria", "zentoria-ssh").await.unwrap_err();
    assert!(matches!(error, SshKeyError::Api(WriteError::Fenced)));
    assert!(server.get(PATH).is_none());
}
