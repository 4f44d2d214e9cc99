//! Ways through folders that others may own, step by step and by descriptor: where root
//! makes or removes something, nobody else decides what that is.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};

/// The way to something; nothing is read from it.
pub const WAY: OFlag = OFlag::O_PATH.union(OFlag::O_CLOEXEC);
/// A folder that is read.
pub const FOLDER: OFlag = OFlag::O_RDONLY
    .union(OFlag::O_DIRECTORY)
    .union(OFlag::O_CLOEXEC);
/// As many links as the kernel follows.
const MOST_LINKS: usize = 40;
/// A folder that others empty at the same time gets another look, but not for ever.
const LOOKS: usize = 8;

/// What kind of thing that is.
#[must_use]
pub const fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits())
}

/// Below this folder all ways begin, and none leads out of it.
pub struct Way {
    root: Step,
}

struct Step {
    fd: OwnedFd,
    owner: u32,
}

impl Way {
    /// # Errors
    /// What `open(2)` says.
    pub fn below(root: &Path) -> nix::Result<Self> {
        let fd = nix::fcntl::open(root, WAY | OFlag::O_DIRECTORY, Mode::empty())?;
        let owner = fstat(&fd)?.st_uid;
        Ok(Self {
            root: Step { fd, owner },
        })
    }

    /// The folder above a path's last part, and that part. Missing ones on the way are
    /// made with that mode, if there is one.
    ///
    /// # Errors
    /// `EXDEV` where somebody who isn't root could have led the way elsewhere: from a
    /// folder of theirs to what is another's. `EINVAL` for a path without a last part.
    pub fn above<'a>(
        &self,
        path: &'a Path,
        missing: Option<Mode>,
    ) -> nix::Result<(OwnedFd, &'a Path)> {
        let name = path.file_name().ok_or(Errno::EINVAL)?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        Ok((self.folder(folder, missing)?, Path::new(name)))
    }

    /// The folder at the end of a path, through links.
    ///
    /// # Errors
    /// As for `above`.
    pub fn folder(&self, path: &Path, missing: Option<Mode>) -> nix::Result<OwnedFd> {
        // `..` goes back to where we came from, so nothing leads above the root.
        let mut behind: Vec<Step> = Vec::new();
        let mut ahead: Vec<OsString> = parts(path);
        let mut links = 0;
        while let Some(part) = ahead.pop() {
            if part == ".." {
                behind.pop();
                continue;
            }
            let here = behind.last().unwrap_or(&self.root);
            let flags = WAY | OFlag::O_NOFOLLOW;
            let fd = match (openat(&here.fd, &*part, flags, Mode::empty()), missing) {
                (Err(Errno::ENOENT), Some(mode)) => {
                    match mkdirat(&here.fd, &*part, mode) {
                        Ok(()) | Err(Errno::EEXIST) => {}
                        Err(errno) => return Err(errno),
                    }
                    openat(&here.fd, &*part, flags, Mode::empty())?
                }
                (opened, _) => opened?,
            };
            let stat = fstat(&fd)?;
            let is_trusted = |owner: u32| owner == 0 || owner == self.root.owner;
            if !is_trusted(here.owner) && here.owner != stat.st_uid {
                return Err(Errno::EXDEV);
            }
            match kind(&stat) {
                SFlag::S_IFDIR => behind.push(Step {
                    fd,
                    owner: stat.st_uid,
                }),
                SFlag::S_IFLNK => {
                    links += 1;
                    if links > MOST_LINKS {
                        return Err(Errno::ELOOP);
                    }
                    let target = readlinkat(&fd, "")?;
                    let target = Path::new(&target);
                    let is_up = |part: Component<'_>| part == Component::ParentDir;
                    let leaves = target.is_absolute() || target.components().any(is_up);
                    if leaves && !is_trusted(stat.st_uid) {
                        return Err(Errno::EXDEV);
                    }
                    if target.is_absolute() {
                        behind.clear();
                    }
                    ahead.extend(parts(target));
                }
                _ => return Err(Errno::ENOTDIR),
            }
        }
        match behind.pop() {
            Some(last) => Ok(last.fd),
            None => openat(&self.root.fd, ".", WAY | OFlag::O_DIRECTORY, Mode::empty()),
        }
    }
}

