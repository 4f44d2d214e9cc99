//! The logger: the helper that writes what services print.
//!
//! It is a fork of PID 1 that never execs. It may block on the container's standard
//! output for as long as that takes, which PID 1 must not, and it may be killed at any
//! moment: PID 1 forks it anew with the same pipes, the same `begun` and `position`
//! words and a new control socket, and asks again what was not answered.
//!
//! It promises:
//! - Nothing is lost when it is killed, and at most one piece is written twice. An
//!   unfinished line stays where it is, in the service's pipe; complete lines are looked
//!   at there, written, and only then taken out (`intake`).
//! - A line is never torn by another stream's. One too long to wait for (64 KiB, or the
//!   pipe has no room for the rest) is written in pieces that are marked (`lines`).
//! - Order is kept within a stream. Bytes pass unharmed, whatever they are.
//! - Memory is bounded: one buffer for all streams.
//! - A service never waits for more than the output's own slowness: an output that fails
//!   takes nothing, and services go on.
//! - A noisy stream doesn't starve the others: a turn takes one piece of each.
//!
//! It must not know what a service is: streams have numbers and names, no more.

mod intake;
mod lines;
pub mod message;
mod output;
mod turns;

use std::os::fd::BorrowedFd;
use std::sync::atomic::AtomicU32;

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
    /// rinit's own lines, which say so themselves; the last to be drained.
    Own,
}

/// One pipe that is written into.
pub struct Stream<'a> {
    /// What its lines begin with, if the style says so.
    pub name: &'a str,
    /// Where it goes.
    pub target: Target,
    /// How it looks.
    pub style: Style,
    /// The pipe's read end.
    pub read: BorrowedFd<'a>,
    /// The pipe's write end: it tells whether there is room.
    pub write: BorrowedFd<'a>,
    /// Zero at first; shared with PID 1 and later loggers (`sys::shared`). Not zero while
    /// a piece of the line at the pipe's head is written already.
    pub begun: &'a AtomicU32,
}

/// One of the container's outputs.
#[derive(Clone, Copy)]
pub struct Sink<'a> {
    /// Its descriptor, blocking or not.
    pub fd: BorrowedFd<'a>,
    /// It is a terminal, and names may be coloured.
    pub colour: bool,
    /// Zero at first; shared as `Stream::begun` is. Says who left it in the middle of a line.
    pub position: &'a AtomicU32,
}

/// What a logger works with. A stream's place in `streams` is its number in messages.
pub struct Setup<'a> {
    /// The streams, in declared order.
    pub streams: Vec<Stream<'a>>,
    /// A SOCK_SEQPACKET socket to PID 1, which alone holds the other end.
    pub control: BorrowedFd<'a>,
    /// The container's standard output.
    pub stdout: Sink<'a>,
    /// The container's standard error; it may be the same file.
    pub stderr: Sink<'a>,
}

/// Works until PID 1 closes the control socket, writes what stands in the streams then,
/// and gives the code that the caller's fork shall exit with: 0, or 1 if the kernel
/// refused a descriptor at the start (another try may succeed).
///
/// To be called in a fork that holds nothing but what `setup` names.
#[must_use]
pub fn run(setup: Setup<'_>) -> i32 {
    // Only for people who look at a list of processes.
    let _ = nix::sys::prctl::set_name(c"rinit-logger");
    match turns::Turns::new(setup).and_then(turns::Turns::run) {
        Ok(()) => 0,
        Err(_) => 1,
    }
}
