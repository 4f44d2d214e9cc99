//! The documentation says what the program knows, and what it shows works.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test fails by a panic and says what it saw, and runs programs the plain way"
)]

use std::path::Path;
use std::process::{Command, Output};

use rinit::cli::init::FLAGS;

#[path = "docs/completions.rs"]
mod completions;
#[path = "docs/manual.rs"]
mod manual;
#[path = "docs/schema.rs"]
mod schema;

/// The page as it stands.
const README: &str = include_str!("../README.md");

/// More than this and nobody reads it.
const README_LINES: usize = 700;

#[test]
fn readme_names_every_key() {
    let missing: Vec<_> = rinit::config::reference()
        .filter(|line| {
            let quoted = format!("`{}`", line.key);
            // One line stands for all limits and names each.
            let limit = line.key.strip_prefix("limit-");
            let is_limit = limit.is_some_and(|name| {
                README.contains("`limit-*`") && README.contains(&format!("`{name}`"))
            });
            !README.contains(&quoted) && !is_limit
        })
        .map(|line| format!("[{}] {}", line.table, line.key))
        .collect();
    assert!(missing.is_empty(), "README.md lacks {missing:#?}");
}

#[test]
fn readme_names_every_default_of_init_as_it_is() {
    let wrong: Vec<_> = rinit::config::reference()
        .filter(|line| line.table == "init")
        .filter(|line| {
            let row = format!("| `{}` ", line.key);
            let variable = format!("RINIT_{}", line.key.replace('-', "_").to_uppercase());
            let default = format!("`{}`", line.default);
            !README.lines().any(|text| {
                text.starts_with(&row) && text.contains(&variable) && text.contains(&default)
            })
        })
        .map(|line| (line.key, line.default))
        .collect();
    assert!(wrong.is_empty(), "README.md has no such row for {wrong:#?}");
}

#[test]
fn readme_names_every_option() {
    let missing: Vec<_> = FLAGS
        .iter()
        .filter(|flag| {
            let is_named = |start: String| {
                // With its argument, or the other form, behind it.
                README
                    .match_indices(&format!("`{start}"))
                    .any(|(at, found)| {
                        let after = README.get(at + found.len()..).unwrap_or_default();
                        after.starts_with(['`', ' '])
                    })
            };
            let short = flag.short.is_none_or(|short| is_named(format!("-{short}")));
            let long = flag.long.is_empty() || is_named(format!("--{}", flag.long));
            !short || !long
        })
        .map(|flag| (flag.short, flag.long))
        .collect();
    assert!(missing.is_empty(), "README.md lacks {missing:#?}");
}

#[test]
fn readme_names_every_verb_and_option_of_rinitctl() {
    let is_named = |word: &String| {
        let alone = README.contains(&format!("`{word}`"));
        alone || README.contains(&format!("`{word} "))
    };
    let also = |word: &String| {
        ["|", "["]
            .map(|c| format!("{c}{word}"))
            .iter()
            .any(|it| README.contains(it))
    };
    let missing: Vec<_> = words_of_help()
        .into_iter()
        .filter(|word| !is_named(word) && !also(word))
        .collect();
    assert!(missing.is_empty(), "README.md lacks {missing:#?}");
}

#[test]
fn every_configuration_in_readme_loads_without_a_word() {
    let blocks = blocks("toml");
    assert!(!blocks.is_empty(), "README.md shows no configuration");
    let folder = std::env::temp_dir().join(format!("rinit-docs-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let answers: Vec<_> = blocks
        .iter()
        .zip(1..)
        .map(|(text, number)| check(text, &folder.join(format!("block-{number}.toml"))))
        .collect();
    std::fs::remove_dir_all(&folder).unwrap();
    for (block, (loads, said)) in blocks.iter().zip(answers) {
        assert!(
            loads && said.is_empty(),
            "rinit --check of this block says:\n{said}\n{block}"
        );
    }
}

#[test]
fn every_file_that_readme_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let links = README.split("](").skip(1);
    let targets = links.filter_map(|rest| rest.split(')').next());
    let (anchors, files): (Vec<_>, Vec<_>) = targets
        .filter(|target| !target.starts_with("https://"))
        .partition(|target| target.starts_with('#'));
    let missing: Vec<_> = files
        .iter()
        .filter(|file| !root.join(file).exists())
        .collect();
    assert!(missing.is_empty(), "README.md links to {missing:?}");
    let headings: Vec<_> = README
        .lines()
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(' '))
        .map(|title| {
            format!(
                "#{}",
                title.to_lowercase().replace(' ', "-").replace(',', "")
            )
        })
        .collect();
    let lost: Vec<_> = anchors
        .iter()
        .filter(|anchor| !headings.iter().any(|heading| heading == **anchor))
        .collect();
    assert!(lost.is_empty(), "README.md has no heading for {lost:?}");
}

#[test]
fn readme_can_be_read_in_one_sitting() {
    let lines = README.lines().count();
    assert!(lines <= README_LINES, "README.md has {lines} lines");
}

/// rinit with these words, to its end.
fn run(words: &[&str]) -> Output {
    let mut rinit = Command::new(env!("CARGO_BIN_EXE_rinit"));
    rinit.args(words).output().unwrap()
}

/// What it prints.
fn printed(words: &[&str]) -> String {
    let output = run(words);
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The verbs and options in rinitctl's help.
fn words_of_help() -> Vec<String> {
    let help = printed(&["ctl", "--help"]);
    let lines = help.lines().filter_map(|line| line.strip_prefix("  "));
    lines
        .flat_map(|line| {
            let line = line.trim_start();
            let words = line.split([' ', ',', '[']).filter(|word| !word.is_empty());
            let options = words.clone().take_while(|word| word.starts_with('-'));
            let verb = words.take(usize::from(!line.starts_with('-')));
            options.chain(verb).map(str::to_owned).collect::<Vec<_>>()
        })
        .collect()
}

/// The fenced blocks of a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let parts = README.split(fence.as_str()).skip(1);
    parts
        .map(|part| part.split("```").next().expect("a split gives something"))
        .collect()
}

/// Whether it loads, and what is said of it on stderr.
fn check(text: &str, path: &Path) -> (bool, String) {
    std::fs::write(path, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_rinit"))
        .args(["--check", "-c"])
        .arg(path)
        // The simulation's own, which is none of rinit's.
        .env_remove("RINIT_SEEDS")
        .output()
        .unwrap();
    (
        output.status.success(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}
