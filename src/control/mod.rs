//! The control socket: one JSON object a line, each way.
//!
//! `protocol` says what is said, `address` where. `server` is PID 1's side and never
//! blocks: each `connection` has one request at a time, which `answer` answers at once, by
//! `records` in pieces, or later: by `waits`, or when the core has done what `requests`
//! read. `client` is the other side.

pub(crate) mod address;
mod answer;
mod client;
mod connection;
pub(crate) mod context;
mod events;
mod held;
mod logs;
mod protocol;
mod records;
mod requests;
mod server;
mod stream;
mod waits;

use crate::core::sorted::Map;
use crate::subreaper;
use crate::sys::inherited::Inherited;
use crate::sys::usage::{self, Usage};
use crate::sys::{clock, process, signal};

pub(crate) use crate::core::json::Json;
pub(crate) use answer::Peer;
pub(crate) use client::{NoAnswer, ask};
pub(crate) use connection::Connection;
pub(crate) use events::History;
pub(crate) use logs::Logs;
pub(crate) use protocol::{UNKNOWN, WAITING_FOR};
pub(crate) use records::{Applies, Counts};
pub(crate) use requests::RELOAD_OF_NONE;
pub(crate) use server::Server;
pub(crate) use stream::{Lines, ask_and_hear, ask_for_lines};

pub(crate) use crate::sys::tty::{height as terminal_height, width as terminal_width};
pub(crate) use held::{Heard, HeldSignals};

/// Where a client looks: the place that it was told, or all that it may be.
pub(crate) fn places(told: Option<String>, runtime_dir: Option<&[u8]>) -> Vec<String> {
    let folder = address::folder(process::effective_uid(), runtime_dir);
    told.map_or_else(|| address::to_try(folder.as_deref()), |place| vec![place])
}

/// What each of these main processes' services use.
pub(crate) fn usage(mains: &[i32]) -> Map<i32, Usage> {
    usage::of_trees(mains, subreaper::NAME)
}

/// A client ends by signals as anybody does; `main` had blocked them all.
pub(crate) fn obey_signals(inherited: &Inherited) {
    signal::set_mask(inherited.mask);
}

/// The wall clock in Unix milliseconds, as answers tell times.
pub(crate) fn wall_clock() -> i64 {
    clock::now().wall
}
