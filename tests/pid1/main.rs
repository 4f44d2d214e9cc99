//! The real binary as PID 1 of a PID namespace that each test makes itself; and, where a
//! test says so, as an ordinary process in one. `harness` starts it, `programs` are what
//! it runs; then one file a subject.
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
    reason = "a test fails by panicking, and says why on stderr"
)]

mod activation;
mod acts;
mod apply;
mod around;
mod boot_chart;
mod bus;
mod bus_acts;
mod capacity;
mod child_state;
mod commands;
mod compat_catatonit;
mod compat_dumb_init;
mod compat_tini;
mod configuration;
mod control;
mod cut_off;
mod enabled;
mod endurance;
mod events;
mod exec;
mod exit;
mod exit_status;
mod fd_store;
mod forking;
mod fuse;
mod hardening;
mod harness;
mod health;
mod http;
mod hung;
mod identity;
mod idle;
mod kill_modes;
mod last_words;
mod logs;
mod main_command;
mod main_options;
mod notify_access;
mod notify_commands;
mod odd;
mod options;
mod orphans;
mod output;
mod output_forms;
mod own_tree;
mod paths;
mod pause;
mod programs;
mod readiness;
mod reaping;
mod reload;
mod requests;
mod restart;
mod sandbox;
mod schedule;
mod scripts;
mod sd_notify;
mod sd_states;
mod served;
mod shutdown;
mod sighup;
mod signals;
mod sockets;
mod start;
mod status;
mod stop;
mod supervisor;
mod supervisor_idle;
mod syslog;
mod systemctl;
mod systemctl_as_systemd;
mod systemctl_kept;
mod trees;
mod tty;
mod unit_execution;
mod unit_folders;
mod unit_streams;
mod units;
mod upward;
mod wait_for;
mod watchdog;

/// How trees are kept together here: `tracking`, and what it takes. Cgroups are root's, and
/// tests/cgroups has them.
const WAYS: &[(&str, Option<harness::Setup>)] = &[("marks", None), ("subreaper", None)];
