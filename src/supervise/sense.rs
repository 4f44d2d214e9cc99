//! What happened, as events for the core. Within a turn: signals, then what notify
//! sockets and helpers say, then who has ended; so a message that was sent before a death
//! counts before it.

use super::act::Results;
use super::hands::Hands;
use super::runs::Run;
use super::source::Source;
use crate::core::event::{Event, SpawnFailure};
use crate::core::exit::Exit;
use crate::core::id::{Pid, RunId};
use crate::core::signal::Signal;
use crate::core::system::System;
use crate::core::time::{Instant, Now};
use crate::subreaper::{LENGTH, Report};
use crate::sys::clock_change::ClockChange;
use crate::sys::error::strerror;
use crate::sys::fd::{self, standard};
use crate::sys::spawn::{FAILURE_LIMIT, Failure, Step};
use crate::sys::{clock, procfs, reap, socket, tty};

/// Whose end it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reaped {
    /// A run's main process, or a helper.
    Ours,
    /// Nobody's.
    Orphan,
}

impl Hands {
    /// All that the ready descriptors tell, but ends and control.
    pub(crate) fn sense(
        &mut self,
        system: &System,
        source: Source,
        now: Now,
        events: &mut Results,
    ) {
        match source {
            Source::Signals => {
                for signal in self.signals.take() {
                    let hung_up = signal == Signal::HUP
                        && self
                            .terminal
                            .is_some_and(|fd| tty::is_hung_up(standard(fd)));
                    events.push_back(Event::Signalled { signal, hung_up });
                }
            }
            // Reaping follows in every turn.
            Source::Children => self.signals.clear_children(),
            Source::Launch(run) => events.extend(self.launched(system, run)),
            Source::ReadyFd(run) => events.extend(self.ready(run)),
            Source::Connection(run) => events.extend(self.connected(run, now)),
            Source::Subreaper(run) => self.hear_subreaper(system, run, events),
            Source::Foreign(run) => self.foreign_ended(system, run, events),
            Source::Cgroup(run) => events.extend(self.cgroup_changed(run)),
            Source::Notify(service) => self.notified(system, service, events),
            Source::Stored(service) => self.stores.look(service, &self.poll),
            Source::Logger => {
                self.hear_logger(events);
                if self.outputs.heed_alarm(&mut self.helpers) {
                    self.lose_logger(now.at, events);
                }
            }
            Source::Seeker => {
                let gone = self.trees.hear(&mut self.runs, &self.poll);
                events.extend(gone.into_iter().map(|run| Event::TreeGone { run }));
            }
            Source::Clock => {
                self.clock_change.iter().for_each(ClockChange::take);
                events.push_back(Event::ClockSet);
            }
            Source::Opening(service) => events.extend(self.hear_opening(system, service)),
            Source::Listener(service) => events.push_back(self.somebody_came(service)),
            Source::Reader => events.extend(self.hear_reader()),
            Source::Control | Source::Client(_) | Source::Http => {}
        }
    }

    fn hear_logger(&mut self, events: &mut Results) {
        if self.outputs.hear() {
            self.farewell.drained();
        }
        self.outputs.tell_news(events);
    }

    /// The logger is dead, or will never do anything any more.
    fn lose_logger(&mut self, now: Instant, events: &mut Results) {
        self.outputs
            .socket()
            .iter()
            .for_each(|socket| self.poll.remove(socket));
        // Its last words may be the answer that the end waits for.
        self.hear_logger(events);
        self.outputs.logger_died(now);
    }

    /// How a run's exec went, if that is known.
    pub(super) fn launched(&mut self, system: &System, run: RunId) -> Option<Event> {
        let entry = self.runs.get_mut(run)?;
        let mut buffer = [0u8; FAILURE_LIMIT];
        let count = fd::read_some(entry.launch.as_ref()?, &mut buffer)?;
        let (service, control) = (entry.service, entry.control());
        if let Some(report) = entry.launch.take() {
            self.poll.remove(&report);
        }
        let failure = Failure::decode(buffer.get(..count).unwrap_or_default());
        let Some((failure, spec)) = failure.zip(system.service(service)) else {
            return Some(Event::Executed { run });
        };
        // Its end is no event of the run's.
        self.runs.clear_main(run);
        if let Some(entry) = self.runs.get_mut(run) {
            entry.ended = true;
        }
        let assert = failure.step == Step::Assert;
        if assert || failure.step == Step::Condition {
            let what = failure.detail.into();
            return Some(Event::Unmet { run, what, assert });
        }
        let mut explained = super::explain::explain(spec, &failure);
        let commands = spec.commands.as_deref();
        if let Some(own) = commands.and_then(|commands| commands.get(control?.0))
            && failure.step == Step::Exec
        {
            explained.step = format!("exec {}", own.command).into();
        }
        let failure = explained;
        Some(Event::SpawnFailed { run, failure })
    }

