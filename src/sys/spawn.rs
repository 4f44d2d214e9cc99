//! From a service's prepared order to its process: one piece of memory that holds all
//! that the child reads, and the child's own steps up to the exec.
//!
//! Two roads lead there. On the fast one the child borrows our memory and we don't wait
//! for its exec, so a slow disk never stops PID 1: the kernel itself clears a word in the
//! slot once the child has left our memory, and only then is the slot used again. On the
//! full one a forked child has made everything ready and takes the same last steps.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_void};
use std::os::fd::{AsRawFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

use nix::libc;

use super::caps;
use super::cgroup;
use super::error::Errno;
use super::exec::Program;
pub use super::failure::{FAILURE_LIMIT, Failure, Step};
pub use super::order::Order;
use super::process;
use super::raw;
use super::sandbox;
use super::signal::{self, SignalSet};
use super::tty::{self, Terminal};
use super::wiring::{DIGITS, Values, Wiring};
use crate::core::capability::Confinement;
use crate::core::exec::Limit;
use crate::core::id::Pid;

/// Where a child stands to sessions and terminals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a session of its own.
    Session,
    /// In a group of its own in our session, which gets the terminal; for `main`.
    Terminal(Terminal),
    /// Where it is: a command of somebody's at a terminal.
    Here,
}

/// Whom a child becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Become {
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its other groups.
    pub groups: Vec<u32>,
}

/// What the child reads. Everything that it points to lies in the same slot.
struct Params {
    words: *mut *const c_char,
    environment: *const *const c_char,
    file: *const c_char,
    path: (*const u8, usize),
    directory: *const c_char,
    umask: Option<u32>,
    wiring: Wiring,
    limits: Values<[u64; 3]>,
    identity: Option<(u32, u32)>,
    groups: Values<u32>,
    keeps_groups: bool,
    confinement: Confinement,
    filter: Values<u64>,
    place: Place,
    ignored: SignalSet,
    entrances: Values<RawFd>,
    report: RawFd,
}

/// Memory for one child at a time: a guard page, its stack, what it reads.
pub struct Slot {
    start: *mut u8,
    size: usize,
    used: usize,
}

const PAGE: usize = 4096;
const STACK: usize = 48 * 1024;
/// The data of a usual order: some kilobytes of environment.
const DATA: usize = 64 * 1024;
/// Where the word lies that the kernel clears; `Params` follow behind it.
const DATA_START: usize = PAGE + STACK;
const PARAMS_START: usize = DATA_START + 16;

