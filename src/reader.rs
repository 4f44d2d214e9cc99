//! The reader of text: a short-lived child that reads, checks and compiles the
//! configuration, so that no parser ever runs in PID 1 and its heap never was there. One
//! that crashes, hangs or eats memory is an error message.

mod generators;

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use crate::config::{self, Outcome, Request};
use crate::core::id::Pid;
use crate::core::signal::Signal;
use crate::core::time::Instant;
use crate::maker;
use crate::plan;
use crate::sys::fork::helper;
use crate::sys::signal::kill;
use crate::sys::{clock, fd, limits, poll, reap, sandbox};

/// So long it may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// So much of its answer is taken at once.
const PIECES_PER_TURN: usize = 64;
/// So much memory it may use.
const MEMORY: u64 = 256 << 20;

/// Why there is no outcome at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The kernel gave no process or no pipe.
    Refused(nix::errno::Errno),
    /// It took too long.
    Late,
    /// What it has to say is more than is taken.
    TooLarge,
    /// It crashed or ran out of memory.
    Died,
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(errno) => write!(
                f,
                "the configuration could not be read: no process for it: {}",
                crate::sys::error::Errno::from(*errno)
            ),
            Self::Late => write!(
                f,
                "the configuration could not be read within {} s\nhelp: is a file of it on a file system that hangs?",
                PATIENCE.as_secs()
            ),
            Self::TooLarge => write!(
                f,
                "the configuration is too large: its plan has more than {} MiB",
                plan::MAX_BYTES >> 20
            ),
            Self::Died => write!(
                f,
                "the configuration could not be read: its reader died\nhelp: it may use {} MiB of memory; is a file of it that large?",
                MEMORY >> 20
            ),
        }
    }
}

/// Reads the configuration in a child.
///
/// # Errors
/// Where there is no outcome.
pub fn read(request: &Request) -> Result<Outcome, Trouble> {
    let mut reader = Reader::begin(request, 0, clock::monotonic())?;
    let outcome = loop {
        let left = reader.give_up_at.since(clock::monotonic());
        if left.is_zero() {
            // One that hangs in the kernel would not even die: nobody waits for it.
            return Err(reader.give_up(Trouble::Late));
        }
        if poll::readable(reader.answer.as_fd(), left)
            && let Some(outcome) = reader.hear()
        {
            break outcome;
        }
    };
    // One that did its work ends while the services start, and is reaped as any child; so
    // is one that was given up.
    if !matches!(outcome, Ok(Outcome::Ready { .. }) | Err(Trouble::TooLarge)) {
        reap::wait_for(reader.pid);
    }
    outcome
}

/// A child that reads.
pub struct Reader {
    pid: Pid,
    answer: OwnedFd,
    bytes: Vec<u8>,
    give_up_at: Instant,
}

impl Reader {
    /// Forks one. `shared`: so many bytes of memory that it shares with PID 1 don't count.
    ///
    /// # Errors
    /// Where the kernel gives no process or no pipe.
    pub fn begin(request: &Request, shared: u64, now: Instant) -> Result<Self, Trouble> {
        let (answer, theirs) = fd::pipe().map_err(Trouble::Refused)?;
        let body = || {
            limits::memory(MEMORY.saturating_add(shared));
            let generate: &dyn Fn() -> Vec<String> = if request.generators {
                &generators::run
            } else {
                &Vec::new
            };
            let mut outcome = config::load_with(request, generate, &sandbox::permitted);
            if let Outcome::Ready {
                has_units: true,
                warnings,
                ..
            } = &mut outcome
                && request.makes
                && request.generators
            {
                // Before what is new may start.
                let said = maker::make_what_is_missing(&request.unit_root);
                warnings.extend(said.into_iter().map(Into::into));
            }
            let bytes = plan::encode(&outcome);
            i32::from(fd::write_all(&theirs, &bytes).is_err())
        };
        let pid = helper(c"rinit-reader", &[theirs.as_raw_fd()], body)
            .map_err(|errno| Trouble::Refused(nix::errno::Errno::from_raw(errno.0)))?;
        fd::set_nonblocking(&answer);
        Ok(Self {
            pid,
            answer,
            bytes: Vec::new(),
            give_up_at: now.plus(PATIENCE),
        })
    }

    /// Its process.
    #[must_use]
    pub const fn pid(&self) -> Pid {
        self.pid
    }

    /// The descriptor to watch.
    #[must_use]
    pub const fn answer(&self) -> &OwnedFd {
        &self.answer
    }

    /// When it has taken too long.
    #[must_use]
    pub const fn give_up_at(&self) -> Instant {
        self.give_up_at
    }

    /// Time has jumped by so much.
    pub fn postpone(&mut self, by: Duration) {
        self.give_up_at = self.give_up_at.plus(by);
    }

    /// Takes what it has to say, as far as that is there; the outcome, once that is whole.
    pub fn hear(&mut self) -> Option<Result<Outcome, Trouble>> {
        let mut buffer = [0u8; 16 * 1024];
        for _ in 0..PIECES_PER_TURN {
            match fd::read_some(&self.answer, &mut buffer)? {
                0 => return Some(plan::decode(&self.bytes).map_err(|_| Trouble::Died)),
                count => {
                    let piece = buffer.get(..count).unwrap_or_default();
                    self.bytes.extend_from_slice(piece);
                }
            }
            if self.bytes.len() > plan::MAX_BYTES {
                return Some(Err(self.give_up(Trouble::TooLarge)));
            }
        }
        None
    }

    /// Nobody waits for it any longer.
    pub fn give_up(&self, trouble: Trouble) -> Trouble {
        let _ = kill(self.pid, Signal::KILL);
        trouble
    }
}
