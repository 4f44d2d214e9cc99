//! System calls without the C library: they touch no `errno`, so a child that shares
//! our memory may make them, and they reach signals 32 and 33, which it hides.
//!
//! On architectures without assembly here the calls go through the C library and
//! `FAST` is false: no child that shares memory is made then.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_long, c_void};

use nix::libc;

use super::error::Errno;

/// Whether `clone_onto` exists and `call` leaves `errno` alone.
pub const FAST: bool = cfg!(any(
    all(target_arch = "x86_64", target_pointer_width = "64"),
    target_arch = "aarch64"
));

/// What a cloned child runs; it must not return.
pub type Entry = unsafe extern "C" fn(*mut c_void) -> !;

/// One system call with up to six arguments.
///
/// # Safety
/// The arguments must be what this call wants; pointers among them must be valid for
/// what the kernel does with them.
#[inline(always)]
pub unsafe fn call<const N: usize>(number: c_long, given: [usize; N]) -> Result<usize, Errno> {
    let mut arguments = [0; 6];
    for (argument, value) in arguments.iter_mut().zip(given) {
        *argument = value;
    }
    // SAFETY: the caller vouches for number and arguments.
    let result = unsafe { enter(number, arguments) };
    match result {
        -4095..=-1 => Err(Errno(c_int::try_from(-result).unwrap_or(c_int::MAX))),
        _ => Ok(result.cast_unsigned()),
    }
}

#[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
#[inline(always)]
unsafe fn enter(number: c_long, arguments: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = arguments;
    let result: isize;
    // SAFETY: the kernel changes rax, rcx, r11 and what the caller's pointers allow.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") number as isize => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    result
}

#[cfg(target_arch = "aarch64")]
#[inline(always)]
unsafe fn enter(number: c_long, arguments: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = arguments;
    let result: isize;
    // SAFETY: the kernel changes x0 and what the caller's pointers allow.
    unsafe {
        std::arch::asm!(
            "svc #0",
            in("x8") number,
            inlateout("x0") a as isize => result,
            in("x1") b, in("x2") c, in("x3") d, in("x4") e, in("x5") f,
            options(nostack),
        );
    }
    result
}

#[cfg(not(any(
    all(target_arch = "x86_64", target_pointer_width = "64"),
    target_arch = "aarch64"
)))]
unsafe fn enter(number: c_long, arguments: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: the caller vouches for number and arguments.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if result == -1 {
        let errno = nix::errno::Errno::last_raw();
        return isize::try_from(-errno).unwrap_or(-1);
    }
    isize::try_from(result).unwrap_or(isize::MAX)
}

/// `clone(2)` with CLONE_VM: the child runs `entry(argument)` on a stack of its own, in
/// our memory. `flags` are added to CLONE_VM and SIGCHLD; with CLONE_CHILD_CLEARTID the
/// kernel zeroes `cleared` once the child has left our memory. Gives the child's number.
///
/// # Safety
/// `stack_top` is the end of a writable piece of memory that is big enough and belongs
/// to the child until it has exec'd or ended, as do `cleared` and whatever `argument` leads to.
/// `entry` uses `raw` alone.
#[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
pub unsafe fn clone_onto(
    flags: c_int,
    stack_top: *mut u8,
    cleared: *mut i32,
    entry: Entry,
    argument: *mut c_void,
) -> Result<i32, Errno> {
    let result: isize;
    // SAFETY: the child leaves this block on its own stack and never comes back; the
    // parent sees a plain system call.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r9",
            "call r8",
            "ud2",
            "2:",
            inlateout("rax") libc::SYS_clone as isize => result,
            in("rdi") (flags | libc::CLONE_VM | libc::SIGCHLD) as usize,
            in("rsi") aligned(stack_top),
            in("rdx") 0usize, in("r10") cleared,
            in("r8") entry, in("r9") argument,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    cloned(result)
}

/// As above.
///
/// # Safety
/// As above.
#[cfg(target_arch = "aarch64")]
pub unsafe fn clone_onto(
    flags: c_int,
    stack_top: *mut u8,
    cleared: *mut i32,
    entry: Entry,
    argument: *mut c_void,
) -> Result<i32, Errno> {
    let result: isize;
    // SAFETY: the child leaves this block on its own stack and never comes back; the
    // parent sees a plain system call.
    unsafe {
        std::arch::asm!(
            "svc #0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x0, x6",
            "blr x5",
            "brk #1",
            "2:",
            in("x8") libc::SYS_clone,
            inlateout("x0") (flags | libc::CLONE_VM | libc::SIGCHLD) as isize => result,
            in("x1") aligned(stack_top),
            in("x2") 0usize, in("x3") 0usize, in("x4") cleared,
            in("x5") entry, in("x6") argument,
            options(nostack),
        );
    }
    cloned(result)
}

/// There is none here; says so.
///
/// # Safety
/// None is needed.
#[cfg(not(any(
    all(target_arch = "x86_64", target_pointer_width = "64"),
    target_arch = "aarch64"
)))]
pub unsafe fn clone_onto(
    _flags: c_int,
    _stack_top: *mut u8,
    _cleared: *mut i32,
    _entry: Entry,
    _argument: *mut c_void,
) -> Result<i32, Errno> {
    Err(Errno(libc::ENOSYS))
}

#[cfg(any(
    all(target_arch = "x86_64", target_pointer_width = "64"),
    target_arch = "aarch64"
))]
fn aligned(top: *mut u8) -> *mut u8 {
    top.map_addr(|address| address & !15)
}

#[cfg(any(
    all(target_arch = "x86_64", target_pointer_width = "64"),
    target_arch = "aarch64"
))]
fn cloned(result: isize) -> Result<i32, Errno> {
    match i32::try_from(result) {
        Ok(pid) if pid > 0 => Ok(pid),
        Ok(negative) => Err(Errno(negative.saturating_neg())),
        Err(_) => Err(Errno(libc::EINVAL)),
    }
}

/// Whether a child that borrows our memory is safe here. Before Linux 5.16 one that dies
/// with a core dump takes us with it; that kernel brought futex_waitv.
#[must_use]
pub fn may_borrow() -> bool {
    const FUTEX_WAITV: libc::c_long = 449;
    // SAFETY: no waiters, so nothing is read; a kernel that knows the call says EINVAL.
    FAST && unsafe { call(FUTEX_WAITV, [0, 0, 0, 0, 0]) } == Err(Errno(libc::EINVAL))
}
