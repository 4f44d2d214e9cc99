//! The maker: a short-lived child that makes what packages' files in `tmpfiles.d` and
//! `sysusers.d` ask for, before the first service: a container's /run is empty, or stale. It may hang on a file
//! system, so nobody waits for it longer than a while; what it could not do it tells.

mod access;
mod accounts;
mod copy;
mod files;
mod globs;
mod marks;
mod trouble;

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use nix::sys::stat::Mode;

use self::files::Files;
use crate::core::id::Pid;
use crate::core::signal::Signal;
use crate::core::time::Instant;
use crate::sys::error::Errno;
use crate::sys::fork::helper;
use crate::sys::signal::kill;
use crate::sys::{clock, fd, limits, poll, process};
use crate::units::tmpfiles::{Complaint, Tmpfiles};

/// So long the first services wait for it.
const PATIENCE: Duration = Duration::from_secs(10);
/// So much memory it may use.
const MEMORY: u64 = 256 << 20;
/// So many of its words are heard.
const MOST_BYTES: usize = 64 << 10;
/// Its last line, without which it didn't come to its end.
const LAST: &str = ".";
/// So many complaints are told one by one.
const MOST_COMPLAINTS: usize = 20;

/// The child.
pub struct Maker {
    pid: Pid,
    answer: OwnedFd,
    said: Vec<u8>,
    give_up_at: Instant,
}

/// How the waiting for it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It did its work.
    Done,
    /// It ended before that.
    Died,
    /// It took too long.
    Late,
    /// Something else came that can't wait.
    Interrupted,
}

impl Maker {
    /// Forks one that makes all below this root.
    ///
    /// # Errors
    /// Where the kernel gives no process or no pipe.
    pub fn begin(root: &Path) -> Result<Self, Errno> {
        let (answer, theirs) = fd::pipe().map_err(Errno::from)?;
        let body = || {
            limits::memory(MEMORY);
            nix::sys::stat::umask(Mode::from_bits_truncate(0o022));
            // At once, so that what hangs or dies behind it costs no complaint.
            let mut tell = |line: &str| {
                // Nobody listens any more: the work counts.
                let _ = fd::write_all(&theirs, format!("{line}\n").as_bytes());
            };
            make(root, true, &mut tell);
            tell(LAST);
            0
        };
        let pid = helper(c"rinit-maker", &[theirs.as_raw_fd()], body)?;
        fd::set_nonblocking(&answer);
        Ok(Self {
            pid,
            answer,
            said: Vec::new(),
            give_up_at: clock::monotonic().plus(PATIENCE),
        })
    }

    /// Its process.
    #[must_use]
    pub const fn pid(&self) -> Pid {
        self.pid
    }

    /// Waits until it is done, but only so long; when `other` can be read it is asked
    /// whether that can't wait.
    pub fn wait(&mut self, other: BorrowedFd<'_>, is_urgent: impl Fn() -> bool) -> End {
        /// What isn't urgent stays readable all the time.
        const LOOK_AGAIN: Duration = Duration::from_millis(20);
        loop {
            let left = self.give_up_at.since(clock::monotonic());
            let end = if left.is_zero() {
                Some(End::Late)
            } else {
                match poll::which_is_readable(self.answer.as_fd(), other, left) {
                    (true, _) => self.hear().then(|| self.how_it_ended()),
                    (false, true) if is_urgent() => Some(End::Interrupted),
                    (false, true) => {
                        let answer = self.answer.as_fd();
                        poll::which_is_readable(answer, answer, left.min(LOOK_AGAIN));
                        None
                    }
                    (false, false) => None,
                }
            };
            if let Some(end) = end {
                if end != End::Done {
                    let _ = kill(self.pid, Signal::KILL);
                }
                return end;
            }
        }
    }

    /// Takes what it says; whether that is all.
    fn hear(&mut self) -> bool {
        let mut buffer = [0u8; 4096];
        while let Some(count) = fd::read_some(&self.answer, &mut buffer) {
            let room = MOST_BYTES.saturating_sub(self.said.len());
            let piece = buffer.get(..count.min(room)).unwrap_or_default();
            self.said.extend_from_slice(piece);
            if count == 0 {
                return true;
            }
        }
        false
    }

    /// Whether its last line came.
    fn how_it_ended(&self) -> End {
        let is_whole = self.said.len() >= MOST_BYTES;
        if is_whole || self.said().last().is_some_and(|line| line == LAST) {
            End::Done
        } else {
            End::Died
        }
    }

    /// What people are to know, line by line.
    pub fn complaints(&self) -> impl Iterator<Item = String> + use<> {
        self.said().into_iter().filter(|line| line != LAST)
    }

    fn said(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.said);
        text.lines().map(str::to_owned).collect()
    }
}

/// While services run: users and groups, and what isn't there yet; what is there is theirs.
/// Says what people are to know.
#[must_use]
pub fn make_what_is_missing(root: &Path) -> Vec<String> {
    let mut said = Vec::new();
    if process::effective_uid() == 0 {
        nix::sys::stat::umask(Mode::from_bits_truncate(0o022));
        make(root, false, &mut |line| said.push(line.to_owned()));
    }
    said
}

/// Makes all that the files below this root ask for, and tells what people are to know.
fn make(root: &Path, at_start: bool, tell: &mut dyn FnMut(&str)) {
    if process::effective_uid() != 0 {
        return tell("not root: what packages' tmpfiles.d and sysusers.d ask for is left out");
    }
    let mut complaints = 0usize;
    let mut complain = |complaint: Complaint| {
        complaints = complaints.saturating_add(1);
        if complaints <= MOST_COMPLAINTS {
            tell(&in_words(&complaint));
        }
    };
    // Files may belong to users that are made.
    accounts::make(root).into_iter().for_each(&mut complain);
    let mut tmpfiles = Tmpfiles::read(root);
    let mut order = tmpfiles.order();
    if at_start {
        tmpfiles.complaints.drain(..).for_each(&mut complain);
    } else {
        order.keep_what_makes();
    }
    let files = Files::new(root);
    let files = files.map(|mut files| files.carry_out(order, at_start, &mut complain));
    let more = complaints.saturating_sub(MOST_COMPLAINTS);
    if more > 0 {
        tell(&format!(
            "{more} more lines of tmpfiles.d and sysusers.d failed"
        ));
    }
    if let Err(errno) = files {
        tell(&format!("{}: {}", root.display(), Errno::from(errno)));
    }
    if !at_start {
        return;
    }
    for (kind, place) in &tmpfiles.unsupported {
        tell(&format!(
            "{}:{}: lines with \"{kind}\" are not supported, and left out",
            place.file.display(),
            place.line
        ));
    }
}

fn in_words(complaint: &Complaint) -> String {
    let place = &complaint.place;
    let line = match place.line {
        0 => String::new(),
        line => format!(":{line}"),
    };
    format!("{}{line}: {}", place.file.display(), complaint.what)
}

#[cfg(test)]
mod tests;
