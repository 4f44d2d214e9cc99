//! The files `*.conf` that packages and people lay beside each other in `tmpfiles.d` and
//! `sysusers.d`: all in the order of their names; of two with one name the first place's.

use std::path::{Path, PathBuf};

use super::search::{Entry, entries, is_null, read};
use crate::core::sorted::Map;

/// The first that has a name wins. People's come before packages'.
const PLACES: [&str; 5] = ["etc", "run", "usr/local/lib", "usr/lib", "lib"];
/// So many of them are people's or made at run time.
const NOT_PACKAGES: usize = 2;

/// One of them.
pub(crate) struct Snippet {
    /// As users of the root see it.
    pub(crate) path: PathBuf,
    /// What stands in it, or that it can't be read.
    pub(crate) text: Result<String, Complaint>,
}

/// Where a line stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
}

/// What is wrong with a line, or with a file (line 0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub(crate) place: Place,
    pub(crate) what: String,
}

/// The lines of a file that are neither blank nor comments, which begin with one of these.
pub(crate) fn lines<'a>(
    text: &'a str,
    file: &'a Path,
    comments: &'a [char],
) -> impl Iterator<Item = (&'a str, Place)> {
    let lines = (1..).zip(text.lines().map(str::trim));
    lines
        .filter(move |(_, text)| !text.is_empty() && !text.starts_with(comments))
        .map(|(line, text)| {
            let file = file.to_owned();
            (text, Place { file, line })
        })
}

/// All in the folders of this name. `skip` leaves out some that packages bring.
pub(crate) fn snippets(root: &Path, folder: &str, skip: impl Fn(&str) -> bool) -> Vec<Snippet> {
    let mut found: Map<String, Option<PathBuf>> = Map::new();
    for (number, place) in PLACES.iter().enumerate() {
        let below = Path::new(place).join(folder);
        for (name, entry) in entries(&root.join(&below)) {
            let is_one = name.ends_with(".conf") && !name.starts_with('.');
            if !is_one || (number >= NOT_PACKAGES && skip(&name)) {
                continue;
            }
            let path = match entry {
                Entry::Folder => continue,
                Entry::Link(target) if is_null(&target) => None,
                Entry::Link(_) | Entry::File => Some(below.join(&name)),
            };
            found.entry(name).or_insert(path);
        }
    }
    let paths = found.into_values().flatten();
    paths
        .map(|below| {
            let path = Path::new("/").join(&below);
            let text = read(&root.join(&below)).map_err(|what| Complaint {
                place: Place {
                    file: path.clone(),
                    line: 0,
                },
                what: format!("cannot read: {what}"),
            });
            Snippet { path, text }
        })
        .collect()
}
