//! Ourselves: our number, how we leave, and what the kernel is to do about our family.
#![allow(unsafe_code)]

use std::os::fd::{FromRawFd, OwnedFd};
use std::ptr;

use nix::libc;

use super::error::Errno;
use super::raw;
use crate::core::id::Pid;
use crate::core::signal::Signal;

/// Our own number.
#[must_use]
pub fn own_pid() -> Pid {
    // SAFETY: no pointers.
    let result = unsafe { raw::call(libc::SYS_getpid, []) };
    Pid(result
        .ok()
        .and_then(|pid| i32::try_from(pid).ok())
        .unwrap_or(0))
}

/// Our process group's number; 0 if its leader is in another PID namespace.
#[must_use]
pub fn own_group() -> i32 {
    // SAFETY: no pointers.
    let result = unsafe { raw::call(libc::SYS_getpgid, [0]) };
    result
        .ok()
        .and_then(|group| i32::try_from(group).ok())
        .unwrap_or(0)
}

/// Whether we lead our session.
#[must_use]
pub fn leads_session() -> bool {
    // SAFETY: no pointers.
    let session = unsafe { raw::call(libc::SYS_getsid, [0]) };
    session == Ok(own_pid().0.unsigned_abs() as usize)
}

/// Puts a process into a group of its own; 0 is ourselves. Safe between clone and exec.
pub fn lead_group(pid: Pid) -> Result<(), Errno> {
    // SAFETY: no pointers.
    unsafe { raw::call(libc::SYS_setpgid, [pid.0.cast_unsigned() as usize, 0]) }?;
    Ok(())
}

/// A session of our own, and a group in it. Safe between clone and exec.
pub fn lead_session() -> Result<(), Errno> {
    // SAFETY: no pointers.
    unsafe { raw::call(libc::SYS_setsid, []) }?;
    Ok(())
}

/// Orphans below us become our children.
pub fn become_subreaper() -> Result<(), Errno> {
    prctl(libc::PR_SET_CHILD_SUBREAPER, 1)
}

/// The name that /proc and `ps` show for this process; 15 bytes of it.
pub fn set_name(name: &std::ffi::CStr) {
    // What refuses it refuses only a name.
    let _ = prctl(libc::PR_SET_NAME, name.as_ptr().addr());
}

/// The signal that we get when our parent dies.
pub fn set_parent_death(signal: Signal) -> Result<(), Errno> {
    prctl(libc::PR_SET_PDEATHSIG, usize::from(signal.number()))
}

/// Sets our nice value (`setpriority(2)`).
pub fn set_nice(nice: i8) -> Result<(), Errno> {
    let value = isize::from(nice).cast_unsigned();
    // SAFETY: no pointers.
    unsafe {
        raw::call(
            libc::SYS_setpriority,
            [libc::PRIO_PROCESS as usize, 0, value],
        )
    }?;
    Ok(())
}

/// Our nice value.
#[must_use]
pub fn nice() -> i32 {
    // SAFETY: no pointers.
    let above = unsafe { raw::call(libc::SYS_getpriority, [libc::PRIO_PROCESS as usize, 0]) };
    above.map_or(0, |above| 20 - above as i32)
}

/// By how much the kernel's OOM killer takes us sooner than others.
#[must_use]
pub fn oom_score() -> i32 {
    let text = std::fs::read_to_string("/proc/self/oom_score_adj").unwrap_or_default();
    text.trim_end().parse().unwrap_or(0)
}

/// Sets when our I/O has its turn (`ioprio_set(2)`), if we may.
pub fn set_io_priority(priority: usize) {
    // SAFETY: no pointers. 1: of a process, 0: of ours.
    let _ = unsafe { raw::call(libc::SYS_ioprio_set, [1, 0, priority]) };
}

/// Sets how we are scheduled (`sched_setscheduler(2)`), if we may.
pub fn set_policy(policy: usize, priority: usize) {
    let given = [0, policy, (&raw const priority).addr()];
    // SAFETY: a number, whose first half is read, and which lives through the call.
    let _ = unsafe { raw::call(libc::SYS_sched_setscheduler, given) };
}

/// The user whose rights we have.
#[must_use]
pub fn effective_uid() -> u32 {
    nix::unistd::geteuid().as_raw()
}

/// The group whose rights we have.
#[must_use]
pub fn effective_gid() -> u32 {
    nix::unistd::getegid().as_raw()
}

