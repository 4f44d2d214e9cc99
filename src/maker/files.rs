//! Carries out lines of tmpfiles.d, each by descriptors along a way that nobody else can
//! bend. What fails is told, and the rest goes on.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat};
use nix::sys::stat::{Mode, SFlag, fstat, fstatat, makedev, mkdirat, mknodat};
use nix::unistd::{UnlinkatFlags, mkfifoat, symlinkat, unlinkat};

use super::access::{Wanted, adjust_tree, check_links, give};
use super::copy::copy;
use super::globs;
use super::marks::mark;
use super::trouble::{Result, Trouble};
use crate::core::accounts;
use crate::sys::fd;
use crate::sys::way::{self, Way};
use crate::units::tmpfiles::{Complaint, Entry, Order, Owner, Type};

/// Of folders on the way that are missing, and of those that don't say.
const FOLDER_MODE: u32 = 0o755;
const FILE_MODE: u32 = 0o644;

/// All that lines are carried out with.
pub(super) struct Files {
    way: Way,
    passwd: Vec<u8>,
    group: Vec<u8>,
}

impl Files {
    pub(super) fn new(root: &Path) -> nix::Result<Self> {
        let read = |path| std::fs::read(root.join(path)).unwrap_or_default();
        Ok(Self {
            way: Way::below(root)?,
            passwd: read("etc/passwd"),
            group: read("etc/group"),
        })
    }

    /// Every line, in this order; tells of what fails.
    pub(super) fn carry_out(
        &mut self,
        order: Order,
        at_start: bool,
        complain: &mut dyn FnMut(Complaint),
    ) {
        // A read-only root would have every line fail alike.
        let mut read_only: Option<(Entry, usize)> = None;
        let removals = order.removals.into_iter().map(|entry| (entry, true));
        let makings = order.makings.into_iter().map(|entry| (entry, false));
        for (entry, removes) in removals.chain(makings) {
            if !at_start && self.is_there(&entry) {
                continue;
            }
            let done = if removes {
                self.remove(&entry)
            } else {
                self.make(&entry)
            };
            match done {
                Ok(()) => {}
                Err(_) if entry.kind.lenient => {}
                // Its package is only half there yet.
                Err(Trouble::Said(_)) if !at_start => {}
                Err(Trouble::Os(Errno::EROFS)) => match &mut read_only {
                    Some((_, count)) => *count += 1,
                    None => read_only = Some((entry, 1)),
                },
                Err(trouble) => complain(trouble.about(entry)),
            }
        }
        if let Some((entry, count)) = read_only {
            let path = entry.path.display().to_string();
            let what = match count {
                1 => format!("{path}: read-only file system"),
                _ => format!(
                    "{path}: read-only file system, as for {} more lines",
                    count - 1
                ),
            };
            let place = entry.place;
            complain(Complaint { place, what });
        }
    }

    fn is_there(&self, entry: &Entry) -> bool {
        let found = self.way.above(&entry.path, None);
        found.is_ok_and(|(above, name)| fstatat(&above, name, AtFlags::AT_SYMLINK_NOFOLLOW).is_ok())
    }

