//! Every reason of a ModelPull is given somewhere, and explained in the documentation.

#[path = "../common/sources.rs"]
mod sources;

use sources::sources;
use zentoria_api::conditions::ModelReason;

#[test]
fn every_reason_is_given_and_documented() {
    let root = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut text = std::fs::read_to_string(root.join("operator/ops/src/model.rs")).unwrap();
    sources(&root.join("operator/core/src/model"), &mut text);
    sources(&root.join("operator/controller/src/model"), &mut text);
    let docs = std::fs::read_to_string(root.join("docs/models.md")).unwrap();
    for reason in ModelReason::ALL {
        assert!(text.contains(&format!("ModelReason::{reason}")), "nobody says {reason}");
        assert!(docs.contains(&format!("| `{reason}` |")), "{reason} is not in docs/models.md");
    }
}
