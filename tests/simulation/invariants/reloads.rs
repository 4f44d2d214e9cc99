//! What must hold of reloads by hand: whoever is told that it is done, for that one the
//! service was made to reload after it had asked, by all that was written for it; and the
//! service ran on.

use rinit::core::action::Action;
use rinit::core::apply::places::Places;
use rinit::core::commands::{CommandId, List};
use rinit::core::event::Event;
use rinit::core::id::ServiceId;
use rinit::core::reload::can_reload;
use rinit::core::request::{Outcome, RequestId, Verb};
use rinit::core::signal::Signal;
use rinit::core::sorted::Map;
use rinit::core::spec::ServiceSpec;
use rinit::core::state::State;
use rinit::core::system::System;

use super::ids;
use crate::kernel::{Kernel, Run};

/// What a service was made to do since somebody asked.
#[derive(Clone, Copy, Default)]
struct Done {
    commands: bool,
    signal: bool,
}

#[derive(Default)]
pub(crate) struct Reloads {
    open: Map<RequestId, Map<ServiceId, Done>>,
}

impl Reloads {
    /// Services have other numbers now; what is no more has been answered.
    pub(crate) fn take_over(&mut self, places: &Places) {
        for services in self.open.values_mut() {
            places.rearrange(services);
        }
    }

    pub(crate) fn check(
        &mut self,
        system: &System,
        kernel: &Kernel,
        event: &Event,
        actions: &[Action],
    ) -> Result<(), String> {
        if let Event::Requested {
            request,
            verb: Verb::Reload,
            services,
        } = event
        {
            let all = services.iter().flat_map(|id| concerned(system, *id));
            let all = all.map(|id| (id, Done::default()));
            self.open.insert(*request, all.collect());
        }
        for action in actions {
            match action {
                Action::SpawnControl {
                    service,
                    life,
                    command:
                        CommandId {
                            list: List::Reload,
                            index,
                        },
                    ..
                } => {
                    // One that has forked runs as long as anything of it does.
                    let runs = kernel.runs.get(life).is_some_and(Run::anything_lives);
                    if !runs {
                        return Err(format!("{action:?} of what doesn't run"));
                    }
                    let first = *index == 0;
                    self.note(*service, |done| done.commands |= first);
                }
                Action::SignalMain {
                    run,
                    signal: Signal::HUP,
                    ..
                } => {
                    let known = kernel.runs.get(run).filter(|known| known.main_lives());
                    let service = known.map(|known| known.service);
                    let service = service.ok_or_else(|| format!("{action:?} to nobody"))?;
                    self.note(service, |done| done.signal = true);
                }
                Action::Answered { request, outcome } => {
                    let asked = self.open.remove(request);
                    if !matches!(outcome, Outcome::Done { .. }) {
                        continue;
                    }
                    for (id, done) in asked.into_iter().flatten() {
                        is_whole(system.service(id).unwrap(), done)
                            .map_err(|why| format!("{action:?}: {id:?} {why}"))?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn note(&mut self, id: ServiceId, how: impl Fn(&mut Done)) {
        let all = self.open.values_mut();
        all.filter_map(|services| services.get_mut(&id))
            .for_each(how);
    }
}

/// Whom a reload of this one means: itself, and those that reload with it. Where it can't
/// itself, it is a handle for others.
fn concerned(system: &System, id: ServiceId) -> Vec<ServiceId> {
    let reloads = |id: &ServiceId| {
        let up = matches!(
            system.state(*id),
            Some(State::Starting(_) | State::Active { .. })
        );
        up && !system.is_descending(*id) && can_reload(system.service(*id).unwrap())
    };
    let goes_along = |other: &ServiceId| {
        let ties = system.service(*other).unwrap().edges.ties.as_ref();
        *other != id && ties.is_some_and(|ties| ties.reloads_with.contains(&id))
    };
    let mut all: Vec<ServiceId> = ids(system.spec())
        .filter(|other| goes_along(other) && reloads(other))
        .collect();
    if all.is_empty() || reloads(&id) {
        all.push(id);
    }
    all
}

fn is_whole(spec: &ServiceSpec, done: Done) -> Result<(), &'static str> {
    let commands = spec.commands.as_ref();
    let commands = commands.is_some_and(|commands| !commands.reload.is_empty());
    if commands && !done.commands {
        return Err("executed no exec-reload");
    }
    if spec.reload_signal.is_some() && !done.signal {
        return Err("got no reload-signal");
    }
    if !commands && spec.reload_signal.is_none() {
        return Err("can't reload");
    }
    Ok(())
}
