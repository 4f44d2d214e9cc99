//! Probes under way: begun, gone on with, ended, given up. One a run at a time.

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use super::act::Results;
use super::bus;
use super::explain;
use super::hands::Hands;
use super::look;
use super::probe::{self, Attempts, Progress, Step};
use super::source::Source;
use crate::core::action::Question;
use crate::core::event::{Answer, Event};
use crate::core::exit::Exit;
use crate::core::id::{Pid, RunId, ServiceId};
use crate::core::probe::{Command, Probe};
use crate::core::signal::Signal;
use crate::core::spec::{Ready, ServiceSpec};
use crate::core::system::System;
use crate::core::time::Now;
use crate::sys::error::Errno;
use crate::sys::fd;
use crate::sys::fork::helper;
use crate::sys::poll::Interest;
use crate::sys::signal::{kill, kill_group};
use crate::sys::spawn::{FAILURE_LIMIT, Failure};

/// How long a look for the main process may take, with all its pauses.
const MAIN_LIMIT: Duration = Duration::from_secs(5);

impl Hands {
    /// Begins to ask; the event if the answer is known at once.
    pub(crate) fn probe(
        &mut self,
        service: ServiceId,
        run: RunId,
        spec: &ServiceSpec,
        of: Question,
        now: Now,
    ) -> Option<Event> {
        let spawned = self.runs.entry(run, service).spawned_nanos;
        if of == Question::Readiness && matches!(spec.ready, Ready::Log(_)) {
            return self.outputs.wait_until_still(service, run);
        }
        if of == Question::MainProcess {
            let progress = self.seek_main(run, spec).unwrap_or_else(|errno| {
                let why = format!("no process to look for it: {errno}");
                Progress::Over(Answer::No(why.into()))
            });
            return self.go_on_probing(run, progress, MAIN_LIMIT, now);
        }
        let asked = match of {
            Question::MainProcess => None,
            Question::Elsewhere => {
                let probe = spec.wait_for.as_ref().map(|wait_for| &wait_for.probe);
                probe.map(|probe| (probe, probe::limit(probe), i64::MIN))
            }
            Question::Readiness => match &spec.ready {
                Ready::Probe(probe) => Some((probe, probe::limit(probe), spawned)),
                Ready::Exec | Ready::Notify | Ready::Fd(_) | Ready::Delay(_) | Ready::Log(_) => {
                    None
                }
            },
            Question::Health => {
                let health = spec.health.as_ref();
                health.map(|health| (&health.probe, health.timeout, i64::MIN))
            }
        };
        let Some((probe, limit, since)) = asked else {
            // Nothing to ask: what made the core ask counts as a yes.
            let answer = Answer::Yes;
            return Some(Event::Probed { run, answer });
        };
        let what = match probe {
            Probe::Unix(path) => format!("connect {path}"),
            Probe::Names(_) => format!("connect {probe}"),
            Probe::Tcp(_) | Probe::File(_) | Probe::Http(_) | Probe::Exec(_) | Probe::Bus(_) => {
                probe.to_string()
            }
        };
        let begun = match probe {
            Probe::Tcp(addresses) => Ok(probe::connect(addresses.to_vec())),
            Probe::Names(places) => self.look(&what, || look::at_places(places)),
            Probe::Unix(path) => self.look(&what, || look::at_socket(path)),
            Probe::File(path) => self.look(&what, || look::at_file(path, since)),
            Probe::Http(http) => self.look(&what, || look::at_http(http)),
            Probe::Bus(name) => self.look(&what, || bus::owner_of(name)),
            Probe::Exec(command) => self.execute(&what, run, spec, command),
        };
        let progress = begun.unwrap_or_else(|errno| {
            let why = format!("{what}: no process to look: {errno}");
            Progress::Over(Answer::No(why.into()))
        });
        self.go_on_probing(run, progress, limit, now)
    }

    fn look(&self, what: &str, look: impl FnOnce() -> Answer) -> Result<Progress, Errno> {
        let (told, tells) = fd::pipe()?;
        let keep = [tells.as_raw_fd()];
        let pid = helper(c"rinit-probe", &keep, || look::tell(&tells, &look()))?;
        Ok(waits(pid, what, told, false))
    }

    fn execute(
        &self,
        what: &str,
        run: RunId,
        spec: &ServiceSpec,
        command: &Command,
    ) -> Result<Progress, Errno> {
        let invocation = self.launcher.invocation(run);
        let (pid, told) = self
            .launcher
            .launch_beside(spec, command, invocation, &self.null)?;
        Ok(waits(pid, what, told, true))
    }