    fn remove(&self, entry: &Entry) -> Result {
        for path in self.paths(entry) {
            let found = self.way.above(&path, None);
            let removed = found.and_then(|(above, name)| {
                if entry.kind.is == Type::RemoveTree {
                    way::remove(&above, name)
                } else if entry.kind.is == Type::EmptiedFolder {
                    let flags = way::FOLDER | OFlag::O_NOFOLLOW;
                    way::empty(&openat(&above, name, flags, Mode::empty())?)
                } else {
                    remove_one(&above, name)
                }
            });
            match removed {
                Ok(()) | Err(Errno::ENOENT | Errno::ENOTDIR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    fn make(&self, entry: &Entry) -> Result {
        let wanted = self.wanted(entry)?;
        for path in self.paths(entry) {
            if entry.kind.is.takes_pattern() {
                match self.adjust(entry, &path, wanted, true) {
                    Ok(()) | Err(Trouble::Os(Errno::ENOENT | Errno::ENOTDIR)) => {}
                    Err(trouble) => return Err(trouble),
                }
                continue;
            }
            // What is copied must be there before anything is made for it.
            let needs_source = entry.kind.is == Type::Copy || entry.kind.if_there;
            if needs_source && self.source(entry).is_err() {
                return Ok(());
            }
            let missing = Mode::from_bits_truncate(FOLDER_MODE);
            let (above, name) = self.way.above(&path, Some(missing))?;
            match self.make_one(entry, &above, name, wanted) {
                Err(Trouble::InTheWay) if entry.kind.clears_way => {
                    way::remove(&above, name)?;
                    self.make_one(entry, &above, name, wanted)?;
                }
                other => other?,
            }
        }
        Ok(())
    }

    fn paths(&self, entry: &Entry) -> Vec<PathBuf> {
        if entry.kind.is.takes_pattern() {
            globs::expand(&self.way, &entry.path)
        } else {
            vec![entry.path.clone()]
        }
    }

    fn wanted(&self, entry: &Entry) -> Result<Wanted> {
        let id = |owner: &Option<Owner>, kind, find: &dyn Fn(&str) -> Option<u32>| {
            let Some(owner) = owner else {
                return Ok(None);
            };
            let number = || accounts::number(owner.name.as_bytes());
            match find(&owner.name).or_else(number) {
                Some(id) => Ok(Some((id, owner.only_new))),
                None => Err(Trouble::Said(format!(
                    "there is no {kind} \"{}\": {} is left out",
                    owner.name,
                    entry.path.display()
                ))),
            }
        };
        Ok(Wanted {
            uid: id(&entry.user, "user", &|name| {
                accounts::find_user(&self.passwd, name).map(|user| user.uid)
            })?,
            gid: id(&entry.group, "group", &|name| {
                accounts::find_group(&self.group, name).map(|group| group.gid)
            })?,
            mode: entry.mode,
        })
    }

    fn make_one(&self, entry: &Entry, above: &OwnedFd, name: &Path, wanted: Wanted) -> Result {
        let bits = |usual| {
            let bits = entry.mode.map_or(usual, |mode| mode.bits);
            Mode::from_bits_truncate(bits)
        };
        let content = entry.argument.as_deref().unwrap_or_default();
        let (kind, made) = match entry.kind.is {
            Type::Folder | Type::EmptiedFolder => {
                (SFlag::S_IFDIR, mkdirat(above, name, bits(FOLDER_MODE)))
            }
            Type::File => {
                let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
                let made = openat(above, name, flags, bits(FILE_MODE));
                let written = made.and_then(|file| fd::write_all(&file, content));
                (SFlag::S_IFREG, written)
            }
            Type::Fifo => (SFlag::S_IFIFO, mkfifoat(above, name, bits(FILE_MODE))),
            Type::Link => (SFlag::S_IFLNK, symlinkat(content, above, name)),
            Type::CharacterDevice | Type::BlockDevice => {
                let is_block = entry.kind.is == Type::BlockDevice;
                let kind = if is_block {
                    SFlag::S_IFBLK
                } else {
                    SFlag::S_IFCHR
                };
                let device = device(content)?;
                (kind, mknodat(above, name, kind, bits(FILE_MODE), device))
            }
            Type::Copy => {
                let source = self.source(entry)?;
                let made = copy(&source, above, name, wanted, entry.kind.force, 0)?;
                let stat = fstatat(above, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
                // Another kind of thing is somebody's own.
                return if way::kind(&stat) == way::kind(&fstat(&source)?) {
                    give(above, name, wanted, made)
                } else {
                    Ok(())
                };
            }
            // These have patterns.
            Type::Write
            | Type::ExistingFolder
            | Type::Remove
            | Type::RemoveTree
            | Type::Adjust
            | Type::AdjustTree
            | Type::Attributes
            | Type::Flags
            | Type::Access => return Ok(()),
        };
        match made {
            Ok(()) => return give(above, name, wanted, true),
            Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
        let stat = fstatat(above, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        let is_link = kind == SFlag::S_IFLNK;
        let is_same = way::kind(&stat) == kind
            && (!is_link || readlinkat(above, name)?.as_encoded_bytes() == content);
        if !is_same {
            // A folder or file is nothing's to replace.
            if entry.kind.force && !matches!(kind, SFlag::S_IFDIR | SFlag::S_IFREG) {
                way::remove(above, name)?;
                return self.make_one(entry, above, name, wanted);
            }
            // Somebody has put something else in a link's place, which is theirs.
            return if is_link && !(entry.kind.clears_way && way::kind(&stat) != kind) {
                Ok(())
            } else {
                Err(Trouble::InTheWay)
            };
        }
        if entry.kind.is == Type::File && entry.kind.force {
            let flags = OFlag::O_WRONLY | OFlag::O_TRUNC;
            fd::write_all(open_plain(above, name, flags)?, content)?;
        }
        give(above, name, wanted, false)
    }

    /// `w` and `e` follow a last link, if it is root's own.
    fn adjust(&self, entry: &Entry, path: &Path, wanted: Wanted, may_follow: bool) -> Result {
        let (above, name) = self.way.above(path, None)?;
        let stat = fstatat(&above, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        let (is, kind) = (entry.kind.is, way::kind(&stat));
        let follows = matches!(is, Type::Write | Type::ExistingFolder);
        if follows && kind == SFlag::S_IFLNK && may_follow {
            if stat.st_uid != 0 {
                return Err(Errno::EXDEV.into());
            }
            let target = path.with_file_name(readlinkat(&above, name)?);
            return self.adjust(entry, &target, wanted, false);
        }
        if matches!(is, Type::Attributes | Type::Flags | Type::Access) {
            return mark(entry, &above, name, 0);
        }
        if is == Type::ExistingFolder && kind != SFlag::S_IFDIR {
            return Err(Trouble::InTheWay);
        }
        if is == Type::AdjustTree {
            return adjust_tree(&above, name, wanted, 0);
        }
        if is == Type::Write {
            let append = if entry.kind.force {
                OFlag::O_APPEND
            } else {
                OFlag::empty()
            };
            let file = open_plain(&above, name, OFlag::O_WRONLY | append)?;
            fd::write_all(file, entry.argument.as_deref().unwrap_or_default())?;
        }
        give(&above, name, wanted, false)
    }

    /// What a copy is made of, or a link leads to.
    fn source(&self, entry: &Entry) -> Result<OwnedFd> {
        let path = os_path(entry.argument.as_deref().unwrap_or_default());
        let path = entry.path.with_file_name(path);
        let (above, name) = self.way.above(&path, None)?;
        Ok(openat(
            &above,
            name,
            way::WAY | OFlag::O_NOFOLLOW,
            Mode::empty(),
        )?)
    }
}

fn os_path(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

fn device(text: &[u8]) -> Result<nix::libc::dev_t> {
    let text = String::from_utf8_lossy(text);
    let numbers = text
        .trim()
        .split_once(':')
        .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    match numbers {
        Some((major, minor)) => Ok(makedev(major, minor)),
        None => Err(Trouble::Said(format!("\"{text}\" is no device number"))),
    }
}

/// A file, a link itself, or an empty folder.
fn remove_one(above: &OwnedFd, name: &Path) -> nix::Result<()> {
    match unlinkat(above, name, UnlinkatFlags::NoRemoveDir) {
        Err(Errno::EISDIR | Errno::EPERM) => unlinkat(above, name, UnlinkatFlags::RemoveDir),
        other => other,
    }
}

/// A plain file that has one name.
fn open_plain(above: &OwnedFd, name: &Path, flags: OFlag) -> Result<OwnedFd> {
    let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    // Truncated only once it is known what it is.
    let file = openat(above, name, flags - OFlag::O_TRUNC, Mode::empty())?;
    let stat = fstat(&file)?;
    if way::kind(&stat) != SFlag::S_IFREG {
        return Err(Trouble::InTheWay);
    }
    check_links(&stat)?;
    if flags.contains(OFlag::O_TRUNC) {
        nix::unistd::ftruncate(&file, 0)?;
    }
    Ok(file)
}
