//! From a service's definition to its process, on the shortest road that will do.

use std::collections::VecDeque;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use super::accept;
use super::environment::{self, Base, DEFAULT_PATH};
use super::extras::Extras;
use super::full;
use super::marks::Invocation;
use super::passed::{self, Passed};
use crate::core::capability::Confinement;
use crate::core::exec::{Exec, Limit, Manner, Resource, Words};
use crate::core::id::Pid;
use crate::core::probe::Command;
use crate::core::signal::Signal;
use crate::core::spec::{ServiceSpec, Tracking};
use crate::subreaper;
use crate::sys::error::Errno;
use crate::sys::fork::{self, fork};
use crate::sys::raw::may_borrow;
use crate::sys::signal::SignalSet;
use crate::sys::spawn::{Order, Place, Slot};
use crate::sys::{fd, socket, tty};

/// How many unused slots are kept for the next spawn.
const SPARE_SLOTS: usize = 1;

/// What all spawns have in common.
pub(crate) struct Launcher {
    base: Base,
    control_socket: Option<Box<[u8]>>,
    /// The limit that rinit was started with and has raised for itself.
    nofile: Option<Limit>,
    /// What was ignored when rinit was started: `main` is owed it.
    ignored: SignalSet,
    borrow: bool,
    boot: u64,
    slots: VecDeque<Slot>,
}

/// What a run's process is connected to.
pub(crate) struct Wires<'a> {
    /// Standard input, output and error.
    pub(crate) standard: [BorrowedFd<'a>; 3],
    /// The readiness pipe's write end, and the number that the service wants.
    pub(crate) ready: Option<(BorrowedFd<'a>, RawFd)>,
    /// NOTIFY_SOCKET.
    pub(crate) notify: Option<&'a [u8]>,
    /// The cgroups that it goes into.
    pub(crate) entrances: &'a [OwnedFd],
    /// Its processes are known by one of these.
    pub(crate) is_tracked: bool,
    /// Comes to its end when what the last run left is removed.
    pub(crate) cleared: Option<BorrowedFd<'a>>,
    /// What it finds from descriptor 3 on.
    pub(crate) passed: &'a [Passed<'a>],
}

/// What is executed in the place of the service's own command.
pub(crate) struct Beside<'a> {
    pub(crate) command: &'a Command,
    /// What it alone is told.
    pub(crate) variables: Vec<Vec<u8>>,
}

impl Beside<'_> {
    /// The service, if this were its command.
    pub(super) fn in_place(&self, spec: &ServiceSpec) -> ServiceSpec {
        let mut spec = spec.clone();
        spec.exec.command = self.command.words.clone();
        spec.exec.manner = self.command.manner;
        spec
    }
}

/// A process that will be the service's.
pub(crate) struct Launched {
    /// It, or its subreaper.
    pub(crate) pid: Pid,
    /// Closes with the exec, or says why there is none.
    pub(crate) report: OwnedFd,
    /// The socket to the subreaper.
    pub(crate) keeper: Option<OwnedFd>,
}

impl Launcher {
    /// With the container's environment, and what rinit has changed of itself.
    pub(crate) fn new(base: Words, nofile: Option<Limit>, ignored: SignalSet, boot: u64) -> Self {
        Self {
            base: Base::new(base),
            control_socket: None,
            nofile,
            ignored,
            borrow: may_borrow(),
            boot,
            slots: VecDeque::new(),
        }
    }

    /// Services are told of a control socket that isn't at its default place.
    pub(crate) fn set_control_socket(&mut self, address: &[u8]) {
        self.control_socket = Some(address.into());
    }

    /// The container's environment, as services get it.
    pub(crate) fn base(&self) -> Base {
        self.base.clone()
    }

    /// A run's mark.
    pub(crate) fn invocation(&self, run: crate::core::id::RunId) -> Invocation {
        Invocation {
            boot: self.boot,
            run,
        }
    }

