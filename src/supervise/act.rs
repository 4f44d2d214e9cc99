//! Orders of the core, carried out. What comes of one at once is an event; the rest is
//! sensed later.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd, RawFd};

use super::hands::Hands;
use super::launch::{Launched, Wires};
use super::notify::NotifySocket;
use super::source::Source;
use crate::core::action::Action;
use crate::core::event::Event;
use crate::core::id::{Pid, RunId, ServiceId};
use crate::core::report::{Level, Report};
use crate::core::setup::Preserve;
use crate::core::signal::Signal;
use crate::core::spec::{NotifyAccess, Ready, ServiceSpec};
use crate::core::state::State;
use crate::core::system::System;
use crate::core::time::Now;
use crate::subreaper::Order;
use crate::sys::error::Errno;
use crate::sys::fd::{self, Standard, standard};
use crate::sys::poll::Interest;
use crate::sys::signal::kill;
use crate::sys::{clock, procfs, socket};

/// How many spawns are under way before the first is asked how it went.
const LAUNCHING: usize = 16;

/// What came of orders, to be handled before anything newly sensed.
pub(crate) type Results = VecDeque<Event>;

impl Hands {
    /// Carries out one order.
    pub(crate) fn act(&mut self, system: &System, action: Action, now: Now, results: &mut Results) {
        match action {
            Action::Spawn { service, run } => {
                if let Some(spec) = system.service(service) {
                    results.push_back(self.spawn(service, run, spec));
                    self.hear_earlier_launches(system, run, results);
                }
            }
            Action::Listen { service } => {
                if let Some(spec) = system.service(service) {
                    results.extend(self.listen(service, spec, now));
                }
            }
            Action::AwaitConnection { service } => {
                results.extend(self.await_connection(service, system));
            }
            Action::CloseSockets { service } => {
                if let Some(spec) = system.service(service) {
                    self.close_sockets(service, spec);
                }
            }
            Action::SpawnControl { .. } => self.spawn_control(system, &action, results),
            Action::Probe { service, run, of } => {
                if let Some(spec) = system.service(service) {
                    results.extend(self.probe(service, run, spec, of, now));
                }
            }
            Action::SignalMain {
                run,
                signal: Signal::CONT,
                to_group: false,
            } => {
                self.to_continue.push(run);
            }
            Action::SignalMain {
                run,
                signal,
                to_group,
            } => self.signal_main(run, signal, to_group),
            Action::Forward { run, signal } => {
                let spec = self
                    .runs
                    .get(run)
                    .and_then(|entry| system.service(entry.service));
                let to_group = spec.is_some_and(|spec| spec.stop.to_group);
                if let Some(signal) = self.rewrite.apply(signal) {
                    self.signal_main(run, signal, to_group);
                }
            }
            Action::SignalTree { run, signal } => self.signal_tree(run, signal),
            Action::WatchTree { run } => results.extend(self.watch_tree(run, now)),
            Action::Forget { run } => {
                self.clear_after(system, run);
                self.retire(run);
            }
            Action::Stamp { service } => self.stamps.write(service, system),
            Action::DropStored { service } => self.stores.drop_all(service, &self.poll),
            Action::Report(report) => {
                if let Report::Changed { service, from, to } = report {
                    let control = self.control.as_mut();
                    let followed = control.is_some_and(|it| it.changed(service, system));
                    let change = (service, from, to);
                    self.history.note(change, system, now.wall, followed);
                }
                if let Report::Applied { .. } | Report::NotApplied = report {
                    let good = report != Report::NotApplied;
                    self.configuration.applies.note(good, now.wall);
                }
                let level = match report.level() {
                    Level::Error => log::Level::Error,
                    Level::Warn => log::Level::Warn,
                    Level::Info => log::Level::Info,
                    Level::Debug => log::Level::Debug,
                };
                log::log!(level, "{}", report.display(system));
                self.upward.report(&report, system);
            }
            Action::SignalStrays { signal } => self.strays.send(signal, now.at),
            Action::DrainOutput { epilogue, culprit } => {
                self.http.end(&self.poll, self.pid1);
                self.syslog.end();
                self.farewell.begin(epilogue, culprit, now.at);
                if self.finish_farewell(system, now.at) {
                    results.push_back(Event::OutputDrained);
                }
            }
            Action::ReadConfiguration { applies } => {
                results.extend(self.read_configuration(applies, now));
            }
            Action::TakeOver { places } => self.take_over(&places, system.spec(), now.at),
            Action::Answered { request, outcome } => {
                if let Some(control) = &mut self.control {
                    control.answered(request, &outcome, system);
                }
            }
            Action::ToldOfWait { request, services } => {
                if let Some(control) = &mut self.control {
                    control.told_of_wait(request, &services, system);
                }
            }
            Action::Exit { code } => {
                self.upward.exit(code);
                self.exit = Some(code);
            }
        }
    }

