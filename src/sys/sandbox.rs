//! What a sandbox is made of: which means there are here, found by trying them, and the
//! steps of a child that the C library has no safe words for.
#![allow(unsafe_code)]

use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::error::Errno;
use super::fork::fork;
use super::{process, raw, tuning};
use crate::core::sandbox::Means;

/// CAP_SETPCAP.
pub const DROP: u32 = 1 << 8;
/// CAP_SYS_ADMIN.
const ADMIN: u32 = 1 << 21;

/// SECCOMP_MODE_FILTER.
const FILTER: usize = 2;

/// Whether this process has these capabilities.
#[must_use]
pub fn may(wanted: u32) -> bool {
    process::capabilities() & wanted == wanted
}

/// Whether a filter takes nothing from this process that it has: it may set one anyhow, or no
/// program's file gives it rights.
#[must_use]
pub fn may_filter_root() -> bool {
    let option = libc::PR_GET_NO_NEW_PRIVS.cast_unsigned() as usize;
    // SAFETY: no pointers.
    may(ADMIN) || unsafe { raw::call(libc::SYS_prctl, [option, 0, 0, 0, 0]) } == Ok(1)
}

/// What is permitted. Namespaces are tried by a fork: what refuses them may be anything from
/// a capability to the engine's own filter.
#[must_use]
pub fn permitted() -> Means {
    let mut found = Means::default();
    let mut add = |there: bool, means: Means| {
        if there {
            found = found.with(means);
        }
    };
    add(may(DROP), Means::DROPS);
    add(may_filter_root(), Means::ROOTS_FILTERS);
    // As it is without a word.
    add(tuning::set_memory_policy(0, None), Means::NUMA);
    // The kernel looks at the mode before it looks for a program, which is nowhere.
    let option = libc::PR_SET_SECCOMP.cast_unsigned() as usize;
    // SAFETY: no pointers but one that leads nowhere, which the kernel says.
    let tried = unsafe { raw::call(libc::SYS_prctl, [option, FILTER, 0, 0, 0]) };
    add(tried == Err(Errno(libc::EFAULT)), Means::FILTERS);
    add(true, tried_by_a_fork(&namespaces));
    // By itself: who has mounted over the root may enter none.
    let users = || unshare(CloneFlags::CLONE_NEWUSER).map_or(0, |()| Means::USERS.0);
    add(true, tried_by_a_fork(&users));
    found
}

fn namespaces() -> u16 {
    let mut found = 0;
    for (flag, means) in [
        (CloneFlags::CLONE_NEWNS, Means::MOUNTS),
        (CloneFlags::CLONE_NEWNET, Means::NETWORK),
        (CloneFlags::CLONE_NEWIPC, Means::IPC),
    ] {
        let there = unshare(flag).is_ok();
        if there && (means != Means::MOUNTS || mounts_work()) {
            found |= means.0;
        }
    }
    if found & Means::MOUNTS.0 != 0 && proc_can_show_less() {
        found |= Means::PROC.0;
    }
    found
}

/// What it says fits into an exit status: these means are the first eight.
fn tried_by_a_fork(body: &dyn Fn() -> u16) -> Means {
    let Ok(pid) = fork(|| i32::from(body())) else {
        return Means::default();
    };
    let mut status = 0;
    let target = pid.0.cast_unsigned() as usize;
    let given = [target, (&raw mut status).addr(), 0, 0];
    // SAFETY: one status, which lives through the call.
    while unsafe { raw::call(libc::SYS_wait4, given) } == Err(Errno(libc::EINTR)) {}
    if libc::WIFEXITED(status) {
        Means(u16::try_from(libc::WEXITSTATUS(status)).unwrap_or(0))
    } else {
        Means::default()
    }
}

/// In a mount namespace of our own: an engine may give that, and no mounts in it.
fn mounts_work() -> bool {
    const NONE: Option<&str> = None;
    let begun = mount(NONE, "/", NONE, MsFlags::MS_SLAVE | MsFlags::MS_REC, NONE);
    let bound = || mount(Some("/"), "/", NONE, MsFlags::MS_BIND, NONE);
    begun.is_ok() && bound().is_ok() && std::path::Path::new("/proc/self/mountinfo").exists()
}

/// After that: kernels before 5.8 don't know the word, and would have one option for all.
fn proc_can_show_less() -> bool {
    const PROC: Option<&str> = Some("proc");
    let options = Some("hidepid=invisible");
    mount(PROC, "/proc", PROC, MsFlags::empty(), options).is_ok()
}

/// From here on the program of this many instructions decides on system calls. Raw calls
/// alone.
///
/// # Errors
/// EACCES without CAP_SYS_ADMIN where a program's file may give rights; EINVAL where the
/// kernel has no filters.
pub fn filter(program: *const u64, count: usize) -> Result<(), Errno> {
    let program = libc::sock_fprog {
        len: u16::try_from(count).unwrap_or(u16::MAX),
        filter: program.cast_mut().cast(),
    };
    let given = [
        libc::PR_SET_SECCOMP.cast_unsigned() as usize,
        FILTER,
        (&raw const program).addr(),
        0,
        0,
    ];
    // SAFETY: the kernel copies the program, and says EFAULT where there is none.
    unsafe { raw::call(libc::SYS_prctl, given) }.map(drop)
}

/// In a new network namespace: its loopback. What fails leaves it without.
pub fn raise_loopback() {
    let kind = (libc::SOCK_DGRAM | libc::SOCK_CLOEXEC).cast_unsigned() as usize;
    let family = libc::AF_INET.cast_unsigned() as usize;
    // SAFETY: no pointers.
    let Ok(socket) = (unsafe { raw::call(libc::SYS_socket, [family, kind, 0]) }) else {
        return;
    };
    // `struct ifreq`: a name of sixteen bytes, then IFF_UP among its flags.
    let name = u64::from_ne_bytes(*b"lo\0\0\0\0\0\0");
    let flags = u64::from(libc::IFF_UP.cast_unsigned()).to_le();
    let request = [name, 0, flags, 0, 0];
    let given = [socket, libc::SIOCSIFFLAGS as usize, request.as_ptr().addr()];
    // SAFETY: a request of forty bytes, which lives through the call.
    let _ = unsafe { raw::call(libc::SYS_ioctl, given) };
    // SAFETY: the descriptor is ours.
    let _ = unsafe { raw::call(libc::SYS_close, [socket]) };
}
