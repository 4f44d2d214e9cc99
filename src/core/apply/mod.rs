//! A new configuration in place of the old one, while all goes on.
//!
//! It is read as a whole by a child of the loop's, and changes nothing if it can't be used.
//! Then it goes in three steps:
//!
//! 1. **Leaving** (`leaving`): what is no more, or needs a new run, stops as by hand: what
//!    requires it first. Only bonds that both configurations have count meanwhile, so that
//!    nobody stops because of a bond that goes. Those services are *held*: they don't
//!    start. A oneshot that runs and has a new definition is waited for, not stopped, and
//!    all others go on as they were meanwhile; people are told, for it may take hours.
//! 2. **The turn-over** (`turnover`): once they are all at rest, and the loop has no event
//!    and no order under way (`Event::Quiet`), the new specification takes the old one's
//!    place, and every number that names a service changes with it: `Action::TakeOver`.
//! 3. **Arrival** (`arrival`): all that is to start does. Whoever asked is answered once
//!    the first attempts have ended.
//!
//! `Verb::Learn` spares (`sparing`): only those that it names go these three steps.
//!
//! One is under way at a time; whoever asks meanwhile is served together by the next.

mod arrival;
pub mod change;
mod keys;
mod leaving;
pub mod places;
mod sparing;
mod told;
mod turnover;

use self::arrival::Arrival;
use self::leaving::Leaving;
use self::told::Told;
use super::action::Action;
use super::id::ServiceId;
use super::report::Report;
use super::request::{Outcome, RequestId, Verb};
use super::spec::Spec;
use super::system::System;

/// What the child has read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// A configuration that can be used.
    Sound {
        /// It.
        spec: Box<Spec>,
        /// What is doubtful in it, as finished texts.
        warnings: Box<[Box<str>]>,
    },
    /// One that can't, or none.
    Refused {
        /// Why, as finished texts.
        errors: Box<[Box<str>]>,
    },
}

/// What is under way, and for whom.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Applying {
    stage: Stage,
    /// Whom the reading under way is for.
    asked: Asked,
    /// Who has come since.
    next: Option<Asked>,
    /// Who waits for what has been applied to be up.
    arrival: Option<Arrival>,
    /// The warnings of the last one.
    told: Told,
}

#[derive(Clone, Debug, Default, Hash)]
enum Stage {
    #[default]
    Nothing,
    /// The child reads.
    Reading,
    /// What has to stop does.
    Leaving(Box<Leaving>),
}

/// Whoever wants to see what is read, or to have it applied.
#[derive(Clone, Debug, Default, Hash)]
struct Asked {
    /// It is to be applied.
    applies: bool,
    /// To all; else to these alone.
    all: bool,
    named: Vec<Box<str>>,
    plans: Vec<RequestId>,
    applications: Vec<RequestId>,
}

impl Asked {
    fn forget(&mut self, request: RequestId) {
        self.plans.retain(|known| *known != request);
        self.applications.retain(|known| *known != request);
    }

    fn requests(self) -> impl Iterator<Item = RequestId> {
        self.plans.into_iter().chain(self.applications)
    }
}

impl System {
    /// The configuration is to be read: by SIGHUP, or for somebody who waits.
    pub(super) fn configuration_wanted(
        &mut self,
        asker: Option<RequestId>,
        verb: Verb,
        named: &[ServiceId],
    ) {
        if self.shutdown.is_some() {
            self.reports.push(Report::NotReadNow);
            return;
        }
        let idle = matches!(self.apply.stage, Stage::Nothing);
        let specs = named.iter().filter_map(|id| self.service(*id));
        let names: Vec<Box<str>> = specs.map(|spec| spec.name.clone()).collect();
        let asked = if idle {
            &mut self.apply.asked
        } else {
            self.apply.next.get_or_insert_default()
        };
        if verb == Verb::Plan {
            asked.plans.extend(asker);
        } else {
            asked.applies = true;
            asked.all |= verb == Verb::Apply;
            asked.named.extend(names);
            asked.applications.extend(asker);
        }
        if idle {
            self.read_configuration();
        } else if let Some(asker) = asker {
            self.tell_asker(asker);
        }
    }

