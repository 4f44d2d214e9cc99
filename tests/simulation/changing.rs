//! A new configuration, or two one after the other, at any moment and beside requests:
//! whoever asked is answered, and when all goes well from there on what was read last is
//! what runs.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::time::Duration;

use rinit::core::apply::Reading;
use rinit::core::event::Event;
use rinit::core::exec::Words;
use rinit::core::id::{RunId, ServiceId};
use rinit::core::request::Verb;
use rinit::core::spec::{Kind, Ready, RestartPolicy, ServiceSpec, Spec, Tracking};
use rinit::core::state::Standing;
use rinit::core::system::Whole;

use crate::asking::Asking;
use crate::explore::{Path, World, explore_from, of, service};

/// The files as people change them, and what has been read of them.
#[derive(Clone, Default)]
pub(crate) struct Changing {
    /// Nothing else is asked for.
    pub(crate) alone: bool,
    /// They are only made known.
    learns: bool,
    /// What may be read; nobody asks for it if there is nothing.
    all: Rc<[Spec]>,
    reading: bool,
    /// Read, and not yet in force.
    next: Option<usize>,
    /// In force; none of them at first.
    current: Option<usize>,
}

impl Hash for Changing {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (self.reading, self.next, self.current).hash(hasher);
    }
}

impl Changing {
    pub(crate) fn choices(&self, asking: &Asking) -> Vec<Event> {
        let mut all = Vec::new();
        if self.reading {
            all.extend(self.all.iter().map(|spec| {
                let (spec, warnings) = (Box::new(spec.clone()), Box::default());
                Event::ConfigurationRead(Reading::Sound { spec, warnings })
            }));
            let errors = ["a mistake".into()].into();
            all.push(Event::ConfigurationRead(Reading::Refused { errors }));
        }
        if asking.left() > 0 && !self.all.is_empty() {
            all.push(Event::Requested {
                request: asking.next(),
                verb: if self.learns {
                    Verb::Learn
                } else {
                    Verb::Apply
                },
                services: Box::default(),
            });
        }
        all
    }

    pub(crate) fn is_to_be_read(&mut self, path: &Path) {
        assert!(!self.reading, "two at a time: {path:#?}");
        assert_eq!(self.next, None, "before the last is in force: {path:#?}");
        self.reading = true;
    }

    pub(crate) fn was_read(&mut self, reading: &Reading) {
        self.reading = false;
        if let Reading::Sound { spec, .. } = reading {
            self.next = self.all.iter().position(|own| own == &**spec);
        }
    }

    pub(crate) fn took_over(&mut self) {
        self.current = self.next.take();
    }

    /// Whether what comes next has this bond too: others don't count meanwhile.
    pub(crate) fn keeps(&self, spec: &Spec, id: ServiceId, need: ServiceId) -> bool {
        // Whoever runs when one comes, or when what it needs begins anew, runs on.
        if self.current.is_some() {
            return false;
        }
        let Some(next) = self.next.map(|next| &self.all[next]) else {
            return true;
        };
        let name = |id: ServiceId| &*spec.services[id.index()].name;
        let own = next.services.iter().find(|own| *own.name == *name(id));
        own.is_some_and(|own| {
            let mut needs = own.edges.required();
            needs.any(|on| *next.services[on.index()].name == *name(need))
        })
    }
}

/// States gone into for each: enough for dozens of second applies in force.
const MOST_STATES: usize = 4_000;

/// Who runs, by name.
fn running(world: &World) -> BTreeMap<&str, RunId> {
    let services = &world.system.spec().services;
    let runs = (0..).map(ServiceId).zip(services).filter_map(|(id, own)| {
        let state = world.system.state(id)?;
        let steady = state.standing() == Standing::Active;
        Some((&*own.name, state.run().filter(|_| steady)?.id))
    });
    runs.collect()
}

/// All that is to run does, by what was read last; what is the same as before runs on.
fn check(before: &World, world: &World) {
    if world.left || world.system.whole() == Whole::Stopping {
        return;
    }
    let (system, path) = (&world.system, &world.path);
    let changing = &world.changing;
    assert!(!changing.reading && changing.next.is_none(), "{path:#?}");
    world.asking.all_answered(path);
    let spec = system.spec();
    if changing.learns {
        return check_spared(before, world);
    }
    if let Some(current) = changing.current {
        let wanted = &changing.all[current].services;
        assert_eq!(*wanted, spec.services, "{path:#?}");
    }
    let (former, now) = (running(before), running(world));
    let old = &before.system.spec().services;
    for (id, own) in (0..).map(ServiceId).zip(&spec.services) {
        if world.asking.is_to_rest(id) || own.kind != Kind::Simple || !own.enabled {
            continue;
        }
        let same = |own: &ServiceSpec| old.contains(own);
        let mut needs = own.edges.required();
        let on_firm_ground = needs.all(|need| {
            let need = &spec.services[need.index()];
            now.contains_key(&*need.name)
        });
        // What failed for good may stay so if it is the same.
        let known = old.iter().any(|known| known.name == own.name);
        if on_firm_ground && (!known || former.contains_key(&*own.name)) {
            assert!(now.contains_key(&*own.name), "{}: {path:#?}", own.name);
        }
        let alone = own.edges.required().next().is_none();
        if same(own) && alone && world.asking.names_nobody() {
            let run = former.get(&*own.name);
            let goes_on = run.is_none() || run == now.get(&*own.name);
            assert!(goes_on, "{} began anew: {path:#?}", own.name);
        }
    }
}

