//! Golden pages under `tests/golden/cli`: `UPDATE_GOLDEN=1` writes them anew; the difference is to be read.

use std::path::PathBuf;

/// Compares a page with its file.
pub fn compare(name: &str, page: &str) {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../../tests/golden/cli/{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, page).unwrap();
        return;
    }
    let golden = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(page, golden, "tests/golden/cli/{name}.txt differs; UPDATE_GOLDEN=1 writes it anew");
    assert!(page.lines().all(|line| line.chars().count() <= crate::table::WIDTH), "a line is too wide:\n{page}");
}
