//! The kernel: every system call and every `unsafe` of the house, behind safe calls
//! where that is possible. Knows nothing above it but the core's words.
//!
//! What runs between clone and exec in a child that shares this memory uses `raw`
//! alone: no libc, no allocation, nothing that could touch `errno`.

pub mod alarm;
pub mod attributes;
pub mod caps;
pub mod cgroup;
pub mod clock;
pub mod clock_change;
pub mod console;
pub mod controllers;
pub mod datagram;
#[cfg(target_arch = "x86_64")]
pub mod entry;
pub mod error;
pub mod exec;
pub mod failure;
pub mod fd;
pub mod file;
pub mod fork;
pub mod inherited;
pub mod ipc;
#[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
mod last_words;
pub mod launch;
pub mod limits;
pub mod listen_pid;
pub mod memory;
pub mod notify;
mod order;
pub mod poll;
pub mod process;
pub mod procfs;
pub mod random;
pub mod raw;
pub mod reap;
pub mod sandbox;
pub mod shared;
pub mod signal;
pub mod signal_pipe;
pub mod socket;
pub mod spawn;
pub mod tty;
pub mod tuning;
pub mod usage;
pub mod way;
mod wiring;
