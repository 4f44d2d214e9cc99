//! Control groups (`cgroups(7)`), by their core files alone; `controllers` has the others.
//! These files are the kernel's own and never hang, so PID 1 may open them.
#![allow(unsafe_code)]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use nix::libc;
use nix::unistd::{AccessFlags, access};

use super::error::Errno;
use super::process::own_pid;
use super::raw;
use super::signal::kill;
use crate::core::id::Pid;
use crate::core::signal::Signal;
use crate::core::sorted::Set;

/// Where cgroup2 is mounted: alone, and beside version 1.
const MOUNTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
/// The processes in a group.
const PROCS: &str = "cgroup.procs";
/// How often a tree is looked through for processes that were forked meanwhile.
const LOOKS: usize = 32;
/// The most groups of a tree that are looked at.
const GROUPS: usize = 1024;

/// A group, by its folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup(PathBuf);

/// The group that this process is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// Itself. Others may be made below it.
    pub group: Cgroup,
    /// It is the root of all that can be seen, and nobody is in it who can't be seen: it
    /// is neither a host's nor shared with another PID namespace.
    pub alone: bool,
}

/// Where /proc says that this process is.
#[must_use]
pub fn own_text() -> String {
    fs::read_to_string("/proc/self/cgroup").unwrap_or_default()
}

/// The group that this process is in, as `own_text` says; `None` where it may make none
/// below.
#[must_use]
pub fn own(text: &str) -> Option<Own> {
    let usable = |mount: &&str| {
        let root = Cgroup(PathBuf::from(mount));
        if !root.0.join("cgroup.controllers").exists() {
            return None;
        }
        let (group, members) = root.with_us(path_in(text, ""))?;
        // One of another PID namespace is shown as 0; in a machine's root there is always one.
        let alone = group.0 == Path::new(mount) && !members.contains(&Pid(0));
        Some(Own { group, alone })
    };
    MOUNTS.iter().find_map(usable)
}

impl Own {
    /// The same in the hierarchy of version 1 that has this controller and is mounted there.
    #[must_use]
    pub fn of_first(mount: &Path, controller: &str, text: &str) -> Option<Self> {
        let (group, _) = Cgroup(mount.to_owned()).with_us(path_in(text, controller))?;
        // Others aren't shown at all, but a machine's own root has a file that no other has.
        let alone = group.0 == mount && !group.0.join("release_agent").exists();
        Some(Self { group, alone })
    }
}

/// The path in the hierarchy with this controller (none in version 2's), as our own
/// namespace shows it.
fn path_in<'a>(text: &'a str, controller: &str) -> Option<&'a str> {
    memberships(text).find_map(|(names, path)| {
        let is_it = names.split(',').any(|name| name == controller);
        is_it.then_some(path)
    })
}

/// What a /proc/PID/cgroup says: the names of each hierarchy's controllers, with commas
/// between them (none in version 2's), and the path there.
pub fn memberships(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines()
        .filter_map(|line| line.split_once(':')?.1.split_once(':'))
}

impl Cgroup {
    /// The one that has this folder.
    #[must_use]
    pub const fn at(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// What one of its files says; nothing where there is none.
    #[must_use]
    pub fn text(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).unwrap_or_default()
    }

    /// Writes into one of its files.
    ///
    /// # Errors
    /// ENOENT where there is none; what `write(2)` says.
    pub fn put(&self, file: &str, text: &str) -> Result<(), Errno> {
        let file = OpenOptions::new().write(true).open(self.0.join(file));
        let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(errno)
    }

    /// The one of this name below.
    #[must_use]
    pub fn below(&self, name: &str) -> Self {
        Self(self.0.join(name))
    }

    /// Whether it is right below that one.
    #[must_use]
    pub fn is_below(&self, other: &Self) -> bool {
        self.0.parent() == Some(&other.0)
    }

    /// Its folder, for people.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes it.
    ///
    /// # Errors
    /// EEXIST where it is there, EAGAIN where there are too many.
    pub fn make(&self) -> Result<(), Errno> {
        fs::create_dir(&self.0).map_err(errno)
    }

    /// What a process writes to when it comes in.
    ///
    /// # Errors
    /// What `open(2)` says.
    pub fn entrance(&self) -> Result<OwnedFd, Errno> {
        let file = OpenOptions::new().write(true).open(self.procs());
        file.map(OwnedFd::from).map_err(errno)
    }

    /// What tells when its last process has gone.
    ///
    /// # Errors
    /// What `open(2)` says.
    pub fn events(&self) -> Result<Events, Errno> {
        File::open(self.0.join("cgroup.events"))
            .map(Events)
            .map_err(errno)
    }

    /// Puts a process in.
    ///
    /// # Errors
    /// What the kernel says, as ESRCH for one that has ended.
    pub fn take(&self, pid: Pid) -> Result<(), Errno> {
        self.put(PROCS, &pid.0.to_string())
    }

    /// The processes in it, but not those below. Whoever is in another PID namespace is 0.
    #[must_use]
    pub fn members(&self) -> Set<Pid> {
        let text = self.text(PROCS);
        let numbers = text.lines().filter_map(|line| line.parse().ok());
        numbers.map(Pid).collect()
    }