    /// SIGCONT to those that were to be stopped. Later than all their stop signals, of which
    /// some have died and been reaped.
    pub(crate) fn continue_all(&mut self) {
        for run in std::mem::take(&mut self.to_continue) {
            self.signal_main(run, Signal::CONT, false);
        }
    }

    fn spawn(&mut self, service: ServiceId, run: RunId, spec: &ServiceSpec) -> Event {
        match self.try_spawn(service, run, spec) {
            Ok(pid) => Event::Spawned { run, pid },
            Err(errno) => Event::ForkRefused {
                run,
                errno: errno.0,
            },
        }
    }

    /// In a burst of spawns, takes the news of the earlier ones. Each that is open costs
    /// every later child a descriptor to copy and to close.
    fn hear_earlier_launches(&mut self, system: &System, run: RunId, results: &mut Results) {
        self.launching.push_back(run);
        while self.launching.len() > LAUNCHING
            && let Some(earlier) = self.launching.pop_front()
        {
            results.extend(self.launched(system, earlier));
        }
    }

    fn try_spawn(
        &mut self,
        service: ServiceId,
        run: RunId,
        spec: &ServiceSpec,
    ) -> Result<Pid, Errno> {
        self.prepare_notify(service, run, spec)?;
        let ready = match spec.ready {
            Ready::Fd(number) => Some(ready_pipe(number)?),
            Ready::Exec | Ready::Notify | Ready::Probe(_) | Ready::Delay(_) | Ready::Log(_) => None,
        };
        // From here on nothing but the launch fails, which gives them back.
        let grouped = self.group(service, run, spec, false);
        let mut passed = Vec::new();
        self.listeners.pass(service, spec, &mut passed);
        passed.extend(self.stores.of(service));
        let input = if spec.is_main {
            standard(Standard::Input)
        } else {
            self.null.as_fd()
        };
        self.outputs.has_main(service, Pid(0));
        self.outputs.has_keeper(service, Pid(0));
        self.outputs.ask_for_line(service, run);
        let [out, err] = self.outputs.of(service, spec.exec.output, &self.null);
        let wires = Wires {
            standard: [input, out, err],
            ready: ready
                .as_ref()
                .map(|(_, write, number)| (write.as_fd(), *number)),
            notify: self.notify.get(&service).map(NotifySocket::address),
            entrances: &grouped.entrances,
            is_tracked: grouped.changes.is_some(),
            cleared: self.clearing.of(service),
            passed: &passed,
        };
        let invocation = self.launcher.invocation(run);
        let spawned_nanos = clock::file_nanos();
        // What is to be removed before was so before the first control process.
        let first = spec
            .commands
            .as_ref()
            .is_none_or(|commands| commands.start_pre.is_empty());
        let launched = self.launcher.launch(spec, None, first, invocation, &wires);
        let launched = match launched {
            Ok(launched) => launched,
            Err(errno) => {
                self.ungroup(service, grouped.groups);
                return Err(errno);
            }
        };
        let pid = self.take(run, service, launched, spawned_nanos);
        let entry = self.runs.entry(run, service);
        if entry.main == Some(pid) {
            self.outputs.has_main(service, pid);
        }
        if let Some((read, _, _)) = ready {
            let _ = self.poll.add(&read, Interest::Read, Source::ReadyFd(run));
            entry.extra().ready = Some(read);
        }
        if let Some(changes) = &grouped.changes {
            let _ = self
                .poll
                .add(changes, Interest::Urgent, Source::Cgroup(run));
        }
        entry.belongs_to(grouped, &spec.exec.group_limits);
        Ok(pid)
    }

    /// Notes the process that a run has now.
    pub(super) fn take(
        &mut self,
        run: RunId,
        service: ServiceId,
        launched: Launched,
        spawned_nanos: i64,
    ) -> Pid {
        let Launched {
            pid,
            report,
            keeper,
        } = launched;
        let entry = self.runs.entry(run, service);
        entry.spawned_nanos = spawned_nanos;
        // A set that takes no more says so by silence: the run's end is still seen.
        let _ = self.poll.add(&report, Interest::Read, Source::Launch(run));
        entry.launch = Some(report);
        match keeper {
            Some(socket) => {
                let _ = self
                    .poll
                    .add(&socket, Interest::Read, Source::Subreaper(run));
                entry.extra().keeper = Some((pid, socket));
                self.helpers.insert(pid);
                // A control process has one of its own, beside the main one's.
                if !self.keepers.contains_key(&self.outputs.keeper(service)) {
                    self.outputs.has_keeper(service, pid);
                }
                self.keepers.insert(pid, run);
            }
            None => self.runs.set_main(run, pid),
        }
        pid
    }

    /// The service's notify socket, made at its first start, emptied at each other, whose
    /// first process may be a control process.
    pub(super) fn prepare_notify(
        &mut self,
        service: ServiceId,
        run: RunId,
        spec: &ServiceSpec,
    ) -> Result<(), Errno> {
        if spec.notify_access() == NotifyAccess::None {
            return Ok(());
        }
        if let Some(socket) = self.notify.get_mut(&service) {
            if socket.run() != run {
                socket.begin(run);
            }
            return Ok(());
        }
        let socket = NotifySocket::bind(&self.notify_place, &spec.name, run)?;
        let _ = self
            .poll
            .add(socket.fd(), Interest::Read, Source::Notify(service));
        self.notify.insert(service, socket);
        Ok(())
    }