impl Slot {
    /// A slot with room for a usual order.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn new() -> Result<Self, Errno> {
        Self::with_room(DATA)
    }

    /// A slot with room for an order of this many bytes.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn with_room(data: usize) -> Result<Self, Errno> {
        let size = DATA_START.saturating_add(data.next_multiple_of(PAGE));
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping somewhere; nothing that exists is touched.
        let start = unsafe { libc::mmap(ptr::null_mut(), size, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(nix::errno::Errno::last().into());
        }
        // SAFETY: the first page of the mapping that was just made.
        let _ = unsafe { libc::mprotect(start, PAGE, libc::PROT_NONE) };
        Ok(Self {
            start: start.cast(),
            size,
            used: 0,
        })
    }

    /// Whether no child uses it: the last one has exec'd or ended.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.cleared().load(Ordering::Acquire) == 0
    }

    fn cleared(&self) -> &AtomicI32 {
        let word = self.start.wrapping_add(DATA_START).cast::<i32>();
        // SAFETY: inside the mapping, aligned to 16, and only ever used as an atomic.
        unsafe { AtomicI32::from_ptr(word) }
    }

    /// Writes the order into the slot.
    ///
    /// # Errors
    /// `None` where it doesn't fit: take a bigger one.
    pub fn prepare(&mut self, order: Order<'_>) -> Option<()> {
        if !self.is_free() {
            return None;
        }
        self.used = PARAMS_START.checked_add(size_of::<Params>())?;
        let directory = match order.directory {
            Some(directory) => self.text(directory)?,
            None => ptr::null(),
        };
        let path = (self.text(order.path)?.cast(), order.path.len());
        let limit = |limit: &Limit| [limit.resource as u64, limit.soft, limit.hard];
        let limits = self.values(order.limits.iter().map(limit))?;
        let groups = order.identity.map_or(&[][..], |identity| &identity.groups);
        let groups = self.values(groups.iter().copied())?;
        let texts = order.arguments.iter().map(|word| self.text(word));
        let arguments = texts.collect::<Option<Vec<*const c_char>>>()?;
        let file = self.text(order.program)?;
        let names = order.pid_variables;
        let of_its_own = |word: &&&[u8]| {
            let name = |name: &&&[u8]| {
                word.strip_prefix(**name)
                    .is_some_and(|v| v.starts_with(b"="))
            };
            !names.iter().any(|given| name(&given))
        };
        let mut environment = order
            .environment
            .iter()
            .filter(of_its_own)
            .map(|word| self.text(word))
            .collect::<Option<Vec<_>>>()?;
        let mut pids = Vec::with_capacity(names.len());
        for name in names {
            let word = self.text(&[name, &b"="[..], &[b' '; DIGITS]].concat())?;
            let digits = word.wrapping_add(name.len().checked_add(1)?);
            pids.push(digits);
            environment.push(word);
        }
        let wiring = Wiring {
            standard: order.standard.map(|fd| fd.as_raw_fd()),
            ready: order.ready.map(|(fd, number)| (fd.as_raw_fd(), number)),
            passed: self.values(order.passed.iter().map(AsRawFd::as_raw_fd))?,
            pids: self.values(pids.into_iter())?,
        };
        // One slot in front, for a script's shell.
        let words = self.pointers(1, &arguments)?;
        let environment = self.pointers(0, &environment)?;
        let params = Params {
            words,
            environment,
            file,
            path,
            directory,
            umask: order.umask,
            wiring,
            limits,
            identity: order.identity.map(|identity| (identity.uid, identity.gid)),
            groups,
            keeps_groups: order.keeps_groups,
            confinement: order.confinement,
            filter: self.values(order.filter.iter().copied())?,
            place: order.place,
            ignored: order.ignored,
            entrances: self.values(order.entrances.iter().map(AsRawFd::as_raw_fd))?,
            report: order.report.as_raw_fd(),
        };
        // SAFETY: the place for it is inside the mapping, aligned to 16, and ours.
        unsafe { self.params().write(params) };
        Some(())
    }

    fn params(&self) -> *mut Params {
        self.start.wrapping_add(PARAMS_START).cast()
    }

    /// Room for `bytes`, aligned to 8.
    fn room(&mut self, bytes: usize) -> Option<*mut u8> {
        let at = self.used.next_multiple_of(8);
        let end = at.checked_add(bytes)?;
        if end > self.size {
            return None;
        }
        self.used = end;
        Some(self.start.wrapping_add(at))
    }

    /// A C string; what follows a NUL is cut off, as the kernel would.
    fn text(&mut self, bytes: &[u8]) -> Option<*const c_char> {
        let place = self.room(bytes.len().checked_add(1)?)?;
        // SAFETY: `room` gave that many bytes and one more, inside the mapping; fresh
        // pages and old orders alike are ours, and the NUL is written below.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), place, bytes.len()) };
        // SAFETY: the last of those bytes.
        unsafe { place.wrapping_add(bytes.len()).write(0) };
        Some(place.cast_const().cast())
    }

    /// Pointers with NULL behind the last and `front` NULLs before; gives the first slot.
    fn pointers(&mut self, front: usize, pointers: &[*const c_char]) -> Option<*mut *const c_char> {
        let count = pointers.len().checked_add(front)?.checked_add(1)?;
        let place = self
            .room(count.checked_mul(size_of::<*const c_char>())?)?
            .cast::<*const c_char>();
        let padded = std::iter::repeat_n(ptr::null(), front)
            .chain(pointers.iter().copied())
            .chain([ptr::null()]);
        for (index, pointer) in padded.enumerate() {
            // SAFETY: `room` gave `count` aligned slots.
            unsafe { place.wrapping_add(index).write(pointer) };
        }
        Some(place)
    }

    /// Plain values, one behind the other.
    fn values<T: Copy>(&mut self, values: impl ExactSizeIterator<Item = T>) -> Option<Values<T>> {
        let count = values.len();
        let place = self.room(count.checked_mul(size_of::<T>())?)?.cast::<T>();
        for (index, value) in values.enumerate() {
            // SAFETY: `room` gave that many slots, aligned to 8.
            unsafe { place.wrapping_add(index).write(value) };
        }
        Some((place, count))
    }

    /// The fast road: a child that borrows our memory. Doesn't wait for its exec.
    ///
    /// # Errors
    /// EAGAIN and ENOMEM where no process is to be had; anything else where this kind of
    /// child isn't, and the full road must be taken.
    pub fn spawn(&mut self) -> Result<Pid, Errno> {
        let cleared = self.cleared();
        cleared.store(1, Ordering::Release);
        let cleared = cleared.as_ptr();
        let top = self.start.wrapping_add(DATA_START);
        let argument = self.params().cast::<c_void>();
        // Until the child has its own mask nothing may run our handlers in it.
        let mask = signal::set_mask(SignalSet::ALL);
        // SAFETY: the stack and the parameters lie in this slot, which is neither written
        // nor unmapped before the kernel clears the word; `child` uses `raw` alone.
        let spawned =
            unsafe { raw::clone_onto(libc::CLONE_CHILD_CLEARTID, top, cleared, child, argument) };
        signal::set_mask(mask);
        if spawned.is_err() {
            self.cleared().store(0, Ordering::Release);
        }
        spawned.map(Pid)
    }

    /// The end of the full road: this process, a fork, becomes the program. All signals
    /// are to be blocked.
    pub fn become_program(&self) -> ! {
        // SAFETY: `prepare` has written them; the slot belongs to this process.
        unsafe { child(self.params().cast()) }
    }

    /// As `become_program`, for a process that has somebody to tell that it failed.
    #[must_use]
    pub fn try_program(&self) -> Failure {
        // SAFETY: `prepare` has written them; the slot belongs to this process.
        let params = unsafe { &mut *self.params() };
        // SAFETY: all that `params` points to lies in the same slot.
        let (step, errno) = unsafe { run(params) };
        Failure {
            step,
            errno: errno.0,
            detail: String::new(),
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.is_free() {
            // SAFETY: the mapping is this slot's own and no child uses it. Otherwise it
            // is left standing: lost memory, but nobody's stack.
            unsafe { libc::munmap(self.start.cast(), self.size) };
        }
    }
}

