//! Which process is the main one of a service that forks: what its PID file says, or the
//! only one that its first process has left behind. A child looks, since a file may hang;
//! that the number is the service's own is checked here, as for MAINPID=.

use std::fs::{self, OpenOptions};
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use super::act::Results;
use super::hands::Hands;
use super::probe::Progress;
use super::probing::waits;
use crate::core::event::{Answer, Event};
use crate::core::id::{Pid, RunId};
use crate::core::spec::{Forking, ServiceSpec};
use crate::sys::cgroup::Cgroup;
use crate::sys::error::{Errno, strerror};
use crate::sys::fork::helper;
use crate::sys::process::own_pid;
use crate::sys::{fd, procfs};

/// A number and its newline are shorter.
const MOST_BYTES: u64 = 64;
/// Whoever is between two forks is soon gone: so often, and with such pauses, is looked
/// again where there are several.
const LOOKS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(10);
/// A daemon may write its file a little after its script has ended.
const SCRIPT_PAUSE: Duration = Duration::from_millis(100);

/// Where the orphans of a service are.
enum Orphans {
    /// Below its subreaper.
    Below(Pid),
    /// In its cgroup, and children of PID 1.
    In(Cgroup, Pid),
    /// Nobody knows.
    Anywhere,
}

impl Orphans {
    fn list(&self) -> Vec<Pid> {
        let stats = procfs::stats().into_iter().filter(|stat| !stat.zombie);
        match self {
            Self::Below(keeper) => stats
                .filter(|stat| stat.parent == keeper.0)
                .map(|stat| stat.pid)
                .collect(),
            Self::In(cgroup, init) => {
                let members = cgroup.all_members();
                stats
                    .filter(|stat| stat.parent == init.0 && members.contains(&stat.pid))
                    .map(|stat| stat.pid)
                    .collect()
            }
            Self::Anywhere => Vec::new(),
        }
    }

    /// The only one that is left, if it is.
    fn guess(&self) -> Option<Pid> {
        for _ in 0..LOOKS {
            match *self.list() {
                [] => return None,
                [only] => return Some(only),
                [..] => std::thread::sleep(PAUSE),
            }
        }
        None
    }
}

/// In the child: the number, none where there is no telling, or why it isn't known yet.
fn look(forking: &Forking, orphans: &Orphans) -> Result<Option<Pid>, String> {
    match &forking.pid_file {
        file if forking.by_script => left_by_script(file.as_deref(), orphans),
        Some(path) => read(path).map(Some),
        None if forking.never_guess => Ok(None),
        None => Ok(orphans.guess()),
    }
}

/// What a script has left: the process that its file names, else the only one. Without any
/// the start came to nothing.
fn left_by_script(file: Option<&str>, orphans: &Orphans) -> Result<Option<Pid>, String> {
    for _ in 0..LOOKS {
        let left = orphans.list();
        if left.is_empty() && !matches!(orphans, Orphans::Anywhere) {
            return Err("nothing that it started runs".to_owned());
        }
        match (file.map(read), &*left) {
            (Some(Ok(pid)), _) if lives(pid) => return Ok(Some(pid)),
            (None, [only]) => return Ok(Some(*only)),
            _ => std::thread::sleep(SCRIPT_PAUSE),
        }
    }
    Ok(orphans.guess())
}

fn lives(pid: Pid) -> bool {
    procfs::stat(pid).is_some_and(|stat| !stat.zombie)
}

fn read(path: &str) -> Result<Pid, String> {
    let refused = |error: std::io::Error| {
        let why = strerror(error.raw_os_error().unwrap_or(nix::libc::EIO));
        format!("{path}: {why}")
    };
    let no_file = || format!("{path} is no plain file");
    if !fs::metadata(path).map_err(refused)?.is_file() {
        return Err(no_file());
    }
    // What has taken its place since then is not to hold us either.
    let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .map_err(refused)?;
    if !file.metadata().map_err(refused)?.is_file() {
        return Err(no_file());
    }
    let mut text = Vec::new();
    file.take(MOST_BYTES)
        .read_to_end(&mut text)
        .map_err(refused)?;
    number(&text).ok_or_else(|| match text.is_empty() {
        true => format!("{path} is empty"),
        false => format!("{path} holds no process's number"),
    })
}

/// The number in a PID file's first line, as people and programs write it.
fn number(text: &[u8]) -> Option<Pid> {
    let line = text.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?.trim();
    let digits = line.bytes().all(|byte| byte.is_ascii_digit());
    let number: i32 = line.parse().ok().filter(|_| digits)?;
    (number > 1).then_some(Pid(number))
}

impl Hands {
    /// Sends a child to look.
    pub(super) fn seek_main(&self, run: RunId, spec: &ServiceSpec) -> Result<Progress, Errno> {
        let entry = self.runs.get(run);
        let keeper = entry.and_then(|entry| entry.keeper());
        let cgroup = entry.and_then(|entry| entry.cgroup());
        let orphans = match (keeper, cgroup) {
            (Some((pid, _)), _) => Orphans::Below(*pid),
            (None, Some((cgroup, _))) => Orphans::In(cgroup.clone(), own_pid()),
            (None, None) => Orphans::Anywhere,
        };
        let forking = spec.forking.clone().unwrap_or_default();
        let (told, tells) = fd::pipe()?;
        let pid = helper(c"rinit-probe", &[tells.as_raw_fd()], || {
            let (text, code) = match look(&forking, &orphans) {
                Ok(Some(pid)) => (pid.0.to_string(), 0),
                Ok(None) => (String::new(), 0),
                Err(why) => (why, 1),
            };
            // Whoever doesn't read this is gone.
            let _ = fd::write_all(&tells, text.as_bytes());
            code
        })?;
        let what = forking.pid_file.as_deref().unwrap_or("its main process");
        Ok(waits(pid, what, told, false))
    }

    /// The child has looked: takes over what it found, if that is the service's.
    pub(super) fn main_sought(
        &mut self,
        run: RunId,
        (what, by_script): (&str, bool),
        told: &[u8],
        answer: Answer,
        events: &mut Results,
    ) {
        let found = number(told).filter(|_| answer == Answer::Yes);
        let answer = match found {
            Some(pid) if self.may_be_main(run, pid) => {
                self.adopt_main(run, pid);
                events.push_back(Event::MainPid { run, pid });
                Answer::Yes
            }
            // Which it is then stays unknown.
            Some(_) if by_script => Answer::Yes,
            Some(pid) => Answer::No(foreign(what, pid).into()),
            None => answer,
        };
        events.push_back(Event::Probed { run, answer });
    }
}

fn foreign(what: &str, pid: Pid) -> String {
    let which = if lives(pid) {
        "which is not this service's"
    } else {
        "which doesn't run"
    };
    format!("{what} names process {}, {which}", pid.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_number_in_the_first_line_is_a_process() {
        for (text, pid) in [
            (&b"42\n"[..], Some(42)),
            (b"  42 ", Some(42)),
            (b"42\nand more\n", Some(42)),
            (b"", None),
            (b"\n42\n", None),
            (b"1\n", None),
            (b"0", None),
            (b"-5\n", None),
            (b"+5\n", None),
            (b"42x", None),
            (b"4 2", None),
            (b"99999999999\n", None),
            (b"\xff\n", None),
        ] {
            assert_eq!(number(text), pid.map(Pid), "{text:?}");
        }
    }
}
