//! Texts and places in them. Every value remembers where it was written, over any number
//! of files, until the last check is done.

use std::cell::OnceCell;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::diagnostic::Diagnostic;
use crate::core::sorted::sort;

/// No file of the configuration is larger.
const MAX_FILE: u64 = 4 << 20;

/// `O_NONBLOCK` of `open(2)`, so that a FIFO or a device can't hold the reader. Not read
/// from a C library: the model knows none.
const O_NONBLOCK: i32 = 0o4000;

/// A place: `start..end` in the text of the source with this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct At {
    pub(super) source: u32,
    pub(super) start: u32,
    pub(super) end: u32,
}

impl At {
    pub(super) fn new(source: u32, span: std::ops::Range<usize>) -> Self {
        let short = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self {
            source,
            start: short(span.start),
            end: short(span.end),
        }
    }

    /// The bytes `inner` of this place.
    pub(super) fn part(self, inner: std::ops::Range<usize>) -> Self {
        let start = self.start as usize;
        Self::new(self.source, start + inner.start..start + inner.end)
    }
}

/// Where a text comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    File,
    /// A file that is no text in UTF-8: shown, never parsed.
    Unreadable,
    /// A variable `RINIT_…` of rinit's own environment, as `NAME=value`.
    Environment,
    /// The COMMAND.
    CommandLine,
}

/// A text that diagnostics point into.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) origin: Origin,
    pub(super) text: String,
    /// Where each newline stands: a thousand services ask for their line.
    newlines: Vec<usize>,
}

impl Source {
    pub(super) fn new(name: String, origin: Origin, text: String) -> Self {
        let newlines = memchr::memchr_iter(b'\n', text.as_bytes()).collect();
        Self {
            name,
            origin,
            text,
            newlines,
        }
    }

    /// How many lines end before `offset`.
    fn lines_before(&self, offset: u32) -> usize {
        self.newlines
            .partition_point(|newline| *newline < offset as usize)
    }

    /// The start of the line that holds `offset`.
    pub(super) fn line_start(&self, offset: u32) -> usize {
        let last = self.lines_before(offset).checked_sub(1);
        let newline = last.and_then(|last| self.newlines.get(last));
        newline.map_or(0, |newline| newline + 1)
    }

    /// The number of the line that holds `offset`, from 1.
    pub(super) fn line_number(&self, offset: u32) -> usize {
        self.lines_before(offset) + 1
    }
}

/// Every text that diagnostics may point into: those that were named, then those of the
/// units that they name.
#[derive(Debug, Default)]
pub(super) struct Sources {
    named: Vec<Source>,
    units: OnceCell<Vec<Source>>,
}

impl Sources {
    pub(super) fn new(named: Vec<Source>) -> Self {
        Self {
            named,
            units: OnceCell::new(),
        }
    }

    /// The files, variables and the COMMAND.
    pub(super) fn named(&self) -> &[Source] {
        &self.named
    }

    /// Adds the units' files, once.
    pub(super) fn add_units(&self, units: Vec<Source>) {
        // A second time there is none.
        let _ = self.units.set(units);
    }

    pub(super) fn get(&self, number: u32) -> Option<&Source> {
        let number = number as usize;
        let units = || self.units.get()?.get(number.checked_sub(self.named.len())?);
        self.named.get(number).or_else(units)
    }
}

/// Every file that the request names, in order: a folder stands for its *.toml.
/// `required` says that an absent one is an error.
pub(super) fn files(path: &Path, required: bool, problems: &mut Vec<Diagnostic>) -> Vec<PathBuf> {
    let refuse = |error: &std::io::Error| {
        Diagnostic::error(
            None,
            format!("{}: cannot read: {}", path.display(), reason(error)),
            "name a file or a folder with *.toml files that rinit may read",
        )
    };
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => {
            if required || error.kind() != std::io::ErrorKind::NotFound {
                problems.push(refuse(&error));
            }
            return Vec::new();
        }
    };
    if !metadata.is_dir() {
        return vec![path.to_owned()];
    }
    let entries = std::fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match entries {
        Ok(entries) => {
            let mut found: Vec<_> = entries
                .into_iter()
                .map(|entry| entry.path())
                .filter(|path| {
                    path.extension()
                        .is_some_and(|extension| extension == "toml")
                })
                .collect();
            sort(&mut found);
            found
        }
        Err(error) => {
            problems.push(refuse(&error));
            Vec::new()
        }
    }
}

/// The file's text. One that is no text comes as `Unreadable`, to show its bad byte; of
/// one that can't be read only the problem is told.
pub(super) fn read(path: &Path, number: u32, problems: &mut Vec<Diagnostic>) -> Option<Source> {
    let name = path.display().to_string();
    let bytes = match read_bytes(path) {
        Ok(bytes) => bytes,
        Err(Unread { what, help }) => {
            problems.push(Diagnostic::error(None, format!("{name}: {what}"), help));
            return None;
        }
    };
    let (text, bad) = match String::from_utf8(bytes) {
        Ok(text) => {
            let nul = memchr::memchr(0, text.as_bytes());
            (
                text,
                nul.map(|at| (at..at + 1, "a NUL byte: this is no text")),
            )
        }
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let shown = at..at + char::REPLACEMENT_CHARACTER.len_utf8();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            (text, Some((shown, "invalid UTF-8")))
        }
    };
    let origin = match bad {
        None => Origin::File,
        Some((span, what)) => {
            let at = Some(At::new(number, span));
            let help = "a configuration is a text file in UTF-8";
            problems.push(Diagnostic::error(at, what.to_owned(), help));
            Origin::Unreadable
        }
    };
    Some(Source::new(name, origin, text))
}

/// Why a file's bytes can't be had.
struct Unread {
    what: String,
    help: &'static str,
}

impl From<std::io::Error> for Unread {
    fn from(error: std::io::Error) -> Self {
        Self {
            what: format!("cannot read: {}", reason(&error)),
            help: "the file must be readable for the user that rinit runs as",
        }
    }
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, Unread> {
    let file = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(O_NONBLOCK)
        .open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(Unread {
            what: format!("is {}, not a regular file", kind(&metadata)),
            help: "a configuration is a regular file that ends in .toml",
        });
    }
    let mut bytes = Vec::new();
    // One byte more than allowed, since a file's size may be a lie (/proc).
    file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(Unread {
            what: format!("is larger than {} MiB", MAX_FILE >> 20),
            help: "split it into several files, if it is a configuration at all",
        });
    }
    Ok(bytes)
}

fn kind(metadata: &std::fs::Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    let kind = metadata.file_type();
    if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

/// The kernel's words, without Rust's "(os error 2)", in lower case.
pub(super) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let words = text.split(" (os error").next().unwrap_or_default();
    words.to_ascii_lowercase()
}
