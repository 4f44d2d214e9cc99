//! Random systems in a random world, a seed each.

use std::fmt::Write as _;
use std::time::Duration;

use rinit::core::action::Action;
use rinit::core::event::Event;
use rinit::core::id::ServiceId;
use rinit::core::request::{RequestId, Verb};
use rinit::core::signal::Signal;
use rinit::core::system::{Surroundings, System};

use crate::applying::Former;
use crate::invariants::Watcher;
use crate::kernel::{Faults, Kernel};
use crate::random::{self, Dice};

const MOST_STEPS: usize = 20_000;

/// Runs one seed to its end; with `trace`, writes down all that happened.
fn run(seed: u64, mut trace: Option<&mut String>) -> Result<(), String> {
    let mut dice = Dice::new(seed);
    let spec = random::system(&mut dice);
    let mortal = spec.init.shutdown_timeout.is_none() || dice.percent(70);
    let faults = Faults {
        fork_refused: dice.pick(&[0, 0, 5, 60]),
        spawn_fails: dice.pick(&[0, 0, 5, 50]),
        dies: dice.pick(&[0, 20, 60, 95]),
        ignores_term: dice.pick(&[0, 10, 60]),
        commands_fail: dice.pick(&[0, 10, 50]),
        commands_hang: dice.pick(&[0, 0, 10, 40]),
        immortal: if mortal { 0 } else { 10 },
        never_ready: dice.pick(&[0, 10, 50]),
        taken: dice.pick(&[0, 10, 80]),
        not_listening: dice.pick(&[0, 0, 10, 80]),
        sick: dice.pick(&[0, 30, 90]),
        oversleeps: dice.pick(&[0, 0, 3]),
        stdout_blocked: if mortal { 0 } else { 30 },
    };
    let surroundings = Surroundings {
        pid1: dice.percent(50),
        terminal: dice.percent(50),
        seed: dice.roll(1 << 40),
        ..Surroundings::default()
    };
    if let Some(trace) = trace.as_deref_mut() {
        let _ = writeln!(trace, "{spec:#?}");
    }
    let mut watcher = Watcher::new(&spec);
    let mut system = System::new(spec.clone(), surroundings);
    let mut kernel = Kernel::new(&spec, faults, dice.clone());
    let count = spec.services.len() as u64;
    people(&mut kernel, &mut dice);
    clocks(&mut kernel, &mut dice);
    requests(&mut kernel, &mut dice, count);
    configurations(&mut kernel, &mut dice, count);
    let mut actions = Vec::new();
    for _ in 0..MOST_STEPS {
        let quiet = system.wants_quiet() && kernel.is_quiet();
        // The rest of a turn may come before.
        let next = if quiet && dice.percent(70) {
            Some(Event::Quiet)
        } else {
            let next = kernel.next(system.deadline());
            next.or_else(|| quiet.then_some(Event::Quiet))
        };
        let Some(event) = next else {
            return Err("nothing will ever happen again, and it hasn't ended".into());
        };
        let former = Former::new(&system, &event);
        system.handle(event.clone(), kernel.clock(), &mut actions);
        if let Some(trace) = trace.as_deref_mut() {
            let _ = writeln!(trace, "{:>15} {event:?}", kernel.now.0 / 1000);
            for action in &actions {
                let _ = match action {
                    Action::Report(report) => writeln!(trace, "    - {}", report.display(&system)),
                    action => writeln!(trace, "    > {action:?}"),
                };
            }
        }
        if let Some(Action::TakeOver { places }) = actions.first() {
            kernel.take_over(places, system.spec());
            watcher.take_over(system.spec(), places, former.runs());
        }
        if let Event::ConfigurationRead(_) = event {
            watcher.set_out(former.runs());
        }
        let held = former.check(&system, &kernel, &event, &actions);
        let held = held.and_then(|()| watcher.check(&system, &kernel, &event, &actions));
        let told = held.is_err() || matches!(actions.first(), Some(Action::TakeOver { .. }));
        if let Some(trace) = trace.as_deref_mut().filter(|_| told) {
            how_all_stand(&system, trace);
        }
        held?;
        let spec = system.spec();
        kernel.sockets.asked(spec, &event);
        for action in actions.drain(..) {
            kernel.sockets.carry_out(spec, &action)?;
            kernel.carry_out(&action);
        }
        kernel.look_no_longer(&system);
        if kernel.exit.is_some() {
            return watcher.check_end(&kernel, mortal);
        }
    }
    Err("it doesn't come to an end".into())
}

/// Each service's bonds, by numbers, and its state.
fn how_all_stand(system: &System, trace: &mut String) {
    let services = &system.spec().services;
    for (id, spec) in (0..).map(ServiceId).zip(services) {
        let (state, edges) = (system.state(id), &spec.edges);
        let _ = writeln!(trace, "    {id:?} {}: {state:?} {edges:?}", spec.name);
    }
}