    /// The first newline on the readiness descriptor. One read a turn: a service that only
    /// floods it is not to keep us here.
    fn ready(&mut self, run: RunId) -> Option<Event> {
        let extra = self.runs.get_mut(run)?.extra.as_mut()?;
        let mut buffer = [0u8; 4096];
        let count = fd::read_some(extra.ready.as_ref()?, &mut buffer)?;
        let is_ready = memchr::memchr(b'\n', buffer.get(..count).unwrap_or_default()).is_some();
        if is_ready || count == 0 {
            // At its end without a newline it never will be: that is for the timeout.
            let ended = extra.ready.take();
            ended.iter().for_each(|fd| self.poll.remove(fd));
        }
        is_ready.then_some(Event::Ready { run })
    }

    /// A main process ended that was not our child: its parent has its status, we don't.
    fn foreign_ended(&mut self, system: &System, run: RunId, events: &mut Results) {
        let Some(entry) = self.runs.get_mut(run) else {
            return;
        };
        let Some(fd) = entry.extra.as_mut().and_then(|extra| extra.foreign.take()) else {
            return;
        };
        self.poll.remove(&fd);
        let Some(main) = entry.main else { return };
        // One that came to us meanwhile, or to the subreaper, is reaped with its status.
        let own = nix::unistd::getpid().as_raw();
        let keeper = entry.keeper().map(|(pid, _)| pid.0);
        let is_ours = |parent| parent == own || Some(parent) == keeper;
        let comes = procfs::stat(main).is_some_and(|stat| is_ours(stat.parent));
        // The subreaper tells before it reaps: if it is gone, its report is here.
        self.hear_subreaper(system, run, events);
        if !comes && self.runs.of_main(main) == Some(run) {
            events.extend(self.ended(run, Exit::Unknown));
        }
    }

    pub(super) fn hear_subreaper(&mut self, system: &System, run: RunId, events: &mut Results) {
        let mut buffer = [0u8; LENGTH + 1];
        loop {
            let keeper = self.runs.get(run).and_then(Run::keeper);
            let Some((_, socket)) = keeper else { return };
            let Some(count) = socket::receive_now(socket, &mut buffer) else {
                return;
            };
            if count == 0 {
                events.extend(self.lose_keeper(run));
                return;
            }
            let report = Report::decode(buffer.get(..count).unwrap_or_default());
            match report {
                Some(Report::Main(pid)) => events.extend(self.kept_main(run, pid)),
                Some(Report::Refused(errno)) => events.extend(self.kept_none(run, errno)),
                Some(Report::Exited(pid, exit)) => {
                    self.main_ended(system, run, pid, exit, events);
                }
                Some(Report::Gone) => events.extend(self.kept_all_gone(run)),
                None => {}
            }
        }
    }

    fn kept_main(&mut self, run: RunId, pid: Pid) -> Option<Event> {
        let entry = self.runs.get_mut(run)?;
        if entry.main.is_some() {
            // Told twice, by itself and by the subreaper; or the service has named another.
            self.runs.set_leader(run, pid);
            return None;
        }
        if entry.control().is_none() {
            self.outputs.has_main(entry.service, pid);
        }
        self.runs.set_main(run, pid);
        Some(Event::MainPid { run, pid })
    }

    fn kept_none(&mut self, run: RunId, errno: i32) -> Option<Event> {
        self.runs.get_mut(run)?.ended = true;
        let failure = SpawnFailure {
            step: "fork".into(),
            errno,
            reason: strerror(errno).into(),
        };
        Some(Event::SpawnFailed { run, failure })
    }

    fn kept_all_gone(&mut self, run: RunId) -> Option<Event> {
        let entry = self.runs.get_mut(run)?;
        entry.tree_gone = true;
        entry.watched.then_some(Event::TreeGone { run })
    }

