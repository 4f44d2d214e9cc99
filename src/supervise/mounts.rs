//! Carries out a sandbox's plan of mounts (`core::mounts`) in a mount namespace of this
//! process' own, which nobody else sees and which goes with the last process in it.
//!
//! What is to be seen elsewhere is held open first, since a later step may hide it. Then
//! each path gets its mount, those above before those below; last, what the kernel lists as
//! mounted is made read-only where the plan says so, so that what the engine has mounted
//! below is too, and what it has made read-only stays so. A step that fails is left out; but
//! without a mount for what must stay writable nothing around it becomes read-only.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::Path;

use nix::errno::Errno;
use nix::libc;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{chdir, chroot};

use super::folders;
use super::full::EIO;
use crate::core::exec::Words;
use crate::core::mounts::{
    Kind, Mount, add, executables, executes, is_read_only, plan, private_folders,
};
use crate::core::sandbox::{has, root};
use crate::core::setup::Setup;

const NONE: Option<&str> = None;
const BIND: MsFlags = MsFlags::MS_BIND;
const BIND_ALL: MsFlags = MsFlags::MS_BIND.union(MsFlags::MS_REC);

/// All of it; another root is entered. `more`: what is to be found there too.
///
/// # Errors
/// Where another root isn't to be had.
pub(super) fn set_up(setup: &Setup, service: &str, more: &[String]) -> Result<(), Errno> {
    let words = &setup.sandbox;
    let root = root_of(words)?;
    let mut wanted = plan(words, &setup.folders);
    let shows_all = root.is_some() && !has(words, "MountAPIVFS");
    let is_asked = shows_all || !wanted.is_empty() || has(words, "PrivateMounts");
    if !is_asked || !begin() {
        return root.map_or(Ok(()), |root| enter(&root));
    }
    for path in more.iter().filter(|_| root.is_some()) {
        let (source, whole, read_only) = (path.clone(), false, false);
        let kind = Kind::Bound {
            source,
            whole,
            read_only,
        };
        add(&mut wanted, path, kind);
    }
    let sources = sources(&mut wanted, service);
    if let Some(root) = root {
        // Closed for writing it is a mount.
        let _ = mount(Some(&*root), &*root, NONE, BIND_ALL, NONE);
        if shows_all {
            show_kernels(&root);
        }
        // As the namespace's own root it may have private users; else it is but entered.
        let moved = || {
            chdir(&*root)?;
            mount(Some(&*root), "/", NONE, MsFlags::MS_MOVE, NONE)?;
            enter(".")
        };
        moved().or_else(|_| enter(&root))?;
    }
    let real = real(wanted, &sources);
    let held: Vec<_> = real.iter().map(|mount| hold(mount, &sources)).collect();
    let mut all_done = true;
    for (mount, held) in real.iter().zip(&held) {
        let done = make(mount, held.as_ref());
        // What is hidden by now needs no place.
        let needed = matches!(mount.kind, Kind::Writable | Kind::Own);
        let needed = needed && Path::new(&mount.path).exists();
        all_done &= done || !needed;
    }
    if all_done {
        close(&real, &executables_of(setup));
    }
    Ok(())
}

/// What the container mounts later is to be seen; what we mount is not.
fn begin() -> bool {
    let flags = MsFlags::MS_SLAVE | MsFlags::MS_REC;
    unshare(CloneFlags::CLONE_NEWNS).is_ok() && mount(NONE, "/", NONE, flags, NONE).is_ok()
}

/// RootDirectory=, without links.
fn root_of(words: &Words) -> Result<Option<String>, Errno> {
    let Some((path, is_optional)) = root(words) else {
        return Ok(None);
    };
    match fs::canonicalize(path) {
        Ok(found) => Ok(found.to_str().map(str::to_owned)),
        Err(_) if is_optional => Ok(None),
        Err(error) => Err(Errno::from_raw(error.raw_os_error().unwrap_or(EIO))),
    }
}

