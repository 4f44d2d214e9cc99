//! New configurations at random moments, and what must hold of them.

use std::collections::{BTreeMap, BTreeSet};

use rinit::core::action::Action;
use rinit::core::apply::Reading;
use rinit::core::apply::places::Places;
use rinit::core::event::Event;
use rinit::core::exec::Words;
use rinit::core::group_limit::{GroupLimit, GroupResource};
use rinit::core::id::{RunId, ServiceId};
use rinit::core::signal::Signal;
use rinit::core::spec::{Edges, ServiceSpec, Spec};
use rinit::core::state::{Idle, Reason, State, Then};
use rinit::core::system::{System, Whole};

use crate::kernel::Kernel;
use crate::random::{self, Dice};

/// Whoever has this number is no more.
pub(crate) const GONE: ServiceId = ServiceId(u32::MAX);

/// What a child reads when it is told to: mistakes, the same, or something new.
pub(crate) fn next_reading(old: &Spec, dice: &mut Dice) -> Reading {
    if dice.percent(15) {
        let errors = ["a mistake".into()].into();
        return Reading::Refused { errors };
    }
    Reading::Sound {
        spec: Box::new(next_spec(old, dice)),
        warnings: Box::default(),
    }
}

/// Some of the old services as they were or nearly so, some quite different, some new.
fn next_spec(old: &Spec, dice: &mut Dice) -> Spec {
    let mut next = random::system(dice);
    for service in &mut next.services {
        if std::mem::take(&mut service.is_main) {
            service.essential = false;
        }
        if dice.percent(20) {
            service.name = format!("{}-{}", service.name, dice.roll(2)).into();
        }
    }
    let kept = dice.pick(&[100, 100, 80, 30]);
    for former in &old.services {
        if !former.is_main && !dice.percent(kept) {
            continue;
        }
        let mut same = former.clone();
        if !former.is_main && dice.percent(30) {
            alter(&mut same, dice);
        }
        next.services.retain(|service| service.name != same.name);
        let at = dice.roll(next.services.len() as u64 + 1) as usize;
        next.services.insert(at, same);
    }
    if dice.percent(50) {
        let known = |name: &str| old.services.iter().any(|own| &*own.name == name);
        next.services.retain(|service| known(&service.name));
    }
    rename_bonds(old, &mut next, dice);
    next.init = old.init.clone();
    next.init.keep_running = dice.percent(20);
    next
}

fn alter(spec: &mut ServiceSpec, dice: &mut Dice) {
    match dice.roll(10) {
        0 => spec.enabled = !spec.enabled,
        1 => spec.essential = !spec.essential,
        2 => spec.stop.signal = dice.pick(&[Signal::TERM, Signal::QUIT, Signal::INT]),
        3 => spec.restart.delay *= 2,
        4 => spec.schedule = None,
        5 => spec.listen = None,
        6 => spec.health = None,
        7 => spec.terms = dice.percent(50).then(|| Box::new(random::terms(dice))),
        8 => {
            let (of, amount) = (GroupResource::MemoryMax, 1 << (20 + dice.roll(9)));
            spec.exec.group_limits = [GroupLimit { of, amount }].into();
        }
        _ => spec.exec.command = Words::new([format!("x{}", dice.roll(9))]),
    }
}

/// Bonds of former services by their names; those to what is no more go, some others too.
fn rename_bonds(old: &Spec, next: &mut Spec, dice: &mut Dice) {
    let place: BTreeMap<Box<str>, ServiceId> = (0..)
        .map(ServiceId)
        .zip(&next.services)
        .map(|(id, service)| (service.name.clone(), id))
        .collect();
    let count = next.services.len() as u32;
    for service in &mut next.services {
        let former = old.services.iter().find(|own| own.name == service.name);
        let by_name = former.is_some_and(|former| former.edges == service.edges);
        let mut each = |ids: &mut Box<[ServiceId]>| {
            let moved = ids.iter().filter_map(|id| {
                if by_name {
                    place.get(&old.services.get(id.index())?.name).copied()
                } else {
                    // Of a random system of another size.
                    (id.0 < count && dice.percent(50)).then_some(*id)
                }
            });
            *ids = moved.collect();
        };
        let Edges {
            requires,
            wants,
            after,
            before,
            ties,
        } = &mut service.edges;
        [requires, wants, after, before]
            .into_iter()
            .for_each(&mut each);
        if let Some(ties) = ties {
            ties.lists_mut().into_iter().for_each(&mut each);
        }
    }
}

