//! Ways through folders that others may own, step by step and by descriptor: where root
//! makes or removes something, nobody else decides what that is.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat, openat2, readlinkat};
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
/// A tree that is removed is no deeper: each level keeps a descriptor open.
const DEEPEST: usize = 256;
/// So many names of a folder that is emptied are kept at once.
const AT_ONCE: usize = 1024;

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
    some_names_in(folder, usize::MAX)
}

fn some_names_in(folder: &OwnedFd, most: usize) -> nix::Result<Vec<OsString>> {
    let own = folder.try_clone().map_err(|_| Errno::EMFILE)?;
    let mut dir = Dir::from_fd(own)?;
    let mut names = Vec::new();
    for entry in dir.iter() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(OsStr::from_bytes(name).to_owned());
            if names.len() >= most {
                break;
            }
        }
    }
    Ok(names)
}

/// Removes a file, a link itself, or a folder with all that is in it; never what is mounted
/// there.
///
/// # Errors
/// What `unlink(2)` says; `EBUSY` for a folder that something is mounted on, `ELOOP` for a
/// tree that is too deep.
pub fn remove(above: impl AsFd, name: &Path) -> nix::Result<()> {
    remove_tree(above.as_fd(), name, DEEPEST)
}

/// Removes all that is in a folder that was opened for reading.
///
/// # Errors
/// As for `remove`.
pub fn empty(folder: &OwnedFd) -> nix::Result<()> {
    empty_tree(folder, DEEPEST)
}

fn remove_tree(above: BorrowedFd<'_>, name: &Path, levels: usize) -> nix::Result<()> {
    match unlinkat(above, name, UnlinkatFlags::NoRemoveDir) {
        // Linux says EISDIR, POSIX has EPERM for it.
        Err(Errno::EISDIR | Errno::EPERM) => {}
        other => return other,
    }
    for _ in 0..LOOKS {
        let itself = open_unmounted(above, name)?;
        empty_tree(&itself, levels)?;
        match unlinkat(above, name, UnlinkatFlags::RemoveDir) {
            Err(Errno::ENOTEMPTY | Errno::EEXIST) => {}
            other => return other,
        }
    }
    Err(Errno::ENOTEMPTY)
}

fn empty_tree(folder: &OwnedFd, levels: usize) -> nix::Result<()> {
    let levels = levels.checked_sub(1).ok_or(Errno::ELOOP)?;
    loop {
        let names = some_names_in(folder, AT_ONCE)?;
        for name in &names {
            match remove_tree(folder.as_fd(), Path::new(name), levels) {
                Ok(()) | Err(Errno::ENOENT) => {}
                Err(errno) => return Err(errno),
            }
        }
        if names.len() < AT_ONCE {
            return Ok(());
        }
    }
}

/// A folder that is of the same mount as the one above it.
fn open_unmounted(above: BorrowedFd<'_>, name: &Path) -> nix::Result<OwnedFd> {
    let flags = FOLDER | OFlag::O_NOFOLLOW;
    let how = OpenHow::new()
        .flags(flags)
        .resolve(ResolveFlag::RESOLVE_NO_XDEV);
    match openat2(above, name, how) {
        Err(Errno::EXDEV) => Err(Errno::EBUSY),
        // Before Linux 5.6, and in sandboxes that don't know the call: another file system
        // is seen, a second mount of the same isn't.
        Err(Errno::ENOSYS | Errno::EPERM) => {
            let itself = openat(above, name, flags, Mode::empty())?;
            if fstat(&itself)?.st_dev == fstat(above)?.st_dev {
                Ok(itself)
            } else {
                Err(Errno::EBUSY)
            }
        }
        opened => opened,
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
    fn a_big_folder_and_a_deep_one_go_and_one_that_is_too_deep_stays() {
        let place = Place::new("remove");
        let folder = place.0.join("a");
        for number in 0..AT_ONCE * 2 + 1 {
            fs::write(folder.join(number.to_string()), "").unwrap();
        }
        let deep = vec!["d"; DEEPEST - 2].join("/");
        fs::create_dir_all(folder.join(&deep)).unwrap();
        let above = nix::fcntl::open(&place.0, WAY, Mode::empty()).unwrap();
        assert_eq!(remove(&above, Path::new("a")), Ok(()));
        assert!(!folder.exists());
        fs::create_dir_all(folder.join(deep).join("e/f")).unwrap();
        assert_eq!(remove(&above, Path::new("a")), Err(Errno::ELOOP));
    }

    #[test]
    fn a_second_mount_of_the_same_file_system_is_not_emptied() {
        if !nix::unistd::geteuid().is_root() {
            // Only root may mount.
            return;
        }
        use nix::mount::{MntFlags, MsFlags, mount, umount2};
        let place = Place::new("mounted");
        let (outside, inside) = (place.0.join("outside"), place.0.join("a/b"));
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("kept"), "").unwrap();
        let none = None::<&str>;
        mount(Some(&outside), &inside, none, MsFlags::MS_BIND, none).unwrap();
        let above = nix::fcntl::open(&place.0, WAY, Mode::empty()).unwrap();
        let removed = remove(&above, Path::new("a"));
        umount2(&inside, MntFlags::MNT_DETACH).unwrap();
        assert_eq!(removed, Err(Errno::EBUSY));
        assert!(outside.join("kept").exists());
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
