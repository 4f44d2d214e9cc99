//! The finished plan's wire form: what the reader of text hands to PID 1.
//!
//! PID 1 parses it, so it is small and bounded: nothing in it can make `decode` panic,
//! allocate more than a few times its length, or return a specification that breaks what
//! the core relies on (identifiers in range, words that end in NUL, durations that add up).
//! Both ends are one binary, so the form carries no version.

mod form;
mod wire;

use crate::config::Outcome;
use crate::core::commands::List;
use crate::core::context::Context;
use crate::core::listen::MOST_SOCKETS;
use crate::core::probe::Probe;
use crate::core::schedule::{Schedule, When};
use crate::core::spec::{Edges, Ready, Spec};
use wire::{Input, Wire};

/// No plan is larger.
pub const MAX_BYTES: usize = 16 << 20;

/// What `decode` could not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the plan is malformed")
    }
}

/// The bytes for `decode`; a plan that would be larger than `MAX_BYTES` becomes a refusal.
#[must_use]
pub fn encode(outcome: &Outcome) -> Vec<u8> {
    let mut bytes = Vec::new();
    outcome.put(&mut bytes);
    if bytes.len() > MAX_BYTES {
        bytes.clear();
        let error = format!(
            "the configuration is too large: its plan exceeds {} MiB\nhelp: define fewer services, or shorter commands and environments",
            MAX_BYTES >> 20
        );
        let refused = Outcome::Refused {
            errors: vec![error.into()],
            warnings: Vec::new(),
        };
        refused.put(&mut bytes);
    }
    bytes
}

/// What `encode` made the bytes from.
///
/// # Errors
/// Anything that `encode` doesn't write.
pub fn decode(bytes: &[u8]) -> Result<Outcome, Malformed> {
    if bytes.len() > MAX_BYTES {
        return Err(Malformed);
    }
    let mut input = Input::new(bytes);
    let outcome = Outcome::get(&mut input)?;
    if !input.is_empty() {
        return Err(Malformed);
    }
    match &outcome {
        Outcome::Ready { spec, .. } if !is_sound(spec) => Err(Malformed),
        Outcome::Ready { .. } | Outcome::Refused { .. } | Outcome::Nothing => Ok(outcome),
    }
}

/// The bytes for `decode_context`.
#[must_use]
pub fn encode_context(context: &Context) -> Vec<u8> {
    let mut bytes = Vec::new();
    context.put(&mut bytes);
    bytes
}

/// What `encode_context` made the bytes from.
///
/// # Errors
/// Anything that `encode_context` doesn't write.
pub fn decode_context(bytes: &[u8]) -> Result<Context, Malformed> {
    let mut input = Input::new(bytes);
    let context = Context::get(&mut input)?;
    if input.is_empty() {
        Ok(context)
    } else {
        Err(Malformed)
    }
}

/// Edges name services that exist, and every service has something to execute.
fn is_sound(spec: &Spec) -> bool {
    spec.services.iter().all(|service| {
        let Edges {
            requires,
            wants,
            after,
            before,
            ties,
        } = &service.edges;
        let ties = ties.iter().flat_map(|ties| ties.lists());
        let probed = match &service.ready {
            Ready::Probe(probe) => is_sound_probe(probe),
            Ready::Exec | Ready::Notify | Ready::Fd(_) | Ready::Delay(_) | Ready::Log(_) => true,
        };
        let elsewhere = service.wait_for.iter().map(|wait_for| &wait_for.probe);
        let commands = service.commands.iter();
        let mut commands = commands.flat_map(|all| List::ALL.map(|list| all.list(list)));
        !service.exec.command.is_empty()
            && commands.all(|list| list.iter().all(|own| !own.command.words.is_empty()))
            && service.listen.iter().all(|listen| {
                let least = usize::from(listen.watch.is_none());
                (least..=MOST_SOCKETS).contains(&listen.sockets.len())
            })
            && probed
            && service
                .schedule
                .iter()
                .all(|schedule| is_sound_schedule(schedule))
            && service
                .health
                .iter()
                .map(|health| &health.probe)
                .chain(elsewhere)
                .all(is_sound_probe)
            && [requires, wants, after, before]
                .map(|list| &**list)
                .into_iter()
                .chain(ties)
                .flatten()
                .all(|id| id.index() < spec.services.len())
    })
}

/// No time is zero, and no zone leads astray.
fn is_sound_schedule(schedule: &Schedule) -> bool {
    match &schedule.when {
        When::Calendar(times) => times.iter().all(|times| times.zone.is_sound()),
        When::Every(interval) => !interval.is_zero(),
        When::Timer(timer) => {
            let again = [timer.after_start, timer.after_end];
            timer.calendars.iter().all(|times| times.zone.is_sound())
                && again.iter().flatten().all(|time| !time.is_zero())
        }
    }
}

/// A command of a probe is one.
fn is_sound_probe(probe: &Probe) -> bool {
    match probe {
        Probe::Exec(command) => !command.words.is_empty(),
        Probe::Tcp(_)
        | Probe::Names(_)
        | Probe::Unix(_)
        | Probe::File(_)
        | Probe::Http(_)
        | Probe::Bus(_) => true,
    }
}

#[cfg(test)]
mod tests;