/// An event by the new numbers; `None` if it is of one that is no more.
pub(crate) fn renumbered(event: Event, places: &Places) -> Option<Event> {
    Some(match event {
        Event::Listening { service } => Event::Listening {
            service: places.of(service)?,
        },
        Event::NotListening { service, failure } => Event::NotListening {
            service: places.of(service)?,
            failure,
        },
        Event::Connected { service } => Event::Connected {
            service: places.of(service)?,
        },
        // People name services when they ask.
        Event::Requested {
            request,
            verb,
            services,
        } => Event::Requested {
            request,
            verb,
            services: services.iter().filter_map(|id| places.of(*id)).collect(),
        },
        other => other,
    })
}

/// How all stood before an event that changes the configuration.
pub(crate) struct Former {
    spec: Option<Spec>,
    runs: BTreeMap<Box<str>, RunId>,
    /// Who was about to stop: without a bond that goes, or where a circle of bonds is cut
    /// elsewhere, it is its turn.
    descending: BTreeSet<ServiceId>,
    descending_runs: BTreeSet<RunId>,
}

impl Former {
    pub(crate) fn new(system: &System, event: &Event) -> Self {
        let concerned = matches!(event, Event::ConfigurationRead(_) | Event::Quiet);
        let runs = if concerned {
            runs(system)
        } else {
            BTreeMap::new()
        };
        let ids = (0..system.spec().services.len() as u32).map(ServiceId);
        let descending: BTreeSet<ServiceId> = ids
            .filter(|id| concerned && system.is_descending(*id))
            .collect();
        let their_runs = descending.iter().filter_map(|id| system.state(*id)?.run());
        Self {
            spec: concerned.then(|| system.spec().clone()),
            runs,
            descending_runs: their_runs.map(|run| run.id).collect(),
            descending,
        }
    }

    /// Every run there was.
    pub(crate) fn runs(&self) -> impl Iterator<Item = RunId> {
        self.runs.values().copied()
    }

    /// What is the same is not even signalled; what is no more is gone.
    pub(crate) fn check(
        &self,
        system: &System,
        kernel: &Kernel,
        event: &Event,
        actions: &[Action],
    ) -> Result<(), String> {
        let Some(old) = &self.spec else {
            return Ok(());
        };
        match event {
            // Without a bond that closed a circle another counts, to what has ended for good.
            Event::ConfigurationRead(_) if system.whole() == Whole::Stopping => Ok(()),
            Event::ConfigurationRead(Reading::Sound { spec, .. }) => {
                untouched_are_left_alone(old, spec, &self.descending, kernel, actions)
            }
            // What starts anew may fail for good at once, and be essential.
            Event::Quiet if system.whole() == Whole::Stopping => Ok(()),
            Event::Quiet => {
                let over = matches!(actions.first(), Some(Action::TakeOver { .. }));
                let now = runs(system);
                if over && self.runs != now {
                    // What starts anew may have begun by now.
                    let mut formers = self.runs.iter();
                    let spec = system.spec();
                    let shares = |name: &str| {
                        let place = spec.services.iter().position(|own| &*own.name == name);
                        place.is_some_and(|at| may_stop(system, ServiceId(at as u32)))
                    };
                    if !formers.all(|(name, run)| now.get(name) == Some(run) || shares(name)) {
                        return Err(format!("{:?} became {now:?}", self.runs));
                    }
                }
                for action in actions {
                    let (Action::SignalMain { run, .. } | Action::SignalTree { run, .. }) = action
                    else {
                        continue;
                    };
                    let own = self.runs.values().any(|known| known == run);
                    let shares = system.service_of(*run);
                    let shares = shares.is_some_and(|id| may_stop(system, id));
                    if own && !shares && !self.descending_runs.contains(run) {
                        return Err(format!("{action:?} at the turn-over"));
                    }
                }
                let services = system.spec().services.len() as u32;
                if let Some(gone) = kernel.sockets.owners().find(|id| id.0 >= services) {
                    return Err(format!("sockets of {gone:?}"));
                }
                if over && kernel.runs.values().any(|run| run.service == GONE) {
                    return Err("runs of what is no more".into());
                }
                Ok(())
            }
            _ => {
                let signals = actions.iter().any(|action| {
                    matches!(
                        action,
                        Action::SignalMain { .. } | Action::SignalTree { .. }
                    )
                });
                if signals {
                    return Err("signals for a configuration with mistakes".into());
                }
                Ok(())
            }
        }
    }
}

