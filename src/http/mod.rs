//! The HTTP helper: health, metrics and a status page for people and programs that speak
//! no control protocol. Read only.
//!
//! It is a fork of PID 1 that never execs, and the only part of rinit that strangers can
//! talk to. It promises:
//! - It has no rights by the time somebody is heard: nobody's user, no capability, no
//!   descriptor but its own, limits on memory, files and processes.
//! - It asks PID 1 one question at a time, and each at most every 100 ms (`questions`),
//!   whatever comes in here; and nothing while nobody asks.
//! - Clients, the size of a request and its time are bounded (`server`, `request`).
//! - A PID 1 that doesn't answer within a second is a 503.
//!
//! It must not know how answers are made: it passes on or reshapes what PID 1 says.

mod client;
mod metrics;
mod questions;
mod request;
mod response;
mod server;

use std::os::fd::{AsRawFd, OwnedFd};

use server::Server;

use crate::sys::{caps, fd, limits, process};

/// What the helper works with.
pub struct Setup {
    /// Where clients come in, never blocking.
    pub listener: OwnedFd,
    /// The connection to PID 1, never blocking.
    pub core: OwnedFd,
}

/// Serves until PID 1 is gone; the code that the fork shall exit with.
///
/// To be called in a fork of its own: it gives up rights and descriptors.
#[must_use]
pub fn run(setup: Setup) -> i32 {
    fd::close_all_but(&[setup.listener.as_raw_fd(), setup.core.as_raw_fd()]);
    fd::forget_standard();
    caps::bound_to_nothing();
    process::become_nobody();
    caps::surrender();
    limits::serve(server::DESCRIPTORS);
    match Server::new(setup) {
        Ok(mut server) => server.run(),
        Err(_) => 1,
    }
}
