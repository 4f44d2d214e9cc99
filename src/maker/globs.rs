//! The paths that a pattern means, looked for folder by folder.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::fcntl::openat;
use nix::sys::stat::Mode;

use crate::core::sorted::sort;
use crate::sys::way::{self, Way};
use crate::units::glob::{alternatives, is_pattern, matches};

/// Every path that matches, in the order of names; one without a pattern is itself.
pub(super) fn expand(way: &Way, pattern: &Path) -> Vec<PathBuf> {
    match pattern.to_str() {
        Some(text) => {
            let all = alternatives(text).into_iter();
            all.flat_map(|one| matching(way, Path::new(&one))).collect()
        }
        None => matching(way, pattern),
    }
}

fn matching(way: &Way, pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("/")];
    for part in pattern.iter().skip(1) {
        if !is_pattern(part.as_bytes()) {
            found.iter_mut().for_each(|path| path.push(part));
            continue;
        }
        let below = |path: &PathBuf| {
            let mut names = names(way, path);
            names.retain(|name| matches(part.as_bytes(), name.as_bytes()));
            sort(&mut names);
            let paths: Vec<_> = names.iter().map(|name| path.join(name)).collect();
            paths
        };
        found = found.iter().flat_map(below).collect();
    }
    found
}

/// What is no folder holds nothing.
fn names(way: &Way, folder: &Path) -> Vec<OsString> {
    let listed = way.folder(folder, None).and_then(|at| {
        let itself = openat(&at, ".", way::FOLDER, Mode::empty())?;
        way::names_in(&itself)
    });
    listed.unwrap_or_default()
}
