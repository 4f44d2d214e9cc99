//! The logger as PID 1 uses it: a process of its own, with real pipes, that is killed,
//! stopped, and given outputs that are slow, closed or non-blocking.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::exit,
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    missing_docs,
    reason = "a test that fails shall say so and stop"
)]

mod asked;
mod files;
mod follow;
mod full;
mod harness;
mod killed;
mod lines;
mod outputs;
