//! Signals by raw calls: all 64, the two that the C library keeps to itself included.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::ptr;
use std::time::Duration;

use nix::libc;

use super::error::Errno;
use super::raw;
use crate::core::id::Pid;
use crate::core::signal::Signal;

/// The kernel's signal set has 8 bytes; the C library's 128.
const SET_BYTES: usize = size_of::<u64>();

/// A set of signals, as the kernel keeps it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignalSet(pub(super) u64);

impl SignalSet {
    /// All 64.
    pub const ALL: Self = Self(u64::MAX);
    /// None.
    pub const EMPTY: Self = Self(0);

    const fn bit(signal: Signal) -> u64 {
        1 << (signal.number().saturating_sub(1) & 63)
    }

    /// Whether it is in it.
    #[must_use]
    pub const fn contains(self, signal: Signal) -> bool {
        self.0 & Self::bit(signal) != 0
    }

    /// With this one.
    #[must_use]
    pub const fn with(self, signal: Signal) -> Self {
        Self(self.0 | Self::bit(signal))
    }

    /// Without this one.
    #[must_use]
    pub const fn without(self, signal: Signal) -> Self {
        Self(self.0 & !Self::bit(signal))
    }

    /// Each, lowest first.
    pub fn iter(self) -> impl Iterator<Item = Signal> {
        (1..=64)
            .filter_map(Signal::new)
            .filter(move |signal| self.contains(*signal))
    }
}

/// Makes this the thread's mask; gives the one that it replaces. Safe between clone and exec.
pub fn set_mask(mask: SignalSet) -> SignalSet {
    let mut old = SignalSet::EMPTY;
    // SAFETY: both pointers are to sets of SET_BYTES bytes that live through the call.
    let _ = unsafe {
        raw::call(
            libc::SYS_rt_sigprocmask,
            [
                libc::SIG_SETMASK.cast_unsigned() as usize,
                (&raw const mask).addr(),
                (&raw mut old).addr(),
                SET_BYTES,
            ],
        )
    };
    old
}

/// `struct sigaction` as the kernel knows it on x86_64, aarch64 and their like; the rest
/// stays zero, so that neither order nor size of what follows the handler matters.
#[repr(C)]
#[derive(Default)]
struct Action {
    handler: usize,
    rest: [usize; 7],
}

/// What becomes of a signal that nobody catches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// SIG_DFL, or a handler, which an exec turns into it.
    Default,
    /// SIG_IGN.
    Ignored,
}

/// How a signal stands. Safe between clone and exec.
#[must_use]
pub fn disposition(signal: Signal) -> Disposition {
    let mut action = Action::default();
    // SAFETY: `action` is at least as big as the kernel's struct.
    let _ = unsafe {
        raw::call(
            libc::SYS_rt_sigaction,
            [
                usize::from(signal.number()),
                0,
                (&raw mut action).addr(),
                SET_BYTES,
            ],
        )
    };
    if action.handler == libc::SIG_IGN {
        Disposition::Ignored
    } else {
        Disposition::Default
    }
}

/// Sets how a signal stands; KILL and STOP cannot be changed. Safe between clone and exec.
pub fn set_disposition(signal: Signal, disposition: Disposition) {
    let action = Action {
        handler: match disposition {
            Disposition::Default => libc::SIG_DFL,
            Disposition::Ignored => libc::SIG_IGN,
        },
        ..Action::default()
    };
    // SAFETY: `action` is at least as big as the kernel's struct and installs no code.
    let _ = unsafe {
        raw::call(
            libc::SYS_rt_sigaction,
            [
                usize::from(signal.number()),
                (&raw const action).addr(),
                0,
                SET_BYTES,
            ],
        )
    };
}

/// Which signals are ignored: all 64 are looked at. To be called before anything changes one.
#[must_use]
pub fn ignored() -> SignalSet {
    all()
        .filter(|signal| disposition(*signal) == Disposition::Ignored)
        .fold(SignalSet::EMPTY, SignalSet::with)
}

/// Puts every signal to default but those in `ignored`. Safe between clone and exec.
pub fn set_dispositions(ignored: SignalSet) {
    for signal in all() {
        let disposition = if ignored.contains(signal) {
            Disposition::Ignored
        } else {
            Disposition::Default
        };
        set_disposition(signal, disposition);
    }
}

/// Every signal, 1 to 64.
fn all() -> impl Iterator<Item = Signal> {
    (1..=64).filter_map(Signal::new)
}

