//! The configuration read again, by a child, while all goes on; and the loop's tables when
//! a new one counts.

use std::time::Duration;

use super::act::Results;
use super::hands::Hands;
use super::source::Source;
use crate::config::{Outcome, Request};
use crate::control::Applies;
use crate::core::apply::Reading;
use crate::core::apply::places::Places;
use crate::core::event::Event;
use crate::core::spec::{NotifyAccess, Spec};
use crate::core::time::{Instant, Now};
use crate::reader::{Reader, Trouble};
use crate::sys::poll::Interest;

/// Where the configuration is, and the child that reads it.
pub(crate) struct Configuration {
    request: Request,
    reader: Option<Reader>,
    /// When that began, in Unix milliseconds, if what it reads is to count.
    begun: Option<i64>,
    /// What has come of new ones.
    pub(super) applies: Applies,
}

impl Configuration {
    /// As it was read at the start. What people are told later goes through the logger.
    pub(crate) fn new(request: Request) -> Self {
        Self {
            request: Request {
                colour: false,
                ..request
            },
            reader: None,
            begun: None,
            applies: Applies::default(),
        }
    }

    /// People want these units to be known.
    pub(super) fn ask_for(&mut self, units: Vec<Box<str>>) {
        /// More are no more known than before.
        const MOST: usize = 256;
        for unit in units {
            let known = &mut self.request.asked_for;
            if known.len() < MOST && !known.contains(&unit) {
                known.push(unit);
            }
        }
    }

    /// When the child has had its time.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.reader.as_ref().map(Reader::give_up_at)
    }

    /// Time has jumped: the child slept as well.
    pub(crate) fn postpone(&mut self, by: Duration) {
        if let Some(reader) = &mut self.reader {
            reader.postpone(by);
        }
    }
}

fn refused(trouble: Trouble) -> Event {
    let errors = [trouble.to_string().into()].into();
    Event::ConfigurationRead(Reading::Refused { errors })
}

fn reading(outcome: Result<Outcome, Trouble>) -> Event {
    Event::ConfigurationRead(match outcome {
        Ok(Outcome::Ready { spec, warnings, .. }) => Reading::Sound {
            spec: Box::new(spec),
            warnings: warnings.into(),
        },
        Ok(Outcome::Refused { errors, .. }) => Reading::Refused {
            errors: errors.into(),
        },
        Ok(Outcome::Nothing) => Reading::Refused {
            errors: ["it defines nothing to supervise".into()].into(),
        },
        Err(trouble) => return refused(trouble),
    })
}

impl Hands {
    /// Begins to read; the event if that can't be.
    pub(super) fn read_configuration(&mut self, applies: bool, now: Now) -> Option<Event> {
        let configuration = &mut self.configuration;
        configuration.request.makes = applies;
        configuration.begun = applies.then_some(now.wall);
        configuration.request.now = now.wall.div_euclid(1000);
        let shared = self.outputs.reserved();
        match Reader::begin(&configuration.request, shared, now.at) {
            Ok(reader) => {
                self.helpers.insert(reader.pid());
                let watched = self
                    .poll
                    .add(reader.answer(), Interest::Read, Source::Reader);
                configuration.reader = Some(reader);
                match watched {
                    Ok(()) => None,
                    Err(errno) => Some(self.give_up_reading(Trouble::Refused(errno))),
                }
            }
            Err(trouble) => Some(refused(trouble)),
        }
    }

    /// The child has said something, or has ended.
    pub(super) fn hear_reader(&mut self) -> Option<Event> {
        let outcome = self.configuration.reader.as_mut()?.hear()?;
        self.forget_reader();
        let configuration = &mut self.configuration;
        if let (Ok(Outcome::Ready { .. }), Some(begun)) = (&outcome, configuration.begun) {
            configuration.applies.read = begun;
        }
        Some(reading(outcome))
    }

    /// Nobody waits for it any longer than that.
    pub(super) fn expire_reading(&mut self, now: Now, events: &mut Results) {
        if self.configuration.deadline().is_some_and(|at| at <= now.at) {
            events.push_back(self.give_up_reading(Trouble::Late));
        }
    }

    fn give_up_reading(&mut self, trouble: Trouble) -> Event {
        if let Some(reader) = self.forget_reader() {
            reader.give_up(trouble);
        }
        refused(trouble)
    }

    fn forget_reader(&mut self) -> Option<Reader> {
        let reader = self.configuration.reader.take()?;
        self.poll.remove(reader.answer());
        Some(reader)
    }

    /// The new specification counts: services have other numbers, and what was those'
    /// that are no more goes.
    pub(super) fn take_over(&mut self, places: &Places, spec: &Spec, now: Instant) {
        if self.outputs.take_over(places, spec) {
            self.tellings.end();
            self.syslog.renew();
        }
        if !places.are_same() {
            for run in self.runs.rearrange(places) {
                self.retire(run);
            }
            self.stores.take_over(places, &self.poll);
            self.listeners.take_over(places, &self.poll);
            self.clearing.take_over(places);
            self.watchers.take_over(places);
            if let Some(cgroups) = &mut self.cgroups {
                cgroups.take_over(places);
            }
        }
        self.take_over_notify(places, spec);
        self.history.take_over(places);
        if let Some(control) = &mut self.control {
            control.take_over(places, now);
        }
        self.http.take_over(places, now);
        self.regroup(spec);
        if self.clock_change.is_none() {
            self.watch_clock(spec);
        }
    }

    fn take_over_notify(&mut self, places: &Places, spec: &Spec) {
        for (_, socket) in places.rearrange(&mut self.notify) {
            self.poll.remove(socket.fd());
            socket.unlink();
        }
        let poll = &self.poll;
        self.notify.retain(|id, socket| {
            let service = spec.services.get(id.index());
            let heard = service.is_some_and(|own| own.notify_access() != NotifyAccess::None);
            if heard {
                let _ = poll.change(socket.fd(), Interest::Read, Source::Notify(*id));
            } else {
                poll.remove(socket.fd());
                socket.unlink();
            }
            heard
        });
    }
}