    /// The processes in it and below.
    #[must_use]
    pub fn all_members(&self) -> Set<Pid> {
        let groups = self.and_below().into_iter();
        groups.flat_map(|group| group.members()).collect()
    }

    /// Whether this process is in it or below, by one look at that process alone: a list
    /// of all may be long. Only of a group beside our own; else no, and so without /proc.
    #[must_use]
    pub fn holds(&self, pid: Pid) -> bool {
        let of_pid = fs::read_to_string(format!("/proc/{}/cgroup", pid.0)).unwrap_or_default();
        let own = own_text();
        let (Some(own), Some(path)) = (path_in(&own, ""), path_in(&of_pid, "")) else {
            return false;
        };
        let beside = Path::new(own).parent();
        let here = beside
            .zip(self.0.file_name())
            .map(|(above, name)| above.join(name));
        here.is_some_and(|here| Path::new(path).starts_with(here))
    }

    /// Sends a signal to all in it and below; the processes that were reached one by one.
    /// Those that are forked meanwhile are found by looking again.
    pub fn signal(&self, signal: Signal) -> Set<Pid> {
        // Since Linux 5.14 in one, forks included.
        if signal == Signal::KILL && self.put("cgroup.kill", "1").is_ok() {
            return Set::new();
        }
        self.signal_each(signal)
    }

    /// The same by a loop, as it has to be for all but SIGKILL, and before Linux 5.14.
    pub fn signal_each(&self, signal: Signal) -> Set<Pid> {
        let mut sent = Set::new();
        let own = own_pid();
        for _ in 0..LOOKS {
            let new: Vec<Pid> = self
                .all_members()
                .into_iter()
                .filter(|pid| pid.0 > 0 && *pid != own && sent.insert(*pid))
                .collect();
            if new.is_empty() {
                break;
            }
            for pid in new {
                let _ = kill(pid, signal);
            }
        }
        sent
    }

    /// Removes it and all below.
    ///
    /// # Errors
    /// EBUSY where a process is left in one of them.
    pub fn remove(&self) -> Result<(), Errno> {
        let all = self.and_below();
        let mut all = all.iter().rev();
        all.try_for_each(|group| match fs::remove_dir(&group.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(errno(error)),
            Ok(()) | Err(_) => Ok(()),
        })
    }

    /// Itself and the groups below, each behind the one that it is in.
    fn and_below(&self) -> Vec<Self> {
        let mut all = vec![self.clone()];
        let mut next = 0;
        while let Some(group) = all.get(next).filter(|_| next < GROUPS) {
            let entries = fs::read_dir(&group.0).into_iter().flatten().flatten();
            let is_group = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
            let below: Vec<Self> = entries
                .filter(is_group)
                .map(|entry| Self(entry.path()))
                .collect();
            all.extend(below);
            next += 1;
        }
        all
    }

    fn procs(&self) -> PathBuf {
        self.0.join(PROCS)
    }

    /// It, or the one below that /proc names, with all that are in it, this process too.
    /// Whether it may be used comes first: in most containers none may, and a list of all
    /// processes costs the kernel more than anything else here.
    fn with_us(self, path: Option<&str>) -> Option<(Self, Set<Pid>)> {
        let below = path
            .and_then(|path| path.strip_prefix('/'))
            // Above what we see; or it is the same.
            .filter(|path| !path.is_empty() && !path.starts_with(".."))
            .map(|path| self.below(path));
        [Some(self), below].into_iter().flatten().find_map(|group| {
            let members = group.may_be_used().then(|| group.members())?;
            members.contains(&own_pid()).then_some((group, members))
        })
    }

    /// Whether others can be made below, and processes put in.
    fn may_be_used(&self) -> bool {
        let writable = |path: &Path| access(path, AccessFlags::W_OK).is_ok();
        writable(&self.0) && writable(&self.procs())
    }
}

/// `cgroup.events`: becomes urgent (`EPOLLPRI`) with each change, until it is read.
#[derive(Debug)]
pub struct Events(File);

impl Events {
    /// Whether a process is in the group or below, zombies not counted. Yes where it
    /// can't be read: nothing is called gone that may be there.
    #[must_use]
    pub fn populated(&self) -> bool {
        let mut buffer = [0u8; 256];
        let count = self.0.read_at(&mut buffer, 0).unwrap_or_default();
        let text = buffer.get(..count).unwrap_or_default();
        !text
            .split(|byte| *byte == b'\n')
            .any(|line| line == b"populated 0")
    }
}

impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// This process goes in. Safe between clone and exec.
///
/// # Errors
/// What the kernel says.
pub fn enter(entrance: impl AsRawFd) -> Result<(), Errno> {
    let fd = entrance.as_raw_fd().cast_unsigned() as usize;
    // SAFETY: one byte, which lives through the call.
    unsafe { raw::call(libc::SYS_write, [fd, b"0".as_ptr().addr(), 1]) }.map(drop)
}

fn errno(error: io::Error) -> Errno {
    Errno(error.raw_os_error().unwrap_or(libc::EIO))
}
