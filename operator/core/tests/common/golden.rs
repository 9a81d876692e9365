//! Pages that people read, kept as files under `tests/golden`. `UPDATE_GOLDEN=1` writes them anew; the difference is to
//! be read.

use std::path::PathBuf;

/// The folder of these pages.
pub fn folder(kind: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(kind)
}

/// Compares a page with its file.
pub fn compare(kind: &str, name: &str, page: &str) {
    let file = folder(kind).join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(folder(kind)).unwrap();
        std::fs::write(&file, page).unwrap();
        return;
    }
    let golden = std::fs::read_to_string(&file).unwrap_or_default();
    let line = page.lines().zip(golden.lines()).position(|(now, then)| now != then);
    let line = line.unwrap_or_else(|| page.lines().count().min(golden.lines().count()));
    let at = |text: &str| text.lines().nth(line).unwrap_or("(end)").to_owned();
    assert!(
        page == golden,
        "tests/golden/{kind}/{name}.txt differs in line {}:\n  golden: {}\n  now:    {}\nUPDATE_GOLDEN=1 writes it anew",
        line + 1,
        at(&golden),
        at(page)
    );
}