    /// Starts the service's process, or one beside it. Doesn't wait for its exec. `first`:
    /// what the last run left is cleared away, and folders are made.
    ///
    /// # Errors
    /// Where the kernel gives no process or no descriptor.
    pub(crate) fn launch(
        &mut self,
        spec: &ServiceSpec,
        beside: Option<&Beside<'_>>,
        first: bool,
        invocation: Invocation,
        wires: &Wires<'_>,
    ) -> Result<Launched, Errno> {
        let (report, told) = fd::pipe()?;
        fd::set_nonblocking(&report);
        // The service's own number must not be ours at that moment.
        let told = match wires.ready {
            Some((_, number)) if told.as_raw_fd() == number => {
                fd::duplicate_above(&told, number.saturating_add(1))?
            }
            _ => told,
        };
        let control = self.control_socket.as_deref();
        let extras = Extras::new(spec, invocation, wires, beside, control);
        let tracking = match (spec.tracking, wires.is_tracked) {
            // What is exact as well.
            (Tracking::Cgroup, false) => Tracking::Subreaper,
            (tracking, _) => tracking,
        };
        let plain = beside.is_none() && is_plain(spec);
        if self.borrow && plain && tracking != Tracking::Subreaper {
            match self.fast(spec, &extras, wires, told.as_fd()) {
                Ok(Some(pid)) => {
                    return Ok(Launched {
                        pid,
                        report,
                        keeper: None,
                    });
                }
                // Too big for a slot.
                Ok(None) => {}
                Err(errno) if is_shortage(errno) => return Err(errno),
                // Seccomp knows no such child: never again.
                Err(_) => self.borrow = false,
            }
        }
        let limits = self.limits(&spec.exec);
        let (ignored, place) = if spec.is_main {
            (self.ignored, Place::Terminal(tty::look()))
        } else {
            (ignored(&spec.exec), Place::Session)
        };
        let become_it = || {
            let in_place = beside.map(|beside| beside.in_place(spec));
            let listen = spec.listen.as_deref().filter(|_| beside.is_none());
            let accept = listen.and_then(|listen| listen.accept.as_deref());
            let role = match (beside, accept) {
                (Some(_), _) => full::Role::Beside,
                (None, Some(_)) => full::Role::Door,
                (None, None) => full::Role::Main,
            };
            let full = full::Full {
                role,
                spec: in_place.as_ref().unwrap_or(spec),
                base: &self.base.words(),
                extras: &extras,
                wires,
                first,
                is_main: beside.is_none(),
                limits: &limits,
                ignored,
                place,
                report: told.as_fd(),
            };
            match accept {
                Some(accept) => accept::serve(&full, accept, &|wires| {
                    let control = self.control_socket.as_deref();
                    Extras::new(spec, invocation, wires, None, control)
                }),
                None => full.become_program(),
            }
        };
        let launched = match tracking {
            Tracking::Marks | Tracking::Cgroup => {
                let keep = keep(&told, wires, place);
                // It may hang before its exec: what we close meanwhile is to be closed.
                let life = || {
                    fd::close_all_but(&keep);
                    become_it()
                };
                fork(life).map(|pid| (pid, None))
            }
            Tracking::Subreaper => {
                let (ours, theirs) = socket::message_pair()?;
                let mut keep = keep(&told, wires, place);
                keep.push(theirs.as_raw_fd());
                let life = || {
                    fd::close_all_but(&keep);
                    fork::name_and_deafen(subreaper::NAME);
                    subreaper::run(&theirs, become_it)
                };
                fork(life).map(|pid| (pid, Some(ours)))
            }
        };
        if let Place::Terminal(tty::Terminal::Foreground(fd)) = place {
            fd.done();
        }
        let (pid, keeper) = launched?;
        Ok(Launched {
            pid,
            report,
            keeper,
        })
    }

    /// Starts a command beside the service's: as its user, in its folder and environment,
    /// in a session of its own, heard by nobody. Gives the pipe that closes with the exec.
    ///
    /// # Errors
    /// Where the kernel gives no process or no descriptor.
    pub(crate) fn launch_beside(
        &self,
        spec: &ServiceSpec,
        command: &Command,
        invocation: Invocation,
        null: &OwnedFd,
    ) -> Result<(Pid, OwnedFd), Errno> {
        let (report, told) = fd::pipe()?;
        let null = null.as_fd();
        let wires = Wires {
            standard: [null; 3],
            ready: None,
            notify: None,
            entrances: &[],
            is_tracked: false,
            cleared: None,
            passed: &[],
        };
        let variables = Vec::new();
        let beside = Beside { command, variables };
        let control = self.control_socket.as_deref();
        let extras = Extras::new(spec, invocation, &wires, Some(&beside), control);
        let become_it = || {
            let full = full::Full {
                role: full::Role::Beside,
                spec: &beside.in_place(spec),
                base: &self.base.words(),
                extras: &extras,
                wires: &wires,
                first: false,
                is_main: false,
                limits: &self.limits(&spec.exec),
                ignored: SignalSet::EMPTY,
                place: Place::Session,
                report: told.as_fd(),
            };
            full.become_program()
        };
        let keep = keep(&told, &wires, Place::Session);
        let life = || {
            fd::close_all_but(&keep);
            become_it()
        };
        fork(life).map(|pid| (pid, report))
    }