    /// Notes what a probe waits for, or gives its answer.
    fn go_on_probing(
        &mut self,
        run: RunId,
        progress: Progress,
        limit: Duration,
        now: Now,
    ) -> Option<Event> {
        let step = match progress {
            Progress::Over(answer) => return Some(Event::Probed { run, answer }),
            Progress::Waits(step) => step,
        };
        match &step {
            Step::Connection { fd, .. } => {
                let _ = self.poll.add(fd, Interest::Write, Source::Connection(run));
            }
            Step::Child { pid, .. } => {
                self.helpers.insert(*pid);
                self.probes.insert(*pid, run);
            }
        }
        let give_up_at = now.at.plus(limit);
        self.probe_deadlines.insert((give_up_at, run));
        if let Some(entry) = self.runs.get_mut(run) {
            entry.extra().attempts = Some(Attempts {
                give_up_at,
                limit,
                step,
            });
        }
        None
    }

    /// Ends what a probe waits for.
    fn stop_probing(&mut self, run: RunId) -> Option<Attempts> {
        let attempts = self.runs.get_mut(run)?.extra.as_mut()?.attempts.take()?;
        self.probe_deadlines.remove(&(attempts.give_up_at, run));
        match &attempts.step {
            Step::Connection { fd, .. } => self.poll.remove(fd),
            Step::Child { pid, .. } => drop(self.probes.remove(pid)),
        }
        Some(attempts)
    }

    /// Nobody waits for its answer any more.
    pub(crate) fn cancel_probe(&mut self, run: RunId) {
        if let Some(attempts) = self.stop_probing(run) {
            end(&attempts.step);
        }
    }

    /// A pending connection has come to something.
    pub(crate) fn connected(&mut self, run: RunId, now: Now) -> Option<Event> {
        let Attempts { limit, step, .. } = self.stop_probing(run)?;
        let progress = match step {
            Step::Connection { fd, address, left } => probe::connected(fd, address, left),
            step @ Step::Child { .. } => Progress::Waits(step),
        };
        self.go_on_probing(run, progress, limit, now)
    }

    /// A probing child has ended.
    pub(crate) fn probe_ended(
        &mut self,
        system: &System,
        run: RunId,
        pid: Pid,
        exit: Exit,
        events: &mut Results,
    ) -> Option<()> {
        let attempts = self.runs.get(run)?.extra.as_ref()?.attempts.as_ref()?;
        if !matches!(&attempts.step, Step::Child { pid: known, .. } if *known == pid) {
            // Another look is under way already.
            return None;
        }
        let service = self.runs.get(run)?.service;
        let Step::Child {
            what,
            told,
            program,
            ..
        } = self.stop_probing(run)?.step
        else {
            return None;
        };
        fd::set_nonblocking(&told);
        let mut buffer = [0u8; FAILURE_LIMIT];
        let count = fd::read_some(&told, &mut buffer).unwrap_or_default();
        let told = buffer.get(..count).unwrap_or_default();
        let failure = Failure::decode(told).filter(|_| program);
        let answer = match failure.zip(system.service(service)) {
            Some((failure, spec)) => {
                let failure = explain::explain(spec, &failure);
                let step = match &*failure.step {
                    // The words are the service's own command's, which is not what failed.
                    step if step.starts_with("exec ") => format!("exec {what}"),
                    step => step.to_owned(),
                };
                Answer::No(format!("{step}: {}", failure.reason).into())
            }
            None => probe::from_child(&what, exit, if program { &[] } else { told }),
        };
        if system.seeks_main(run) {
            let spec = system.service(service);
            let by_script = spec.is_some_and(ServiceSpec::is_by_script);
            self.main_sought(run, (&what, by_script), told, answer, events);
        } else {
            events.push_back(Event::Probed { run, answer });
        }
        Some(())
    }

    /// Gives up the looks that took too long.
    pub(crate) fn expire_probes(&mut self, now: Now, events: &mut Results) {
        while let Some((_, run)) = self
            .probe_deadlines
            .first()
            .copied()
            .filter(|(at, _)| *at <= now.at)
        {
            let Some(attempts) = self.stop_probing(run) else {
                self.probe_deadlines.retain(|(_, other)| *other != run);
                continue;
            };
            end(&attempts.step);
            events.push_back(Event::Probed {
                run,
                answer: probe::timed_out(&attempts.step, attempts.limit),
            });
        }
    }

    /// Nothing could answer while everything slept.
    pub(crate) fn postpone_probes(&mut self, by: Duration) {
        for (_, run) in std::mem::take(&mut self.probe_deadlines) {
            let entry = self.runs.get_mut(run);
            let attempts = entry.and_then(|entry| entry.extra.as_mut()?.attempts.as_mut());
            if let Some(attempts) = attempts {
                attempts.give_up_at = attempts.give_up_at.plus(by);
                self.probe_deadlines.insert((attempts.give_up_at, run));
            }
        }
    }
}

pub(super) fn waits(pid: Pid, what: &str, told: OwnedFd, program: bool) -> Progress {
    Progress::Waits(Step::Child {
        pid,
        what: what.into(),
        told,
        program,
    })
}

/// Kills a child that looks; a program with all that stayed in its group.
fn end(step: &Step) {
    match step {
        Step::Child { pid, program, .. } => {
            if *program {
                let _ = kill_group(*pid, Signal::KILL);
            }
            let _ = kill(*pid, Signal::KILL);
        }
        Step::Connection { .. } => {}
    }
}
