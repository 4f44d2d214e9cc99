//! The logger: the helper that writes what services print.
//!
//! It is a fork of PID 1 that never execs. It may block on the container's standard
//! output for as long as that takes, which PID 1 must not, and it may be killed at any
//! moment: PID 1 forks it anew with the same pipes, the same `Memory` and a new control
//! socket, and asks again what was not answered.
//!
//! It promises:
//! - Nothing is lost when it is killed, and at most one piece is written twice. Bytes are
//!   looked at in the service's pipe (`intake`) and taken out when they are written, or
//!   noted as the beginning of a line in memory that outlives the logger (`memory`).
//! - A line is never torn by another stream's (`output`). One of more than 64 KiB is
//!   written in pieces that are marked (`lines`).
//! - Order is kept within a stream. Bytes pass unharmed, whatever they are.
//! - Memory is bounded: one buffer for all streams, and at most 64 KiB of an unfinished
//!   line for each.
//! - A service waits for nothing but the output's slowness: an output that fails takes
//!   nothing, and services go on. A file that hangs is one that fails (`patience`).
//! - A line that PID 1 asks for (`Memory::ask`) is told of, though the logger be killed.
//!   The expression is looked for here and never in PID 1.
//! - A noisy stream doesn't starve the others: a turn takes one piece of each.
//!
//! It must not know what a service is: streams have numbers and names, no more.

mod bookmarks;
mod file;
mod files;
mod follow;
mod history;
mod intake;
mod json;
mod level;
mod lines;
mod memory;
pub mod message;
mod output;
mod overflow;
mod patience;
mod pids;
mod printer;
mod recent;
mod record;
mod ring;
mod stamp;
mod tallies;
mod telling;
mod turns;
mod watch;

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

pub use history::Past;
pub use level::MARK as LEVEL_MARK;
pub use lines::COLOURS;
pub use memory::Memory;
pub use telling::{Teller, Telling};
use turns::Turns;

use crate::core::output::{Log, LogFile};
use crate::sys::process::set_name;
use crate::sys::signal::{SignalSet, set_dispositions};

/// Where a stream goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The container's standard output.
    Out,
    /// The container's standard error.
    Err,
}

/// How a stream looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `name: ` before each line.
    Prefix,
    /// Unchanged.
    Raw,
    /// Unchanged, line by line: for files.
    Plain,
    /// Each line an object (`record`).
    Json,
    /// rinit's own lines, which say so themselves; the last to be drained.
    Own,
    /// The same as objects.
    OwnJson,
}

impl Style {
    /// rinit's own lines.
    pub(super) const fn is_own(self) -> bool {
        matches!(self, Self::Own | Self::OwnJson)
    }
}

/// One pipe that is written into.
#[derive(Clone, Copy)]
pub struct Stream<'a> {
    /// What its lines begin with, if the style says so.
    pub name: &'a str,
    /// Where it goes.
    pub target: Target,
    /// How it looks.
    pub style: Style,
    /// What else becomes of its lines: the file that they go to instead, as long as that
    /// can be written; the time before each, but of objects, which have it anyway, and of
    /// raw ones; whether they are dropped while nobody takes them; files that are followed.
    pub log: Option<&'a Log>,
    /// Whose last lines these are: a number below that of streams, the same for all streams
    /// of one writer; any other number for nobody's.
    pub writer: usize,
    /// Which of its writer's lines can be asked for: the text of a `Pattern`.
    pub pattern: Option<&'a str>,
    /// The pipe's read end; `None` if nobody has this number now. PID 1 keeps the write
    /// end open between runs.
    pub read: Option<BorrowedFd<'a>>,
}

impl<'a> Stream<'a> {
    fn file(&self) -> Option<&'a LogFile> {
        self.log?.file.as_ref()
    }
}

/// One of the container's outputs.
#[derive(Clone, Copy)]
pub struct Sink<'a> {
    /// Its descriptor, blocking or not.
    pub fd: BorrowedFd<'a>,
    /// It is a terminal, and names may be coloured.
    pub colour: bool,
}

/// What a logger works with. A stream's place in `streams` is its number in messages.
pub struct Setup<'a> {
    /// The streams, in declared order.
    pub streams: Vec<Stream<'a>>,
    /// A SOCK_SEQPACKET socket to PID 1, which alone holds the other end.
    pub control: BorrowedFd<'a>,
    /// What outlives this logger; made for at least as many streams.
    pub memory: &'a Memory,
    /// The container's standard output.
    pub stdout: Sink<'a>,
    /// The container's standard error; it may be the same file.
    pub stderr: Sink<'a>,
}

impl Setup<'_> {
    /// Every descriptor that the logger needs; its fork shall close all others.
    #[must_use]
    pub fn descriptors(&self) -> Vec<RawFd> {
        let given = [self.control, self.stdout.fd, self.stderr.fd];
        let streams = self.streams.iter().filter_map(|stream| stream.read);
        let all = streams.chain(given).map(|fd| fd.as_raw_fd());
        all.chain(self.memory.descriptors()).collect()
    }
}

/// Works until PID 1 closes the control socket, and writes what stands in the streams
/// then; or until `Leave`. Gives the code that the fork shall exit with: 0, or 1 if the kernel refused a
/// descriptor at the start (another try may succeed).
///
/// To be called in a fork of its own: it ignores all signals. A fault still ends it.
#[must_use]
pub fn run(setup: Setup<'_>) -> i32 {
    set_dispositions(SignalSet::ALL);
    // Only for people who look at a list of processes.
    set_name(c"rinit-logger");
    match Turns::new(setup).and_then(Turns::run) {
        Ok(()) => 0,
        Err(_) => 1,
    }
}
