//! Whether a service that is active is well: asked again and again, but only while it is.
//!
//! So many answers of no in a row, and it is unhealthy: said, or a reason to restart it
//! or to end all. A yes makes it well again. In its `start-period` a no doesn't count,
//! until there was a yes.

use std::time::Duration;

use super::action::{Action, Question};
use super::event::Answer;
use super::id::{RunId, ServiceId};
use super::probe::{Health, OnUnhealthy};
use super::report::Report;
use super::restart::Random;
use super::shutdown::Cause;
use super::spec::ServiceSpec;
use super::state::{Reason, State, Then};
use super::system::System;
use super::time::Instant;

/// What is known of an active service's health.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Checks {
    run: RunId,
    /// When it is asked next; `None` while an answer is awaited.
    next_at: Option<Instant>,
    /// Until then a no doesn't count; `None` once there was a yes.
    grace_until: Option<Instant>,
    /// How many times no in a row.
    failures: u32,
    pub(super) unhealthy: bool,
    /// When it has run for as long as it may (`RuntimeMaxSec=`).
    too_long_at: Option<Instant>,
}

impl Checks {
    /// For the state that a service came to: there are none but for an active one.
    pub(super) fn begin(
        state: &State,
        spec: &ServiceSpec,
        now: Instant,
        random: &mut Random,
    ) -> Option<Box<Self>> {
        let State::Active { run, .. } = state else {
            return None;
        };
        let longest = spec.terms.as_ref().and_then(|terms| {
            let longest = terms.longest?;
            Some(now.plus(longest).plus(random.up_to(terms.extra)))
        });
        let health = spec.health.as_ref();
        (health.is_some() || longest.is_some()).then(|| {
            Box::new(Self {
                run: run.id,
                next_at: health.map(|health| now.plus(health.interval)),
                grace_until: health.map(|health| now.plus(health.start_period)),
                failures: 0,
                unhealthy: false,
                too_long_at: longest,
            })
        })
    }

    /// In the place of those before it in the same life.
    pub(super) fn goes_on(mut self: Box<Self>, before: Option<&Self>) -> Box<Self> {
        self.too_long_at = before.map_or(self.too_long_at, |before| before.too_long_at);
        self
    }

    pub(super) fn next_at(&self) -> Option<Instant> {
        self.next_at.into_iter().chain(self.too_long_at).min()
    }

    /// The system was asleep for so long.
    pub(super) fn postpone(&mut self, by: Duration) {
        self.next_at = self.next_at.map(|at| at.plus(by));
        self.grace_until = self.grace_until.map(|at| at.plus(by));
        self.too_long_at = self.too_long_at.map(|at| at.plus(by));
    }

    /// Takes an answer; whether it changes anything.
    fn take(&mut self, health: &Health, answer: &Answer, now: Instant) -> bool {
        self.next_at = Some(now.plus(health.interval));
        match answer {
            Answer::Yes | Answer::Nobody(_) => {
                self.grace_until = None;
                self.failures = 0;
                std::mem::take(&mut self.unhealthy)
            }
            Answer::No(_) if self.grace_until.is_some_and(|until| now < until) => false,
            Answer::No(_) => {
                // What is beyond the limit makes no difference.
                self.failures = self.failures.saturating_add(1).min(health.retries);
                let unhealthy = self.failures >= health.retries;
                !std::mem::replace(&mut self.unhealthy, unhealthy) && unhealthy
            }
        }
    }
}

impl System {
    /// Whether a service runs, but not well.
    #[must_use]
    pub fn is_unhealthy(&self, id: ServiceId) -> bool {
        let service = self.services.get(id.index());
        service.is_some_and(|service| service.checks.as_ref().is_some_and(|c| c.unhealthy))
    }

    /// It goes on after all: a longest life that was over meanwhile is over still.
    pub(super) fn remember_the_longest(&mut self, id: ServiceId) {
        let terms = self.service(id).and_then(|spec| spec.terms.as_ref());
        let limited = terms.is_some_and(|terms| terms.longest.is_some());
        if limited
            && let Some(service) = self.services.get_mut(id.index())
            && let Some(checks) = &mut service.checks
        {
            checks.too_long_at.get_or_insert(self.now.at);
            self.reindex(id);
        }
    }

    /// A look at a service's health is due.
    pub(super) fn health_due(&mut self, id: ServiceId) {
        let now = self.now.at;
        let Some(service) = self.services.get_mut(id.index()) else {
            return;
        };
        let Some(checks) = &mut service.checks else {
            return;
        };
        if checks.too_long_at.is_some_and(|at| at <= now) {
            checks.too_long_at = None;
            self.reindex(id);
            self.too_long(id);
            return;
        }
        if checks.next_at.is_none_or(|at| at > now) {
            return;
        }
        let run = checks.run;
        checks.next_at = None;
        // In a shutdown nobody cares any more.
        if self.shutdown.is_none() {
            let of = Question::Health;
            self.orders.push(Action::Probe {
                service: id,
                run,
                of,
            });
        }
        self.reindex(id);
    }

    /// It has run for as long as it may.
    fn too_long(&mut self, id: ServiceId) {
        // In a shutdown it stops in its turn, and so it does before a descent.
        if let Some(State::Active { since, .. }) = self.state(id)
            && self.shutdown.is_none()
            && self.descent_of(id).is_none()
        {
            let after = self.now.at.since(*since);
            self.stop(id, Then::Failure(Reason::TooLong(after)));
        }
    }

    /// How it is.
    pub(super) fn health_answered(&mut self, run: RunId, answer: Answer) {
        let now = self.now.at;
        let Some(&id) = self.runs.get(&run) else {
            return;
        };
        let (Some(service), Some(spec)) = (
            self.services.get_mut(id.index()),
            self.spec.services.get(id.index()),
        ) else {
            return;
        };
        let (Some(checks), Some(health)) = (&mut service.checks, &spec.health) else {
            return;
        };
        let awaited = checks.run == run && checks.next_at.is_none();
        if !awaited || self.shutdown.is_some() {
            return;
        }
        let changed = checks.take(health, &answer, now);
        let then = health.on_unhealthy;
        self.reindex(id);
        match answer {
            _ if !changed => {}
            Answer::Yes | Answer::Nobody(_) => {
                self.unhealthy = self.unhealthy.saturating_sub(1);
                self.reports.push(Report::Healthy { service: id });
            }
            Answer::No(answer) => {
                self.unhealthy = self.unhealthy.saturating_add(1);
                self.reports.push(Report::Unhealthy {
                    service: id,
                    answer: answer.clone(),
                });
                match then {
                    OnUnhealthy::None => {}
                    OnUnhealthy::Restart => {
                        self.stop(id, Then::Failure(Reason::Unhealthy { answer }));
                    }
                    OnUnhealthy::Shutdown => self.begin_shutdown(Cause::Unhealthy(id)),
                }
            }
        }
    }
}