/// Whoever ran runs on, and nobody else does but for a restart or a request.
fn check_spared(before: &World, world: &World) {
    let (former, now) = (running(before), running(world));
    for (name, run) in &former {
        let goes_on = now.get(name).is_some_and(|own| own == run);
        assert!(goes_on, "{name} began anew: {:#?}", world.path);
    }
    let known = &before.system.spec().services;
    for name in now.keys() {
        let known = known.iter().any(|own| *own.name == **name);
        // It may be new that what was yet to start needs it.
        let spec = world.system.spec();
        let is_needed = spec.services.iter().any(|own| {
            let mut needs = own.edges.required();
            !former.contains_key(&*own.name)
                && needs.any(|need| *spec.services[need.index()].name == **name)
        });
        assert!(known || is_needed, "{name} began: {:#?}", world.path);
    }
}

/// Explores two applies, or one and a request, from the boot on; and two applies from
/// when all run, so that the second is in reach.
fn explore_applies(from: &Spec, to: &[&Spec], most_states: usize) {
    explore_new(from, to, most_states, false);
}

fn explore_new(from: &Spec, to: &[&Spec], most_states: usize, learns: bool) {
    let all: Rc<[Spec]> = to.iter().copied().cloned().collect();
    for alone in [learns, true] {
        let mut start = World::new(from.clone(), if alone { 0 } else { 2 });
        if alone {
            start.calm_down();
            start.asking = Asking::new(2);
        }
        (start.changing.all, start.changing.alone) = (Rc::clone(&all), alone);
        start.changing.learns = learns;
        let mut second_ones = 0;
        explore_from(start, most_states, &mut |before, event, after| {
            let second = before.changing.current.is_some() && *event == Event::Quiet;
            second_ones += u32::from(second);
            let asked = matches!(event, Event::Requested { .. });
            if asked || matches!(event, Event::ConfigurationRead(_) | Event::Quiet) {
                let mut after = after.clone();
                // That is `asking`'s; here something bad may have happened since.
                after.asking.expect_nothing_up();
                after.calm_down();
                check(before, &after);
                after.asking.check(&after);
            }
        });
        assert!(
            second_ones > 20 || !alone || learns,
            "{second_ones} second ones"
        );
    }
}

fn altered(spec: &Spec, id: usize, change: impl FnOnce(&mut ServiceSpec)) -> Spec {
    let mut spec = spec.clone();
    spec.init.keep_running = true;
    change(&mut spec.services[id]);
    spec
}

fn live(own: &mut ServiceSpec) {
    own.restart.delay = Duration::from_secs(7);
}

fn anew(own: &mut ServiceSpec) {
    own.exec.command = Words::new(["other".to_owned()]);
}

fn steady(services: Vec<ServiceSpec>) -> Spec {
    let mut spec = of(services);
    spec.init.keep_running = true;
    spec
}

#[test]
fn two_applies_and_requests_meet_one_service_in_every_order() {
    for (ready, policy) in [
        (Ready::Exec, RestartPolicy::Always),
        (Ready::Notify, RestartPolicy::OnFailure),
    ] {
        let mut only = service("only", &[]);
        only.ready = ready;
        only.tracking = Tracking::Subreaper;
        only.restart.policy = policy;
        let spec = steady(vec![only.clone()]);
        let none = steady(Vec::new());
        let more = steady(vec![service("new", &[1]), only]);
        for to in [
            [&altered(&spec, 0, live), &spec],
            [&altered(&spec, 0, anew), &spec],
            [&none, &spec],
            [&more, &spec],
        ] {
            explore_applies(&spec, &to, MOST_STATES);
        }
    }
}

#[test]
fn two_applies_and_requests_meet_a_service_and_its_dependant_in_every_order() {
    let spec = steady(vec![service("base", &[]), service("web", &[0])]);
    let free = steady(vec![service("base", &[]), service("web", &[])]);
    let alone = steady(vec![service("base", &[])]);
    for to in [
        [&altered(&spec, 0, live), &altered(&spec, 1, anew)],
        [&altered(&spec, 0, anew), &spec],
        [&free, &spec],
        [&alone, &spec],
    ] {
        explore_applies(&spec, &to, MOST_STATES);
    }
}

#[test]
fn what_is_only_made_known_stops_nobody_and_starts_nobody_in_every_order() {
    let spec = steady(vec![service("base", &[]), service("web", &[0])]);
    let alone = steady(vec![service("base", &[])]);
    let more = steady(vec![
        service("new", &[]),
        service("base", &[0]),
        service("web", &[1]),
    ]);
    for to in [
        [&altered(&spec, 0, live), &altered(&spec, 1, anew)],
        [&altered(&spec, 0, anew), &spec],
        [&alone, &spec],
        [&more, &alone],
    ] {
        explore_new(&spec, &to, MOST_STATES, true);
    }
}
