//! `rinit import` by the real binary: what it prints of the files beside this one is what
//! NAME.expected holds (`UPDATE=1 cargo test --test import` rewrites them), and loads.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test fails by a panic and says what it saw"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import")
}

fn rinit(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rinit"))
        .args(words)
        .current_dir(folder())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/root")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    text.replace(folder().to_str().unwrap(), "/HERE")
}

/// Each golden file, and what is imported for it.
const CASES: &[(&str, &[&str])] = &[
    ("supervisord", &["supervisord.conf"]),
    ("supervisord-wrong", &["supervisord-wrong.conf"]),
    ("s6-rc", &["s6-rc.d"]),
    ("s6-service", &["s6-rc.d/nginx"]),
    ("cron", &["cron.d/php"]),
    ("cron-wrong", &["cron-wrong"]),
    ("units", &["web.service", "db.service"]),
    ("timer", &["tidy.service", "tidy.timer"]),
    ("socket", &["talk.socket"]),
    ("broken", &["broken.service"]),
    (
        "nothing",
        &["nothing", "absent.service", "absent", "x.target"],
    ),
    ("usage", &[]),
];

#[test]
fn every_golden_file_is_what_is_printed_and_loads() {
    let mut failed = Vec::new();
    for (name, paths) in CASES {
        let words: Vec<&str> = ["import"].iter().chain(*paths).copied().collect();
        let output = rinit(&words);
        let printed = format!(
            "{}---- {}\n{}",
            text(&output.stdout),
            output.status.code().unwrap(),
            text(&output.stderr)
        );
        let expected = folder().join(format!("{name}.expected"));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&expected, &printed).unwrap();
        }
        let expected = std::fs::read_to_string(&expected).unwrap_or_default();
        if printed != expected {
            failed.push(format!(
                "{name}: expected:\n{expected}\nprinted:\n{printed}"
            ));
        }
        if output.status.success() {
            failed.extend(check(name, &output.stdout));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// What `--check` has against a file, if anything.
fn check(name: &str, bytes: &[u8]) -> Option<String> {
    let file =
        std::env::temp_dir().join(format!("rinit-import-{}-{name}.toml", std::process::id()));
    std::fs::write(&file, bytes).unwrap();
    let output = rinit(&["--check", "-c", file.to_str().unwrap()]);
    std::fs::remove_file(&file).unwrap();
    (!output.status.success()).then(|| format!("{name}: {}", text(&output.stderr)))
}

#[test]
fn help_says_what_it_takes() {
    let output = rinit(&["import", "--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("supervisord.conf"));
    let output = rinit(&["import", "--wrong"]);
    assert_eq!(output.status.code(), Some(2));
}
