//! Where followed files are: folders that are watched, or their nearest ancestor while they
//! aren't there. Where the kernel can't tell what happens (a network's or another program's
//! file system, no watches left), whoever asks has to look from time to time.

use std::ffi::OsString;
use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use nix::sys::statfs::statfs;

use crate::core::sorted::sort;

/// File systems that others change: NFS, SMB, CIFS, SMB2, FUSE, 9p, Ceph, AFS, vboxsf.
const ELSEWHERE: [u32; 9] = [
    0x6969,
    0x517B,
    0xFF53_4D42,
    0xFE53_4D42,
    0x6573_5546,
    0x0102_1997,
    0x00C3_6400,
    0x5346_414F,
    0x786F_4256,
];

/// What others want to know of the same folder stays asked for.
const IN_MASK_ADD: AddWatchFlags = AddWatchFlags::from_bits_retain(0x2000_0000);
/// A path has no more parts that matter.
const STEPS: usize = 64;

/// A folder that is wanted.
pub(super) struct Folder {
    path: String,
    watch: Option<WatchDescriptor>,
    /// It is there, and watched itself.
    is_there: bool,
    /// The kernel doesn't tell what happens there.
    pub(super) polled: bool,
}

/// What happened.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Something was written into a file of this folder.
    Written(usize, OsString),
    /// A name came or went there.
    Names(usize, OsString),
    /// The folder itself came or went.
    Moved(usize),
}

/// All of them.
pub(super) struct Watch {
    inotify: Option<Inotify>,
    pub(super) folders: Vec<Folder>,
}

impl Watch {
    pub(super) fn new(paths: impl Iterator<Item = String>) -> Self {
        let folder = |path| Folder {
            path,
            watch: None,
            is_there: false,
            polled: false,
        };
        let folders: Vec<Folder> = paths.map(folder).collect();
        let flags = InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC;
        let inotify = (!folders.is_empty()).then(|| Inotify::init(flags).ok());
        Self {
            inotify: inotify.flatten(),
            folders,
        }
    }

    /// Readable when there are news.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        use std::os::fd::AsFd;
        self.inotify.as_ref().map(AsFd::as_fd)
    }

    pub(super) fn path(&self, number: usize) -> &str {
        self.folders.get(number).map_or("", |folder| &folder.path)
    }

    /// Watches a folder, or what it would come into. To be looked into afterwards.
    pub(super) fn find(&mut self, number: usize) {
        let Some(folder) = self.folders.get(number) else {
            return;
        };
        let wanted = folder.path.clone();
        let (mut found, mut polled) = (None, self.inotify.is_none());
        if let Some(inotify) = &self.inotify {
            let names = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
            let more = AddWatchFlags::IN_MODIFY
                | AddWatchFlags::IN_MOVED_FROM
                | AddWatchFlags::IN_DELETE
                | AddWatchFlags::IN_DELETE_SELF
                | AddWatchFlags::IN_MOVE_SELF;
            let common = AddWatchFlags::IN_ONLYDIR | IN_MASK_ADD | names;
            let mut path = wanted.as_str();
            for _ in 0..STEPS {
                let is_it = path == wanted;
                let mask = if is_it { common | more } else { common };
                match inotify.add_watch(path, mask) {
                    Ok(watch) => {
                        found = Some((watch, is_it));
                        // It may have come before it was watched for.
                        let next = below(&wanted, path);
                        if is_it || !std::path::Path::new(next).is_dir() {
                            break;
                        }
                        path = next;
                    }
                    Err(Errno::ENOENT | Errno::ENOTDIR) if path != parent(path) => {
                        path = parent(path);
                    }
                    Err(_) => {
                        polled = true;
                        break;
                    }
                }
            }
        }
        let kind = statfs(wanted.as_str()).map(|stat| stat.filesystem_type().0);
        // Only the low half says which it is, and its type isn't the same everywhere.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let elsewhere = kind.is_ok_and(|kind| ELSEWHERE.contains(&(kind as u32)));
        let old = self.folders.get_mut(number).and_then(|folder| {
            folder.polled = polled || elsewhere;
            folder.is_there = found.is_some_and(|(_, is_it)| is_it);
            std::mem::replace(&mut folder.watch, found.map(|(watch, _)| watch))
        });
        if let Some(old) = old
            && let Some(inotify) = &self.inotify
            && self.folders.iter().all(|folder| folder.watch != Some(old))
        {
            let _ = inotify.rm_watch(old);
        }
    }

    /// What has happened since; folders that came or went are to be watched anew.
    pub(super) fn news(&mut self) -> Vec<News> {
        let mut news = Vec::new();
        let mut moved = Vec::new();
        let Some(inotify) = &self.inotify else {
            return news;
        };
        for event in inotify.read_events().unwrap_or_default() {
            if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
                // More than the kernel could tell.
                moved.extend(0..self.folders.len());
                continue;
            }
            let gone = AddWatchFlags::IN_IGNORED
                | AddWatchFlags::IN_DELETE_SELF
                | AddWatchFlags::IN_MOVE_SELF
                | AddWatchFlags::IN_UNMOUNT;
            for (number, folder) in self.folders.iter().enumerate() {
                if folder.watch != Some(event.wd) {
                    continue;
                }
                if !folder.is_there || event.mask.intersects(gone) {
                    moved.push(number);
                } else if let Some(name) = &event.name {
                    let name = name.clone();
                    news.push(if event.mask.contains(AddWatchFlags::IN_MODIFY) {
                        News::Written(number, name)
                    } else {
                        News::Names(number, name)
                    });
                }
            }
        }
        sort(&mut moved);
        moved.dedup();
        for number in moved {
            news.push(News::Moved(number));
        }
        news.dedup();
        news
    }
}

/// `a/b` of `a/b/c`, `/` of `/a`, `.` of `a`.
fn parent(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", "")) => "/",
        Some(("", _)) => "/",
        Some((parent, _)) => parent,
        None => ".",
    }
}

/// One part more of the whole than this beginning of it has.
fn below<'a>(whole: &'a str, beginning: &str) -> &'a str {
    let from = if beginning == "." {
        0
    } else {
        beginning.len() + 1
    };
    let rest = whole.get(from..).unwrap_or_default();
    let rest = rest.trim_start_matches('/');
    let start = whole.len().saturating_sub(rest.len());
    let length = rest.find('/').unwrap_or(rest.len());
    whole.get(..start.saturating_add(length)).unwrap_or(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_climbed_and_descended_by_its_parts() {
        assert_eq!(parent("/var/log/web"), "/var/log");
        assert_eq!(
            (parent("/var"), parent("/"), parent("log"), parent(".")),
            ("/", "/", ".", ".")
        );
        assert_eq!(below("/var/log/web", "/"), "/var");
        assert_eq!(below("/var/log/web", "/var"), "/var/log");
        assert_eq!(below("log/web", "."), "log");
        assert_eq!(below("log/web", "log"), "log/web");
    }
}
