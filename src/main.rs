//! argv[0] -> face -> exit code; nothing else.
#![no_main]

use std::ffi::c_int;

use rinit::cli;
use rinit::single::{Inherited, Vector};
use rinit::sys::process;

// Here and not in the library, whose users keep what their program was given.
#[cfg(own_entry)]
#[path = "sys/stand_ins.rs"]
mod stand_ins;

/// Entered without Rust's runtime, which would change what the command is owed: it
/// ignores SIGPIPE, for one.
#[allow(unsafe_code, reason = "the C runtime calls it by this name")]
#[unsafe(no_mangle)]
pub extern "C" fn main(_argc: c_int, argv: Vector, envp: Vector) -> c_int {
    process::leave(cli::run(Inherited::capture(argv, envp)))
}

#[cfg(own_entry)]
#[allow(
    unsafe_code,
    reason = "the linker starts the program here, not in glibc"
)]
mod entry {
    use rinit::cli;
    use rinit::sys::entry::Stack;
    use rinit::sys::process;

    // The first instructions of all. The stack is as the kernel made it when glibc's
    // start takes over. The variable is the size from which on memcpy goes around the
    // caches: 0 until that start has asked the processor, which would be always. A glibc
    // without it is not known to work, and starts as ever.
    std::arch::global_asm!(
        ".globl rinit_entry",
        ".type rinit_entry, @function",
        "rinit_entry:",
        ".weak __x86_shared_non_temporal_threshold",
        "xor ebp, ebp",
        "mov eax, offset __x86_shared_non_temporal_threshold",
        "test eax, eax",
        "jz _start",
        "mov qword ptr [rax], 0xc0000",
        "mov rdi, rsp",
        "call {early}",
        "xor edx, edx",
        "jmp _start",
        early = sym early,
    );

    /// Comes back if this is more than one plain command.
    extern "C" fn early(stack: Stack) {
        stack.make_ready();
        if cli::is_plain(&stack.look()) {
            process::leave(cli::run(stack.capture()))
        }
    }
}