/// Our other groups; none where the kernel won't say. Libraries ask `sysconf(3)` first for
/// how many there may be, which reads a file.
#[must_use]
pub fn groups() -> Vec<u32> {
    // SAFETY: without room it only counts them.
    let count = unsafe { libc::getgroups(0, ptr::null_mut()) };
    let mut groups = vec![0; usize::try_from(count).unwrap_or_default()];
    // SAFETY: there is room for as many.
    let count = unsafe { libc::getgroups(count, groups.as_mut_ptr()) };
    groups.truncate(usize::try_from(count).unwrap_or_default());
    groups
}

/// The folder that we are in, where it has a name (`getcwd(2)` walks no path).
#[must_use]
pub fn folder() -> Option<String> {
    let folder = nix::unistd::getcwd().ok()?;
    folder.into_os_string().into_string().ok()
}

/// Our umask. It can't be read but by setting it; one thread does no harm by that.
#[must_use]
pub fn umask() -> u32 {
    let umask = nix::sys::stat::umask(nix::sys::stat::Mode::empty());
    nix::sys::stat::umask(umask);
    umask.bits()
}

/// Our parent's number; 0 if that is in another PID namespace.
#[must_use]
pub fn parent_pid() -> Pid {
    Pid(nix::unistd::getppid().as_raw())
}

/// Becomes the user and group that own nothing, if we are root. Where that is refused
/// there is no other user, as in a namespace with one.
pub fn become_nobody() {
    use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};
    const NOBODY: u32 = 65_534;
    if effective_uid() == 0 {
        let _ = setgroups(&[]);
        let (uid, gid) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
        let _ = setresgid(gid, gid, gid);
        let _ = setresuid(uid, uid, uid);
    }
}

/// CAP_SETGID and CAP_SETUID.
pub const CHANGE_USER: u32 = 1 << 6 | 1 << 7;
/// CAP_SYS_NICE.
pub const RAISE_PRIORITY: u32 = 1 << 23;
/// CAP_SYS_RESOURCE.
pub const RAISE_LIMITS: u32 = 1 << 24;

/// Our effective capabilities, of those below 32 (`capget(2)`); none where it won't say.
#[must_use]
pub fn capabilities() -> u32 {
    const VERSION_3: u32 = 0x2008_0522;
    let header = [VERSION_3, 0];
    // Two sets of effective, permitted, inheritable.
    let mut data = [0u32; 6];
    // SAFETY: a header of two words and room for six, which live through the call.
    let asked = unsafe {
        raw::call(
            libc::SYS_capget,
            [header.as_ptr().addr(), data.as_mut_ptr().addr()],
        )
    };
    let [effective, ..] = data;
    if asked.is_ok() { effective } else { 0 }
}

/// A descriptor that becomes readable when that process ends (`pidfd_open(2)`).
///
/// # Errors
/// ENOSYS before Linux 5.3, ESRCH where it is gone.
pub fn descriptor(pid: Pid) -> Result<OwnedFd, Errno> {
    // SAFETY: no pointers.
    let fd = unsafe { raw::call(libc::SYS_pidfd_open, [pid.0.cast_unsigned() as usize, 0]) }?;
    let fd = i32::try_from(fd).map_err(|_| Errno(libc::EBADF))?;
    // SAFETY: the call just made this descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn prctl(option: libc::c_int, argument: usize) -> Result<(), Errno> {
    // SAFETY: the options above take a number.
    unsafe {
        raw::call(
            libc::SYS_prctl,
            [option.cast_unsigned() as usize, argument, 0, 0, 0],
        )
    }?;
    Ok(())
}

/// Lets go of what the command may give up and we would hold for ever: descriptors but
/// the first three, whose readers wait for an end, and the working directory.
pub fn let_go() {
    let first = 3;
    // SAFETY: no pointers. What is closed is nobody's here: the loop keeps none open.
    let _ = unsafe { raw::call(libc::SYS_close_range, [first, u32::MAX as usize, 0]) };
    // SAFETY: the path is a C string.
    let _ = unsafe { raw::call(libc::SYS_chdir, [c"/".as_ptr().addr()]) };
}

/// Ends this process now: no destructor, no buffer is flushed. Safe between clone and exec.
pub fn leave(code: i32) -> ! {
    loop {
        // SAFETY: no pointers; it does not come back.
        let _ = unsafe { raw::call(libc::SYS_exit_group, [code.cast_unsigned() as usize]) };
    }
}
