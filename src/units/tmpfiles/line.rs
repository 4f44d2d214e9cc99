//! One line of `tmpfiles.d(5)`: type, path, mode, user, group, age, argument.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use super::Place;
use crate::core::quoting::{Backslash, quoted, unescaped};
use crate::units::specifier::Machine;

/// Where systemd's images keep what /etc and /var begin with.
const FACTORY: &str = "/usr/share/factory";

/// What a line's letter asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// f, F: a file with that content, unless it is there.
    File,
    /// w: that content into what is there.
    Write,
    /// d, v, q, Q: a folder.
    Folder,
    /// D: a folder that is emptied first.
    EmptiedFolder,
    /// e: a folder that is there is adjusted.
    ExistingFolder,
    /// p
    Fifo,
    /// L
    Link,
    /// c
    CharacterDevice,
    /// b
    BlockDevice,
    /// C: a copy of a file or tree.
    Copy,
    /// r: removed, if a folder then an empty one.
    Remove,
    /// R: removed with all in it.
    RemoveTree,
    /// z, m: what is there is adjusted.
    Adjust,
    /// Z: with all in it.
    AdjustTree,
    /// t, T: extended attributes.
    Attributes,
    /// h, H: the file system's flags.
    Flags,
    /// a, A: access lists.
    Access,
}

impl Type {
    /// The path is a pattern.
    pub(crate) const fn takes_pattern(self) -> bool {
        matches!(
            self,
            Self::Write
                | Self::ExistingFolder
                | Self::Remove
                | Self::RemoveTree
                | Self::Adjust
                | Self::AdjustTree
                | Self::Attributes
                | Self::Flags
                | Self::Access
        )
    }

    /// Two different ones for the same path contradict each other.
    pub(super) const fn owns_path(self) -> bool {
        !matches!(
            self,
            Self::Adjust | Self::AdjustTree | Self::Attributes | Self::Flags | Self::Access
        )
    }
}

/// The type with what stands behind its letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) is: Type,
    /// `+`: replaces, or for w appends.
    pub(crate) force: bool,
    /// `=`: what is in the way and of another kind is removed.
    pub(crate) clears_way: bool,
    /// `-`: failure is no error.
    pub(crate) lenient: bool,
    /// `?`: a link only where there is something at its end.
    pub(crate) if_there: bool,
    /// T, H, A: with all in it.
    pub(crate) tree: bool,
}

/// A mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) bits: u32,
    /// `~`: nothing that the thing has no use for yet.
    pub(crate) masked: bool,
    /// `:`: only of what is made.
    pub(crate) only_new: bool,
}

/// A user or group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// A name or number.
    pub(crate) name: String,
    /// `:`: only of what is made.
    pub(crate) only_new: bool,
}

/// A line, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) path: PathBuf,
    pub(crate) mode: Option<Access>,
    pub(crate) user: Option<Owner>,
    pub(crate) group: Option<Owner>,
    pub(crate) argument: Option<Vec<u8>>,
    /// `!`: only at a start.
    pub(crate) at_boot: bool,
    pub(crate) place: Place,
}

/// What became of a line.
pub(super) enum Read {
    Entry(Entry),
    /// It asks for nothing that is done here.
    Nothing,
    /// It is of this type.
    Unsupported(char),
}

