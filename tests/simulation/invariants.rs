//! What must hold after each step, seen from outside: from the orders that the core gave
//! and the events that it got. What it keeps inside is asked only of `state` and `audit`.

mod reloads;
mod schedules;
pub(crate) mod terms;
mod turnover;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rinit::core::action::{Action, Question};
use rinit::core::commands::List;
use rinit::core::event::{Answer, Event};
use rinit::core::id::{RunId, ServiceId};
use rinit::core::report::Report;
use rinit::core::request::{RequestId, Verb};
use rinit::core::schedule::Appointment;
use rinit::core::signal::Signal;
use rinit::core::spec::{KillMode, Kind, NotifyAccess, Ready, Spec};
use rinit::core::state::{Idle, Standing, State};
use rinit::core::system::{System, Whole};
use rinit::core::time::{Instant, Now};

use self::reloads::Reloads;
use self::terms::Ends;
use crate::asking::with_parts;
use crate::kernel::{Kernel, Run};
use crate::pings::Pings;
use crate::stages::Stages;

/// Turns are late by so much in the simulation, at most.
pub(crate) const LATE: Duration = Duration::from_millis(1);

/// An edge: the one that waits, the one waited for, and whether it is required.
type Edge = (ServiceId, ServiceId, bool);

pub(crate) struct Watcher {
    edges: Vec<Edge>,
    /// Whoever must have stopped before: transitively.
    later: BTreeMap<ServiceId, BTreeSet<ServiceId>>,
    /// Runs that had been decided on before the configuration changed.
    set_out: BTreeSet<RunId>,
    /// Runs whose definition changed while they stopped.
    lenient: BTreeSet<RunId>,
    attempted: BTreeSet<ServiceId>,
    begun: BTreeSet<RunId>,
    forgotten: BTreeSet<RunId>,
    /// When each stop that is under way began, and how much had been slept by then.
    stopping: BTreeMap<ServiceId, (RunId, Instant, Duration)>,
    /// How many times in a row a run's probes said no.
    refused: BTreeMap<RunId, u32>,
    /// Runs that wait for what lives elsewhere, which hasn't answered well yet.
    elsewhere: BTreeSet<RunId>,
    /// When each scheduled service last started.
    ran: BTreeMap<ServiceId, Now>,
    /// Who stood and waited for its next time.
    appointed: BTreeMap<ServiceId, Appointment>,
    pings: Pings,
    stages: Stages,
    reloads: Reloads,
    ends: Ends,
    shutdown_at: Option<Instant>,
    overslept: bool,
    forced: bool,
    draining: bool,
    /// What was asked and not answered; nobody may wait for it any more.
    asked: BTreeMap<RequestId, bool>,
    /// Stopped by hand, and not started since.
    rests: BTreeSet<ServiceId>,
    /// Oneshots that did their work once.
    done: BTreeSet<ServiceId>,
    /// Skipped, or tried again since.
    skipped: BTreeSet<ServiceId>,
    pub(crate) epilogue: Box<str>,
}

impl Watcher {
    /// `edges` as the core keeps them: it breaks circles.
    pub(crate) fn new(spec: &Spec) -> Self {
        let (edges, later) = bonds(spec);
        Self {
            edges,
            later,
            set_out: BTreeSet::new(),
            lenient: BTreeSet::new(),
            // Nobody waits for a time of the calendar.
            attempted: ids(spec)
                .filter(|id| spec.services[id.index()].schedule.is_some())
                .collect(),
            begun: BTreeSet::new(),
            forgotten: BTreeSet::new(),
            stopping: BTreeMap::new(),
            refused: BTreeMap::new(),
            elsewhere: BTreeSet::new(),
            ran: BTreeMap::new(),
            appointed: BTreeMap::new(),
            pings: Pings::default(),
            stages: Stages::default(),
            reloads: Reloads::default(),
            ends: Ends::default(),
            shutdown_at: None,
            overslept: false,
            forced: false,
            draining: false,
            asked: BTreeMap::new(),
            rests: BTreeSet::new(),
            done: BTreeSet::new(),
            skipped: BTreeSet::new(),
            epilogue: "".into(),
        }
    }

