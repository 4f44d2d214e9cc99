//! rinit: an init for containers, from one command to many services.
//!
//! The layers, top to bottom; nothing below knows anything above:
//!
//! | layer | modules |
//! | --- | --- |
//! | faces | `cli` |
//! | loops | `single`, `supervise`, `control` |
//! | model, helpers | `config`, `units`, `plan`, `reader`, `maker`, `subreaper`, `logger`, `syslog`, `http`, `notifier` |
//! | core | `core` |
//! | kernel | `sys` |
//!
//! Faces use loops, loops use model and helpers and core; only loops and helpers use
//! `sys`, which knows nothing above it. `tests/architecture.rs` holds this.

pub mod cli;
pub mod config;
mod control;
pub mod core;
pub mod http;
pub mod logger;
pub mod maker;
pub mod notifier;
pub mod plan;
pub mod reader;
pub mod single;
pub mod subreaper;
pub mod supervise;
pub mod sys;
pub mod syslog;
mod units;
