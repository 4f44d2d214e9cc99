//! The house's rules that no lint can say: who may know whom, where `unsafe` and the
//! kernel live, and how files look. Each rule reads the sources and names every place
//! that breaks it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail loudly"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// A floor of the house, its rooms (the modules of src/), and the floors that they may
/// use. Rooms of one floor may use each other. THE place where layers are defined.
const LAYERS: &[Layer] = &[
    Layer {
        name: "the binary",
        rooms: &["main"],
        may_use: &["faces", "loops", "model", "helpers", "core", "sys"],
    },
    Layer {
        name: "faces",
        rooms: &["cli", "embed"],
        may_use: &["loops", "model", "helpers", "core"],
    },
    Layer {
        name: "loops",
        rooms: &["single", "supervise", "control"],
        may_use: &["model", "helpers", "core", "sys"],
    },
    Layer {
        name: "helpers",
        rooms: &[
            "reader",
            "maker",
            "subreaper",
            "logger",
            "notifier",
            "syslog",
            "http",
        ],
        may_use: &["model", "core", "sys"],
    },
    Layer {
        name: "model",
        rooms: &["config", "units", "plan"],
        may_use: &["core"],
    },
    Layer {
        name: "core",
        rooms: &["core"],
        may_use: &[],
    },
    Layer {
        name: "sys",
        rooms: &["sys"],
        may_use: &["core"], // its words alone: WORDS_OF_THE_CORE
    },
];

/// One row of the table.
struct Layer {
    name: &'static str,
    rooms: &'static [&'static str],
    may_use: &'static [&'static str],
}

/// What `sys` may know of the core: plain values and their lists, no decisions.
const WORDS_OF_THE_CORE: &[&str] = &[
    "capability",
    "exec",
    "exit",
    "group_limit",
    "id",
    "sandbox",
    "signal",
    "sorted",
    "time",
];

/// What the core must not know: it is std without the world.
const FOREIGN_TO_THE_CORE: &[&str] = &[
    "nix::",
    "libc::",
    "log::",
    "serde::",
    "serde_json::",
    "toml::",
    "signal_hook::",
    "std::fs",
    "std::process",
    "std::env",
    "std::io",
    "std::os",
    "std::thread",
    "std::time::Instant",
    "Instant::now",
    "SystemTime",
    "HashMap",
    "HashSet",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
];

/// What panics, or what only a person debugging writes.
const NEVER_OUTSIDE_TESTS: &[&str] = &[
    "println!",
    "eprintln!",
    "print!",
    "eprint!",
    "dbg!",
    "todo!",
    "unimplemented!",
    "unwrap(",
    "unwrap_err(",
    "expect(",
    "expect_err(",
];

/// Names that say nothing about what is inside.
const NAMES_THAT_SAY_NOTHING: &[&str] = &[
    "util", "utils", "common", "helper", "helpers", "manager", "handler", "handlers", "misc",
];

/// More than this can't be held in the head.
const MOST_LINES: usize = 500;

#[test]
fn no_layer_knows_the_ones_above_it() {
    let mut broken = Vec::new();
    for source in sources() {
        let from = source.layer();
        for (line, room) in source.rooms_used() {
            let Some(to) = layer_of(&room) else {
                continue; // not a module of src/: an item of lib.rs
            };
            if from.name != to.name && !from.may_use.contains(&to.name) {
                broken.push(format!(
                    "{}:{line}: {} may not use {} (`{room}`)",
                    source.path, from.name, to.name
                ));
            }
        }
    }
    none(&broken);
}

#[test]
fn sys_knows_the_cores_words_and_none_of_its_decisions() {
    let mut broken = places(
        |source| source.room() == "sys",
        &["crate::core", "super::core"],
    );
    broken.retain(|place| {
        !WORDS_OF_THE_CORE
            .iter()
            .any(|word| place.contains(&format!("crate::core::{word}::")))
    });
    none(&broken);
}

#[test]
fn every_module_has_its_layer() {
    let homeless: Vec<String> = sources()
        .iter()
        .filter(|source| source.room() != "lib" && layer_of(source.room()).is_none())
        .map(|source| {
            format!(
                "{}: say in LAYERS where `{}` belongs",
                source.path,
                source.room()
            )
        })
        .collect();
    none(&homeless);
}

#[test]
fn unsafe_lives_in_sys_alone() {
    let mut broken = places(|source| source.room() != "sys", &["unsafe"]);
    // The attribute that gives the binary its `main` before Rust's runtime, and that alone.
    broken.retain(|place| {
        !(place.starts_with("src/main.rs:") && place.ends_with("#[unsafe(no_mangle)]"))
    });
    none(&broken);
}

