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

use nix::libc;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use super::folders;
use crate::core::mounts::{
    Kind, Mount, add, executables, executes, is_read_only, plan, private_folders,
};
use crate::core::setup::Setup;

const NONE: Option<&str> = None;
const BIND: MsFlags = MsFlags::MS_BIND;
const BIND_ALL: MsFlags = MsFlags::MS_BIND.union(MsFlags::MS_REC);

/// All of it.
pub(super) fn set_up(setup: &Setup, service: &str) {
    let wanted = plan(&setup.sandbox, &setup.folders);
    let own = crate::core::sandbox::has(&setup.sandbox, "PrivateMounts");
    if wanted.is_empty() && !own || unshare(CloneFlags::CLONE_NEWNS).is_err() {
        return;
    }
    // What the container mounts later is to be seen; what we mount is not.
    if mount(NONE, "/", NONE, MsFlags::MS_SLAVE | MsFlags::MS_REC, NONE).is_err() {
        return;
    }
    let privates = private_folders(service);
    let real = real(wanted);
    let held: Vec<_> = real.iter().map(|mount| hold(mount, &privates)).collect();
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
}

/// The plan by paths without links, of what is there.
fn real(wanted: Vec<Mount>) -> Vec<Mount> {
    let mut real = Vec::new();
    for Mount { path, kind } in wanted {
        // What is seen elsewhere finds its place made.
        if let Kind::Bound { source, .. } = &kind
            && !Path::new(&path).exists()
            && Path::new(source).exists()
        {
            make_place(&path, Path::new(source).is_dir());
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
fn hold(mount: &Mount, privates: &[String; 2]) -> Option<fs::File> {
    let source = match &mount.kind {
        Kind::ReadOnly | Kind::Own if mount.path == "/" => return None,
        Kind::ReadOnly | Kind::Own | Kind::Writable => mount.path.clone(),
        Kind::Bound { source, .. } => source.clone(),
        Kind::Private => privates
            .iter()
            .find(|folder| is_in(folder, &mount.path))
            .and_then(|folder| private(folder))?,
        Kind::AsIs | Kind::Hidden | Kind::Empty { .. } | Kind::Devices | Kind::Processes(_) => {
            return None;
        }
    };
    open_place(&source).ok()
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
            make_place(path, held.metadata().is_ok_and(|found| found.is_dir()));
        }
        show(held, path, flags)
    };
    match &wanted.kind {
        Kind::AsIs => true,
        Kind::ReadOnly | Kind::Own if path == "/" => true,
        Kind::ReadOnly | Kind::Own | Kind::Writable => bind(BIND_ALL),
        Kind::Bound { whole, .. } => bind(if *whole { BIND_ALL } else { BIND }),
        Kind::Private => bind(BIND),
        Kind::Hidden => hide(path),
        // What is bound below needs its place made: it is closed with all the others.
        Kind::Empty { options, .. } => {
            in_memory(path, MsFlags::MS_NOSUID | MsFlags::MS_NODEV, options)
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
