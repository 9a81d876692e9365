//! Every reason of the three kinds is given somewhere: the words that are documented are those that are said.

#[path = "../common/sources.rs"]
mod sources;

use sources::sources;
use zentoria_api::conditions::{PolicyReason, RepositoryReason, RestoreReason};

#[test]
fn every_reason_is_given_by_the_core() {
    let mut text = String::new();
    sources(&std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/backup"), &mut text);
    let mut missing = Vec::new();
    let words = |kind: &str, all: Vec<&'static str>| -> Vec<String> {
        all.into_iter().map(|word| format!("{kind}::{word}")).collect()
    };
    let all = [
        words("PolicyReason", PolicyReason::ALL.iter().map(|reason| reason.as_str()).collect()),
        words("RepositoryReason", RepositoryReason::ALL.iter().map(|reason| reason.as_str()).collect()),
        words("RestoreReason", RestoreReason::ALL.iter().map(|reason| reason.as_str()).collect()),
    ];
    for word in all.into_iter().flatten() {
        if !text.contains(&word) {
            missing.push(word);
        }
    }
    assert!(missing.is_empty(), "nobody says {missing:?}");
}