#[test]
fn the_core_knows_nothing_of_the_world() {
    none(&places(
        |source| source.room() == "core",
        FOREIGN_TO_THE_CORE,
    ));
}

#[test]
fn nothing_panics_or_prints_outside_tests() {
    none(&places(|_| true, NEVER_OUTSIDE_TESTS));
}

#[test]
fn a_files_name_says_what_is_inside() {
    let broken: Vec<String> = sources()
        .iter()
        .filter(|source| {
            let mut words = source.path.split(['/', '.', '_']);
            words.any(|word| NAMES_THAT_SAY_NOTHING.contains(&word))
        })
        .map(|source| source.path.clone())
        .collect();
    none(&broken);
}

#[test]
fn a_file_can_be_held_in_the_head() {
    let mut broken = Vec::new();
    for source in sources() {
        let lines = source.text.lines().count();
        if lines > MOST_LINES {
            broken.push(format!(
                "{}: {lines} lines, at most {MOST_LINES}",
                source.path
            ));
        }
    }
    none(&broken);
}

#[test]
fn each_file_begins_by_saying_what_it_is_for() {
    let broken: Vec<String> = sources()
        .iter()
        .filter(|source| !source.text.starts_with("//!"))
        .map(|source| format!("{}: no `//!` in the first line", source.path))
        .collect();
    none(&broken);
}

#[test]
fn the_scanner_sees_code_and_nothing_else() {
    let code = code_of(
        "use a; // unsafe\n/* unsafe /* x */ */ let s = \"unsafe \\\" unsafe\";\n\
         let r = r#\"unsafe \" \"#; let c = '\"'; let l: &'static str = b\"unsafe\";\n\
         #[cfg(test)]\nmod tests {\n fn f() { x.unwrap() }\n}\nfn last() {}\n",
    );
    assert!(!code.contains("unsafe"), "{code}");
    assert!(!code.contains("unwrap"), "{code}");
    assert!(code.contains("fn last() {}"), "{code}");
    assert_eq!(code.lines().count(), 8, "lines keep their numbers:\n{code}");
}

#[test]
fn the_scanner_finds_every_way_to_name_a_module() {
    let source = Source::new(
        "src/core/deep/spec.rs",
        "//! x\nuse crate::sys::{fd, poll};\nuse crate::{control, logger::Line};\n\
         fn f() { super::super::super::cli::run(); super::event(); }\n"
            .to_owned(),
    );
    let rooms: Vec<String> = source.rooms_used().map(|(_, room)| room).collect();
    assert_eq!(rooms, ["sys", "control", "logger", "cli", "core"]);
}

/// One file of src/.
struct Source {
    /// From the repository's root.
    path: String,
    text: String,
    /// The text without comments, the insides of strings, and test modules.
    code: String,
}

impl Source {
    fn new(path: &str, text: String) -> Self {
        let code = code_of(&text);
        Self {
            path: path.to_owned(),
            text,
            code,
        }
    }

    /// Its module's path: `["core", "spec"]`.
    fn module(&self) -> Vec<&str> {
        let inside = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        let mut names: Vec<&str> = inside.split('/').collect();
        if names.last() == Some(&"mod") {
            names.pop();
        }
        names
    }

    /// The module of src/ that it belongs to.
    fn room(&self) -> &str {
        self.module()[0]
    }

    fn layer(&self) -> &'static Layer {
        // lib.rs only declares the modules; it may name them all.
        layer_of(self.room()).unwrap_or(&LAYERS[0])
    }

    /// Each line in which a top module is named through `crate`, `rinit` or `super`.
    fn rooms_used(&self) -> impl Iterator<Item = (usize, String)> {
        let module = self.module();
        let mut found = Vec::new();
        for root in ["crate::", "rinit::"] {
            for at in word_starts(&self.code, root) {
                let rest = &self.code[at + root.len()..];
                found.extend(first_names(rest).into_iter().map(|name| (at, name)));
            }
        }
        for at in word_starts(&self.code, "super::") {
            let chain = &self.code[at..];
            if self.code[..at].ends_with("super::") {
                continue; // seen from its beginning
            }
            let mut rest = chain;
            let mut up = 0;
            while let Some(next) = rest.strip_prefix("super::") {
                rest = next;
                up += 1;
            }
            if up < module.len() {
                found.push((at, module[0].to_owned()));
            } else {
                found.extend(first_names(rest).into_iter().map(|name| (at, name)));
            }
        }
        found.sort();
        let lines: Vec<(usize, String)> = found
            .into_iter()
            .map(|(at, name)| (line_at(&self.code, at), name))
            .collect();
        lines.into_iter()
    }
}

