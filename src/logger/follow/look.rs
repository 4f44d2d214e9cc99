//! Which files there are, and where each begins.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use nix::fcntl::OFlag;

use super::{Follow, Followed, MOST_OF_ONE, Place, TOO_MANY};
use crate::core::query::matches;
use crate::logger::bookmarks::{Bookmark, Identity};

/// How many names of a folder are looked at.
const NAMES: usize = 10_000;
/// The clock of file systems may be so much behind, in milliseconds.
const SLACK: u64 = 20;

impl Follow<'_> {
    /// Which files there are, however long that takes.
    pub(super) fn list(&mut self, place: usize) {
        let Some(Place { stream, name, .. }) = self.places.get(place) else {
            return;
        };
        let (stream, wanted) = (*stream, *name);
        let folder = self.watch.path(place).to_owned();
        let mut seen = Vec::new();
        for entry in std::fs::read_dir(&folder).into_iter().flatten().take(NAMES) {
            let Ok(entry) = entry else { continue };
            let name = entry.file_name();
            // Of a link this is the link's own.
            let Ok(data) = entry.metadata() else { continue };
            if !data.is_file() {
                continue;
            }
            let identity = Identity::of(&data);
            let is_wanted = fits(wanted, &name);
            let known = self.files.iter_mut().find(|it| {
                it.identity == identity
                    && self
                        .places
                        .get(it.place)
                        .is_some_and(|at| at.stream == stream)
            });
            if let Some(file) = known {
                if file.place == place {
                    file.former = !is_wanted;
                    file.name = name.into();
                }
                seen.push(identity);
            } else if is_wanted || self.memory.bookmarks.find(stream, identity).is_some() {
                let path = Path::new(&folder).join(&name);
                if let Some(identity) = self.open(place, stream, &path, &name, !is_wanted) {
                    seen.push(identity);
                }
            }
        }
        for file in self.files.iter_mut().filter(|file| file.place == place) {
            file.former |= !seen.contains(&file.identity);
        }
    }

    /// Opens a file and finds out where to begin.
    fn open(
        &mut self,
        place: usize,
        stream: usize,
        path: &Path,
        name: &OsStr,
        former: bool,
    ) -> Option<Identity> {
        let flags = OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let mut options = std::fs::OpenOptions::new();
        let file = options
            .read(true)
            .custom_flags(flags.bits())
            .open(path)
            .ok()?;
        let data = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
        let identity = Identity::of(&data);
        let marks = &self.memory.bookmarks;
        let own = self.files.iter().filter(|file| self.stream(file) == stream);
        let full = own.count() >= MOST_OF_ONE;
        let slot = marks.find(stream, identity).or_else(|| {
            let offset = match marks.since(stream) {
                Some(since) if !is_younger(&data, since) => data.len(),
                Some(_) | None => 0,
            };
            let mark = Bookmark {
                offset,
                begun: false,
            };
            marks.put(stream, identity, mark).filter(|_| !full)
        });
        let Some(slot) = slot.filter(|_| !full) else {
            self.troubles.push((place, TOO_MANY));
            return None;
        };
        for older in self.files.iter_mut() {
            if older.place == place && older.former && &*older.wanted == name {
                older.successors = older.successors.saturating_add(1);
            }
        }
        self.files.push(Followed {
            file,
            identity,
            slot,
            place,
            name: name.into(),
            former,
            wanted: name.into(),
            successors: 0,
        });
        Some(identity)
    }
}

/// Whether a name is wanted; what was packed away never is.
pub(super) fn fits(pattern: &[u8], name: &OsStr) -> bool {
    let packed = [".gz", ".xz", ".bz2", ".zst"];
    let name = name.as_bytes();
    let is_packed = packed.iter().any(|end| name.ends_with(end.as_bytes()));
    !is_packed && matches(pattern, name)
}

/// Whether a file came after this time, in Unix milliseconds. One that wasn't written since
/// is older; else its file system may know when it was made.
fn is_younger(data: &std::fs::Metadata, since: u64) -> bool {
    let is_since = |time: std::io::Result<std::time::SystemTime>| {
        let time = time
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        time.is_some_and(|time| time.as_millis().saturating_add(SLACK.into()) >= u128::from(since))
    };
    is_since(data.modified()) && is_since(data.created())
}
