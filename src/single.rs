//! The minimal init: one command, its signals, its orphans, its exit status.
//!
//! All signals are blocked from the first instruction of `main` on, so that none is lost,
//! and waited for one by one, so that each keeps its value. There is one blocking call
//! and no tick, but in a storm of orphans. The usual path allocates nothing.

mod rest;
mod settings;
mod zombies;

use std::time::Duration;

use crate::core::exit::Exit;
use crate::core::id::Pid;
use crate::core::signal::Signal;
use crate::core::storm::{Ended, Storm};
use crate::sys::launch::{self, Launch};
use crate::sys::reap::{self, Change, Found, Look};
use crate::sys::signal::{self, Disposition, Pending, Received, SignalSet};
use crate::sys::tty::{self, Terminal};
use crate::sys::{memory, process};

pub use crate::core::exit::Codes;
pub use crate::sys::console::{Line, Stream};
pub use crate::sys::error::Errno;
pub use crate::sys::file::exists;
pub use crate::sys::inherited::{Inherited, Vector, Word, Words};
pub use crate::sys::launch::{Place, Refused};
pub use settings::{Notice, Rewrite, Settings, Target};
use zombies::Zombies;

/// Our own process's number, for the faces' texts.
#[must_use]
pub fn own_pid() -> Pid {
    process::own_pid()
}

/// Starts the command whose first word is argument number `command` and sees it to its
/// end; gives the exit status.
///
/// # Errors
/// When it could not be started.
pub fn run(
    settings: &Settings<'_>,
    inherited: &mut Inherited,
    command: usize,
) -> Result<u8, Refused> {
    let own = process::own_pid();
    prepare(settings, own);
    let mut ignore = SignalSet::EMPTY;
    if signal::disposition(Signal::CHLD) == Disposition::Ignored {
        // Children would vanish without a status.
        ignore = ignore.with(Signal::CHLD);
        signal::set_disposition(Signal::CHLD, Disposition::Default);
    }
    let terminal = tty::look();
    if settings.place == Place::OwnSession {
        let _ = tty::give_up();
    }
    let launch = Launch {
        place: settings.place,
        terminal: if own.0 == 1 || terminal != Terminal::Unowned {
            terminal
        } else {
            Terminal::None
        },
        mask: inherited.mask,
        ignore,
        reset: settings.reset,
        listen_pid: settings.listen_pid && names(inherited.variable("LISTEN_PID"), own),
    };
    let child = launch::start(launch, inherited, command)?;
    settings.say(&Notice::Started { child });
    if let Terminal::Foreground(fd) = terminal {
        fd.done();
    }
    process::let_go();
    let pending = Pending::open();
    memory::drop_unused_code();
    let mut single = Single {
        settings,
        own,
        child,
        look: if own.0 == 1 {
            Look::Ended
        } else {
            Look::EndedOrStopped
        },
        stop_forwarded: false,
        zombies: Zombies::default(),
        storm: Storm::default(),
    };
    let exit = single.watch(&pending);
    Ok(single.finish(exit))
}

/// Reaps whatever comes, until SIGTERM or SIGINT.
pub fn pause() {
    signal::set_disposition(Signal::CHLD, Disposition::Default);
    memory::drop_unused_code();
    let pending = Pending::open();
    loop {
        match pending.next(None) {
            Ok(received) if received.signal == Signal::CHLD => {
                while reap::next_ended().is_some() {}
            }
            Ok(received) if received.signal == Signal::TERM => return,
            Ok(received) if received.signal == Signal::INT => return,
            Ok(_) | Err(_) => {}
        }
    }
}

/// What is asked of the kernel for ourselves. Nothing of it is fatal.
fn prepare(settings: &Settings<'_>, own: Pid) {
    if let Some(signal) = settings.parent_death
        && let Err(errno) = process::set_parent_death(signal)
    {
        settings.say(&Notice::NoParentDeath(errno));
    }
    // Orphans of a namespace come to its PID 1 anyway.
    if own.0 != 1
        && let Err(errno) = process::become_subreaper()
    {
        settings.say(&Notice::NoSubreaper(errno));
    }
}

/// Whether a LISTEN_PID is this number.
fn names(value: Option<&[u8]>, own: Pid) -> bool {
    value
        .and_then(|value| std::str::from_utf8(value).ok())
        .and_then(|value| value.parse().ok())
        == Some(own.0)
}

struct Single<'a> {
    settings: &'a Settings<'a>,
    own: Pid,
    child: Pid,
    look: Look,
    /// The last that was forwarded of TSTP, TTIN, TTOU, CONT was none of CONT.
    stop_forwarded: bool,
    zombies: Zombies,
    storm: Storm,
}