    /// After `event`, before `actions` are carried out.
    pub(crate) fn check(
        &mut self,
        system: &System,
        kernel: &Kernel,
        event: &Event,
        actions: &[Action],
    ) -> Result<(), String> {
        system.audit().map_err(|what| format!("audit: {what:?}"))?;
        let spec = system.spec();
        self.note_configuration(spec, event);
        let shutting_down = self.shutdown_at.is_some();
        self.overslept |= shutting_down && matches!(event, Event::Overslept { .. });
        if system.whole() == Whole::Stopping {
            self.shutdown_at.get_or_insert(kernel.now);
        }
        if let (Some(at), Some(timeout)) = (self.shutdown_at, spec.init.shutdown_timeout) {
            let kept = Duration::from_millis(250).min(timeout / 2);
            self.forced |= kernel.now >= at.plus(timeout.saturating_sub(kept));
            let end = at.plus(timeout).plus(LATE);
            let leaves = actions.iter().any(|a| matches!(a, Action::Exit { .. }));
            if kernel.now > end && !leaves && !self.overslept {
                return Err("the shutdown is not over in its time".into());
            }
        }
        if let Event::Listening { service } = event
            && system.service(*service).unwrap().is_on_demand()
        {
            self.attempted.insert(*service);
        }
        self.note_request(system, event);
        let forced = self.forced || forced_now(actions);
        self.stages.check(system, kernel, event, actions, forced)?;
        self.reloads.check(system, kernel, event, actions)?;
        self.ends.check(system, kernel, event, actions, forced)?;
        for action in actions {
            if let Action::Report(Report::Changed {
                service,
                to: Standing::Exited,
                ..
            }) = action
                && spec.services[service.index()].kind == Kind::Oneshot
            {
                self.done.insert(*service);
                // It did its work before its turn to stop came: nothing to remember either.
                self.rests.remove(service);
            }
            // Nor is there once it was brought along.
            if let Action::Report(Report::Changed {
                service,
                to: Standing::Waiting,
                ..
            }) = action
                && is_brought_along(spec, *service)
            {
                self.rests.remove(service);
            }
            // What isn't to run is no more waited for than what has done its work.
            if let Action::Report(Report::Skipped { service, .. }) = action
                && spec.services[service.index()].kind == Kind::Oneshot
            {
                self.done.insert(*service);
            }
            // A state may last no longer than an event: a restart without delay.
            if let Action::Report(Report::Changed { service, to, .. }) = action
                && !matches!(
                    to,
                    Standing::Waiting | Standing::Starting | Standing::Stopping | Standing::Killing
                )
            {
                self.attempted.insert(*service);
            }
            if let Action::Report(Report::Changed {
                service,
                to: Standing::Active,
                ..
            }) = action
                // A oneshot that remains is active once it has ended.
                && spec.services[service.index()].kind != Kind::Oneshot
                && let Ready::Delay(delay) = &spec.services[service.index()].ready
            {
                let state = system.state(*service).unwrap();
                // It may have been stopped, with `kill-mode = "none"`, in the same turn.
                let ready_at = state.run().map(|run| run.since.plus(*delay));
                if ready_at.is_some_and(|at| kernel.now < at) {
                    return Err(format!("{service:?} is active before its time"));
                }
            }
        }
        self.waits_elsewhere(system, event, actions)?;
        let mut started: BTreeSet<RunId> = BTreeSet::new();
        let mut forgotten_now: BTreeSet<RunId> = BTreeSet::new();
        for action in actions {
            if self.draining && !matches!(action, Action::Exit { .. } | Action::Answered { .. }) {
                return Err(format!("{action:?} after the last line"));
            }
            match action {
                Action::Probe {
                    service,
                    run,
                    of: Question::Health,
                } => {
                    let state = system.state(*service).unwrap();
                    let own = state.run().is_some_and(|own| own.id == *run);
                    let ready = matches!(state.standing(), Standing::Active | Standing::Reloading);
                    // Another's end later in the same turn may have brought it down.
                    let was_ready = actions.iter().any(|other| {
                        matches!(other, Action::Report(Report::Changed {
                            service: of,
                            from: Standing::Active | Standing::Reloading,
                            ..
                        }) if of == service)
                    });
                    if !was_ready && (!ready || !own) || shutting_down {
                        return Err(format!("{action:?} of what is {state:?}"));
                    }
                    if kernel.runs.get(run).is_some_and(|known| known.probes > 0) {
                        return Err(format!("{action:?}: one probe at a time"));
                    }
                }
                Action::SpawnControl {
                    service,
                    life,
                    run,
                    command,
                    ..
                } => {
                    self.is_known(*run)?;
                    let known = kernel.runs.get(life);
                    if known.is_none() && started.insert(*life) {
                        if !self.begun.insert(*life) {
                            return Err(format!("run {life:?} twice"));
                        }
                        // Nothing else of this life may come before it but a probe; and one
                        // whose sockets failed, or which was stopped then, has only an end.
                        if command.list != List::StopPost {
                            self.may_start(system, kernel, *service, *life, &forgotten_now)?;
                        }
                    }
                    let new = !kernel.runs.contains_key(run);
                    if new && !self.begun.insert(*run) {
                        return Err(format!("run {run:?} twice"));
                    }
                    if shutting_down && matches!(command.list, List::Condition | List::StartPre) {
                        return Err(format!("{action:?} in a shutdown"));
                    }
                    let first = new && command.list == List::Stop && command.index == 0;
                    // Its own end comes at any time.
                    let ended = matches!(system.state(*service),
                        Some(State::Stopping(stopping)) if stopping.main_gone);
                    if shutting_down && first && !ended && !self.forced {
                        self.is_its_turn(system, *service)?;
                    }
                }
                Action::Probe { service, run, .. } | Action::Spawn { service, run } => {
                    let spawn = matches!(action, Action::Spawn { .. });
                    let known = kernel.runs.get(run);
                    if known.is_none() && started.insert(*run) {
                        if !self.begun.insert(*run) {
                            return Err(format!("run {run:?} twice"));
                        }
                        self.may_start(system, kernel, *service, *run, &forgotten_now)?;
                        if shutting_down {
                            return Err(format!("{action:?} in a shutdown"));
                        }
                    }
                    if spawn && known.is_some_and(|known| known.spawned) {
                        return Err(format!("{action:?}: a run has one main process"));
                    }
                    if !spawn && known.is_some_and(|known| known.probes > 0) {
                        return Err(format!("{action:?}: one probe at a time"));
                    }
                }
                Action::SignalMain { run, signal, .. } => {
                    self.is_known(*run)?;
                    let service = system.service_of(*run);
                    let asked = kernel.runs.get(run).map(|run| run.service).or(service);
                    let stop = asked
                        .and_then(|id| system.service(id))
                        .map(|spec| &spec.stop);
                    // A signal by hand is no stop, nor one that reloads.
                    let by_hand = *signal == Signal::HUP
                        || matches!(
                            event,
                            Event::Requested {
                                verb: Verb::Kill { .. },
                                ..
                            }
                        );
                    let none = stop.is_some_and(|stop| stop.kill_mode == KillMode::None);
                    let fresh = actions.iter().any(
                        |other| matches!(other, Action::SpawnControl { run: own, .. } if own == run),
                    );
                    let known = kernel.runs.get(run);
                    let own = fresh || known.is_some_and(|known| known.control);
                    if !own && none && !by_hand {
                        return Err(format!("{action:?} to one that is to be left alone"));
                    }
                    // What led to the shutdown may have stopped others for its own reasons.
                    let ordered = shutting_down || matches!(event, Event::Signalled { .. });
                    if let Some(id) = service
                        && self.shutdown_at.is_some()
                        && ordered
                        && !self.forced
                        && *signal != Signal::CONT
                        && kernel.runs.get(run).is_some_and(|known| !known.control)
                        && !asked_before(system, id)
                        && system.state(id).map(State::standing) == Some(Standing::Stopping)
                        && !forced_now(actions)
                    {
                        self.is_its_turn(system, id)?;
                    }
                }
                Action::SignalTree { run, .. } => {
                    self.is_known(*run)?;
                    let asked = kernel
                        .runs
                        .get(run)
                        .and_then(|run| system.service(run.service));
                    if asked.is_some_and(|spec| !spec.stop.kill_mode.ends_tree()) {
                        return Err(format!("{action:?} to more than a main process"));
                    }
                }
                Action::Forward { run, .. } => self.is_known(*run)?,
                Action::WatchTree { run } => {
                    self.is_known(*run)?;
                    if kernel.runs.get(run).is_some_and(|run| run.main_lives()) {
                        return Err(format!("{action:?} before its main process ended"));
                    }
                }
                Action::Forget { run } => {
                    self.is_known(*run)?;
                    let left_alone = |run: &Run| {
                        spec.services[run.service.index()].stop.kill_mode == KillMode::None
                    };
                    let known = kernel.runs.get(run);
                    if known.is_some_and(|run| run.main_lives() && !left_alone(run)) {
                        return Err(format!("{action:?} with a main process"));
                    }
                    self.forgotten.insert(*run);
                    forgotten_now.insert(*run);
                }
                // `sockets` knows what is wrong with these.
                Action::ReadConfiguration { .. } if shutting_down => {
                    return Err("a configuration is read in a shutdown".into());
                }
                Action::ReadConfiguration { .. }
                | Action::TakeOver { .. }
                | Action::Listen { .. }
                | Action::AwaitConnection { .. }
                | Action::Stamp { .. }
                | Action::CloseSockets { .. } => {}
                Action::ToldOfWait { request, services } => {
                    if !self.asked.contains_key(request) || services.is_empty() {
                        return Err(format!("{action:?}: to nobody, or of nothing"));
                    }
                }
                Action::Answered { request, outcome } => {
                    if self.asked.remove(request).is_none() {
                        return Err(format!("{action:?}: nobody asked, or it is the second"));
                    }
                    let said = outcome.display(system).to_string();
                    if said.is_empty() && !outcome.is_done() {
                        return Err(format!("no words for {outcome:?}"));
                    }
                }
                Action::Report(Report::KillingAll { .. }) => self.forced = true,
                Action::Report(report) => {
                    // Words for everything, at any time.
                    if report.display(system).to_string().is_empty() {
                        return Err(format!("no words for {report:?}"));
                    }
                }
                Action::DropStored { service } => {
                    let standing = system.state(*service).unwrap().standing();
                    // What is no more stands still until it goes.
                    let leaves = system.wants_quiet();
                    // A unit that its failure called may need it, and start it anew at once.
                    let anew = actions.iter().any(|other| {
                        matches!(other, Action::Report(Report::Changed {
                            service: of,
                            from: Standing::Inactive | Standing::Exited | Standing::Failed,
                            ..
                        }) if of == service)
                    });
                    if !leaves
                        && !anew
                        && !matches!(
                            standing,
                            Standing::Inactive | Standing::Exited | Standing::Failed
                        )
                    {
                        return Err(format!("{action:?} of what is {standing:?}"));
                    }
                }
                Action::SignalStrays { .. } => {
                    if !self.forced && ids(spec).any(|id| alive(system, id)) {
                        return Err("strays before services".into());
                    }
                }
                Action::DrainOutput { epilogue, culprit } => {
                    let stands = |id| system.state(id).map(State::standing);
                    // One that was stopped for being unhealthy is called so.
                    let sick = |id: &ServiceId| {
                        let name = &system.service(*id).unwrap().name;
                        epilogue.starts_with(&format!("{name} unhealthy;"))
                    };
                    if let Some(id) = culprit
                        && stands(*id) != Some(Standing::Failed)
                        && !sick(id)
                    {
                        return Err(format!("{id:?} is no culprit"));
                    }
                    self.draining = true;
                    self.epilogue = epilogue.clone();
                }
                Action::Exit { .. } => {
                    if !self.draining {
                        return Err("an end without a last line".into());
                    }
                }
            }
        }
        for id in ids(spec) {
            match system.state(id) {
                Some(State::Inactive(Idle::Skipped(_))) => drop(self.skipped.insert(id)),
                Some(State::Waiting(_) | State::Starting(_)) => {}
                _ => drop(self.skipped.remove(&id)),
            }
        }
        self.schedules_are_kept(system, kernel, event, actions)?;
        self.rivals_are_apart(system)?;
        self.nobody_is_unneeded(system)?;
        self.health_is_told(system, event, actions)?;
        self.pings.check(system, kernel, event, actions)?;
        self.stops_end(system, kernel)?;
        self.is_idle_without_deadline(system, kernel)
    }