/// People set the clock: a little, to and fro, or to another day.
fn clocks(kernel: &mut Kernel, dice: &mut Dice) {
    for _ in 0..dice.roll(4) {
        let seconds = dice.pick(&[1, 1, 40, 600, 3_600, 7_300, 90_000]);
        let by = seconds * dice.pick(&[-1_000, 1_000]) + dice.roll(1_000) as i64;
        kernel.will_set_the_clock(dice.moment() * 3, by);
    }
}

/// Signals from outside: at last one that ends it, and then one that kills.
fn people(kernel: &mut Kernel, dice: &mut Dice) {
    for _ in 0..dice.roll(4) {
        let number = dice.pick(&[1, 10, 12, 17, 20, 28, 34, 60]);
        let signal = Signal::new(number).unwrap();
        let hung_up = dice.percent(10);
        kernel.will_say(dice.moment(), Event::Signalled { signal, hung_up });
    }
    let mut end = dice.moment() * (1 + dice.roll(5) as u32);
    for _ in 0..=dice.roll(3) {
        let number = dice.pick(&[2, 3, 15, 30, 37, 38, 39]);
        let signal = Signal::new(number).unwrap();
        let hung_up = false;
        kernel.will_say(end, Event::Signalled { signal, hung_up });
        end += dice.moment();
    }
    for wait in [100, 200] {
        let signal = Signal::INT;
        let hung_up = false;
        let after = end + Duration::from_secs(wait);
        kernel.will_say(after, Event::Signalled { signal, hung_up });
    }
}

/// Requests from outside, of which some askers don't wait for the answer.
fn requests(kernel: &mut Kernel, dice: &mut Dice, count: u64) {
    for number in 0..dice.pick(&[0, 0, 1, 3, 10]) {
        let request = RequestId(number);
        let named = 1 + dice.roll(2);
        let services: Box<[ServiceId]> = (0..named)
            .map(|_| ServiceId(dice.roll(count) as u32))
            .collect();
        let verb = match dice.roll(15) {
            0..=3 => Verb::Start,
            4..=6 => Verb::Stop,
            7..=8 => Verb::Restart,
            9..=11 => Verb::Reload,
            12 => Verb::Reset,
            13 => Verb::Kill {
                signal: dice.pick(&[Signal::TERM, Signal::KILL, Signal::CONT]),
            },
            _ => Verb::Shutdown {
                code: dice.percent(50).then_some(9),
            },
        };
        let after = dice.moment() * (1 + dice.roll(3) as u32);
        kernel.will_say(
            after,
            Event::Requested {
                request,
                verb,
                services,
            },
        );
        if dice.percent(20) {
            kernel.will_say(after + dice.moment(), Event::Withdrawn { request });
        }
    }
}

/// New configurations: by SIGHUP, or for somebody who waits.
fn configurations(kernel: &mut Kernel, dice: &mut Dice, count: u64) {
    for number in 0..dice.pick(&[0, 0, 1, 2, 6]) {
        let after = dice.moment() * (1 + dice.roll(3) as u32);
        let request = RequestId(1000 + number);
        let event = match dice.roll(7) {
            6 => Event::Requested {
                request,
                verb: Verb::Unhook,
                services: [ServiceId(dice.roll(count) as u32)].into(),
            },
            0 => Event::Signalled {
                signal: Signal::HUP,
                hung_up: false,
            },
            1 | 2 => Event::Requested {
                request,
                verb: Verb::Learn,
                services: (0..dice.roll(3))
                    .map(|_| ServiceId(dice.roll(count) as u32))
                    .collect(),
            },
            kind => Event::Requested {
                request,
                verb: if kind == 3 { Verb::Plan } else { Verb::Apply },
                services: Box::default(),
            },
        };
        kernel.will_say(after, event);
        if dice.percent(20) {
            kernel.will_say(after + dice.moment(), Event::Withdrawn { request });
        }
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn replay(seed: u64) -> String {
    let mut trace = String::new();
    let result = run(seed, Some(&mut trace));
    let _ = writeln!(trace, "{result:?}");
    trace
}

#[test]
fn every_invariant_holds_in_thousands_of_random_worlds() {
    if let Some(seed) = number("RINIT_SEED") {
        println!("{}", replay(seed));
        run(seed, None).unwrap();
        return;
    }
    let seeds = number("RINIT_SEEDS").unwrap_or(10_000);
    let first = number("RINIT_FIRST_SEED").unwrap_or(0);
    // Each is named, but where everything breaks a hundred are enough.
    let mut broken = 0;
    for seed in first..first.saturating_add(seeds) {
        if let Err(why) = run(seed, None) {
            broken += 1;
            eprintln!(
                "seed {seed}: {why}\nRINIT_SEED={seed} cargo test --test simulation every_invariant -- --nocapture"
            );
        }
        if broken == 100 {
            break;
        }
    }
    assert!(broken == 0, "{broken} seeds broke an invariant");
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..50 {
        assert_eq!(replay(seed), replay(seed), "seed {seed}");
    }
}
