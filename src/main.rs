//! argv[0] -> face -> exit code; nothing else.
#![no_main]

use std::ffi::c_int;

use rinit::single::{Inherited, Vector};
use rinit::sys::process;

/// Entered without Rust's runtime, which would change what the command is owed: it
/// ignores SIGPIPE, for one.
#[allow(unsafe_code, reason = "the C runtime calls it by this name")]
#[unsafe(no_mangle)]
pub extern "C" fn main(_argc: c_int, argv: Vector, envp: Vector) -> c_int {
    process::leave(rinit::cli::run(Inherited::capture(argv, envp)))
}
