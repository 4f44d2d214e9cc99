//! Who may speak for a service on its notify socket, and which main process it may name.

use super::act::Results;
use super::hands::Hands;
use super::notification::Notification;
use super::runs::{Run, Runs};
use super::source::Source;
use crate::core::event::Event;
use crate::core::id::{Pid, RunId, ServiceId};
use crate::core::sorted::Set;
use crate::core::spec::NotifyAccess;
use crate::core::system::System;
use crate::subreaper::Order;
use crate::sys::poll::Interest;
use crate::sys::process::{self, own_pid};
use crate::sys::{procfs, socket};

/// No family is deeper; a longer line of parents is somebody's trap.
const DEEPEST: usize = 64;

/// What a process is to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kin {
    /// It descends from the run, or stands in its session.
    Own,
    /// It is the run's control process, or descends from it: no main process.
    Control,
    /// Its parents are gone: it is ours, and might be the run's.
    Orphan,
    /// It has ended.
    Gone,
    /// It is another's.
    Foreign,
}

/// One run, and what tells its processes from others.
struct Family<'a> {
    runs: &'a Runs,
    helpers: &'a Set<Pid>,
    id: RunId,
    run: &'a Run,
    /// The run of its control process.
    control: Option<RunId>,
    /// The main process, as of the last message.
    main: Option<Pid>,
}

impl Family<'_> {
    fn kin(&self, pid: Pid) -> Kin {
        let keeper = self.run.keeper().map(|(pid, _)| *pid);
        let leader = self.run.known_leader();
        let roots = [self.main, self.run.main, leader, keeper];
        if roots.contains(&Some(pid)) {
            return Kin::Own;
        }
        if let Some((cgroup, _)) = self.run.cgroup()
            && cgroup.holds(pid)
        {
            return Kin::Own;
        }
        let mut at = pid;
        for _ in 0..DEEPEST {
            if roots.contains(&Some(at)) {
                return Kin::Own;
            }
            let known = self.runs.of_main(at);
            if known.is_some() && known == self.control {
                return Kin::Control;
            }
            let another = known.is_some_and(|run| run != self.id);
            if another || self.helpers.contains(&at) || at == own_pid() {
                return Kin::Foreign;
            }
            let Some(stat) = procfs::stat(at) else {
                return if at == pid { Kin::Gone } else { Kin::Orphan };
            };
            if leader == Some(Pid(stat.session)) {
                return Kin::Own;
            }
            let session = self.runs.of_main(Pid(stat.session));
            if session.is_some() && session == self.control {
                return Kin::Control;
            }
            if at == pid && stat.zombie {
                return Kin::Gone;
            }
            if stat.parent == own_pid().0 {
                // What a subreaper keeps together never becomes ours.
                return if keeper.is_some() || session.is_some_and(|run| run != self.id) {
                    Kin::Foreign
                } else {
                    Kin::Orphan
                };
            }
            at = Pid(stat.parent);
            if at.0 <= 0 {
                break;
            }
        }
        Kin::Foreign
    }

    /// Whether its messages count. Of one that has ended the socket alone says whose it was.
    fn may_speak(&self, sender: Pid, access: NotifyAccess) -> bool {
        let is_main = self.main == Some(sender);
        match access {
            NotifyAccess::All => self.kin(sender) != Kin::Foreign,
            NotifyAccess::Exec => {
                let speaker = self.runs.of_main(sender);
                let is_control = speaker.is_some() && speaker == self.control;
                is_main || is_control || self.run.known_leader() == Some(sender)
            }
            NotifyAccess::Main => is_main,
            NotifyAccess::None => false,
        }
    }

    /// Whether it may be the main process; an orphan has to say so itself.
    fn may_be_main(&self, pid: Pid, sender: Pid) -> bool {
        let lives = procfs::stat(pid).is_some_and(|stat| !stat.zombie);
        // The subreaper is the root of its family, and still rinit's.
        lives
            && !self.helpers.contains(&pid)
            && match self.kin(pid) {
                Kin::Own => true,
                Kin::Orphan => pid == sender,
                Kin::Control | Kin::Gone | Kin::Foreign => false,
            }
    }
}