/// The parts of a path, the first one last.
fn parts(path: &Path) -> Vec<OsString> {
    let parts = path.components().rev();
    let named = parts.filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
    });
    named.collect()
}

/// The names in a folder that was opened for reading.
///
/// # Errors
/// What `getdents(2)` says.
pub fn names_in(folder: &OwnedFd) -> nix::Result<Vec<OsString>> {
    let own = folder.try_clone().map_err(|_| Errno::EMFILE)?;
    let mut dir = Dir::from_fd(own)?;
    let mut names = Vec::new();
    for entry in dir.iter() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    }
    Ok(names)
}

/// Removes a file, a link itself, or a folder with all that is in it; never what is mounted
/// there.
///
/// # Errors
/// What `unlink(2)` says; `EBUSY` for a folder of another file system.
pub fn remove(above: impl AsFd, name: &Path) -> nix::Result<()> {
    match unlinkat(&above, name, UnlinkatFlags::NoRemoveDir) {
        // Linux says EISDIR, POSIX has EPERM for it.
        Err(Errno::EISDIR | Errno::EPERM) => {}
        other => return other,
    }
    for _ in 0..LOOKS {
        let itself = openat(&above, name, FOLDER | OFlag::O_NOFOLLOW, Mode::empty())?;
        if fstat(&itself)?.st_dev != fstat(&above)?.st_dev {
            return Err(Errno::EBUSY);
        }
        empty(&itself)?;
        match unlinkat(&above, name, UnlinkatFlags::RemoveDir) {
            Err(Errno::ENOTEMPTY | Errno::EEXIST) => {}
            other => return other,
        }
    }
    Err(Errno::ENOTEMPTY)
}

/// Removes all that is in a folder that was opened for reading.
///
/// # Errors
/// As for `remove`.
pub fn empty(folder: &OwnedFd) -> nix::Result<()> {
    for name in names_in(folder)? {
        match remove(folder, Path::new(&name)) {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
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
            let own = format!("rinit-way-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(own);
            fs::create_dir_all(path.join("a/b")).unwrap();
            Self(path)
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn links_stay_below_the_root_wherever_they_point() {
        let place = Place::new("root");
        fs::create_dir(place.0.join("etc")).unwrap();
        symlink("/etc", place.0.join("absolute")).unwrap();
        symlink("../../../../etc", place.0.join("a/up")).unwrap();
        symlink("loop", place.0.join("loop")).unwrap();
        let way = Way::below(&place.0).unwrap();
        let own = fs::metadata(place.0.join("etc")).unwrap();
        for path in ["/absolute", "/a/up", "/a/b/../../etc"] {
            let found = way.folder(Path::new(path), None).unwrap();
            use std::os::unix::fs::MetadataExt;
            assert_eq!(fstat(&found).unwrap().st_ino, own.ino(), "{path}");
        }
        let lost = |path: &str| way.folder(Path::new(path), None).unwrap_err();
        assert_eq!(lost("/loop"), Errno::ELOOP);
        assert_eq!(lost("/a/none"), Errno::ENOENT);
        assert_eq!(way.above(Path::new("/"), None).unwrap_err(), Errno::EINVAL);
    }

    #[test]
    fn a_stranger_leads_nobody_out_of_what_is_theirs() {
        if !nix::unistd::geteuid().is_root() {
            // Only root may make folders of strangers.
            return;
        }
        let place = Place::new("stranger");
        fs::create_dir_all(place.0.join("a/own")).unwrap();
        fs::create_dir_all(place.0.join("etc/x")).unwrap();
        for (name, target) in [("out", "/etc"), ("up", "../etc"), ("in", "own")] {
            symlink(target, place.0.join("a").join(name)).unwrap();
        }
        for name in ["a", "a/own", "a/out", "a/up", "a/in"] {
            std::os::unix::fs::lchown(place.0.join(name), Some(4711), None).unwrap();
        }
        let way = Way::below(&place.0).unwrap();
        let go = |path: &str| way.folder(Path::new(path), None).err();
        for path in ["/a", "/a/own", "/a/in"] {
            assert_eq!(go(path), None, "{path}");
        }
        // b is root's in a stranger's folder; the links are the stranger's own.
        for path in ["/a/b", "/a/out", "/a/out/x", "/a/up/x"] {
            assert_eq!(go(path), Some(Errno::EXDEV), "{path}");
        }
    }
}
