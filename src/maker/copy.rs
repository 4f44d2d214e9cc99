//! Files and trees, copied.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::{Mode, SFlag, fstat, mkdirat};
use nix::unistd::symlinkat;

use super::access::{MOST_LEVELS, Wanted, give};
use super::trouble::Result;
use crate::sys::{fd, way};
use crate::units::tmpfiles::Access;

/// Copies a file, a link or a tree; whether anything is new. What is there stays, but an
/// empty folder, or with `merge` any folder, is filled. Owners are the source's where none
/// are given.
pub(super) fn copy(
    source: &OwnedFd,
    above: &OwnedFd,
    name: &Path,
    given: Wanted,
    merge: bool,
    level: usize,
) -> Result<bool> {
    if level >= MOST_LEVELS {
        return Err(Errno::ELOOP.into());
    }
    let stat = fstat(source)?;
    let mode = Mode::from_bits_truncate(stat.st_mode & 0o7777);
    let made = match way::kind(&stat) {
        SFlag::S_IFDIR => mkdirat(above, name, mode),
        SFlag::S_IFLNK => symlinkat(&*readlinkat(source, "")?, above, name),
        SFlag::S_IFREG => {
            let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
            openat(above, name, flags, Mode::S_IRUSR | Mode::S_IWUSR)
                .and_then(|file| copy_content(source, &file))
        }
        _ => return Ok(false),
    };
    let is_new = made.is_ok();
    match made {
        Ok(()) | Err(Errno::EEXIST) => {}
        Err(errno) => return Err(errno.into()),
    }
    if way::kind(&stat) == SFlag::S_IFDIR {
        let flags = way::FOLDER | OFlag::O_NOFOLLOW;
        let target = openat(above, name, flags, Mode::empty())?;
        if !is_new && !merge && !way::names_in(&target)?.is_empty() {
            return Ok(false);
        }
        let source = openat(source, ".", way::FOLDER, Mode::empty())?;
        for name in way::names_in(&source)? {
            let flags = way::WAY | OFlag::O_NOFOLLOW;
            let below = openat(&source, &*name, flags, Mode::empty())?;
            copy(&below, &target, Path::new(&name), given, merge, level + 1)?;
        }
    }
    if is_new {
        let wanted = Wanted {
            uid: given.uid.or(Some((stat.st_uid, true))),
            gid: given.gid.or(Some((stat.st_gid, true))),
            mode: Some(Access {
                bits: stat.st_mode & 0o7777,
                masked: false,
                only_new: true,
            }),
        };
        give(above, name, wanted, true)?;
    }
    Ok(is_new)
}

fn copy_content(source: &OwnedFd, target: &OwnedFd) -> nix::Result<()> {
    // A descriptor that only names it can't be read.
    let by_proc = format!("/proc/self/fd/{}", source.as_raw_fd());
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let source = nix::fcntl::open(&*by_proc, flags, Mode::empty())?;
    let mut buffer = vec![0u8; 64 << 10];
    loop {
        let count = nix::unistd::read(&source, &mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        fd::write_all(target, buffer.get(..count).unwrap_or_default())?;
    }
}
