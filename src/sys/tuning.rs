//! What a process sets for itself: processors, memory, timers. What the kernel or the engine
//! refuses stays as it is.
#![allow(unsafe_code)]

use nix::libc;

use super::raw;

/// Sets on which processors we run, a bit each (`sched_setaffinity(2)`).
pub fn set_affinity(processors: &[u64]) {
    let given = [0, size_of_val(processors), processors.as_ptr().addr()];
    // SAFETY: that many bytes, which live through the call. 0: of ourselves.
    let _ = unsafe { raw::call(libc::SYS_sched_setaffinity, given) };
}

/// Sets from which nodes our memory comes, a bit each (`set_mempolicy(2)`); `false` where that
/// is refused.
pub fn set_memory_policy(policy: usize, nodes: Option<&[u64]>) -> bool {
    let of = |nodes: &[u64]| (nodes.as_ptr().addr(), size_of_val(nodes) * 8);
    let (bits, count) = nodes.map_or((0, 0), of);
    // SAFETY: so many bits, which live through the call.
    unsafe { raw::call(libc::SYS_set_mempolicy, [policy, bits, count]) }.is_ok()
}

/// Sets how much later than asked for a timer of ours may end, in nanoseconds.
pub fn set_timer_slack(nanos: usize) {
    prctl(libc::PR_SET_TIMERSLACK, nanos);
}

/// Sets what the kernel does over a change of user, and for root.
pub fn set_secure_bits(bits: u32) {
    prctl(libc::PR_SET_SECUREBITS, bits as usize);
}

/// We are as a program of 32 bits is: what `uname(2)` says is another machine.
pub fn become_32_bits() {
    const PER_LINUX32: usize = 8;
    // SAFETY: no pointers.
    let _ = unsafe { raw::call(libc::SYS_personality, [PER_LINUX32]) };
}

fn prctl(option: libc::c_int, argument: usize) {
    let given = [option.cast_unsigned() as usize, argument, 0, 0, 0];
    // SAFETY: both options above take a number.
    let _ = unsafe { raw::call(libc::SYS_prctl, given) };
}