    fn note_request(&mut self, system: &System, event: &Event) {
        if let Event::Withdrawn { request } = event
            && let Some(withdrawn) = self.asked.get_mut(request)
        {
            *withdrawn = true;
        }
        let Event::Requested {
            request,
            verb,
            services,
        } = event
        else {
            return;
        };
        self.asked.insert(*request, false);
        if terms::refuses(system.spec(), *verb, services) {
            return;
        }
        match verb {
            Verb::Stop if self.shutdown_at.is_none() => {
                // A stop of what is disabled, or did its work, is nothing to remember.
                let stops = |id: &&ServiceId| {
                    !matches!(
                        system.state(**id),
                        Some(State::Inactive(Idle::Disabled) | State::Exited { .. })
                    )
                };
                self.rests.extend(services.iter().filter(stops));
            }
            Verb::Start | Verb::Restart => {
                let mut open = services.to_vec();
                // A part that runs is restarted with its whole, and what it requires starts.
                if *verb == Verb::Restart {
                    let parts = with_parts(system.spec(), services, false);
                    open.extend(parts.difference(&self.rests));
                }
                let mut seen = BTreeSet::new();
                while let Some(id) = open.pop() {
                    if seen.insert(id) {
                        self.rests.remove(&id);
                        let edges = &system.service(id).unwrap().edges;
                        open.extend(edges.required());
                        open.extend(edges.ties.iter().flat_map(|ties| ties.starts.to_vec()));
                    }
                }
            }
            Verb::Learn => self.rests.retain(|id| !services.contains(id)),
            Verb::Stop
            | Verb::Unhook
            | Verb::Reload
            | Verb::Reset
            | Verb::Kill { .. }
            | Verb::Plan
            | Verb::Apply
            | Verb::Shutdown { .. } => {}
        }
    }

