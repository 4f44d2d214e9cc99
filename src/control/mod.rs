//! The control socket: one JSON object a line, each way.
//!
//! `protocol` says what is said, `requests` what it comes to, `address` where, `server` is PID 1's side and never
//! blocks, `client` the other.

pub(crate) mod address;
mod client;
mod protocol;
mod requests;
mod server;

use crate::sys::process;

pub(crate) use client::{NoAnswer, ask};
pub(crate) use protocol::{Answer, Request};
pub(crate) use server::Server;

/// Where a client looks: the place that it was told, or all that it may be.
pub(crate) fn places(told: Option<String>, runtime_dir: Option<&[u8]>) -> Vec<String> {
    let folder = address::folder(process::effective_uid(), runtime_dir);
    told.map_or_else(|| address::to_try(folder.as_deref()), |place| vec![place])
}
