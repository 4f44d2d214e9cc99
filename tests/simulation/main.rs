//! The real core against a simulated kernel: `seeds` runs thousands of random systems
//! with faults, `explore` every order of events for small ones. After each step the
//! invariants are checked.
//!
//! A seed that fails prints the command that replays it. `RINIT_SEEDS=100000` runs more,
//! and RINIT_FIRST_SEED says from where.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    missing_docs,
    reason = "a test fails by panicking, and says why on stderr"
)]

mod applying;
mod asking;
mod changing;
mod cost;
mod explore;
mod invariants;
mod kernel;
mod pings;
mod random;
mod seeds;
mod sockets;
mod stages;