/// The child's way: no allocation, no `errno`, raw calls alone.
unsafe extern "C" fn child(argument: *mut c_void) -> ! {
    // SAFETY: `spawn` and `become_program` give what `prepare` wrote, and nobody but the
    // child touches it while the child lives.
    let params = unsafe { &mut *argument.cast::<Params>() };
    // SAFETY: all that `params` points to lies in the same slot.
    let (step, errno) = unsafe { run(params) };
    let mut message = [0u8; 5];
    if let Some((first, rest)) = message.split_first_mut() {
        *first = step as u8;
        rest.copy_from_slice(&errno.0.to_ne_bytes());
    }
    // SAFETY: five bytes, which live through the call.
    let _ = unsafe {
        raw::call(
            libc::SYS_write,
            [
                params.report.cast_unsigned() as usize,
                message.as_ptr().addr(),
                5,
            ],
        )
    };
    process::leave(127)
}

/// # Safety
/// As for `child`.
unsafe fn run(params: &mut Params) -> (Step, Errno) {
    let (first, count) = params.entrances;
    // SAFETY: what it points to lies in the same slot.
    for entrance in unsafe { std::slice::from_raw_parts(first, count) } {
        if let Err(errno) = cgroup::enter(*entrance) {
            return (Step::Cgroup, errno);
        }
    }
    stand(params.place);
    signal::set_dispositions(params.ignored);
    // SAFETY: passed on.
    if let Err(errno) = unsafe { params.wiring.place(&mut params.report) } {
        return (Step::Files, errno);
    }
    // SAFETY: passed on.
    unsafe { params.wiring.write_own_number() };
    // SAFETY: passed on.
    if let Err(failed) = unsafe { rights(params) } {
        return failed;
    }
    if let Some(umask) = params.umask {
        // SAFETY: no pointers.
        let _ = unsafe { raw::call(libc::SYS_umask, [umask as usize]) };
    }
    if !params.directory.is_null() {
        // SAFETY: a C string in the slot.
        if let Err(errno) = unsafe { raw::call(libc::SYS_chdir, [params.directory.addr()]) } {
            return (Step::Directory, errno);
        }
    }
    // SAFETY: a C string in the slot.
    let file = unsafe { CStr::from_ptr(params.file) };
    // SAFETY: that many bytes in the slot.
    let path = unsafe { std::slice::from_raw_parts(params.path.0, params.path.1) };
    let program = Program {
        words: params.words,
        environment: params.environment,
        file,
        path,
    };
    signal::set_mask(SignalSet::EMPTY);
    if params.filter.1 > 0 {
        // What may not be filtered runs without: the reader has told of it.
        let _ = sandbox::filter(params.filter.0, params.filter.1);
    }
    // SAFETY: `prepare` made both vectors as `Program` wants them.
    (Step::Exec, unsafe { program.exec() })
}

