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
use crate::sys::fd::{self, Standard};
use crate::sys::fork::helper;
use crate::sys::signal::kill;

const DEFAULT_PATH: &str = "/dev/termination-log";
/// What Kubernetes takes of it.
const MAX_BYTES: usize = 4096;
/// How long the log waits for the culprit's output.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long the syslog helper may take for what has come.
const LISTENING: Duration = Duration::from_secs(2);
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
    /// What was sent to syslog is on its way into the services' output.
    Listening {
        epilogue: Box<str>,
        culprit: Option<ServiceId>,
        give_up_at: Instant,
    },
    /// What the services wrote is on its way: it stands before the last line, and the
    /// culprit's last lines may be in it.
    Gathering {
        epilogue: Box<str>,
        culprit: Option<ServiceId>,
        /// It has arrived.
        arrived: bool,
    },
    /// The last line is on its way.
    Said {
        epilogue: Box<str>,
        /// All output is written.
        drained: bool,
    },
    /// All has arrived, or never will.
    Over,
}

/// What is left to say, and who writes it down.
pub(crate) struct Farewell {
    log: Option<Log>,
    /// When the log is written though the output hasn't arrived: nobody may take it.
    log_at: Option<Instant>,
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
            log_at: None,
            writer: None,
            stage: Stage::Before,
        }
    }

    /// Writes the log, once. Gives the child that does it.
    fn write_log(&mut self, words: &str, now: Instant) -> Option<Pid> {
        self.log_at = None;
        let log = self.log.take()?;
        let pid = helper(c"rinit-farewell", &[], || {
            i32::from(log.write(words).is_err())
        })
        .ok()?;
        self.writer = Some((pid, now.plus(LIMIT)));
        Some(pid)
    }

    /// Begins the end: the syslog helper has been told to take what has come.
    pub(crate) fn begin(&mut self, epilogue: Box<str>, culprit: Option<ServiceId>, now: Instant) {
        self.stage = Stage::Listening {
            epilogue,
            culprit,
            give_up_at: now.plus(LISTENING),
        };
    }

    /// Whether nothing more comes from syslog, or that took too long.
    fn listened(&mut self, waits: bool, now: Instant) -> Option<(Box<str>, Option<ServiceId>)> {
        let over = |give_up_at: Instant| !waits || give_up_at <= now;
        if !matches!(self.stage, Stage::Listening { give_up_at, .. } if over(give_up_at)) {
            return None;
        }
        self.take_words()
    }

    /// What is to be said at the end of this stage; the next one is to follow.
    fn take_words(&mut self) -> Option<(Box<str>, Option<ServiceId>)> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Listening {
                epilogue, culprit, ..
            }
            | Stage::Gathering {
                epilogue, culprit, ..
            } => Some((epilogue, culprit)),
            Stage::Before | Stage::Said { .. } | Stage::Over => None,
        }
    }

    /// All output is written that was asked for.
    pub(crate) fn drained(&mut self) {
        match &mut self.stage {
            Stage::Gathering { arrived, .. } => *arrived = true,
            Stage::Said { drained, .. } => *drained = true,
            Stage::Before | Stage::Listening { .. } | Stage::Over => {}
        }
    }

    /// The services' output has arrived: now the last line can be said.
    fn gathered(&mut self) -> Option<(Box<str>, Option<ServiceId>)> {
        if !matches!(self.stage, Stage::Gathering { arrived: true, .. }) {
            return None;
        }
        self.take_words()
    }

    /// The words for the log, if it can't wait for the output any longer.
    fn words_without_output(&self, now: Instant) -> Option<String> {
        match &self.stage {
            Stage::Gathering { epilogue, .. } if self.log_at.is_some_and(|at| at <= now) => {
                Some(format!("rinit: {epilogue}\n"))
            }
            Stage::Gathering { .. }
            | Stage::Before
            | Stage::Listening { .. }
            | Stage::Said { .. }
            | Stage::Over => None,
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
        let give_up = self.writer.map(|(_, give_up_at)| give_up_at);
        let listening = match &self.stage {
            Stage::Listening { give_up_at, .. } => Some(*give_up_at),
            Stage::Before | Stage::Gathering { .. } | Stage::Said { .. } | Stage::Over => None,
        };
        let all = [give_up, self.log_at, listening];
        all.into_iter().flatten().min()
    }

    /// Whether all has arrived, or never will; once.
    fn is_over(&mut self, now: Instant) -> bool {
        if self.writer.is_some_and(|(_, give_up_at)| give_up_at <= now) {
            self.end();
        }
        let said = matches!(self.stage, Stage::Said { drained: true, .. });
        let over = said && self.writer.is_none();
        if over {
            self.stage = Stage::Over;
        }
        over
    }

    /// The time is over: a last line that still waits for the logger goes without it.
    pub(crate) fn leave(&mut self) {
        if let Stage::Listening { epilogue, .. }
        | Stage::Gathering { epilogue, .. }
        | Stage::Said {
            epilogue,
            drained: false,
        } = std::mem::replace(&mut self.stage, Stage::Over)
        {
            own_lines::redirect(Standard::Error as i32);
            own_lines::say(&epilogue);
        }
        self.end();
    }

    /// Ends the child, which hangs, or for which there is no time left.
    pub(crate) fn end(&mut self) {
        if let Some((pid, _)) = self.writer.take() {
            let _ = kill(pid, Signal::KILL);
        }
    }
}

impl Hands {
    /// What the services wrote first, then the last words.
    fn gather(
        &mut self,
        system: &System,
        epilogue: Box<str>,
        culprit: Option<ServiceId>,
        now: Instant,
    ) {
        if self.outputs.drain() {
            self.farewell.log_at = Some(now.plus(PATIENCE));
            self.farewell.stage = Stage::Gathering {
                epilogue,
                culprit,
                arrived: false,
            };
        } else {
            self.say_farewell(system, epilogue, culprit, now);
        }
    }

    fn say_farewell(
        &mut self,
        system: &System,
        epilogue: Box<str>,
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
        own_lines::say(&epilogue);
        words.push_str(&format!("rinit: {epilogue}\n"));
        let drained = !self.outputs.drain();
        self.farewell.stage = Stage::Said { epilogue, drained };
        self.helpers.extend(self.farewell.write_log(&words, now));
    }

    /// Goes on with the end if something has come or is due; whether it is over. Once.
    pub(crate) fn finish_farewell(&mut self, system: &System, now: Instant) -> bool {
        let waits = self.syslog.pid().is_some();
        if let Some((epilogue, culprit)) = self.farewell.listened(waits, now) {
            self.syslog.give_up(self.pid1);
            self.gather(system, epilogue, culprit, now);
        }
        if let Some((epilogue, culprit)) = self.farewell.gathered() {
            self.say_farewell(system, epilogue, culprit, now);
        } else if let Some(words) = self.farewell.words_without_output(now) {
            self.helpers.extend(self.farewell.write_log(&words, now));
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