    /// What stops when unneeded isn't up unless something is that needs it.
    fn nobody_is_unneeded(&self, system: &System) -> Result<(), String> {
        let needs = |id: &ServiceId| match system.state(*id) {
            Some(State::Waiting(waiting)) => {
                let on_demand = system.service(*id).unwrap().is_on_demand();
                waiting.appointment.is_none() && (!on_demand || waiting.summoned)
            }
            Some(State::Inactive(_) | State::Exited { .. } | State::Failed { .. }) | None => false,
            Some(_) => true,
        };
        for (id, service) in ids(system.spec()).zip(&system.spec().services) {
            let terms = service.terms.as_ref();
            let up = matches!(system.state(id), Some(State::Active { .. }));
            let goes = system.is_descending(id) || system.whole() == Whole::Stopping;
            let users = service
                .edges
                .ties
                .iter()
                .flat_map(|ties| ties.needed_by.to_vec());
            let required = ids(system.spec()).filter(|user| {
                let mut needs = system.needs(*user);
                needs.any(|(need, requires)| need == id && requires)
            });
            let mut users = users.chain(required);
            if terms.is_some_and(|own| own.stops_unneeded)
                && up
                && !goes
                && !users.any(|id| needs(&id))
            {
                return Err(format!("{id:?} is up, and nothing needs it"));
            }
        }
        Ok(())
    }

