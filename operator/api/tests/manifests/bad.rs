//! Manifests that the API server must refuse: that each says so. The API server itself is asked in `tests/api`.

use crate::documents::workspace;
use serde_json::Value;

#[test]
fn every_bad_manifest_says_what_is_expected_and_is_one_of_ours() {
    let dir = workspace().join("tests/fixtures/bad");
    let readme = std::fs::read_to_string(dir.join("README.md")).expect("the list of cases");
    let mut cases = 0;
    for entry in std::fs::read_dir(&dir).expect("the directory of bad manifests") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a manifest");
        let expected = text.lines().next().and_then(|line| line.strip_prefix("# expect: "));
        assert!(expected.is_some_and(|message| !message.is_empty()), "{}", path.display());
        let documents: Vec<Value> = serde_saphyr::from_multiple(&text).expect("YAML");
        for document in &documents {
            assert_eq!(document["apiVersion"], "zentoria.ai/v1alpha1", "{}", path.display());
        }
        let case = path.file_stem().expect("a name").to_string_lossy();
        assert!(readme.contains(&format!("| `{case}` |")), "{case} is not in README.md");
        cases += 1;
    }
    assert!(cases >= 40, "{cases}");
}
