//! Files that are no configuration: each gets a diagnostic, none hangs or crashes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rinit::config::{Outcome, load};

use super::request;

/// A folder that goes away with the test.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rinit-config-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn errors(path: &Path) -> Vec<Box<str>> {
    match load(&request(&[path])) {
        Outcome::Refused { errors, .. } => errors,
        other @ (Outcome::Ready { .. } | Outcome::Nothing) => panic!("not refused: {other:?}"),
    }
}

#[track_caller]
fn refused(path: &Path, says: &str) {
    let errors = errors(path);
    assert!(errors.len() <= 101, "{} errors", errors.len());
    assert!(errors[0].contains(says), "{}", errors[0]);
    assert!(
        errors
            .iter()
            .all(|e| e.contains("help: ") || e.starts_with("and ")),
        "{errors:#?}"
    );
    assert!(errors.iter().all(|e| e.len() < 2000), "{errors:#?}");
}

#[test]
fn binary_rubbish_is_invalid_utf8() {
    let scratch = Scratch::new("binary");
    let bytes: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    refused(
        &scratch.write("a.toml", bytes),
        "a.toml:2:118: invalid UTF-8",
    );
}

#[test]
fn a_nul_byte_is_no_text() {
    let scratch = Scratch::new("nul");
    refused(
        &scratch.write("a.toml", b"[init]\nx\0y"),
        "a.toml:2:2: a NUL byte",
    );
}

#[test]
fn nesting_without_end_does_not_reach_the_end_of_the_stack() {
    let scratch = Scratch::new("nesting");
    for (name, text) in [
        ("brackets", format!("a = {}", "[".repeat(100_000))),
        ("braces", format!("a = {}", "{a=".repeat(100_000))),
        ("dots", format!("{}a = 1", "a.".repeat(100_000))),
        ("header", format!("[{}a]", "a.".repeat(100_000))),
        ("tables", format!("[[{}a]]", "a.".repeat(100_000))),
    ] {
        refused(&scratch.write(name, text), "recurs");
    }
}

#[test]
fn a_file_of_millions_of_errors_names_a_few() {
    let scratch = Scratch::new("errors");
    refused(
        &scratch.write("many", "= \n".repeat(1_300_000)),
        "many:1:1:",
    );
    let few = scratch.write("few", "= \n".repeat(500));
    assert_eq!(errors(&few).len(), 101);
}

#[test]
fn a_file_over_four_mebibytes_is_refused() {
    let scratch = Scratch::new("large");
    refused(
        &scratch.write("a.toml", " ".repeat((4 << 20) + 1)),
        "is larger than 4 MiB",
    );
    let sparse = scratch.write("b.toml", "");
    std::fs::File::options()
        .write(true)
        .open(&sparse)
        .unwrap()
        .set_len(100 << 20)
        .unwrap();
    refused(&sparse, "is larger than 4 MiB");
}

#[test]
fn what_is_no_regular_file_is_refused_at_once() {
    let scratch = Scratch::new("kinds");
    let fifo = scratch.0.join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    refused(&fifo, "is a FIFO, not a regular file");
    refused(Path::new("/dev/zero"), "is a device, not a regular file");
    let _socket = std::os::unix::net::UnixListener::bind(scratch.0.join("socket")).unwrap();
    // A socket can't even be opened.
    refused(&scratch.0.join("socket"), "cannot read: ");
    refused(
        &scratch.0.join("absent.toml"),
        "cannot read: no such file or directory",
    );
}

#[test]
fn a_folder_gives_its_toml_files_in_the_order_of_names() {
    let scratch = Scratch::new("folder");
    scratch.write("b.toml", "[service.second]\ncommand = 'b'");
    scratch.write("a.toml", "[service.first]\ncommand = 'a'");
    scratch.write("c.toml.bak", "rubbish");
    let Outcome::Ready { spec, .. } = load(&request(&[&scratch.0])) else {
        panic!("refused: {:?}", load(&request(&[&scratch.0])));
    };
    let names: Vec<_> = spec.services.iter().map(|s| &*s.name).collect();
    assert_eq!(names, ["first", "second"]);
}

#[test]
fn a_folder_called_like_a_file_in_a_folder_is_refused() {
    let scratch = Scratch::new("inner");
    std::fs::create_dir(scratch.0.join("a.toml")).unwrap();
    refused(&scratch.0, "is a folder, not a regular file");
}

#[test]
fn an_empty_file_and_none_define_nothing() {
    let scratch = Scratch::new("empty");
    assert_eq!(
        load(&request(&[&scratch.write("a.toml", "")])),
        Outcome::Nothing
    );
    assert_eq!(load(&request(&[Path::new("none")])), Outcome::Nothing);
    assert_eq!(
        load(&request(&[&scratch.write("b.toml", "[init]\n")])),
        Outcome::Nothing
    );
}

#[test]
fn colours_are_for_terminals_alone() {
    let scratch = Scratch::new("colour");
    let path = scratch.write("a.toml", "x = 1");
    let mut start = request(&[&path]);
    assert!(!errors(&path)[0].contains('\x1b'));
    start.colour = true;
    let Outcome::Refused { errors, .. } = load(&start) else {
        panic!("not refused");
    };
    assert!(errors[0].contains("\x1b[1m"), "{}", errors[0]);
}

#[test]
fn a_name_of_a_file_that_is_no_utf8_is_shown_somehow() {
    use std::os::unix::ffi::OsStringExt;
    let scratch = Scratch::new("name");
    let name = OsString::from_vec(b"\xff.toml".to_vec());
    let path = scratch.0.join(name);
    std::fs::write(&path, "x = 1").unwrap();
    refused(&path, ".toml:1:1: unknown table \"x\"");
}
