//! Whether a program is there: the search that the exec will make, made beforehand.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::core::sorted::Map;

/// What a search found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    Good,
    Missing,
    Folder,
    NotExecutable,
}

/// What was sought already, by folder, PATH and word: a thousand services run a few programs.
#[derive(Default)]
pub(super) struct Programs(Map<Vec<u8>, Program>);

impl Programs {
    /// The program `word`, sought in `path` from `folder`, where the service starts; an
    /// empty one is rinit's own.
    pub(super) fn find(&mut self, word: &[u8], path: &[u8], folder: &str) -> Program {
        // No NUL is in any of them.
        let key = [folder.as_bytes(), path, word].join(&0);
        *self
            .0
            .entry(key)
            .or_insert_with(|| search(word, path, Path::new(folder)))
    }
}

fn search(word: &[u8], path: &[u8], folder: &Path) -> Program {
    if word.contains(&b'/') {
        return look_at(&folder.join(OsStr::from_bytes(word)));
    }
    let mut best = Program::Missing;
    for place in path.split(|byte| *byte == b':') {
        let place = folder.join(OsStr::from_bytes(place));
        match look_at(&place.join(OsStr::from_bytes(word))) {
            Program::Good => return Program::Good,
            found @ Program::NotExecutable => best = found,
            Program::Missing | Program::Folder => {}
        }
    }
    best
}

fn look_at(path: &Path) -> Program {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Program::Folder,
        Ok(metadata) if metadata.permissions().mode() & 0o111 == 0 => Program::NotExecutable,
        Ok(_) => Program::Good,
        // What rinit may not see, another user may.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Program::Good,
        Err(_) => Program::Missing,
    }
}
