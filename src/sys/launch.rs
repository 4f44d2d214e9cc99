//! One command as a child, on the quickest road that there is: a child that borrows our
//! memory until it has exec'd, while we stand still (so nothing can overtake it). Where
//! the kernel or the architecture has no such child, a fork.
//!
//! What the child is given is what we were given: mask, dispositions, limits,
//! environment; and a group or session of its own, and the terminal.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;

use nix::libc;

use super::error::Errno;
use super::exec::{self, Program};
use super::inherited::{Inherited, variable};
use super::listen_pid::{self, ListenPid};
use super::process;
use super::raw;
use super::signal::{self, Disposition, SignalSet};
use super::tty::{self, Terminal};
use crate::core::id::Pid;
use crate::core::signal::Signal;

/// Where the child stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a process group of its own.
    OwnGroup,
    /// In a session of its own, with standard input as its terminal.
    OwnSession,
    /// Where we are.
    Ours,
}

/// How the child is started.
#[derive(Clone, Copy)]
pub struct Launch {
    /// Where it stands.
    pub place: Place,
    /// How we stand to the terminal: in the foreground, it gets it.
    pub terminal: Terminal,
    /// Its signal mask.
    pub mask: SignalSet,
    /// Signals that we changed and that must be ignored again.
    pub ignore: SignalSet,
    /// Every disposition is reset, and the mask emptied, instead.
    pub reset: bool,
    /// LISTEN_PID names us and is to name the child (`sd_listen_fds(3)`).
    pub listen_pid: bool,
}

/// Why there is no program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The kernel gave no process.
    Fork(Errno),
    /// The process could not become the program.
    Exec(Errno),
}

/// What parent and child share until the exec.
struct Shared<'a> {
    launch: Launch,
    program: Program<'a>,
    listen_slot: Option<*mut *const c_char>,
    failed: Option<Errno>,
}

/// Two of PATH's longest and some frames; only the pages that are used cost anything.
const STACK: usize = 32 * 1024;

struct Stack(UnsafeCell<[MaybeUninit<u8>; STACK]>);

// SAFETY: used by one child at a time: `start` borrows the process's only `Inherited`
// and stands still until the child has left the stack.
unsafe impl Sync for Stack {}

static CHILD_STACK: Stack = Stack(UnsafeCell::new([MaybeUninit::uninit(); STACK]));

/// Starts the command whose first word is argument number `command`, which is not 0:
/// the slot in front of it serves for a script's shell.
///
/// # Errors
/// When there is no process or no program; nothing is left of it then.
pub fn start(launch: Launch, inherited: &mut Inherited, command: usize) -> Result<Pid, Refused> {
    let missing = Refused::Exec(Errno(libc::ENOENT));
    let file = match inherited.arguments.as_slice().get(command) {
        Some(word) => word.c_str(),
        None => return Err(missing),
    };
    let slot = command
        .checked_sub(1)
        .and_then(|slot| inherited.arguments.pointer(slot));
    let Some(words) = slot else {
        return Err(missing);
    };
    let path = variable(&inherited.environment, "PATH").unwrap_or(exec::DEFAULT_PATH);
    let listen_index = inherited
        .environment
        .iter()
        .position(|word| launch.listen_pid && word.starts_with(listen_pid::PREFIX));
    let listen_slot = listen_index.and_then(|index| inherited.environment.pointer(index));
    let mut shared = Shared {
        launch,
        program: Program {
            words,
            environment: inherited.environment.vector(),
            file,
            path,
        },
        listen_slot,
        failed: None,
    };
    if raw::FAST {
        match borrow(&mut shared) {
            Err(Refused::Fork(errno)) if !is_shortage(errno) => {}
            answer => return answer,
        }
    }
    fork(&mut shared)
}

/// No process now, rather than no such kind of process.
fn is_shortage(errno: Errno) -> bool {
    errno.0 == libc::EAGAIN || errno.0 == libc::ENOMEM
}

/// The child in our memory.
fn borrow(shared: &mut Shared<'_>) -> Result<Pid, Refused> {
    let top = CHILD_STACK.0.get().cast::<u8>().wrapping_add(STACK);
    let argument = (&raw mut *shared).cast::<c_void>();
    // SAFETY: the stack is the child's alone; CLONE_VFORK makes us stand still until it
    // has exec'd or ended, so `shared` and the stack outlive its use of them.
    let pid = unsafe {
        raw::clone_onto(
            libc::CLONE_VFORK,
            top,
            std::ptr::null_mut(),
            run_child,
            argument,
        )
    }
    .map_err(Refused::Fork)?;
    match shared.failed {
        None => Ok(Pid(pid)),
        Some(errno) => {
            reap(pid);
            Err(Refused::Exec(errno))
        }
    }
}

