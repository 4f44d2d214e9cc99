//! PID 1's side of the syslog helper: the sockets, which outlive it, and who starts it again.

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::time::Duration;

use nix::errno::Errno;

use super::hands::Hands;
use super::output::Outputs;
use super::own_lines;
use crate::core::id::Pid;
use crate::core::signal::Signal;
use crate::core::spec::Spec;
use crate::core::time::Instant;
use crate::sys::error;
use crate::sys::fork::helper;
use crate::sys::signal::kill;
use crate::sys::{reap, socket};
use crate::syslog;

/// Where programs look for it.
const DEV_LOG: &str = "/dev/log";
const FOLDER: &str = "/run/systemd/journal";
/// Where /dev/log leads, as with systemd.
const LOG: &str = "/run/systemd/journal/dev-log";
const JOURNAL: &str = "/run/systemd/journal/socket";
const STREAMS: &str = "/run/systemd/journal/stdout";

/// Programs that make /dev/log themselves, or want all that it is given.
const DAEMONS: [&[u8]; 5] = [
    b"rsyslogd",
    b"syslog-ng",
    b"syslogd",
    b"metalog",
    b"socklog",
];

/// A helper that dies is followed by another after this, and then after longer.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// So long alive, and a helper is a good one.
const GOOD_AFTER: Duration = Duration::from_secs(10);

struct Sockets {
    log: OwnedFd,
    journal: OwnedFd,
    streams: OwnedFd,
}

struct Helper {
    pid: Pid,
    /// Closed, it tells the helper to make room; what comes through it, to end.
    control: OwnedFd,
    since: Instant,
    /// Which of the logger's memories it reads (`Outputs::outgrown`).
    memory: u64,
}

/// The sockets, where they are wanted, and the helper.
pub(crate) struct Syslog {
    sockets: Option<Sockets>,
    helper: Option<Helper>,
    start_at: Option<Instant>,
    pause: Duration,
    ended: bool,
}

impl Syslog {
    /// Opens the sockets if `syslog` says so. Before anything starts: the first service may
    /// have something to say.
    pub(crate) fn open(spec: &Spec, has_units: bool, pid1: bool) -> Self {
        let told = spec.init.syslog;
        let wanted = told.unwrap_or_else(|| pid1 && has_units && !has_daemon(spec));
        let opened = wanted.then(open).and_then(|opened| {
            let level = match told {
                Some(_) => log::Level::Warn,
                None => log::Level::Debug,
            };
            opened
                .inspect_err(|error| log::log!(level, "no {DEV_LOG}: {error}"))
                .ok()
        });
        Self {
            sockets: opened,
            helper: None,
            start_at: None,
            pause: PAUSE,
            ended: false,
        }
    }

    pub(crate) const fn is_open(&self) -> bool {
        self.sockets.is_some()
    }