    /// `None` where the order is too big for a slot.
    fn fast(
        &mut self,
        spec: &ServiceSpec,
        extras: &Extras,
        wires: &Wires<'_>,
        report: BorrowedFd<'_>,
    ) -> Result<Option<Pid>, Errno> {
        let limits = self.limits(&spec.exec);
        let mut slot = match self.slots.pop_front() {
            Some(slot) if slot.is_free() => slot,
            Some(busy) => {
                self.slots.push_front(busy);
                Slot::new()?
            }
            None => Slot::new()?,
        };
        let base = self.base.words();
        let mut words: Vec<&[u8]> = base.iter().collect();
        let own = spec.exec.environment_below.iter();
        for word in own.chain(spec.exec.environment.iter()).chain(extras.iter()) {
            environment::put(&mut words, word);
        }
        let arguments: Vec<&[u8]> = spec.exec.command.iter().collect();
        let order = Order {
            arguments: &arguments,
            path: environment::lookup(&words, b"PATH").unwrap_or(DEFAULT_PATH),
            environment: &words,
            directory: spec.exec.directory.as_deref().map(str::as_bytes),
            umask: spec.exec.umask,
            standard: wires.standard,
            ready: wires.ready,
            passed: &passed::descriptors(wires.passed),
            pid_variables: extras.of_own_pid(),
            limits: &limits,
            program: arguments.first().copied().unwrap_or_default(),
            identity: None,
            keeps_groups: false,
            confinement: Confinement::default(),
            filter: &[],
            place: Place::Session,
            ignored: ignored(&spec.exec),
            entrances: wires.entrances,
            report,
        };
        let fits = slot.prepare(order).is_some();
        let spawned = if fits {
            slot.spawn().map(Some)
        } else {
            Ok(None)
        };
        self.slots.push_back(slot);
        spawned
    }

    /// The service's limits, and the one that rinit has changed for itself.
    fn limits(&self, exec: &Exec) -> Vec<Limit> {
        let own = exec
            .limits
            .iter()
            .any(|limit| limit.resource == Resource::Nofile);
        self.nofile
            .filter(|_| !own)
            .into_iter()
            .chain(exec.limits.iter().copied())
            .collect()
    }

    /// Gives unused memory back, after a turn of many spawns. What is kept stands in front
    /// of those that a child uses: one that hangs before its exec uses its slot for ever.
    pub(crate) fn trim(&mut self) {
        if self.slots.len() > SPARE_SLOTS {
            let (free, busy): (Vec<_>, Vec<_>) = self.slots.drain(..).partition(Slot::is_free);
            self.slots.extend(free.into_iter().take(SPARE_SLOTS));
            self.slots.extend(busy);
        }
    }
}

/// What a fork on the full road needs up to the exec.
fn keep(told: &OwnedFd, wires: &Wires<'_>, place: Place) -> Vec<RawFd> {
    let terminal = match place {
        Place::Terminal(tty::Terminal::Foreground(fd)) => Some(fd.number()),
        Place::Terminal(_) | Place::Session | Place::Here => None,
    };
    let standard = wires
        .standard
        .iter()
        .chain(wires.ready.iter().map(|(fd, _)| fd))
        .map(AsRawFd::as_raw_fd);
    let entrances = wires.entrances.iter().map(AsRawFd::as_raw_fd);
    let others = wires.cleared.iter().map(AsRawFd::as_raw_fd);
    let others = others.chain(entrances);
    let passed = wires.passed.iter().map(|passed| passed.fd.as_raw_fd());
    standard
        .chain(passed)
        .chain(terminal)
        .chain(others)
        .chain([told.as_raw_fd()])
        .collect()
}

/// What a service, which isn't the COMMAND, doesn't hear of.
const fn ignored(exec: &Exec) -> SignalSet {
    if exec.ignore_pipe {
        SignalSet::EMPTY.with(Signal::PIPE)
    } else {
        SignalSet::EMPTY
    }
}

/// Whether there is nothing to do between clone and exec but signals, session, limits,
/// descriptors, folder and umask.
fn is_plain(spec: &ServiceSpec) -> bool {
    let exec = &spec.exec;
    let plain = exec.manner == Manner::default()
        && exec.environment_files.is_empty()
        && exec.identity.is_none();
    plain
        && exec.nice.is_none()
        && exec.oom_score_adjust.is_none()
        && exec.setup.is_none()
        && !spec.accepts()
        && spec.forking.is_none()
        && !spec.is_main
}

fn is_shortage(errno: Errno) -> bool {
    use nix::errno::Errno as E;
    [E::EAGAIN, E::ENOMEM, E::EMFILE, E::ENFILE]
        .iter()
        .any(|shortage| *shortage as i32 == errno.0)
}
