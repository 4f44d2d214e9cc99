//! The documentation says what the program knows.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test fails by a panic and says what it saw"
)]

#[test]
fn readme_names_every_key() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap_or_default();
    let missing: Vec<_> = rinit::config::reference()
        .filter(|line| {
            let quoted = format!("`{}`", line.key);
            // One line may stand for all limits.
            let is_limit = line.key.starts_with("limit-") && readme.contains("`limit-*`");
            !readme.contains(&quoted) && !is_limit
        })
        .map(|line| format!("[{}] {}", line.table, line.key))
        .collect();
    assert!(missing.is_empty(), "README.md lacks {missing:#?}");
}