/// The turn-over may have brought it down: it shares a fate, or nothing needs it.
fn may_stop(system: &System, id: ServiceId) -> bool {
    let unneeded = system.service(id).is_some_and(ServiceSpec::stops_unneeded);
    unneeded || shares_a_fate(system, id)
}

/// It goes down with what it requires and what is failed, or fails at once: a bond counts that
/// didn't, since its other end was disabled, or since it closed a circle that is cut elsewhere now.
fn shares_a_fate(system: &System, id: ServiceId) -> bool {
    let then = match system.state(id) {
        Some(State::Stopping(stopping)) => &stopping.then,
        Some(State::Killing(killing)) => &killing.then,
        Some(State::Failed { reason, .. }) => return matches!(reason, Reason::Dependency { .. }),
        Some(State::Inactive(idle)) => return matches!(idle, Idle::DependencyEnded(_)),
        _ => return false,
    };
    matches!(then, Then::DependencyFailed(_) | Then::DependencyEnded(_))
}

fn runs(system: &System) -> BTreeMap<Box<str>, RunId> {
    let spec = system.spec();
    let all = (0..).map(ServiceId).zip(&spec.services);
    all.filter_map(|(id, service)| {
        let run = system.state(id).and_then(State::run)?;
        Some((service.name.clone(), run.id))
    })
    .collect()
}

/// Who is the same, and requires nothing that isn't.
fn untouched_are_left_alone(
    old: &Spec,
    new: &Spec,
    descending: &BTreeSet<ServiceId>,
    kernel: &Kernel,
    actions: &[Action],
) -> Result<(), String> {
    let by_name: BTreeMap<&str, &ServiceSpec> =
        new.services.iter().map(|own| (&*own.name, own)).collect();
    let same = |former: &ServiceSpec| {
        by_name.get(&*former.name).is_some_and(|own| {
            let mut own = (*own).clone();
            own.edges = former.edges.clone();
            own == *former || former.is_main
        })
    };
    let mut touched: BTreeSet<ServiceId> = (0..)
        .map(ServiceId)
        .zip(&old.services)
        .filter(|(_, former)| !same(former) || former.edges.ties.is_some())
        .map(|(id, _)| id)
        .chain(descending.iter().copied())
        .collect();
    for _ in 0..old.services.len() {
        for (id, former) in (0..).map(ServiceId).zip(&old.services) {
            if former.edges.required().any(|need| touched.contains(&need)) {
                touched.insert(id);
            }
            // What stops when unneeded shares the fate of those that need it.
            let mut users = (0..).map(ServiceId).zip(&old.services);
            let needs = |user: &ServiceSpec| user.edges.required().any(|need| need == id);
            if former.stops_unneeded()
                && users.any(|(user, own)| needs(own) && touched.contains(&user))
            {
                touched.insert(id);
            }
        }
    }
    for action in actions {
        let (Action::SignalMain { run, .. } | Action::SignalTree { run, .. }) = action else {
            continue;
        };
        let service = kernel.runs.get(run).map(|run| run.service);
        if service.is_some_and(|service| !touched.contains(&service)) {
            return Err(format!("{action:?} to one that is the same"));
        }
    }
    Ok(())
}
