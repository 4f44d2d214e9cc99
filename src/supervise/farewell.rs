//! The last words: on standard error by the road of all output, and in the termination
//! log, the file in which a platform looks for them (`kubectl describe` shows it).
//!
//! The file may lie on any file system, one that hangs too, so a child writes it, and has
//! its time. What a service left there itself stays, and ours is put behind it.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, fstat, stat};
use nix::unistd::{Whence, ftruncate, lseek};

use crate::core::id::Pid;
use crate::core::signal::Signal;
use crate::core::spec::TerminationLog;
use crate::core::time::Instant;
use crate::sys::fd;
use crate::sys::fork::helper;
use crate::sys::signal::kill;

const DEFAULT_PATH: &str = "/dev/termination-log";
/// What Kubernetes takes of it.
const MAX_BYTES: usize = 4096;
/// How long the child may write.
const LIMIT: Duration = Duration::from_secs(1);

/// The file, as it was when rinit started.
struct Log {
    path: Box<str>,
    /// It was asked for: it is made if it isn't there.
    wanted: bool,
    /// Words of another life; only what has come since is a service's.
    stale: usize,
}

/// How far the end has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Not begun.
    Before,
    /// The last line is on its way.
    Said {
        /// All output is written.
        drained: bool,
    },
    /// All has arrived, or never will.
    Over,
}

/// What is left to say, and who writes it down.
pub(crate) struct Farewell {
    log: Option<Log>,
    /// The child that writes the log, and when it is given up.
    writer: Option<(Pid, Instant)>,
    stage: Stage,
}

impl Farewell {
    /// Looks at the file, before there is a service on which a file system could hang.
    pub(crate) fn new(log: &TerminationLog) -> Self {
        let (path, wanted) = match log {
            TerminationLog::None => ("", false),
            TerminationLog::Default => (DEFAULT_PATH, false),
            TerminationLog::Path(path) => (&**path, true),
        };
        let length = stat(path).map(|stat| usize::try_from(stat.st_size).unwrap_or(0));
        let log = (wanted || length.is_ok()).then(|| Log {
            path: path.into(),
            wanted,
            stale: length.unwrap_or(0),
        });
        Self {
            log,
            writer: None,
            stage: Stage::Before,
        }
    }

    /// The last words were said; `drained`: there is no output to wait for. Gives the child
    /// that writes them into the log.
    pub(crate) fn begin(&mut self, words: &str, drained: bool, now: Instant) -> Option<Pid> {
        self.stage = Stage::Said { drained };
        let log = self.log.as_ref()?;
        let pid = helper(c"rinit-farewell", &[], || {
            i32::from(log.write(words).is_err())
        })
        .ok()?;
        self.writer = Some((pid, now.plus(LIMIT)));
        Some(pid)
    }

    /// All output is written.
    pub(crate) fn drained(&mut self) {
        if let Stage::Said { drained } = &mut self.stage {
            *drained = true;
        }
    }

    /// A helper ended: perhaps the one that wrote.
    pub(crate) fn child_ended(&mut self, pid: Pid) {
        if self.writer.is_some_and(|(writer, _)| writer == pid) {
            self.writer = None;
        }
    }

    /// When something is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.writer.map(|(_, give_up_at)| give_up_at)
    }

    /// Whether all has arrived, or never will; once.
    pub(crate) fn is_over(&mut self, now: Instant) -> bool {
        if self.deadline().is_some_and(|at| at <= now) {
            self.end();
        }
        let over = self.stage == Stage::Said { drained: true } && self.writer.is_none();
        if over {
            self.stage = Stage::Over;
        }
        over
    }

    /// Ends the child, which hangs, or for which there is no time left.
    pub(crate) fn end(&mut self) {
        if let Some((pid, _)) = self.writer.take() {
            let _ = kill(pid, Signal::KILL);
        }
    }
}

impl Log {
    fn write(&self, words: &str) -> nix::Result<()> {
        let mut flags = OFlag::O_WRONLY | OFlag::O_CLOEXEC | OFlag::O_NOCTTY | OFlag::O_NONBLOCK;
        if self.wanted {
            flags |= OFlag::O_CREAT;
        }
        let file: OwnedFd = open(&*self.path, flags, Mode::from_bits_truncate(0o644))?;
        let length = usize::try_from(fstat(&file)?.st_size).unwrap_or(MAX_BYTES);
        if length == self.stale {
            // A terminal or a pipe has no length to cut.
            let _ = ftruncate(&file, 0);
            return fd::write_all(file.as_fd(), fitting(words, MAX_BYTES).as_bytes());
        }
        let room = MAX_BYTES.saturating_sub(length.saturating_add(1));
        lseek(&file, 0, Whence::SeekEnd)?;
        match fitting(words, room) {
            "" => Ok(()),
            words => fd::write_all(file.as_fd(), format!("\n{words}").as_bytes()),
        }
    }
}

/// The last lines of `words` that have room; of one that is too long, its beginning.
fn fitting(words: &str, room: usize) -> &str {
    let mut starts = words
        .match_indices('\n')
        .map(|(newline, _)| newline.saturating_add(1));
    let start = std::iter::once(0)
        .chain(starts.by_ref())
        .filter(|start| *start < words.len())
        .map(|start| words.get(start..).unwrap_or_default());
    let mut last = "";
    for lines in start {
        if lines.len() <= room {
            return lines;
        }
        last = lines;
    }
    let end = (0..=room.min(last.len()))
        .rev()
        .find(|end| last.is_char_boundary(*end));
    last.get(..end.unwrap_or(0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_that_have_room_are_taken_and_of_one_line_the_beginning() {
        let words = "web: one\nweb: two\nlast: né\n";
        assert_eq!(fitting(words, 100), words);
        assert_eq!(fitting(words, words.len() - 1), "web: two\nlast: né\n");
        assert_eq!(fitting(words, 10), "last: né\n");
        assert_eq!(fitting(words, 8), "last: n");
        assert_eq!(fitting(words, 0), "");
        assert_eq!(fitting("", 10), "");
    }
}