/// Every file of src/ but the test modules that stand in files of their own.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    gather(&root.join("src"), &mut paths);
    // What stands only in tests, and what runs before there is a program.
    paths.retain(|path| {
        let in_tests = path
            .parent()
            .is_some_and(|folder| folder.ends_with("tests"));
        !in_tests && !path.ends_with("tests.rs") && !path.ends_with("src/build.rs")
    });
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(root).unwrap();
            Source::new(&path.display().to_string(), text)
        })
        .collect()
}

fn gather(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

fn layer_of(room: &str) -> Option<&'static Layer> {
    LAYERS.iter().find(|layer| layer.rooms.contains(&room))
}

/// Where one of these words stands in the code of these files: `PATH:LINE: the line`.
fn places(of: impl Fn(&Source) -> bool, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| of(source)) {
        for (number, line) in source.code.lines().enumerate() {
            if words
                .iter()
                .any(|word| word_starts(line, word).next().is_some())
            {
                found.push(format!("{}:{}: {}", source.path, number + 1, line.trim()));
            }
        }
    }
    found
}

/// Where `word` stands and isn't the end or the beginning of a longer name.
fn word_starts<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let in_name = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |at| {
            let before = text[..*at].chars().next_back();
            let after = text[at + word.len()..].chars().next();
            let ends_in_name = word.ends_with(in_name);
            !(before.is_some_and(in_name) || ends_in_name && after.is_some_and(in_name))
        })
}

/// The first name of a path, or of each path in a group: `a::b` or `{a::b, c}`.
fn first_names(rest: &str) -> Vec<String> {
    let name = |path: &str| {
        let path = path.trim_start();
        let end = path
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(path.len());
        path[..end].to_owned()
    };
    let Some(group) = rest.strip_prefix('{') else {
        return vec![name(rest)];
    };
    let mut names = vec![name(group)];
    let mut depth = 1;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => names.push(name(&group[at + 1..])),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn line_at(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// The text with comments, strings' insides and test modules blanked; lines stay.
fn code_of(text: &str) -> String {
    without_tests(&without_words(text))
}

/// Blanks comments and what stands in strings and character literals.
fn without_words(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let inert = inert_length(rest, code.chars().next_back());
        let length = if inert > 0 { inert } else { c.len_utf8() };
        let (piece, next) = rest.split_at(length);
        if inert > 0 {
            code.extend(piece.chars().filter(|&c| c == '\n'));
            code.push(' ');
        } else {
            code.push_str(piece);
        }
        rest = next;
    }
    code
}

/// How long the comment, string or character literal is that begins here; 0 if none does.
fn inert_length(text: &str, before: Option<char>) -> usize {
    let through = |end: Option<usize>, more: usize| end.map_or(text.len(), |at| at + more);
    if text.starts_with("//") {
        return through(text.find('\n'), 0);
    }
    if text.starts_with("/*") {
        return block_comment(text);
    }
    let in_name = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let raw = text.trim_start_matches('b').trim_start_matches('c');
    if let Some(hashes) = raw.strip_prefix('r').filter(|_| !in_name) {
        let fence = hashes.len() - hashes.trim_start_matches('#').len();
        if hashes[fence..].starts_with('"') {
            let open = text.len() - hashes.len() + fence + 1;
            let close = format!("\"{}", "#".repeat(fence));
            return through(text[open..].find(&close), open + close.len());
        }
    }
    if text.starts_with('"') {
        return quoted(text, '"');
    }
    // A lifetime has no closing quote after one character.
    if text.starts_with("'\\") || text.chars().nth(2) == Some('\'') && text.starts_with('\'') {
        return quoted(text, '\'');
    }
    0
}

/// The length of a block comment, which may hold others.
fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of a literal between two of these, with escapes.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Blanks what stands in braces after each `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    let mut kept = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        kept.push_str(&rest[..at]);
        let item = &rest[at..];
        let mut depth = 0;
        let end = item
            .char_indices()
            .find(|&(_, c)| {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                depth == 0 && (c == '}' || c == ';')
            })
            .map_or(item.len(), |(at, _)| at + 1);
        kept.extend(item[..end].chars().filter(|&c| c == '\n'));
        rest = &item[end..];
    }
    kept.push_str(rest);
    kept
}

/// Fails with all of them, if there are any.
fn none(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}