/// From here on this is `/`.
fn enter(root: &str) -> Result<(), Errno> {
    chroot(root)?;
    chdir("/")
}

/// Enters another root where there is one, and sets up nothing else.
///
/// # Errors
/// Where it isn't to be had.
pub(super) fn enter_root(words: &Words) -> Result<(), Errno> {
    root_of(words)?.map_or(Ok(()), |root| enter(&root))
}

/// The kernel's file systems in another root, and an empty /run.
fn show_kernels(root: &str) {
    let all: Vec<_> = mounted().map(|(path, _)| path).collect();
    for name in ["/proc", "/sys", "/dev", "/run"] {
        let path = format!("{root}{name}");
        if all.contains(&path) {
            continue;
        }
        make_place(&path, true);
        if name == "/run" {
            in_memory(&path, MsFlags::MS_NOSUID | MsFlags::MS_NODEV, "mode=0755");
        } else {
            let _ = mount(Some(name), &*path, NONE, BIND_ALL, NONE);
        }
    }
}

/// What is seen elsewhere, held open by its path; a private folder is that, too.
fn sources(wanted: &mut [Mount], service: &str) -> Vec<(String, fs::File)> {
    let privates = private_folders(service);
    let mut sources = Vec::new();
    for mount in wanted {
        if mount.kind == Kind::Private {
            let mut folders = privates.iter();
            let folder = folders.find(|folder| is_in(folder, &mount.path));
            let Some(source) = folder.and_then(|folder| private(folder)) else {
                continue;
            };
            let (whole, read_only) = (false, false);
            mount.kind = Kind::Bound {
                source,
                whole,
                read_only,
            };
        }
        if let Kind::Bound { source, .. } = &mount.kind
            && let Ok(file) = open_place(source)
        {
            sources.push((source.clone(), file));
        }
    }
    sources
}

fn source<'a>(sources: &'a [(String, fs::File)], kind: &Kind) -> Option<&'a fs::File> {
    let Kind::Bound { source, .. } = kind else {
        return None;
    };
    let mut all = sources.iter();
    all.find(|(own, _)| own == source).map(|(_, file)| file)
}

/// The plan by paths without links, of what is there.
fn real(wanted: Vec<Mount>, sources: &[(String, fs::File)]) -> Vec<Mount> {
    let mut real = Vec::new();
    for Mount { path, kind } in wanted {
        // What is seen elsewhere finds its place made.
        if let Some(file) = source(sources, &kind)
            && !Path::new(&path).exists()
        {
            make_place(&path, is_folder(file));
        }
        if let Some(found) = fs::canonicalize(&path)
            .ok()
            .as_deref()
            .and_then(Path::to_str)
        {
            add(&mut real, found, kind);
        }
    }
    real
}

fn is_folder(file: &fs::File) -> bool {
    file.metadata().is_ok_and(|found| found.is_dir())
}

/// By paths without links, of what is there.
fn executables_of(setup: &Setup) -> Vec<(String, bool)> {
    let all = executables(&setup.sandbox).into_iter();
    let real = |(path, executes)| {
        let path = fs::canonicalize(path).ok()?;
        Some((path.to_str()?.to_owned(), executes))
    };
    all.filter_map(real).collect()
}

fn is_in(folder: &str, above: &str) -> bool {
    Path::new(folder).parent() == Some(Path::new(above))
}

/// The service's private folders, anew: what isn't to be had is done without.
pub(super) fn make_private(service: &str) {
    for folder in private_folders(service) {
        let _ = make_one(&folder);
    }
}

/// An empty folder that nobody but root can enter, and in it one for everybody, which is the
/// only one that is ever seen by the service. Who has made one of that name before loses it.
fn make_one(folder: &str) -> std::io::Result<()> {
    let _ = folders::remove(Path::new(folder));
    DirBuilder::new().mode(0o700).create(folder)?;
    let inner = format!("{folder}/tmp");
    fs::create_dir(&inner)?;
    fs::set_permissions(inner, fs::Permissions::from_mode(0o1777))
}

