//! Owners and modes, given by descriptors.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{FchmodatFlags, FileStat, Mode, SFlag, fchmodat, fstat};
use nix::unistd::{Gid, Uid, fchownat};

use super::trouble::{Result, Trouble};
use crate::sys::way;
use crate::units::tmpfiles::Access;

/// A tree that is copied or adjusted is no deeper.
pub(super) const MOST_LEVELS: usize = 64;

/// A line's owner and mode, in numbers.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) uid: Option<(u32, bool)>,
    pub(super) gid: Option<(u32, bool)>,
    pub(super) mode: Option<Access>,
}

/// Where users may make hard links to what isn't theirs, a second name is a trap.
pub(super) fn check_links(stat: &FileStat) -> Result {
    if stat.st_nlink < 2 || way::kind(stat) == SFlag::S_IFDIR {
        return Ok(());
    }
    let protected = std::fs::read("/proc/sys/fs/protected_hardlinks");
    match protected {
        Ok(text) if text.first() == Some(&b'1') => Ok(()),
        Ok(_) | Err(_) => Err(Trouble::Linked),
    }
}

/// Owner and mode.
pub(super) fn give(above: &OwnedFd, name: &Path, wanted: Wanted, is_new: bool) -> Result {
    let flags = way::WAY | OFlag::O_NOFOLLOW;
    let itself = openat(above, name, flags, Mode::empty())?;
    let stat = fstat(&itself)?;
    let id = |id: Option<(u32, bool)>| {
        let id = id.filter(|(_, only_new)| is_new || !only_new);
        id.map(|(id, _)| id)
    };
    let uid = id(wanted.uid).filter(|uid| *uid != stat.st_uid);
    let gid = id(wanted.gid).filter(|gid| *gid != stat.st_gid);
    let is_link = way::kind(&stat) == SFlag::S_IFLNK;
    let mode = wanted
        .mode
        .filter(|mode| (is_new || !mode.only_new) && !is_link);
    let bits = mode.map(|mode| {
        if mode.masked {
            masked(mode.bits, &stat)
        } else {
            mode.bits
        }
    });
    let chowns = uid.is_some() || gid.is_some();
    // A change of owner takes away the bits that are more than permissions.
    let bits = bits.filter(|bits| chowns || *bits != stat.st_mode & 0o7777);
    if !chowns && bits.is_none() {
        return Ok(());
    }
    check_links(&stat)?;
    if chowns {
        let (uid, gid) = (uid.map(Uid::from_raw), gid.map(Gid::from_raw));
        fchownat(&itself, "", uid, gid, AtFlags::AT_EMPTY_PATH)?;
    }
    if let Some(bits) = bits {
        change_mode(&itself, above, name, &stat, Mode::from_bits_truncate(bits))?;
    }
    Ok(())
}

/// By its descriptor, which names it without its path.
fn change_mode(
    itself: &OwnedFd,
    above: &OwnedFd,
    name: &Path,
    stat: &FileStat,
    mode: Mode,
) -> Result {
    let by_proc = format!("/proc/self/fd/{}", itself.as_raw_fd());
    let follow = FchmodatFlags::FollowSymlink;
    match fchmodat(nix::fcntl::AT_FDCWD, &*by_proc, mode, follow) {
        Err(Errno::ENOENT) if matches!(way::kind(stat), SFlag::S_IFDIR | SFlag::S_IFREG) => {
            // No /proc.
            let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
            let opened = openat(above, name, flags, Mode::empty())?;
            Ok(nix::sys::stat::fchmod(&opened, mode)?)
        }
        other => Ok(other?),
    }
}

/// The mode without what the thing has no use for yet.
fn masked(bits: u32, stat: &FileStat) -> u32 {
    let mut kept = bits;
    for class in [0o111, 0o222, 0o444] {
        if stat.st_mode & class == 0 {
            kept &= !class;
        }
    }
    if way::kind(stat) != SFlag::S_IFDIR {
        kept &= 0o777;
    }
    kept
}

/// Owner and mode of all in a tree.
pub(super) fn adjust_tree(above: &OwnedFd, name: &Path, wanted: Wanted, level: usize) -> Result {
    give(above, name, wanted, false)?;
    let flags = way::FOLDER | OFlag::O_NOFOLLOW;
    let folder = match openat(above, name, flags, Mode::empty()) {
        Err(Errno::ENOTDIR | Errno::ELOOP) => return Ok(()),
        opened => opened?,
    };
    if level >= MOST_LEVELS {
        return Err(Errno::ELOOP.into());
    }
    for name in way::names_in(&folder)? {
        match adjust_tree(&folder, Path::new(&name), wanted, level + 1) {
            Ok(()) | Err(Trouble::Os(Errno::ENOENT)) => {}
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(())
}
