//! What must hold of how services end: with whom, how, when, and whose end is that of all.

use std::collections::BTreeMap;
use std::time::Duration;

use rinit::core::action::Action;
use rinit::core::event::Event;
use rinit::core::id::{RunId, ServiceId};
use rinit::core::report::Report;
use rinit::core::request::{Outcome, Verb};
use rinit::core::spec::{ServiceSpec, Spec};
use rinit::core::state::{Reason, Standing, State};
use rinit::core::system::{System, Whole};
use rinit::core::time::Instant;

use super::{LATE, ids};
use crate::kernel::Kernel;

#[derive(Default)]
pub(crate) struct Ends {
    /// Until when a ready run may be active, and how much had been slept by then. That is fixed
    /// when it is ready, whatever a new configuration says.
    longest: BTreeMap<RunId, Option<(Instant, Duration)>>,
    stopping: bool,
}

impl Ends {
    /// After `event`, before `actions` are carried out. `forced`: all is killed.
    pub(crate) fn check(
        &mut self,
        system: &System,
        kernel: &Kernel,
        event: &Event,
        actions: &[Action],
        forced: bool,
    ) -> Result<(), String> {
        let stopping = system.whole() == Whole::Stopping;
        for action in actions {
            match action {
                Action::Report(Report::Killed { service, .. }) if !forced => {
                    gently_first(system, *service, actions)?;
                }
                Action::Report(Report::Changed { service, to, .. }) if !stopping => {
                    ends_not_all(system, *service, *to)?;
                }
                _ => {}
            }
        }
        if !self.stopping && !stopping {
            all_go_along(system, event, actions)?;
        }
        self.stopping = stopping;
        self.lives_too_long(system, kernel)
    }

    /// `RuntimeMaxSec=`.
    fn lives_too_long(&mut self, system: &System, kernel: &Kernel) -> Result<(), String> {
        let mut longest = BTreeMap::new();
        for id in ids(system.spec()) {
            let Some(State::Active { run, .. }) = system.state(id) else {
                continue;
            };
            let terms = system.service(id).unwrap().terms.as_ref();
            let own = terms.and_then(|terms| Some(terms.longest? + terms.extra));
            let fresh = own.map(|own| (kernel.now.plus(own), kernel.slept));
            let known = self.longest.get(&run.id).copied().unwrap_or(fresh);
            longest.insert(run.id, known);
            let (Some(own), Some((at, slept))) = (own, known) else {
                continue;
            };
            let end = at.plus(kernel.slept.saturating_sub(slept)).plus(LATE * 2);
            let goes = system.is_descending(id) || self.stopping;
            if kernel.now > end && !goes {
                return Err(format!("{id:?} is active for longer than {own:?}"));
            }
        }
        self.longest = longest;
        Ok(())
    }
}

/// `FinalKillSignal=` comes before SIGKILL.
fn gently_first(system: &System, id: ServiceId, actions: &[Action]) -> Result<(), String> {
    let spec = system.service(id).unwrap();
    let Some(gentle) = spec.terms.as_ref().and_then(|terms| terms.final_signal) else {
        return Ok(());
    };
    let run = system.state(id).and_then(State::run).map(|run| run.id);
    let comes = actions.iter().any(|action| {
        matches!(
            action,
            Action::SignalMain { run: own, signal, .. } | Action::SignalTree { run: own, signal }
                if Some(*own) == run && *signal == gentle
        )
    });
    if comes {
        Ok(())
    } else {
        Err(format!("{id:?} is killed without {gentle:?}"))
    }
}

/// `SuccessAction=`, `FailureAction=`, `StartLimitAction=`: that was the end of all.
fn ends_not_all(system: &System, id: ServiceId, to: Standing) -> Result<(), String> {
    let spec = system.service(id).unwrap();
    let Some(terms) = &spec.terms else {
        return Ok(());
    };
    let limit = |reason: &Reason| matches!(reason, Reason::StartLimit { .. });
    let ends = match (to, system.state(id)) {
        (Standing::Exited, Some(State::Exited { .. })) => terms.success_ends_all,
        // What others brought about is no end of its own.
        (Standing::Failed, Some(State::Failed { reason, .. })) => {
            let own = !matches!(reason, Reason::Dependency { .. });
            own && terms.failure_ends_all || terms.limit_ends_all && limit(reason)
        }
        _ => false,
    };
    if ends {
        Err(format!("all goes on after {id:?} has {}", to.word()))
    } else {
        Ok(())
    }
}

/// `RefuseManualStart=`, `RefuseManualStop=`.
pub(crate) fn refuses(spec: &Spec, verb: Verb, services: &[ServiceId]) -> bool {
    let terms = |id: &ServiceId| spec.services[id.index()].terms.as_ref();
    services.iter().filter_map(terms).any(|terms| match verb {
        Verb::Start => terms.refuses_start,
        Verb::Stop => terms.refuses_stop,
        Verb::Restart => terms.refuses_start || terms.refuses_stop,
        _ => false,
    })
}

/// Who refuses a person does nothing; who stops with others does.
fn all_go_along(system: &System, event: &Event, actions: &[Action]) -> Result<(), String> {
    let Event::Requested {
        request,
        verb,
        services,
    } = event
    else {
        return Ok(());
    };
    let refused = actions.iter().any(|action| {
        matches!(action, Action::Answered { request: own, outcome: Outcome::ByOthersAlone { .. } }
            if own == request)
    });
    let refuses = refuses(system.spec(), *verb, services);
    if refused != refuses || refused && actions.len() > 1 {
        return Err(format!("refused: {refused}, and {actions:?}"));
    }
    if *verb != Verb::Stop || refused {
        return Ok(());
    }
    for (id, spec) in ids(system.spec()).zip(&system.spec().services) {
        let goes_along = |spec: &ServiceSpec, whole: &ServiceId| {
            let ties = spec.edges.ties.as_ref();
            let tied = ties.is_some_and(|ties| {
                ties.part_of.contains(whole) || ties.stops_with.contains(whole)
            });
            tied && !spec.edges.required().any(|need| need == *whole)
        };
        let up = match system.state(id).unwrap() {
            State::Starting(_) | State::Active { .. } => !system.is_descending(id),
            State::Waiting(_) | State::Backoff(_) => true,
            _ => false,
        };
        if up && services.iter().any(|whole| goes_along(spec, whole)) {
            return Err(format!("{id:?} doesn't stop with {services:?}"));
        }
    }
    Ok(())
}
