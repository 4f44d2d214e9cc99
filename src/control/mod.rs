//! The control socket: one JSON object a line, each way.
//!
//! `protocol` says what is said, `address` where, `server` is PID 1's side and never
//! blocks, `client` the other.

pub(crate) mod address;
pub(crate) mod client;
pub(crate) mod protocol;
mod server;

pub(crate) use server::Server;
