//! The sockets of services as the world sees them: what may happen there, and what must
//! not be ordered.

use std::collections::BTreeSet;

use rinit::core::action::{Action, Question};
use rinit::core::apply::places::Places;
use rinit::core::commands::{CommandId, List};
use rinit::core::event::{Event, SpawnFailure};
use rinit::core::id::{RunId, ServiceId};
use rinit::core::report::Report;
use rinit::core::request::Verb;
use rinit::core::sorted::Map;
use rinit::core::spec::Spec;
use rinit::core::state::Standing;

use crate::asking::with_parts;
use crate::invariants::terms::refuses;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Socket {
    Opening,
    Open,
    Awaited,
}

#[derive(Clone, Debug, Default, Hash)]
pub(crate) struct Sockets {
    known: Map<ServiceId, Socket>,
    /// The first ones, that all wait for.
    first: BTreeSet<ServiceId>,
    booting: bool,
    /// Somebody came, and no run began since.
    came: BTreeSet<ServiceId>,
    /// Somebody asked for a start of it, and no run ended since.
    asked: BTreeSet<ServiceId>,
    newest: Map<ServiceId, RunId>,
}

impl Sockets {
    pub(crate) fn is_open(&self, service: ServiceId) -> bool {
        matches!(
            self.known.get(&service),
            Some(Socket::Open | Socket::Awaited)
        )
    }

    pub(crate) fn all_are_closed(&self) -> bool {
        self.known.is_empty()
    }

    /// Services have other numbers now. What they had that are no more has been closed.
    pub(crate) fn take_over(&mut self, places: &Places) {
        places.rearrange(&mut self.known);
        places.rearrange(&mut self.newest);
        for set in [&mut self.first, &mut self.came, &mut self.asked] {
            *set = set.iter().filter_map(|id| places.of(*id)).collect();
        }
    }

    /// Whose sockets stand somewhere.
    pub(crate) fn owners(&self) -> impl Iterator<Item = ServiceId> {
        self.known.keys().copied()
    }

    /// All that may happen at them.
    pub(crate) fn choices(&self) -> Vec<Event> {
        let mut all = Vec::new();
        for (&service, socket) in &self.known {
            match socket {
                Socket::Opening => {
                    all.push(Event::Listening { service });
                    all.push(not_listening(service));
                }
                Socket::Open => {}
                Socket::Awaited => all.push(Event::Connected { service }),
            }
        }
        all
    }

    /// Notes what happened; whether it could, since nobody hears of what was closed.
    pub(crate) fn happens(&mut self, event: &Event) -> bool {
        self.booting = matches!(event, Event::Booted);
        let (service, from, to) = match event {
            Event::Listening { service } => (*service, Socket::Opening, Some(Socket::Open)),
            Event::NotListening { service, .. } => (*service, Socket::Opening, None),
            Event::Connected { service } => (*service, Socket::Awaited, Some(Socket::Open)),
            _ => return true,
        };
        if self.known.get(&service) != Some(&from) {
            return false;
        }
        match to {
            Some(to) => self.known.insert(service, to),
            None => self.known.remove(&service),
        };
        match from {
            Socket::Awaited => drop(self.came.insert(service)),
            Socket::Opening | Socket::Open => drop(self.first.remove(&service)),
        }
        true
    }

    /// Notes what people ask for: whoever starts it by hand needs no connection.
    pub(crate) fn asked(&mut self, spec: &Spec, event: &Event) {
        if let Event::Requested {
            verb: verb @ (Verb::Start | Verb::Restart | Verb::Stop),
            services,
            ..
        } = event
            && !refuses(spec, *verb, services)
        {
            // A restart is one of its parts too.
            let all = match verb {
                Verb::Start => services.iter().copied().collect(),
                _ => with_parts(spec, services, *verb == Verb::Stop),
            };
            match verb {
                Verb::Stop => self.asked.retain(|id| !all.contains(id)),
                _ => self.asked.extend(all),
            }
        }
    }

    /// Notes an order.
    pub(crate) fn carry_out(&mut self, spec: &Spec, action: &Action) -> Result<(), String> {
        let wrong = || Err(format!("{action:?} of sockets that don't stand so"));
        match action {
            Action::Listen { service } => {
                if self.known.contains_key(service) {
                    return wrong();
                }
                self.known.insert(*service, Socket::Opening);
                if self.booting && spec.services[service.index()].enabled {
                    self.first.insert(*service);
                }
            }
            Action::AwaitConnection { service } => {
                if self.known.get(service) != Some(&Socket::Open) {
                    return wrong();
                }
                self.known.insert(*service, Socket::Awaited);
                self.came.remove(service);
            }
            Action::CloseSockets { service } => {
                if self.known.remove(service).is_none() {
                    return wrong();
                }
                self.first.remove(service);
            }
            Action::Probe {
                of: Question::Readiness,
                service,
                run,
            }
            | Action::Spawn { service, run }
            | Action::SpawnControl {
                command:
                    CommandId {
                        list: List::StartPre,
                        ..
                    },
                service,
                life: run,
                ..
            } => {
                let listen = spec.services[service.index()].listen.as_ref();
                if listen.is_some() && !self.is_open(*service) {
                    return wrong();
                }
                if !self.first.is_empty() {
                    return wrong();
                }
                if self.newest.insert(*service, *run) != Some(*run)
                    && listen.is_some_and(|listen| listen.on_demand)
                    && !self.came.remove(service)
                    && !self.asked.contains(service)
                {
                    return Err(format!("{action:?}, and nobody came"));
                }
            }
            Action::Report(Report::Changed {
                service,
                to: Standing::Backoff | Standing::Exited | Standing::Failed | Standing::Inactive,
                ..
            }) => drop(self.asked.remove(service)),
            _ => {}
        }
        Ok(())
    }
}

pub(crate) fn not_listening(service: ServiceId) -> Event {
    let failure = SpawnFailure {
        step: ":80 is already taken".into(),
        errno: 98,
        reason: "".into(),
    };
    Event::NotListening { service, failure }
}