    fn signal_main(&self, run: RunId, signal: Signal, to_group: bool) {
        let Some(entry) = self.runs.get(run) else {
            return;
        };
        if let Some((_, socket)) = entry.keeper() {
            let order = if to_group {
                Order::Group(signal)
            } else {
                Order::Main(signal)
            };
            // A subreaper that is gone left its processes to us: the next order finds them.
            let _ = socket::send_now(socket, &order.encode());
            return;
        }
        match (to_group, entry.main) {
            (true, _) => entry.signal_group(entry.known_leader(), signal),
            // If it is gone by now it needs none.
            (false, Some(main)) => drop(kill(main, signal)),
            (false, None) => {}
        }
    }

    fn signal_tree(&mut self, run: RunId, signal: Signal) {
        let Some(entry) = self.runs.get_mut(run) else {
            return;
        };
        if let Some((_, socket)) = entry.keeper() {
            let _ = socket::send_now(socket, &Order::Tree(signal).encode());
            return;
        }
        if let Some((cgroup, _)) = entry.cgroup() {
            let reached = cgroup.signal(signal);
            // One that hasn't come in yet, or was named from outside.
            if let Some(main) = entry.main.filter(|main| !reached.contains(main)) {
                let _ = kill(main, signal);
            }
            return;
        }
        // Mostly the whole group ended with its leader, which costs less to ask.
        let leader = (!entry.has_lost_group())
            .then(|| entry.known_leader())
            .flatten();
        // A main process that has left its first group isn't reached by the group.
        let apart = |main: &Pid| {
            let is_apart = |leader: Pid| {
                *main != leader && procfs::stat(*main).is_some_and(|stat| stat.group != leader.0)
            };
            leader.is_none_or(is_apart)
        };
        if let Some(main) = entry.main.filter(apart) {
            let _ = kill(main, signal);
        }
        entry.signal_group(leader, signal);
        entry.sent = entry.sent.with(signal);
        if let Some(extra) = &entry.extra {
            extra.marks.send(leader, signal);
        }
    }

    fn watch_tree(&mut self, run: RunId, now: Now) -> Option<Event> {
        let entry = self.runs.get_mut(run)?;
        entry.watched = true;
        if let Some((_, changes)) = entry.cgroup() {
            return (!changes.populated()).then_some(Event::TreeGone { run });
        }
        let kept = entry.keeper().is_some();
        if entry.tree_gone || (entry.leader.is_none() && !kept) {
            return Some(Event::TreeGone { run });
        }
        if !kept {
            self.trees.wait_for(run, now.at);
        }
        None
    }

    fn clear_after(&mut self, system: &System, run: RunId) {
        let entry = self.runs.get(run).filter(|entry| entry.control().is_none());
        let service = entry.map(|entry| entry.service);
        if let Some((service, spec)) = service.and_then(|id| Some((id, system.service(id)?))) {
            let setup = spec.exec.setup.as_deref();
            let preserves = match setup.map_or(Preserve::No, |setup| setup.preserve) {
                Preserve::No => false,
                // It runs again, or will by itself.
                Preserve::Restart => system.state(service).is_some_and(|state| {
                    !matches!(
                        state,
                        State::Inactive(_) | State::Exited { .. } | State::Failed { .. }
                    )
                }),
                Preserve::Yes => true,
            };
            self.clearing.begin(service, spec, preserves);
        }
    }

    /// Forgets a run: what is left of it is a stray from now on.
    pub(crate) fn retire(&mut self, run: RunId) {
        self.cancel_probe(run);
        self.outputs.forget(run);
        self.trees.forget(run);
        let Some(entry) = self.runs.remove(run) else {
            return;
        };
        // A child on its way to exec may hold copies, so closing alone would not do.
        entry.launch.iter().for_each(|fd| self.poll.remove(fd));
        let Some(extra) = entry.extra else { return };
        extra
            .ready
            .iter()
            .chain(&extra.foreign)
            .for_each(|fd| self.poll.remove(fd));
        extra.changes.iter().for_each(|fd| self.poll.remove(fd));
        self.ungroup(entry.service, extra.groups);
        if let Some((pid, socket)) = &extra.keeper {
            self.poll.remove(socket);
            self.keepers.remove(pid);
        }
    }
}

/// The readiness pipe: read end, write end, and the number that the service wants. What is
/// passed stands below `floor`.
fn ready_pipe(number: u32) -> Result<(OwnedFd, OwnedFd, RawFd), Errno> {
    let (read, write) = fd::pipe()?;
    fd::set_nonblocking(&read);
    Ok((read, write, RawFd::try_from(number).unwrap_or(RawFd::MAX)))
}