unsafe extern "C" fn run_child(argument: *mut c_void) -> ! {
    // SAFETY: `borrow` gave us a `Shared` and stands still; nobody else touches it.
    let shared = unsafe { &mut *argument.cast::<Shared<'_>>() };
    let errno = become_program(shared);
    shared.failed = Some(errno);
    process::leave(127)
}

/// The child as a copy of us; it tells its errno through a pipe that an exec closes.
/// Raw calls here too: the plain road comes by before the C library is set up.
fn fork(shared: &mut Shared<'_>) -> Result<Pid, Refused> {
    let mut pipe = [0i32; 2];
    let flags = libc::O_CLOEXEC.cast_unsigned() as usize;
    // SAFETY: two descriptors are written.
    unsafe { raw::call(libc::SYS_pipe2, [(&raw mut pipe).addr(), flags]) }
        .map_err(Refused::Fork)?;
    let [reader, writer] = pipe;
    match copy() {
        Err(errno) => {
            close(reader);
            close(writer);
            Err(Refused::Fork(errno))
        }
        Ok(0) => {
            let errno = become_program(shared).0;
            let bytes = (&raw const errno).addr();
            // SAFETY: four bytes, which live through the call.
            let _ = unsafe { raw::call(libc::SYS_write, [descriptor(writer), bytes, 4]) };
            process::leave(127)
        }
        Ok(pid) => {
            close(writer);
            if shared.launch.place == Place::OwnGroup {
                // Too late if the child has exec'd: then it did it itself.
                let _ = process::lead_group(Pid(pid));
            }
            let mut errno = 0i32;
            let bytes = (&raw mut errno).addr();
            let read = loop {
                // SAFETY: four bytes, which live through the call.
                let read = unsafe { raw::call(libc::SYS_read, [descriptor(reader), bytes, 4]) };
                if read != Err(Errno(libc::EINTR)) {
                    break read;
                }
            };
            close(reader);
            if read == Ok(4) {
                reap(pid);
                return Err(Refused::Exec(Errno(errno)));
            }
            Ok(Pid(pid))
        }
    }
}

/// A copy of this process: 0 in the copy, its number in the original.
fn copy() -> Result<i32, Errno> {
    if !raw::FAST {
        // SAFETY: we have one thread, so the child may do whatever we may.
        return match unsafe { libc::fork() } {
            -1 => Err(nix::errno::Errno::last().into()),
            pid => Ok(pid),
        };
    }
    let flags = libc::SIGCHLD.cast_unsigned() as usize;
    // SAFETY: no memory is shared and no pointer given, so the copy goes on as we do.
    let pid = unsafe { raw::call(libc::SYS_clone, [flags, 0, 0, 0, 0]) }?;
    i32::try_from(pid).map_err(|_| Errno(libc::EINVAL))
}

/// In the child: all signals are blocked until its own mask stands, last of all.
fn become_program(shared: &mut Shared<'_>) -> Errno {
    let launch = shared.launch;
    match launch.place {
        Place::OwnGroup => {
            // Refused if we lead a session already, and then we lead a group too.
            let _ = process::lead_group(Pid(0));
        }
        Place::OwnSession => {
            let _ = process::lead_session();
            let _ = tty::take_stdin();
        }
        Place::Ours => {}
    }
    match launch.terminal {
        Terminal::Foreground(fd) if launch.place == Place::OwnGroup => {
            let _ = tty::give_to(fd, process::own_pid().0);
        }
        Terminal::Unowned if launch.place == Place::OwnGroup => {
            let _ = process::lead_session();
            let _ = tty::take_stdin();
        }
        Terminal::Foreground(_) | Terminal::Background | Terminal::Unowned | Terminal::None => {}
    }
    let mut listen_pid = ListenPid::default();
    if let Some(slot) = shared.listen_slot {
        let word = listen_pid.name(process::own_pid());
        // SAFETY: the slot is one of the environment's, which is ours alone.
        unsafe { slot.write(word.as_ptr()) };
    }
    if launch.reset {
        signal::set_dispositions(SignalSet::EMPTY);
        signal::set_mask(SignalSet::EMPTY);
    } else {
        if launch.ignore.contains(Signal::CHLD) {
            signal::set_disposition(Signal::CHLD, Disposition::Ignored);
        }
        signal::set_mask(launch.mask);
    }
    // SAFETY: `start` made the program out of what `main` was given.
    unsafe { shared.program.exec() }
}

fn reap(pid: i32) {
    loop {
        // SAFETY: no status and no usage are asked for.
        let result = unsafe { raw::call(libc::SYS_wait4, [pid.cast_unsigned() as usize, 0, 0, 0]) };
        if result != Err(Errno(libc::EINTR)) {
            return;
        }
    }
}

fn close(fd: i32) {
    // SAFETY: one of the pipe's two, which nobody else knows.
    let _ = unsafe { raw::call(libc::SYS_close, [descriptor(fd)]) };
}

const fn descriptor(fd: i32) -> usize {
    fd.cast_unsigned() as usize
}