/// The private folder, if it is ours.
fn private(folder: &str) -> Option<String> {
    let found = fs::symlink_metadata(folder).ok()?;
    let ours = found.is_dir() && found.uid() == 0 && found.mode() & 0o077 == 0;
    ours.then(|| format!("{folder}/tmp"))
}

fn make_place(path: &str, is_folder: bool) {
    if is_folder {
        let _ = fs::create_dir_all(path);
    } else {
        let _ = Path::new(path).parent().map(fs::create_dir_all);
        let _ = OpenOptions::new().append(true).create(true).open(path);
    }
}

/// What will be seen at this place.
fn hold(mount: &Mount, sources: &[(String, fs::File)]) -> Option<fs::File> {
    let stays = matches!(mount.kind, Kind::ReadOnly | Kind::Own);
    if stays && mount.path != "/" || mount.kind == Kind::Writable {
        return open_place(&mount.path).ok();
    }
    source(sources, &mount.kind)?.try_clone().ok()
}

fn open_place(path: &str) -> std::io::Result<fs::File> {
    let mut way = OpenOptions::new();
    way.read(true).custom_flags(libc::O_PATH);
    way.open(path)
}

/// Whether it is done.
fn make(wanted: &Mount, held: Option<&fs::File>) -> bool {
    let path = &*wanted.path;
    let bind = |flags| {
        let Some(held) = held else {
            return false;
        };
        let place = Path::new(path);
        if !place.exists() {
            make_place(path, is_folder(held));
        }
        show(held, path, flags)
    };
    match &wanted.kind {
        // Nothing stands for a private folder that isn't ours.
        Kind::AsIs | Kind::Private => true,
        Kind::ReadOnly | Kind::Own if path == "/" => true,
        Kind::ReadOnly | Kind::Own | Kind::Writable => bind(BIND_ALL),
        Kind::Bound { whole, .. } => bind(if *whole { BIND_ALL } else { BIND }),
        Kind::Hidden => hide(path),
        // What is bound below needs its place made: it is closed with all the others.
        Kind::Empty { options, .. } => {
            let (mut all, mut own) = (MsFlags::MS_NODEV, Vec::new());
            for option in options.split(',') {
                match flags(option) {
                    flag if flag.is_empty() => own.push(option),
                    flag => all |= flag,
                }
            }
            in_memory(path, all, &own.join(","))
        }
        Kind::Devices => devices(),
        Kind::Processes(options) => processes(options),
    }
}

fn show(held: &fs::File, path: &str, flags: MsFlags) -> bool {
    let source = format!("/proc/self/fd/{}", held.as_raw_fd());
    mount(Some(&*source), path, NONE, flags, NONE).is_ok()
}

