//! The kernel: every system call and every `unsafe` of rinit. Knows nothing above it
//! but the words of `core` (signals, exits, instants).

pub mod clock;
pub mod fd;
pub mod poll;
pub mod procfs;
pub mod socket;