impl Single<'_> {
    /// The loop.
    fn watch(&mut self, pending: &Pending) -> Exit {
        loop {
            let again = self.zombies.look_again();
            let rest = self.storm.rest();
            let received = match rest {
                Some(_) => signal::wait(SignalSet::ALL.without(Signal::CHLD), rest),
                None => pending.next(again),
            };
            let mut look = rest.is_some();
            match received {
                Ok(received) if received.signal == Signal::CHLD => look = true,
                Ok(received) => self.forward(&received),
                // Time for the second look.
                Err(_) if again.is_some() => {
                    self.zombies.tell_standing(self.settings, self.own);
                }
                // A stop and continue, or time to look at last.
                Err(_) => {}
            }
            if look && let Some(exit) = self.reap() {
                return exit;
            }
        }
    }

    /// Signals of one moment become one SIGCHLD, so all that changed is taken.
    fn reap(&mut self) -> Option<Exit> {
        let mut ended = None;
        let mut stopped = None;
        let mut orphans = false;
        loop {
            if self.settings.warn {
                self.zombies.remember_next();
            }
            match reap::next(self.look) {
                Found::Child(pid, Change::Ended(exit)) if pid == self.child => {
                    ended = Some(exit);
                }
                Found::Child(pid, Change::Ended(_)) => {
                    orphans = true;
                    if self.settings.warn {
                        self.zombies.tell_reaped(self.settings, pid);
                    }
                }
                Found::Child(pid, Change::Stopped(signal)) if pid == self.child => {
                    stopped = Some(signal);
                }
                Found::Child(_, Change::Stopped(_)) => {}
                Found::Nothing => break,
                Found::NoChildren => {
                    // Somebody else took its status: there is nothing to stay for.
                    ended = ended.or(Some(Exit::Code(127)));
                    break;
                }
            }
        }
        if self.settings.warn {
            self.zombies.tell_standing(self.settings, self.own);
        } else {
            let ours = stopped.is_some();
            self.storm.reaped(Ended { ours, orphans });
        }
        if ended.is_none()
            && let Some(signal) = stopped
        {
            self.stop(signal);
        }
        ended
    }

    /// The child was stopped from the keyboard: so are we, for our shell to see. Whoever
    /// sends SIGSTOP to the child alone means the child alone.
    fn stop(&self, signal: Signal) {
        let from_keyboard = [Signal::TSTP, Signal::TTIN, Signal::TTOU].contains(&signal);
        if from_keyboard || self.stop_forwarded {
            let _ = signal::kill(self.own, Signal::STOP);
        }
    }

    fn forward(&mut self, received: &Received) {
        // SIGPIPE of a write to a closed stderr, SIGHUP of giving up the terminal.
        if received.sender() == Some(self.own.0) {
            return;
        }
        let signal = received.signal;
        let Some(sent) = self.settings.rewrite.apply(signal) else {
            self.settings.say(&Notice::Dropped { signal });
            return;
        };
        if [Signal::TSTP, Signal::TTIN, Signal::TTOU].contains(&signal) {
            self.stop_forwarded = true;
        }
        if signal == Signal::CONT {
            self.stop_forwarded = false;
            self.hand_over_terminal();
        }
        match self.send(sent, received) {
            Ok(()) => self.settings.say(&Notice::Forwarded {
                signal,
                sent,
                child: self.child,
            }),
            Err(errno) => self.settings.say(&Notice::NotForwarded { signal, errno }),
        }
    }

    fn send(&self, signal: Signal, received: &Received) -> Result<(), Errno> {
        match self.settings.target {
            Target::Group => signal::kill_group(self.child, signal),
            // If the queue is full, the signal is worth more than its value.
            Target::Process if received.value().is_some() => {
                signal::requeue(self.child, signal, received)
                    .or_else(|_| signal::kill(self.child, signal))
            }
            Target::Process => signal::kill(self.child, signal),
        }
    }

    /// After `fg` the shell has made us the foreground: it is the child's.
    fn hand_over_terminal(&self) {
        if self.settings.place != Place::OwnGroup {
            return;
        }
        if let Terminal::Foreground(fd) = tty::look() {
            let _ = tty::give_to(fd, self.child.0);
            fd.done();
        }
    }

    fn finish(&self, exit: Exit) -> u8 {
        self.settings.say(&Notice::Ended {
            child: self.child,
            exit,
        });
        if self.settings.end_group {
            let _ = signal::kill_group(self.child, Signal::TERM);
        }
        if let Some(time) = self.settings.wait {
            rest::end(time, self.own);
        }
        match exit.code() {
            code if self.settings.codes.contains(code) => 0,
            code => code,
        }
    }
}

/// So long that nobody sees its end: `--wait infinity`.
pub const FOR_EVER: Duration = Duration::from_secs(u32::MAX as u64);
