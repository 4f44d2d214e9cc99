//! All decisions, and nothing else: no system call, no clock, no log, no I/O.
//! `std` only. `System::handle(event, now)` turns a fact into orders; the same events
//! give the same orders, always.

pub mod accounts;
pub mod action;
pub mod apply;
pub mod audit;
pub mod calendar;
pub mod capability;
pub mod commands;
pub mod connections;
pub mod context;
pub mod ends;
pub mod environment_file;
pub mod event;
pub mod exec;
pub mod exit;
pub mod expand;
pub mod first_start;
pub mod graph;
pub mod group_limit;
pub mod id;
pub mod listen;
pub mod names;
pub mod pattern;
pub mod probe;
pub mod query;
pub mod quoting;
pub mod record;
pub mod reload;
pub mod report;
pub mod request;
pub mod said;
pub mod schedule;
pub mod setup;
pub mod shutdown;
pub mod signal;
pub mod sorted;
pub mod spec;
pub mod state;
pub mod storm;
pub mod system;
pub mod terms;
pub mod time;
pub mod unit_words;

mod asked;
mod by_hand;
mod called;
mod control_process;
mod descent;
mod due;
mod elsewhere;
mod ending;
mod fate;
mod forking;
mod health;
pub(crate) mod json;
mod notify;
mod outcome;
pub mod output;
mod readiness;
mod ready;
mod reason;
mod restart;
mod service;
mod signalled;
mod sockets;
mod start;
mod stop;
mod stop_orders;
mod transition;
pub(crate) mod wildcard;

#[cfg(test)]
mod tests;
