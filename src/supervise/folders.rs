//! Folders that are made for a service, and what is removed before it starts or after it
//! has ended: done as rinit's own user, in a child.
//!
//! A service may own folders on the way, so each step of a path is taken from the one
//! before and follows no link but those that rinit's user or root has made: no service can
//! have something removed, or given to it, that lies elsewhere.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat};
use nix::sys::stat::{Mode, SFlag, fchmod, fstatat, mkdirat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, symlinkat, unlinkat};

use crate::core::setup::Folder;
use crate::sys::{process, way};

/// The way to a folder; nothing is read from it.
const WAY: OFlag = OFlag::O_PATH
    .union(OFlag::O_DIRECTORY)
    .union(OFlag::O_CLOEXEC);
/// A folder itself.
const ITSELF: OFlag = OFlag::O_RDONLY
    .union(OFlag::O_DIRECTORY)
    .union(OFlag::O_CLOEXEC);
/// Of folders on the way that are missing.
const MODE_ON_THE_WAY: Mode = Mode::from_bits_truncate(0o755);

/// Makes a folder, with those above it, and gives it to that user and group.
pub(super) fn make(folder: &Folder, owner: Option<(u32, u32)>) -> Result<(), Errno> {
    let path = folder.path();
    let mode = Mode::from_bits_truncate(folder.mode);
    let (above, name) = walk(Path::new(&path), Some(MODE_ON_THE_WAY))?;
    // What another umask would take is given below.
    let made = mkdirat(&above, name, Mode::S_IRWXU);
    if let Err(errno) = made
        && errno != Errno::EEXIST
    {
        return Err(errno);
    }
    let itself = step(&above, name, ITSELF)?;
    let (uid, gid) = owner.unwrap_or((process::effective_uid(), process::effective_gid()));
    let stat = nix::sys::stat::fstat(&itself)?;
    if (stat.st_uid, stat.st_gid) != (uid, gid) {
        fchown(&itself, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
    }
    if stat.st_mode & 0o7777 != folder.mode {
        fchmod(&itself, mode)?;
    }
    Ok(())
}

/// Makes a link, with the folders above it; one that says this already is it.
pub(super) fn link(path: &str, target: &str) -> Result<(), Errno> {
    let (above, name) = walk(Path::new(path), Some(MODE_ON_THE_WAY))?;
    match symlinkat(target, &above, name) {
        Err(Errno::EEXIST) if readlinkat(&above, name).is_ok_and(|own| own == target) => Ok(()),
        made => made,
    }
}

/// Removes what has this name: a file, a link itself, or a folder with all that is in it.
/// That it isn't there is no error.
pub(super) fn remove(path: &Path) -> Result<(), Errno> {
    let removed = walk(path, None).and_then(|(above, name)| way::remove(&above, name));
    match removed {
        Err(Errno::ENOENT) => Ok(()),
        other => other,
    }
}

/// Removes a file, or a link itself, if that is what has this name.
pub(super) fn unlink(path: &Path) -> Result<(), Errno> {
    let removed = walk(path, None)
        .and_then(|(above, name)| unlinkat(&above, name, UnlinkatFlags::NoRemoveDir));
    match removed {
        Err(Errno::ENOENT) => Ok(()),
        other => other,
    }
}

/// The folder above a path's last part, and that part. Missing ones on the way are made
/// with that mode, if there is one.
pub(super) fn walk(path: &Path, missing: Option<Mode>) -> Result<(OwnedFd, &Path), Errno> {
    let start = if path.is_absolute() { "/" } else { "." };
    let mut at = nix::fcntl::open(start, WAY, Mode::empty())?;
    let mut names = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(Ok(Path::new(name))),
        Component::CurDir | Component::RootDir => None,
        // Refused at the load already: where it leads depends on links.
        Component::ParentDir | Component::Prefix(_) => Some(Err(Errno::EINVAL)),
    });
    let mut last = names.next().ok_or(Errno::EINVAL)??;
    for name in names {
        let below = step(&at, last, WAY);
        at = match (below, missing) {
            (Err(Errno::ENOENT), Some(mode)) => {
                mkdirat(&at, last, mode)?;
                step(&at, last, WAY)?
            }
            (below, _) => below?,
        };
        last = name?;
    }
    Ok((at, last))
}

/// One part of the way.
fn step(above: impl AsFd, name: &Path, flags: OFlag) -> Result<OwnedFd, Errno> {
    match openat(&above, name, flags | OFlag::O_NOFOLLOW, Mode::empty()) {
        Err(errno @ (Errno::ELOOP | Errno::ENOTDIR)) => {
            let stat = fstatat(&above, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
            let kind = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT;
            let trusted = stat.st_uid == 0 || stat.st_uid == process::effective_uid();
            if kind != SFlag::S_IFLNK || !trusted {
                return Err(errno);
            }
            openat(&above, name, flags, Mode::empty())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use super::*;

    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let own = format!("rinit-folders-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(own);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_tree_goes_with_all_in_it_and_nothing_that_its_links_name() {
        let place = Place::new("tree");
        let inside = |name: &str| place.0.join(name);
        fs::create_dir_all(inside("tree/a/b")).unwrap();
        fs::create_dir_all(inside("kept")).unwrap();
        fs::write(inside("kept/file"), "x").unwrap();
        fs::write(inside("tree/a/b/file"), "x").unwrap();
        symlink(inside("kept"), inside("tree/a/link")).unwrap();
        symlink(inside("kept"), inside("link")).unwrap();
        assert_eq!(remove(&inside("tree")), Ok(()));
        assert_eq!(remove(&inside("link")), Ok(()));
        assert!(!inside("tree").exists() && !inside("link").is_symlink());
        assert!(inside("kept/file").exists());
    }

    #[test]
    fn what_is_to_be_a_file_is_not_removed_as_a_folder() {
        let place = Place::new("unlink");
        let inside = |name: &str| place.0.join(name);
        fs::create_dir_all(inside("folder/a")).unwrap();
        fs::write(inside("file"), "x").unwrap();
        symlink(inside("folder"), inside("link")).unwrap();
        for name in ["file", "link", "absent"] {
            assert_eq!(unlink(&inside(name)), Ok(()), "{name}");
            assert!(!inside(name).is_symlink() && !inside(name).exists());
        }
        assert!(unlink(&inside("folder")).is_err());
        assert!(inside("folder/a").exists());
    }

    #[test]
    fn what_is_not_there_is_removed_already() {
        let place = Place::new("absent");
        assert_eq!(remove(&place.0.join("a")), Ok(()));
        assert_eq!(remove(&place.0.join("a/b/c")), Ok(()));
    }

    #[test]
    fn nothing_above_what_is_named_is_ever_removed() {
        let place = Place::new("above");
        fs::create_dir_all(place.0.join("a/b")).unwrap();
        for path in ["a/b/..", "..", ".", "/", ""] {
            let path = if path.len() > 2 {
                place.0.join(path)
            } else {
                path.into()
            };
            assert_eq!(remove(&path), Err(Errno::EINVAL), "{}", path.display());
        }
        assert!(place.0.join("a/b").exists());
    }
}