    /// What conflicts never runs side by side.
    fn rivals_are_apart(&self, system: &System) -> Result<(), String> {
        for (id, service) in ids(system.spec()).zip(&system.spec().services) {
            for other in service.edges.ties.iter().flat_map(|ties| &ties.conflicts) {
                if *other != id && alive(system, id) && alive(system, *other) {
                    return Err(format!("{id:?} runs beside {other:?}"));
                }
            }
        }
        Ok(())
    }

    /// After the end: everything was accounted for, if everything could die in time.
    pub(crate) fn check_end(&self, kernel: &Kernel, all_mortal: bool) -> Result<(), String> {
        if all_mortal && !self.forced {
            if let Some((run, _)) = kernel.runs.first_key_value() {
                return Err(format!("{run:?} is left"));
            }
            if !kernel.sockets.all_are_closed() {
                return Err(format!("left open: {:?}", kernel.sockets));
            }
            if kernel.stray_count() > 0 {
                return Err(format!("{} strays are left", kernel.stray_count()));
            }
        }
        if let Some((request, _)) = self.asked.iter().find(|(_, withdrawn)| !**withdrawn) {
            return Err(format!("{request:?} was never answered"));
        }
        if !self.epilogue.contains("exit code") {
            return Err(format!("last line: {}", self.epilogue));
        }
        Ok(())
    }