    fn cgroup_changed(&self, run: RunId) -> Option<Event> {
        let entry = self.runs.get(run)?;
        // Read in any case: it is urgent until then.
        let (_, changes) = entry.cgroup()?;
        let gone = !changes.populated();
        (gone && entry.watched).then_some(Event::TreeGone { run })
    }

    /// A subreaper died; what was below it is ours now, and known by its marks. If that was
    /// before there was a main process there never will be one.
    fn lose_keeper(&mut self, run: RunId) -> Option<Event> {
        let entry = self.runs.get_mut(run)?;
        if let Some((pid, socket)) = entry.extra.as_mut().and_then(|extra| extra.keeper.take()) {
            self.poll.remove(&socket);
            self.keepers.remove(&pid);
        }
        if entry.watched && !entry.tree_gone {
            self.trees.wait_for(run, clock::now().at);
        }
        if entry.main.is_some() {
            return None;
        }
        self.ended(run, Exit::Signal(Signal::KILL))
    }

    /// Reaps one that has ended, if there is one.
    pub(crate) fn reap_next(
        &mut self,
        system: &System,
        now: Now,
        events: &mut Results,
    ) -> Option<Reaped> {
        let (pid, exit) = reap::next_ended()?;
        let reaped = self.reaped(system, pid, exit, now, events);
        self.trees.child_ended(now.at);
        self.strays.child_ended(now.at);
        Some(reaped)
    }

    fn reaped(
        &mut self,
        system: &System,
        pid: Pid,
        exit: Exit,
        now: Now,
        events: &mut Results,
    ) -> Reaped {
        if let Some(run) = self.runs.of_main(pid) {
            self.main_ended(system, run, pid, exit, events);
            return Reaped::Ours;
        }
        if !self.helpers.remove(&pid) {
            self.runs.reaped(pid);
            self.clearing.child_ended(pid);
            self.stamps.child_ended(pid, exit);
            self.listeners.child_ended(pid);
            return Reaped::Orphan;
        }
        self.farewell.child_ended(pid);
        self.tellings.child_ended(pid, &self.outputs);
        events.extend(self.watcher_ended(system, pid, exit));
        if let Some(run) = self.keepers.remove(&pid) {
            self.hear_subreaper(system, run, events);
            events.extend(self.lose_keeper(run));
        } else if let Some(run) = self.probes.remove(&pid) {
            let _ = self.probe_ended(system, run, pid, exit, events);
        } else if self.http.pid() == Some(pid) {
            self.http.died(&self.poll, now.at);
        } else if self.syslog.pid() == Some(pid) {
            self.syslog.died(now.at);
        } else if self.outputs.logger() == Some(pid) {
            self.lose_logger(now.at, events);
        } else {
            let gone = self.trees.helper_died(pid, &mut self.runs, &self.poll);
            events.extend(gone.into_iter().map(|run| Event::TreeGone { run }));
        }
        Reaped::Ours
    }

    /// A process ended that was the run's main one. What was said before its death counts
    /// before it, and may be that another is.
    fn main_ended(
        &mut self,
        system: &System,
        run: RunId,
        pid: Pid,
        exit: Exit,
        events: &mut Results,
    ) {
        events.extend(self.launched(system, run));
        events.extend(self.ready(run));
        if let Some(service) = self
            .runs
            .get(run)
            .map(|entry| entry.service)
            .filter(|service| self.notify.contains_key(service))
        {
            self.notified(system, service, events);
        }
        if self.runs.of_main(pid) == Some(run) {
            events.extend(self.ended(run, exit));
        }
    }

    /// A main process ended, on whatever road we learned it; once a run.
    fn ended(&mut self, run: RunId, exit: Exit) -> Option<Event> {
        let entry = self.runs.get_mut(run)?;
        if std::mem::replace(&mut entry.ended, true) {
            return None;
        }
        let (service, control) = (entry.service, entry.control());
        self.runs.clear_main(run);
        // Beside a main process, an unfinished line may be that one's.
        let beside = control.and_then(|(_, life)| self.runs.get(life)?.main);
        if beside.is_none() {
            self.outputs.run_ended(service);
        }
        let killed = exit == Exit::Signal(Signal::KILL);
        // Where it is counted in both places, it is one death all the same.
        let own = killed && self.ran_out_of_memory(run);
        let exit = if killed && self.memory_events.claims(clock::now().at) | own {
            Exit::OutOfMemory
        } else {
            exit
        };
        Some(Event::Exited { run, exit })
    }
}
