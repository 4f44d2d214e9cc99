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

/// A copy of the folder whose path is as long everywhere: comments are wrapped.
struct Here(PathBuf);

impl Here {
    fn new(number: u8) -> Self {
        let path = format!("/tmp/rinit-import-{number}-{:010}", std::process::id());
        let copied = Command::new("cp")
            .arg("-r")
            .args([folder().as_os_str(), path.as_ref()])
            .status();
        assert!(copied.unwrap().success());
        Self(path.into())
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn rinit(here: &Here, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rinit"))
        .args(words)
        .current_dir(&here.0)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/root")
        .output()
        .unwrap()
}

fn text(here: &Here, bytes: &[u8]) -> String {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    text.replace(here.0.to_str().unwrap(), "/HERE")
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
    let here = Here::new(1);
    let mut failed = Vec::new();
    for (name, paths) in CASES {
        let words: Vec<&str> = ["import"].iter().chain(*paths).copied().collect();
        let output = rinit(&here, &words);
        let printed = format!(
            "{}---- {}\n{}",
            text(&here, &output.stdout),
            output.status.code().unwrap(),
            text(&here, &output.stderr)
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
            failed.extend(check(&here, name, &output.stdout));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// What `--check` has against a file, if anything.
fn check(here: &Here, name: &str, bytes: &[u8]) -> Option<String> {
    let file =
        std::env::temp_dir().join(format!("rinit-import-{}-{name}.toml", std::process::id()));
    std::fs::write(&file, bytes).unwrap();
    let output = rinit(here, &["--check", "-c", file.to_str().unwrap()]);
    std::fs::remove_file(&file).unwrap();
    (!output.status.success()).then(|| format!("{name}: {}", text(here, &output.stderr)))
}

#[test]
fn help_says_what_it_takes() {
    let here = Here::new(2);
    let output = rinit(&here, &["import", "--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&here, &output.stdout).contains("supervisord.conf"));
    let output = rinit(&here, &["import", "--wrong"]);
    assert_eq!(output.status.code(), Some(2));
}