    fn may_start(
        &self,
        system: &System,
        kernel: &Kernel,
        id: ServiceId,
        run: RunId,
        forgotten_now: &BTreeSet<RunId>,
    ) -> Result<(), String> {
        let name = &system.service(id).unwrap().name;
        if self.rests.contains(&id) && !is_brought_along(system.spec(), id) {
            return Err(format!("{name} was stopped by hand"));
        }
        // Something else in the same turn has brought both down again.
        let goes = system.state(id).map(State::standing) == Some(Standing::Stopping);
        let over = goes || system.service_of(run).is_none() || self.set_out.contains(&run);
        for (dependant, need, required) in &self.edges {
            if *dependant != id || over {
                continue;
            }
            let state = system.state(*need).unwrap();
            let reachable = {
                let own = system.service(*need).unwrap();
                own.is_on_demand() && own.has_sockets() && kernel.sockets.is_open(*need)
            };
            // What remains is to be up.
            let remains = system.service(*need).unwrap().remains();
            let done = self.done.contains(need) && !remains;
            let satisfied = match state.standing() {
                Standing::Waiting
                | Standing::Starting
                | Standing::Stopping
                | Standing::Killing
                | Standing::Backoff => reachable || done || self.skipped.contains(need),
                Standing::Active | Standing::Reloading => true,
                _ if matches!(state, State::Inactive(Idle::Skipped(_))) => true,
                Standing::Exited => self.done.contains(need),
                Standing::Inactive | Standing::Failed => done,
            };
            let patience = system.service(id).unwrap().is_main && !required;
            let attempted = self.attempted.contains(need) || patience;
            if *required && !satisfied || !attempted {
                return Err(format!("{name} starts while {need:?} is {state:?}"));
            }
        }
        for (other, known) in &kernel.runs {
            if known.service != id || *other == run || forgotten_now.contains(other) {
                continue;
            }
            if known.main_lives() {
                return Err(format!("{name} starts twice"));
            }
            let spec = system.service(id).unwrap();
            if spec.tracking.is_exact() && spec.stop.kill_mode.ends_tree() {
                return Err(format!("{name} starts while {other:?}'s tree is there"));
            }
        }
        Ok(())
    }