fn stand(place: Place) {
    let lead = || {
        let _ = process::lead_session();
    };
    match place {
        Place::Session => lead(),
        Place::Here => {}
        Place::Terminal(Terminal::Unowned) => {
            lead();
            let _ = tty::take_stdin();
        }
        Place::Terminal(terminal) => {
            let _ = process::lead_group(Pid(0));
            if let Terminal::Foreground(fd) = terminal {
                let _ = tty::give_to(fd, process::own_pid().0);
            }
        }
    }
}

/// Limits and identity, in the order that keeps the right to set them.
///
/// # Safety
/// As for `child`.
unsafe fn rights(params: &Params) -> Result<(), (Step, Errno)> {
    for index in 0..params.limits.1 {
        // SAFETY: that many entries lie in the slot.
        let [resource, soft, hard] = unsafe { params.limits.0.wrapping_add(index).read() };
        let pair = [soft, hard];
        // SAFETY: two numbers, which live through the call; nothing is asked for.
        unsafe {
            raw::call(
                libc::SYS_prlimit64,
                [0, resource as usize, pair.as_ptr().addr(), 0],
            )
        }
        .map_err(|errno| (Step::Limits, errno))?;
    }
    caps::bound(params.confinement).map_err(|errno| (Step::Bounding, errno))?;
    // SAFETY: passed on.
    unsafe { become_somebody(params) }?;
    caps::raise(params.confinement).map_err(|errno| (Step::Ambient, errno))?;
    caps::lock(params.confinement).map_err(|errno| (Step::Privileges, errno))
}

/// # Safety
/// As for `child`.
unsafe fn become_somebody(params: &Params) -> Result<(), (Step, Errno)> {
    let Some((uid, gid)) = params.identity else {
        return Ok(());
    };
    let (uid, gid) = (uid as usize, gid as usize);
    if !params.keeps_groups {
        let groups = [params.groups.1, params.groups.0.addr()];
        // SAFETY: that many numbers lie in the slot.
        unsafe { raw::call(libc::SYS_setgroups, groups) }.map_err(|errno| (Step::Groups, errno))?;
    }
    // SAFETY: no pointers.
    unsafe { raw::call(libc::SYS_setresgid, [gid, gid, gid]) }
        .map_err(|errno| (Step::Group, errno))?;
    // SAFETY: no pointers.
    unsafe { raw::call(libc::SYS_setresuid, [uid, uid, uid]) }
        .map_err(|errno| (Step::User, errno))?;
    Ok(())
}