    fn read_configuration(&mut self) {
        self.apply.stage = Stage::Reading;
        let applies = self.apply.asked.applies;
        self.orders.push(Action::ReadConfiguration { applies });
    }

    /// This one is dealt with; whoever came meanwhile is next.
    fn next_configuration(&mut self) {
        self.apply.stage = Stage::Nothing;
        if let Some(next) = self.apply.next.take() {
            self.apply.asked = next;
            self.read_configuration();
        }
    }

    /// The child has answered.
    pub(super) fn configuration_read(&mut self, reading: Reading) {
        if !matches!(self.apply.stage, Stage::Reading) {
            return;
        }
        let mut asked = std::mem::take(&mut self.apply.asked);
        match reading {
            Reading::Refused { errors } => {
                if asked.applies {
                    self.reports.push(Report::NotApplied);
                    let texts = errors.iter().cloned();
                    self.reports
                        .extend(texts.map(|text| Report::Mistake { text }));
                }
                for request in asked.requests() {
                    let errors = errors.clone();
                    self.answer(request, Outcome::NotApplied { errors });
                }
                self.next_configuration();
            }
            Reading::Sound { spec, warnings } => {
                let plans = std::mem::take(&mut asked.plans);
                if !plans.is_empty() {
                    let whole = self.prepare(spec.clone(), warnings.clone());
                    for request in plans {
                        let changes = Box::new(whole.changes().clone());
                        self.answer(request, Outcome::Planned(changes));
                    }
                }
                if asked.applies {
                    let (spec, stale) = self.spare(spec, &asked);
                    let leaving = self.prepare(spec, warnings);
                    self.begin_leaving(leaving, asked, stale);
                } else {
                    self.next_configuration();
                }
            }
        }
    }

    /// Nobody waits for the answer any more.
    pub(super) fn forget_application(&mut self, request: RequestId) {
        self.apply.asked.forget(request);
        self.apply
            .next
            .iter_mut()
            .for_each(|asked| asked.forget(request));
        if let Stage::Leaving(leaving) = &mut self.apply.stage {
            leaving.forget(request);
        }
        let arrival = self.apply.arrival.as_mut();
        if arrival.is_some_and(|arrival| arrival.forget(request)) {
            self.apply.arrival = None;
        }
    }

    /// All ends: no configuration takes this one's place.
    pub(super) fn end_applications(&mut self) {
        let apply = std::mem::take(&mut self.apply);
        let leaving = match apply.stage {
            Stage::Leaving(leaving) => leaving.asked().requests().collect(),
            Stage::Nothing | Stage::Reading => Vec::new(),
        };
        let arriving = apply.arrival.into_iter().flat_map(Arrival::requests);
        let waiting = apply.next.into_iter().flat_map(Asked::requests);
        let all = apply.asked.requests().chain(waiting).chain(leaving);
        for request in all.chain(arriving) {
            self.answer(request, Outcome::Stopping);
        }
    }

    /// Whether `Event::Quiet` is wanted: once no event and no order is under way, and
    /// nothing sensed names a service by its number.
    #[must_use]
    pub fn wants_quiet(&self) -> bool {
        match &self.apply.stage {
            Stage::Leaving(leaving) => leaving.is_over(),
            Stage::Nothing | Stage::Reading => false,
        }
    }

    /// Whether something stops for a new configuration: it will start again, or something
    /// else will.
    pub(super) const fn is_leaving(&self) -> bool {
        matches!(self.apply.stage, Stage::Leaving(_))
    }

    /// It stands still until its new definition counts, or until it is no more.
    pub(super) fn is_kept_still(&self, id: ServiceId) -> bool {
        let service = self.services.get(id.index());
        service.is_some_and(|service| service.held)
    }
}