/// Reads a line that is neither empty nor a comment.
pub(super) fn read(text: &[u8], machine: &Machine, place: &Place) -> Result<Read, String> {
    let mut words = quoted(text, Backslash::Escapes);
    let mut next = || match words.next() {
        None => Ok(None),
        Some(Ok(word)) => Ok(Some(word).filter(|word| !matches!(&**word, b"" | b"-"))),
        Some(Err(_)) => Err("a quote has no end".to_owned()),
    };
    let letters = next()?.unwrap_or_default();
    let path = next()?.ok_or("it has no path")?;
    let (mode, user, group, _age) = (next()?, next()?, next()?, next()?);
    let argument = Some(words.rest()).filter(|rest| !rest.is_empty() && *rest != b"-");

    let (letter, modifiers) = letters.split_first().ok_or("it has no type")?;
    let mut kind = Kind {
        is: match letter {
            b'f' | b'F' => Type::File,
            b'w' => Type::Write,
            b'd' | b'v' | b'q' | b'Q' => Type::Folder,
            b'D' => Type::EmptiedFolder,
            b'e' => Type::ExistingFolder,
            b'p' => Type::Fifo,
            b'L' => Type::Link,
            b'c' => Type::CharacterDevice,
            b'b' => Type::BlockDevice,
            b'C' => Type::Copy,
            b'r' => Type::Remove,
            b'R' => Type::RemoveTree,
            b'z' | b'm' => Type::Adjust,
            b'Z' => Type::AdjustTree,
            // Only a later cleaning would ask for these.
            b'x' | b'X' => return Ok(Read::Nothing),
            b't' | b'T' => Type::Attributes,
            b'h' | b'H' => Type::Flags,
            b'a' | b'A' => Type::Access,
            _ => return Err(format!("there is no type \"{}\"", shown(&letters))),
        },
        force: *letter == b'F',
        clears_way: false,
        lenient: false,
        if_there: false,
        tree: matches!(letter, b'T' | b'H' | b'A'),
    };
    let mut at_boot = false;
    for modifier in modifiers {
        match modifier {
            b'!' => at_boot = true,
            b'+' => kind.force = true,
            b'=' => kind.clears_way = true,
            b'-' => kind.lenient = true,
            b'?' => kind.if_there = true,
            // For a purge, which there is none.
            b'$' => {}
            // A credential's content: nobody gives any.
            b'^' => return Ok(Read::Nothing),
            b'~' => return Ok(Read::Unsupported('~')),
            _ => return Err(format!("there is no type \"{}\"", shown(&letters))),
        }
    }
    let path = read_path(&expand(&path, machine)?)?;
    let argument = match argument {
        Some(text) => Some(expand(&unescaped(text, 1), machine)?),
        None => None,
    };
    let mode = mode.as_deref().map(read_mode).transpose()?;
    let owner = |word: Option<Vec<u8>>| word.map(|word| read_owner(&word, machine)).transpose();
    let (user, group) = (owner(user)?, owner(group)?);
    let argument = read_argument(kind.is, argument, &path)?;
    Ok(Read::Entry(Entry {
        kind,
        path,
        mode,
        user,
        group,
        argument,
        at_boot,
        place: place.clone(),
    }))
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn expand(text: &[u8], machine: &Machine) -> Result<Vec<u8>, String> {
    let expanded = machine.expand(text);
    match expanded.unknown {
        None => Ok(expanded.text),
        Some(letter) => Err(format!("there is no specifier %{letter} here")),
    }
}

fn read_path(text: &[u8]) -> Result<PathBuf, String> {
    let path = PathBuf::from(OsString::from_vec(text.to_vec()));
    let is_up = |part: Component<'_>| part == Component::ParentDir;
    if !path.is_absolute() || path.components().any(is_up) || text.contains(&0) {
        return Err(format!(
            "\"{}\" is no absolute path without \"..\"",
            path.display()
        ));
    }
    // /var/run is a link to /run, or should be one.
    let path = match path.strip_prefix("/var/run") {
        Ok(below) => Path::new("/run").join(below),
        Err(_) => path,
    };
    // Without doubled or trailing slashes.
    let path: PathBuf = path.components().collect();
    if path.file_name().is_none() {
        return Err("the root itself can't be meant".to_owned());
    }
    Ok(path)
}

fn read_mode(word: &[u8]) -> Result<Access, String> {
    let digits = word
        .iter()
        .position(|byte| !matches!(byte, b'~' | b':'))
        .unwrap_or(word.len());
    let (prefixes, digits) = word.split_at_checked(digits).unwrap_or_default();
    let bits = std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| u32::from_str_radix(digits, 8).ok())
        .filter(|bits| *bits <= 0o7777);
    Ok(Access {
        bits: bits.ok_or_else(|| format!("\"{}\" is no octal mode", shown(word)))?,
        masked: prefixes.contains(&b'~'),
        only_new: prefixes.contains(&b':'),
    })
}

fn read_owner(word: &[u8], machine: &Machine) -> Result<Owner, String> {
    let name = word.strip_prefix(b":");
    let only_new = name.is_some();
    let name = expand(name.unwrap_or(word), machine)?;
    Ok(Owner {
        name: shown(&name),
        only_new,
    })
}

fn read_argument(
    is: Type,
    argument: Option<Vec<u8>>,
    path: &Path,
) -> Result<Option<Vec<u8>>, String> {
    let factory = || [FACTORY.as_bytes(), path.as_os_str().as_encoded_bytes()].concat();
    match (is, argument) {
        (Type::Link, None) => Ok(Some(factory())),
        (Type::Copy, None) => Ok(Some(factory())),
        (Type::Copy, Some(source)) if !source.starts_with(b"/") => {
            Ok(Some([FACTORY.as_bytes(), b"/", &source].concat()))
        }
        (Type::Write, None) => Err("it has nothing to write".to_owned()),
        (Type::Attributes | Type::Flags | Type::Access, None) => {
            Err("it doesn't say what is to be given".to_owned())
        }
        (Type::CharacterDevice | Type::BlockDevice, None) => {
            Err("it has no device number, such as 1:3".to_owned())
        }
        (_, argument) => Ok(argument),
    }
}