/// A signal that was waited for, with what its sender said.
#[derive(Clone, Copy)]
pub struct Received {
    /// Which.
    pub signal: Signal,
    /// `si_code`.
    code: i32,
    /// The rest counts where a process sent it.
    said: Said,
}

/// What `struct siginfo` holds of a signal that a process sent with a value.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Said {
    pid: i32,
    uid: u32,
    /// The union of number and pointer.
    value: usize,
}

/// The head of `struct siginfo` for such a signal, and room for the rest.
#[repr(C)]
#[derive(Default)]
struct Info {
    number: i32,
    errno: i32,
    code: i32,
    said: Said,
    rest: [usize; 12],
}

const _: () = assert!(size_of::<Info>() >= size_of::<libc::siginfo_t>());

impl Received {
    /// A process sent it, with `kill`, `sigqueue` or the like: by number, 0 if that is in
    /// another PID namespace. `None` if the kernel itself did.
    #[must_use]
    pub fn sender(&self) -> Option<i32> {
        (self.code <= 0).then_some(self.said.pid)
    }

    /// The value that it was sent with, if `sigqueue` sent it.
    #[must_use]
    pub fn value(&self) -> Option<i32> {
        // The number is the low half of the union.
        (self.code == libc::SI_QUEUE).then_some(self.said.value as u32 as i32)
    }
}

/// Waits for a blocked signal out of `set`, at most `timeout` long. `Err(EAGAIN)` when the
/// time is over, `Err(EINTR)` when something else (a stop and continue) woke us.
pub fn wait(set: SignalSet, timeout: Option<Duration>) -> Result<Received, Errno> {
    let mut info = Info::default();
    let limit = timeout.map(timespec);
    // SAFETY: the pointers are to objects of the kernel's layout that live through the call.
    let number = unsafe {
        raw::call(
            libc::SYS_rt_sigtimedwait,
            [
                (&raw const set).addr(),
                (&raw mut info).addr(),
                limit
                    .as_ref()
                    .map_or(0, |limit| ptr::from_ref(limit).addr()),
                SET_BYTES,
            ],
        )
    }?;
    let signal = i32::try_from(number)
        .ok()
        .and_then(Signal::new)
        .ok_or(Errno(libc::EINVAL))?;
    Ok(Received {
        signal,
        code: info.code,
        said: info.said,
    })
}

fn timespec(time: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: time.subsec_nanos().into(),
    }
}

fn is_readable(fd: i32, timeout: Option<Duration>) -> Result<bool, Errno> {
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    let limit = timeout.map(timespec);
    // SAFETY: one pollfd and a timespec, which live through the call.
    let ready = unsafe {
        raw::call(
            libc::SYS_ppoll,
            [
                (&raw mut poll).addr(),
                1,
                limit
                    .as_ref()
                    .map_or(0, |limit| ptr::from_ref(limit).addr()),
                0,
                0,
            ],
        )
    }?;
    Ok(ready > 0)
}

/// What is pending for us, one by one, every signal being blocked. While it sleeps the
/// mask stays as it is, for all to see in /proc/PID/status: `sigtimedwait` would lift it
/// for as long as it waits. One call takes a signal and waits for it.
pub struct Pending {
    /// A signalfd, which waits; without one the mask is not to be seen.
    fd: Option<i32>,
}

impl Pending {
    /// With a descriptor of its own.
    #[must_use]
    pub fn open() -> Self {
        let all = SignalSet::ALL;
        // SAFETY: the set has SET_BYTES bytes and lives through the call.
        let fd = unsafe {
            raw::call(
                libc::SYS_signalfd4,
                [
                    usize::MAX,
                    (&raw const all).addr(),
                    SET_BYTES,
                    libc::SFD_CLOEXEC.cast_unsigned() as usize,
                ],
            )
        };
        Self {
            fd: fd.ok().and_then(|fd| i32::try_from(fd).ok()),
        }
    }

    /// The next one; else as `wait`.
    pub fn next(&self, timeout: Option<Duration>) -> Result<Received, Errno> {
        let Some(fd) = self.fd else {
            return wait(SignalSet::ALL, timeout);
        };
        if timeout.is_some() && !is_readable(fd, timeout)? {
            return Err(Errno(libc::EAGAIN));
        }
        read_signal(fd)
    }
}