impl Hands {
    /// Whether this process may be the run's main one, by what it is alone.
    pub(super) fn may_be_main(&self, id: RunId, pid: Pid) -> bool {
        let Some(run) = self.runs.get(id) else {
            return false;
        };
        let family = Family {
            runs: &self.runs,
            helpers: &self.helpers,
            id,
            run,
            control: run.controlled_by(),
            main: run.main,
        };
        family.may_be_main(pid, Pid(0))
    }

    /// What a service said on its notify socket. A flood counts as one message: the last
    /// word on each matter.
    pub(super) fn notified(&mut self, system: &System, service: ServiceId, events: &mut Results) {
        let Some(id) = self.notify.get(&service).map(|socket| socket.run()) else {
            return;
        };
        let kept = |run: &Run| run.main.is_none() && run.keeper().is_some();
        let control = self.runs.get(id).and_then(Run::controlled_by);
        for each in [Some(id), control].into_iter().flatten() {
            // Who speaks runs: where the program was quick, that is news here.
            events.extend(self.launched(system, each));
            if self.runs.get(each).is_some_and(kept) {
                // Who its main process is may be known by now.
                self.hear_subreaper(system, each, events);
            }
        }
        let (Some(socket), Some(spec)) = (self.notify.get(&service), system.service(service))
        else {
            return;
        };
        let Some(run) = self.runs.get(id) else {
            socket.discard();
            return;
        };
        let mut family = Family {
            runs: &self.runs,
            helpers: &self.helpers,
            id,
            run,
            control,
            main: run.main,
        };
        let (access, max) = (spec.notify_access(), spec.store_max());
        let mut said = Notification::default();
        let (stores, poll) = (&mut self.stores, &self.poll);
        // Most floods come from one process.
        let mut last = None;
        let mut full = false;
        socket.receive(&mut self.barriers, |sender, mut message, descriptors| {
            let Some(sender) = sender else { return };
            let heard = match last {
                Some((known, heard)) if known == sender => heard,
                Some(_) | None => family.may_speak(sender, access),
            };
            last = Some((sender, heard));
            if !heard {
                return;
            }
            // Which process is to be the main one is asked when the first has ended.
            let forks = spec.forking.is_some() && family.main == run.leader;
            if forks {
                message.main_pid = None;
            }
            if let Some(pid) = message.main_pid
                && family.main != Some(pid)
            {
                if family.may_be_main(pid, sender) {
                    family.main = Some(pid);
                    last = None;
                } else {
                    message.main_pid = None;
                }
            }
            full |= !stores.take(service, max, &message.deposit, descriptors, poll);
            said.add(message);
        });
        if full
            && let Some(entry) = self.runs.get_mut(id)
            && !std::mem::replace(&mut entry.extra().store_was_full, true)
        {
            log::warn!(
                "{}: no room for more than {max} descriptors (file-descriptor-store-max)",
                spec.name
            );
        }
        if let Some(pid) = said.main_pid.take() {
            self.adopt_main(id, pid);
            events.push_back(Event::MainPid { run: id, pid });
        }
        events.extend(said.events(id));
    }

    /// A new main process. One that is not our child is watched by its descriptor.
    pub(super) fn adopt_main(&mut self, run: RunId, pid: Pid) {
        // The first process of one that forks has ended; this one hasn't.
        if let Some(entry) = self.runs.get_mut(run)
            && entry.main.is_none()
        {
            entry.ended = false;
        }
        self.runs.set_main(run, pid);
        if let Some(entry) = self.runs.get(run) {
            self.outputs.has_main(entry.service, pid);
        }
        let own = own_pid().0;
        let ours = procfs::stat(pid).is_some_and(|stat| stat.parent == own);
        let Some(entry) = self.runs.get_mut(run) else {
            return;
        };
        entry
            .extra()
            .foreign
            .take()
            .iter()
            .for_each(|fd| self.poll.remove(fd));
        if let Some((_, socket)) = entry.keeper() {
            // A subreaper tells of the end of the one that it takes for the main process.
            let _ = socket::send_now(socket, &Order::Watch(pid).encode());
        }
        if !ours && let Ok(fd) = process::descriptor(pid) {
            let _ = self.poll.add(&fd, Interest::Read, Source::Foreign(run));
            entry.extra().foreign = Some(fd);
        }
    }
}
