//! rinit in real images, under a real engine, with the daemons of real packages.
//!
//! Run by `cargo test --test container` (a plain `cargo test` leaves it out). It needs
//! root, Docker with a daemon that answers, debootstrap and the network's Debian packages
//! the first time; `.ci/run` sees to all of these. A test that cannot run fails and says
//! what it needs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test may fail loudly, and runs programs the plain way"
)]

mod engine;
mod image;
mod terminal;
mod wait;

mod as_engines_init;
mod centos;
mod control;
mod daemons;
mod essential;
mod examples;
mod http;
mod live;
mod matrix;
mod pause;
mod restart;
mod restricted;
mod sandbox;
mod scratch;
mod shell;
mod stop;
mod units;