/// Waits for a signal on a signalfd.
fn read_signal(fd: i32) -> Result<Received, Errno> {
    let mut info = MaybeUninit::<libc::signalfd_siginfo>::zeroed();
    // SAFETY: the buffer has the kernel's layout and size, and lives through the call.
    let _ = unsafe {
        raw::call(
            libc::SYS_read,
            [
                fd.cast_unsigned() as usize,
                info.as_mut_ptr().addr(),
                size_of::<libc::signalfd_siginfo>(),
            ],
        )
    }?;
    // SAFETY: all zeros is one too, and the kernel writes whole ones.
    let info = unsafe { info.assume_init() };
    let number = info.ssi_signo.cast_signed();
    Ok(Received {
        signal: Signal::new(number).ok_or(Errno(libc::EINVAL))?,
        code: info.ssi_code,
        said: Said {
            pid: info.ssi_pid.cast_signed(),
            uid: info.ssi_uid,
            value: info.ssi_ptr as usize,
        },
    })
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(fd) = self.fd {
            // SAFETY: it is ours, and nobody else's.
            let _ = unsafe { raw::call(libc::SYS_close, [fd.cast_unsigned() as usize]) };
        }
    }
}

/// `kill(2)`: one process.
pub fn kill(pid: Pid, signal: Signal) -> Result<(), Errno> {
    send(i64::from(pid.0), signal)
}

/// `kill(2)`: the process group that this process leads.
pub fn kill_group(leader: Pid, signal: Signal) -> Result<(), Errno> {
    send(-i64::from(leader.0), signal)
}

/// The same where the leader is a child of ours that isn't reaped, and may not have founded
/// its group yet: then it is all that there is of it.
pub fn kill_group_of(leader: Pid, signal: Signal) -> Result<(), Errno> {
    kill_group(leader, signal).or_else(|_| kill(leader, signal))
}

/// `kill(2)` with -1: every process that we may signal, but ourselves. For PID 1 of a
/// namespace alone: anywhere else that is other people's.
pub fn kill_everyone(signal: Signal) -> Result<(), Errno> {
    send(-1, signal)
}

/// Whether there is a process of this number, zombies included.
#[must_use]
pub fn process_exists(pid: Pid) -> bool {
    exists(i64::from(pid.0))
}

/// Whether the process group that this process leads or led has a member.
#[must_use]
pub fn group_exists(leader: Pid) -> bool {
    exists(-i64::from(leader.0))
}

fn exists(target: i64) -> bool {
    // SAFETY: no pointers; signal 0 only asks.
    let asked = unsafe { raw::call(libc::SYS_kill, [target.cast_unsigned() as usize, 0]) };
    asked.is_ok() || asked == Err(Errno(libc::EPERM))
}

/// Writes one byte, as a signal handler may: no `errno`, no waiting if the descriptor
/// doesn't.
pub(super) fn write_byte(fd: i32) {
    let byte = 0u8;
    // SAFETY: one byte, which lives through the call.
    let _ = unsafe {
        raw::call(
            libc::SYS_write,
            [fd.cast_unsigned() as usize, (&raw const byte).addr(), 1],
        )
    };
}

fn send(target: i64, signal: Signal) -> Result<(), Errno> {
    // SAFETY: no pointers.
    unsafe {
        raw::call(
            libc::SYS_kill,
            [
                target.cast_unsigned() as usize,
                usize::from(signal.number()),
            ],
        )
    }?;
    Ok(())
}

/// Passes a received signal on to one process, as `signal`, with its value and sender.
pub fn requeue(pid: Pid, signal: Signal, received: &Received) -> Result<(), Errno> {
    let info = Info {
        number: signal.number().into(),
        code: received.code,
        said: received.said,
        ..Info::default()
    };
    // SAFETY: `info` begins as the kernel's siginfo does, is no shorter, and lives through
    // the call.
    unsafe {
        raw::call(
            libc::SYS_rt_sigqueueinfo,
            [
                pid.0.cast_unsigned() as usize,
                usize::from(signal.number()),
                (&raw const info).addr(),
            ],
        )
    }?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in_from_1_to_64() {
        for signal in all() {
            let one = SignalSet::EMPTY.with(signal);
            assert!(one.contains(signal));
            assert_eq!(one.without(signal), SignalSet::EMPTY);
            assert_eq!(all().filter(|other| one.contains(*other)).count(), 1);
        }
    }

    #[test]
    fn the_kernel_takes_and_gives_back_a_mask_with_all_64() {
        let before = set_mask(SignalSet::ALL);
        let unmaskable = SignalSet::ALL.without(Signal::KILL).without(Signal::STOP);
        assert_eq!(set_mask(before), unmaskable);
    }
}