    /// When the next helper is due.
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        self.start_at
    }

    /// Its process.
    pub(crate) fn pid(&self) -> Option<Pid> {
        self.helper.as_ref().map(|helper| helper.pid)
    }

    /// It died. Another follows.
    pub(crate) fn died(&mut self, now: Instant) {
        let Some(old) = self.helper.take() else {
            return;
        };
        if self.ended {
            return;
        }
        if now.since(old.since) >= GOOD_AFTER {
            self.pause = PAUSE;
        }
        self.start_later(now);
    }

    fn start_later(&mut self, now: Instant) {
        self.start_at = Some(now.plus(self.pause));
        self.pause = self.pause.saturating_mul(2).min(PAUSE_MAX);
    }

    /// Services have other pipes now: another follows, which knows them. The old one stays
    /// for the connections that it has.
    pub(crate) fn renew(&mut self) {
        self.helper = None;
    }

    /// Nobody is left who could have something to say, but for what stands in the sockets:
    /// the helper takes that, and ends.
    pub(crate) fn end(&mut self) {
        self.start_at = None;
        self.ended = true;
        if let Some(helper) = &self.helper {
            // One that is dead has nothing to say.
            let _ = socket::send_now(&helper.control, &[0]);
        }
    }

    /// It took too long for that.
    pub(crate) fn give_up(&mut self, pid1: bool) {
        if let Some(old) = self.helper.take() {
            let _ = kill(old.pid, Signal::KILL);
            if !pid1 {
                // Its zombie would stand under whoever is PID 1.
                reap::take_soon(old.pid);
            }
        }
    }

    /// The files go as well, unless they are somebody else's by now.
    pub(crate) fn unlink(&self) {
        if self.is_open() {
            for path in [LOG, JOURNAL, STREAMS] {
                let _ = fs::remove_file(path);
            }
            if leads_to_us() {
                let _ = fs::remove_file(DEV_LOG);
            }
        }
    }

    fn fork(&self, outputs: &Outputs, now: Instant) -> Result<Helper, error::Errno> {
        let (Some(sockets), Some(memory)) = (&self.sockets, outputs.memory()) else {
            return Err(Errno::EINVAL.into());
        };
        let (ours, theirs) = socket::message_pair()?;
        let setup = syslog::Setup {
            log: sockets.log.as_fd(),
            journal: sockets.journal.as_fd(),
            streams: sockets.streams.as_fd(),
            control: theirs.as_fd(),
            places: outputs.syslog_places(),
            memory,
        };
        let mut keep = setup.descriptors();
        keep.push(own_lines::descriptor());
        let pid = helper(c"rinit-syslog", &keep, || syslog::run(setup))?;
        Ok(Helper {
            pid,
            control: ours,
            since: now,
            memory: outputs.outgrown(),
        })
    }
}

impl Hands {
    /// Starts the helper if it is due. Where the logger's memory has moved, one that knows
    /// the new one.
    pub(crate) fn start_syslog(&mut self, now: Instant) {
        let (syslog, outputs) = (&mut self.syslog, &self.outputs);
        let memory = outputs.outgrown();
        let is_current = |helper: &Helper| helper.memory == memory;
        if !syslog.is_open()
            || syslog.ended
            || syslog.helper.as_ref().is_some_and(is_current)
            || syslog.start_at.is_some_and(|at| now < at)
        {
            return;
        }
        syslog.start_at = None;
        match syslog.fork(outputs, now) {
            Ok(helper) => {
                self.helpers.insert(helper.pid);
                syslog.helper = Some(helper);
            }
            Err(_) => syslog.start_later(now),
        }
    }
}

/// One of the services will make /dev/log.
fn has_daemon(spec: &Spec) -> bool {
    let is_daemon = |word: &[u8]| {
        let name = word.rsplit(|byte| *byte == b'/').next().unwrap_or(word);
        DAEMONS.contains(&name)
    };
    let enabled = spec.services.iter().filter(|service| service.enabled);
    // `busybox syslogd` too.
    enabled
        .flat_map(|service| service.exec.command.iter().take(2))
        .any(is_daemon)
}

fn leads_to_us() -> bool {
    fs::read_link(DEV_LOG).is_ok_and(|to| to.as_os_str() == LOG)
}

/// Opens them all, unless /dev/log is somebody's.
fn open() -> Result<Sockets, Errno> {
    let errno = |error: std::io::Error| Errno::from_raw(error.raw_os_error().unwrap_or(0));
    match socket::connect_datagram(DEV_LOG.as_bytes()).err() {
        // Nothing is there, or what a dead one left.
        Some(Errno::ENOENT | Errno::ECONNREFUSED) if leads_to_us() => {}
        Some(Errno::ENOENT | Errno::ECONNREFUSED) => {
            let removed = fs::remove_file(DEV_LOG).map_err(errno);
            if removed.is_ok() || removed == Err(Errno::ENOENT) {
                symlink(LOG, DEV_LOG).map_err(errno)?;
            } else {
                removed?;
            }
        }
        Some(other) => return Err(other),
        None => return Err(Errno::EADDRINUSE),
    }
    fs::create_dir_all(FOLDER).map_err(errno)?;
    Ok(Sockets {
        log: socket::datagram_listener(LOG.as_bytes())?,
        journal: socket::datagram_listener(JOURNAL.as_bytes())?,
        streams: socket::listener(STREAMS.as_bytes(), 0o666)?,
    })
}