/// A new /proc over the old one. What the engine has mounted below that, to hide it or to
/// close it for writing, is below this one too, or there is no new one.
fn processes(options: &str) -> bool {
    const PROC: Option<&str> = Some("proc");
    let mut covers = Vec::new();
    for (path, _) in mounted().filter(|(path, _)| path.starts_with("/proc/")) {
        match open_place(&path) {
            Ok(held) => covers.push((path, held)),
            // Nobody sees it: another mount is above it.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(_) => return false,
        }
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    if mount(PROC, "/proc", PROC, flags, Some(options)).is_err() {
        return false;
    }
    let mut covers = covers.iter();
    let covered = covers.all(|(path, held)| !Path::new(path).exists() || show(held, path, BIND));
    if !covered {
        let _ = umount2("/proc", MntFlags::MNT_DETACH);
    }
    covered
}

fn in_memory(path: &str, flags: MsFlags, options: &str) -> bool {
    let kind = Some("tmpfs");
    mount(kind, path, kind, flags, Some(options)).is_ok()
}

fn hide(path: &str) -> bool {
    const CLOSED: MsFlags = MsFlags::MS_NOSUID
        .union(MsFlags::MS_NODEV)
        .union(MsFlags::MS_NOEXEC)
        .union(MsFlags::MS_RDONLY);
    if Path::new(path).is_dir() {
        return in_memory(path, CLOSED, "mode=0,nr_inodes=2");
    }
    // A device on a mount without devices can't be opened.
    let again = BIND | MsFlags::MS_REMOUNT | CLOSED;
    mount(Some("/dev/null"), path, NONE, BIND, NONE).is_ok()
        && mount(NONE, path, NONE, again, NONE).is_ok()
}

/// A /dev of its own. It is put together where nobody sees it, at /tmp, and moved.
fn devices() -> bool {
    const STAGE: &str = "/tmp";
    make_place(STAGE, true);
    if !in_memory(STAGE, MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC, "mode=0755") {
        return false;
    }
    for name in [
        "null",
        "zero",
        "full",
        "random",
        "urandom",
        "tty",
        "ptmx",
        "log",
        "pts",
        "shm",
        "mqueue",
        "hugepages",
    ] {
        let (from, to) = (format!("/dev/{name}"), format!("{STAGE}/{name}"));
        let Ok(found) = fs::symlink_metadata(&from) else {
            continue;
        };
        if let Ok(target) = fs::read_link(&from) {
            let _ = symlink(target, &to);
        } else {
            make_place(&to, found.is_dir());
            let _ = mount(Some(&*from), &*to, NONE, BIND_ALL, NONE);
        }
    }
    for (name, target) in [
        ("fd", "fd"),
        ("stdin", "fd/0"),
        ("stdout", "fd/1"),
        ("stderr", "fd/2"),
    ] {
        let _ = symlink(format!("/proc/self/{target}"), format!("{STAGE}/{name}"));
    }
    mount(Some(STAGE), "/dev", NONE, MsFlags::MS_MOVE, NONE).is_ok()
}

/// Makes read-only what is mounted where the plan says so, and what can be executed what may be.
fn close(plan: &[Mount], executables: &[(String, bool)]) {
    for (path, old) in mounted() {
        let mut flags = old;
        flags.set(
            MsFlags::MS_RDONLY,
            old.contains(MsFlags::MS_RDONLY) || is_read_only(plan, &path),
        );
        if let Some(executes) = executes(executables, &path) {
            flags.set(MsFlags::MS_NOEXEC, !executes);
        }
        if flags != old {
            let flags = flags | BIND | MsFlags::MS_REMOUNT;
            let _ = mount(NONE, &*path, NONE, flags, NONE);
        }
    }
}

/// All that is mounted, each behind what it is mounted on, and its flags.
fn mounted() -> impl Iterator<Item = (String, MsFlags)> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let each = |line: &str| {
        let mut fields = line.split(' ');
        Some((unescaped(fields.nth(4)?), flags(fields.next()?)))
    };
    let all: Vec<_> = table.lines().filter_map(each).collect();
    all.into_iter()
}

/// What a mount has already: that may be locked, and must be said again.
fn flags(options: &str) -> MsFlags {
    let flag = |option| match option {
        "ro" => MsFlags::MS_RDONLY,
        "nosuid" => MsFlags::MS_NOSUID,
        "nodev" => MsFlags::MS_NODEV,
        "noexec" => MsFlags::MS_NOEXEC,
        "noatime" => MsFlags::MS_NOATIME,
        "nodiratime" => MsFlags::MS_NODIRATIME,
        "relatime" => MsFlags::MS_RELATIME,
        _ => MsFlags::empty(),
    };
    let all = options.split(',').map(flag);
    all.fold(MsFlags::empty(), MsFlags::union)
}

/// The kernel writes blanks and backslashes by their numbers.
fn unescaped(path: &str) -> String {
    let pairs = [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ];
    pairs
        .into_iter()
        .fold(path.to_owned(), |path, (from, to)| path.replace(from, to))
}
