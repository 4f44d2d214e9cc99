//! The last words: on standard error by the road of all output, and in the termination
//! log, the file in which a platform looks for them (`kubectl describe` shows it).
//!
//! Where a service's bad end was the reason, its last lines of output stand before the last
//! line of all. On standard error they are repeated only if another service has written
//! since: who reads the end of the log needs no line twice.
//!
//! The file may lie on any file system, one that hangs too, so a child writes it, and has
//! its time. What a service left there itself stays, and ours is put behind it.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, fstat, stat};
use nix::unistd::{Whence, ftruncate, lseek};

use super::hands::Hands;
use super::own_lines;
use crate::core::id::{Pid, ServiceId};
use crate::core::signal::Signal;
use crate::core::spec::TerminationLog;
use crate::core::system::System;
use crate::core::time::Instant;
use crate::sys::fd;
use crate::sys::fork::helper;
use crate::sys::signal::kill;

const DEFAULT_PATH: &str = "/dev/termination-log";
/// What Kubernetes takes of it.
const MAX_BYTES: usize = 4096;
/// How long is waited for the culprit's output.
const PATIENCE: Duration = Duration::from_millis(50);
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
#[derive(PartialEq, Eq)]
enum Stage {
    /// Not begun.
    Before,
    /// What the services wrote is on its way: the culprit's last lines may be in it.
    Gathering {
        epilogue: Box<str>,
        culprit: ServiceId,
        /// Standard output may take nothing; the log is written then all the same.
        until: Instant,
    },
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
    fn begin(&mut self, words: &str, drained: bool, now: Instant) -> Option<Pid> {
        self.stage = Stage::Said { drained };
        let log = self.log.as_ref()?;
        let pid = helper(c"rinit-farewell", &[], || {
            i32::from(log.write(words).is_err())
        })
        .ok()?;
        self.writer = Some((pid, now.plus(LIMIT)));
        Some(pid)
    }

    /// All output is written that was asked for.
    pub(crate) fn drained(&mut self) {
        match &mut self.stage {
            Stage::Gathering { until, .. } => *until = Instant::default(),
            Stage::Said { drained } => *drained = true,
            Stage::Before | Stage::Over => {}
        }
    }

    /// The culprit's output is there, or was waited for long enough: now it can be told.
    fn gathered(&mut self, now: Instant) -> Option<(Box<str>, ServiceId)> {
        if !matches!(&self.stage, Stage::Gathering { until, .. } if *until <= now) {
            return None;
        }
        let Stage::Gathering {
            epilogue, culprit, ..
        } = std::mem::replace(&mut self.stage, Stage::Over)
        else {
            return None;
        };
        Some((epilogue, culprit))
    }

    /// A helper ended: perhaps the one that wrote.
    pub(crate) fn child_ended(&mut self, pid: Pid) {
        if self.writer.is_some_and(|(writer, _)| writer == pid) {
            self.writer = None;
        }
    }

    /// When something is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let until = match &self.stage {
            Stage::Gathering { until, .. } => Some(*until),
            Stage::Before | Stage::Said { .. } | Stage::Over => None,
        };
        self.writer.map(|(_, give_up_at)| give_up_at).or(until)
    }

    /// Whether all has arrived, or never will; once.
    fn is_over(&mut self, now: Instant) -> bool {
        if self.writer.is_some_and(|(_, give_up_at)| give_up_at <= now) {
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

impl Hands {
    /// Begins the end: the culprit's output first, if there is a culprit, then the last words.
    pub(crate) fn begin_farewell(
        &mut self,
        system: &System,
        epilogue: Box<str>,
        culprit: Option<ServiceId>,
        now: Instant,
    ) {
        match culprit.filter(|id| self.outputs.last_lines(*id).is_some()) {
            Some(culprit) => {
                self.outputs.drain();
                self.farewell.stage = Stage::Gathering {
                    epilogue,
                    culprit,
                    until: now.plus(PATIENCE),
                };
            }
            None => self.say_farewell(system, &epilogue, culprit, now),
        }
    }

    fn say_farewell(
        &mut self,
        system: &System,
        epilogue: &str,
        culprit: Option<ServiceId>,
        now: Instant,
    ) {
        let kept = culprit.and_then(|id| Some((id, self.outputs.last_lines(id)?)));
        let mut words = String::new();
        if let Some((id, (lines, at_the_end))) = kept {
            let name = system.service(id).map_or("?", |spec| &spec.name);
            for line in lines {
                let line = format!("{name}: {line}");
                if !at_the_end {
                    own_lines::say(&line);
                }
                words.push_str(&format!("rinit: {line}\n"));
            }
        }
        own_lines::say(epilogue);
        words.push_str(&format!("rinit: {epilogue}\n"));
        let drained = !self.outputs.drain();
        let writer = self.farewell.begin(&words, drained, now);
        self.helpers.extend(writer);
    }

    /// Goes on with the end if something has come or is due; whether it is over. Once.
    pub(crate) fn finish_farewell(&mut self, system: &System, now: Instant) -> bool {
        if let Some((epilogue, culprit)) = self.farewell.gathered(now) {
            self.say_farewell(system, &epilogue, Some(culprit), now);
        }
        self.farewell.is_over(now)
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
