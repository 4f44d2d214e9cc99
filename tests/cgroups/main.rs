//! Services in cgroups of their own: rinit as PID 1 with a tree of cgroups that only root
//! can make for it, so this is not among what `cargo test` runs. What has to hold in every
//! way that a tree is kept together is tests/pid1's own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::exit,
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "a test fails by panicking, and says why on stderr; and not all of the harness is used"
)]

#[path = "../pid1/acts.rs"]
mod acts;
#[path = "../pid1/bus_acts.rs"]
mod bus_acts;
#[path = "../pid1/harness.rs"]
mod harness;
#[path = "../pid1/kill_modes.rs"]
mod kill_modes;
#[path = "../pid1/own_tree.rs"]
mod own_tree;
#[path = "../pid1/programs.rs"]
mod programs;
#[path = "../pid1/served.rs"]
mod served;
#[path = "../pid1/supervisor.rs"]
mod supervisor;
#[path = "../pid1/supervisor_idle.rs"]
mod supervisor_idle;

mod limits;
mod ours;
mod whole;

/// How trees are kept together here: `tracking`, and what it takes.
const WAYS: &[(&str, Option<harness::Setup>)] = &[("cgroup", Some(harness::Setup::OwnTree))];
