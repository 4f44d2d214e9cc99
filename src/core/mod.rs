//! All decisions, and nothing else: no system call, no clock, no log, no I/O.
//! `std` only. `System::handle(event, now)` turns a fact into orders; the same events
//! give the same orders, always.

pub mod accounts;
pub mod action;
pub mod event;
pub mod exit;
pub mod expand;
pub mod id;
pub mod report;
pub mod signal;
pub mod spec;
pub mod time;