    /// What a service waits for elsewhere answers before anything else of a run happens.
    fn waits_elsewhere(
        &mut self,
        system: &System,
        event: &Event,
        actions: &[Action],
    ) -> Result<(), String> {
        if let Event::Probed {
            run,
            answer: Answer::Yes,
        } = event
        {
            self.elsewhere.remove(run);
        }
        for action in actions {
            match action {
                Action::Probe {
                    service,
                    run,
                    of: Question::Elsewhere,
                } => {
                    // Or it has lost what it requires in the same turn.
                    let given_up = actions.contains(&Action::Forget { run: *run });
                    let stands = system.state(*service).map(State::standing);
                    if stands != Some(Standing::Waiting) && !given_up {
                        return Err(format!("{action:?} of one that doesn't wait"));
                    }
                    self.elsewhere.insert(*run);
                }
                Action::Probe { service, run, .. }
                | Action::Spawn { service, run }
                | Action::SpawnControl {
                    service, life: run, ..
                } => {
                    let fresh = !self.begun.contains(run);
                    let waits = system.service(*service).unwrap().wait_for.is_some();
                    if self.elsewhere.contains(run) || waits && fresh {
                        return Err(format!("{action:?} before what it waits for answered"));
                    }
                }
                Action::Forget { run } => {
                    self.elsewhere.remove(run);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn is_known(&self, run: RunId) -> Result<(), String> {
        if self.forgotten.contains(&run) {
            return Err(format!("{run:?} was forgotten"));
        }
        Ok(())
    }

    fn is_its_turn(&self, system: &System, id: ServiceId) -> Result<(), String> {
        for dependant in self.later.get(&id).into_iter().flatten() {
            if alive(system, *dependant) {
                return Err(format!("{id:?} is stopped before {dependant:?} has"));
            }
        }
        Ok(())
    }

    /// A service is called unhealthy after so many times no in a row, and not before.
    fn health_is_told(
        &mut self,
        system: &System,
        event: &Event,
        actions: &[Action],
    ) -> Result<(), String> {
        if let Event::Probed { run, answer } = event {
            let refused = self.refused.entry(*run).or_default();
            *refused = match answer {
                Answer::Yes | Answer::Nobody(_) => 0,
                Answer::No(_) => *refused + 1,
            };
        }
        for action in actions {
            let Action::Report(Report::Unhealthy { service, .. }) = action else {
                continue;
            };
            let retries = system
                .service(*service)
                .unwrap()
                .health
                .as_ref()
                .unwrap()
                .retries;
            let Event::Probed { run, .. } = event else {
                return Err(format!("{action:?} after {event:?}"));
            };
            if self.refused[run] < retries {
                return Err(format!("{action:?} after {} times no", self.refused[run]));
            }
        }
        Ok(())
    }

    fn stops_end(&mut self, system: &System, kernel: &Kernel) -> Result<(), String> {
        for id in ids(system.spec()) {
            let Some(State::Stopping(stopping)) = system.state(id) else {
                self.stopping.remove(&id);
                continue;
            };
            let fresh = (stopping.run.id, kernel.now, kernel.slept);
            let begun = self.stopping.entry(id).or_insert(fresh);
            if begun.0 != stopping.run.id {
                *begun = fresh;
            }
            if self.lenient.contains(&stopping.run.id) {
                continue;
            }
            let slept = kernel.slept.saturating_sub(begun.2);
            let extended = self.pings.extended(stopping.run.id);
            if extended.is_some_and(|until| kernel.now <= until.plus(slept).plus(LATE * 2)) {
                continue;
            }
            // Once for the stop, once for `exec-stop-post`.
            let commands = system.service(id).unwrap().commands.as_ref();
            let farewell = commands.is_some_and(|commands| !commands.stop_post.is_empty());
            let stops = 1 + u32::from(farewell);
            let spec = system.service(id).unwrap();
            // A core dump of one that is stuck may take longer.
            let abort = spec.terms.as_ref().and_then(|terms| terms.abort_timeout);
            if let Some(timeout) = spec.stop.timeout.map(|own| own.max(abort.unwrap_or(own)))
                && kernel.now > begun.1.plus(timeout * stops).plus(slept).plus(LATE * 2)
            {
                return Err(format!("{id:?} is stopping for too long"));
            }
        }
        Ok(())
    }

    fn is_idle_without_deadline(&self, system: &System, kernel: &Kernel) -> Result<(), String> {
        let at_rest = ids(system.spec()).all(|id| match system.state(id).map(State::standing) {
            // One that waits for what lives elsewhere has a run, and asks again and again.
            Some(Standing::Waiting) => {
                system.service(id).unwrap().is_on_demand()
                    && matches!(system.state(id), Some(State::Waiting(_)))
            }
            Some(Standing::Active | Standing::Exited | Standing::Failed | Standing::Inactive)
            | None => true,
            Some(_) => false,
        });
        let asked = system.spec().services.iter().any(|spec| {
            spec.health.is_some()
                || spec.terms.is_some()
                || spec.notify_access() != NotifyAccess::None
        });
        let swept = kernel.runs.values().all(|run| run.main_lives());
        if at_rest && swept && !asked && self.shutdown_at.is_none() && system.deadline().is_some() {
            return Err("an idle system has a deadline".into());
        }
        Ok(())
    }
}

fn forced_now(actions: &[Action]) -> bool {
    actions
        .iter()
        .any(|action| matches!(action, Action::Report(Report::KillingAll { .. })))
}

/// Its stop began with `exec-stop`, which is looked at instead of the signal.
fn asked_before(system: &System, id: ServiceId) -> bool {
    let commands = system.service(id).unwrap().commands.as_ref();
    commands.is_some_and(|commands| !commands.stop.is_empty())
}

fn alive(system: &System, id: ServiceId) -> bool {
    system.state(id).is_some_and(State::is_alive)
}

pub(crate) fn ids(spec: &Spec) -> impl Iterator<Item = ServiceId> + use<> {
    (0..spec.services.len() as u32).map(ServiceId)
}

/// All bonds, as the core keeps them (it breaks circles), and who stops later than whom.
fn bonds(spec: &Spec) -> (Vec<Edge>, BTreeMap<ServiceId, BTreeSet<ServiceId>>) {
    let edges = if rinit::core::graph::cycles(spec).is_empty() {
        edges(spec)
    } else {
        Vec::new()
    };
    let mut later: BTreeMap<ServiceId, BTreeSet<ServiceId>> = BTreeMap::new();
    for _ in 0..spec.services.len() {
        for (dependant, need, _) in &edges {
            let mut all = later.get(dependant).cloned().unwrap_or_default();
            all.insert(*dependant);
            later.entry(*need).or_default().extend(all);
        }
    }
    (edges, later)
}

fn edges(spec: &Spec) -> Vec<Edge> {
    let mut all = Vec::new();
    for (id, service) in ids(spec).zip(&spec.services) {
        let edges = &service.edges;
        all.extend(edges.required().map(|need| (id, need, true)));
        let after = edges.wants.iter().chain(&edges.after);
        all.extend(after.map(|need| (id, *need, false)));
        all.extend(edges.before.iter().map(|dependant| (*dependant, id, false)));
        if service.is_main {
            all.extend(
                ids(spec)
                    .filter(|o| *o != id)
                    .map(|other| (id, other, false)),
            );
        }
    }
    // What is disabled is not waited for, and what is only wanted just while it starts.
    all.retain(|(_, need, required)| {
        let need = &spec.services[need.index()];
        need.enabled || need.pulled && *required
    });
    all
}

/// A time or a connection starts something that needs it, whoever has stopped it.
fn is_brought_along(spec: &Spec, id: ServiceId) -> bool {
    let mut open: Vec<ServiceId> = ids(spec).collect();
    open.retain(|id| {
        let service = &spec.services[id.index()];
        service.schedule.is_some() || service.is_on_demand()
    });
    let mut seen = BTreeSet::new();
    while let Some(next) = open.pop() {
        if seen.insert(next) {
            let edges = &spec.services[next.index()].edges;
            let along = edges.ties.iter().flat_map(|ties| ties.starts.to_vec());
            let all: Vec<ServiceId> = edges.required().chain(along).collect();
            if all.contains(&id) {
                return true;
            }
            open.extend(all);
        }
    }
    false
}
