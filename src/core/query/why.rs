//! Why a service stands where it does, in sentences: what it waits for and what that
//! waits for, down to the cause; when it is tried again; what made it fail.

use crate::core::id::ServiceId;
use crate::core::sorted::Set;
use crate::core::spec::{Ready, ServiceSpec};
use crate::core::state::{Idle, Reason, Stage, Starting, State, Then};
use crate::core::system::System;
use crate::core::time::{Instant, Span};

/// So many names are said in one phrase.
const NAMED: usize = 10;
/// More sentences than this are nobody's answer.
const SENTENCES: usize = 40;

impl System {
    /// One sentence for the service itself, then one for each that it waits for, the cause
    /// last.
    #[must_use]
    pub fn why(&self, id: ServiceId, now: Instant) -> Vec<String> {
        let mut told = Set::new();
        let mut next = vec![id];
        let mut sentences = Vec::new();
        while let Some(id) = next.pop() {
            if sentences.len() < SENTENCES && told.insert(id) {
                sentences.push(self.sentence(id, now));
                let mut causes = self.causes(id);
                causes.reverse();
                next.extend(causes);
            }
        }
        sentences
    }

    /// Those whose state explains this one's.
    fn causes(&self, id: ServiceId) -> Vec<ServiceId> {
        match self.state(id) {
            Some(State::Waiting(_)) => {
                let held = self.is_kept_still(id);
                let apply = self.apply_waits_for().filter(|_| held);
                self.waiting_for(id).chain(apply).collect()
            }
            Some(State::Inactive(Idle::DependencyEnded(on)))
            | Some(State::Failed {
                reason: Reason::Dependency { on, .. },
                ..
            }) => vec![*on],
            Some(State::Stopping(_) | State::Killing(_)) => {
                let lost = |(need, requires): &(ServiceId, bool)| {
                    let need = self.services.get(need.index());
                    *requires && need.is_some_and(|need| !need.satisfied)
                };
                let needs = self.needs(id).filter(lost);
                needs.map(|(need, _)| need).collect()
            }
            Some(
                State::Inactive(
                    Idle::Disabled | Idle::Stopped | Idle::ByHand | Idle::Reset | Idle::Skipped(_),
                )
                | State::Starting(_)
                | State::Active { .. }
                | State::Backoff(_)
                | State::Exited { .. }
                | State::Failed { .. },
            )
            | None => Vec::new(),
        }
    }

    fn sentence(&self, id: ServiceId, now: Instant) -> String {
        let name = self.name(id);
        let Some((state, record)) = self.state(id).zip(self.record(id)) else {
            return format!("there is no service {name}");
        };
        let since = Span(now.since(record.since));
        match state {
            State::Inactive(Idle::Disabled) => {
                format!(
                    "{name} is inactive: it is not enabled, or not started since it came (rinitctl start {name} starts it)"
                )
            }
            State::Inactive(Idle::Stopped) => format!("{name} is inactive: it was stopped"),
            State::Inactive(Idle::ByHand) => format!(
                "{name} is inactive: it was stopped by hand (rinitctl start {name} starts it)"
            ),
            State::Inactive(Idle::Reset) => {
                format!("{name} is inactive: it had failed, and that was forgotten by hand")
            }
            State::Inactive(Idle::DependencyEnded(on)) => {
                let on = self.name(*on);
                format!("{name} is inactive: it requires {on}, which has ended")
            }
            State::Inactive(Idle::Skipped(what)) => {
                format!("{name} is inactive: skipped, since {what}")
            }
            State::Waiting(_) => self.why_waiting(id, since),
            State::Starting(starting) => self.why_starting(id, starting, now),
            State::Active { .. } if self.is_unhealthy(id) => {
                let probe = self.service(id).and_then(|spec| spec.health.as_ref());
                let probe = probe.map_or_else(String::new, |health| health.probe.to_string());
                format!(
                    "{name} has been active for {since}, but is unhealthy: its probe of {probe} says no"
                )
            }
            State::Active { .. } => {
                let mut text = format!("{name} has been active for {since}");
                if let Some(reason) = record.last_reason() {
                    let count = record.restarts();
                    let times = if count == 1 { "restart" } else { "restarts" };
                    let reason = self.words_of(reason);
                    text.push_str(&format!(", after {count} {times}; its last run: {reason}"));
                }
                if self.descent_of(id).is_some() {
                    text.push_str("; it stops once those that require it have");
                }
                text
            }
            State::Stopping(stopping) => {
                let kill = stopping.kill_at.map_or_else(String::new, |at| {
                    format!("; it is killed in {}", Span(at.since(now)))
                });
                format!("{name} is stopping {}{kill}", self.purpose(&stopping.then))
            }
            State::Killing(killing) => format!(
                "{name} did not stop in its time and was killed; it is still ending, {}",
                self.purpose(&killing.then)
            ),
            State::Backoff(backoff) => {
                let reason = self.words_of(&backoff.reason);
                let again = Span(backoff.until.since(now));
                let attempt = backoff.attempt;
                let row = if attempt == 1 { "" } else { " in a row" };
                format!(
                    "{name} is in backoff: {reason}; it is started again in {again} (restart {attempt}{row})"
                )
            }
            State::Exited { exit, after }
                if self.service(id).is_some_and(ServiceSpec::is_by_script) =>
            {
                format!("nothing of {name} runs: it {exit} after {}", Span(*after))
            }
            State::Exited { exit, after } => {
                format!("{name} did its work: it {exit} after {}", Span(*after))
            }
            State::Failed {
                reason: Reason::Dependency { on, .. },
                ..
            } => {
                let on = self.name(*on);
                format!("{name} has failed, because it requires {on}")
            }
            State::Failed { reason, .. } => {
                let reason = self.words_of(reason);
                format!("{name} has failed, and is not started again: {reason}")
            }
        }
    }

    fn why_waiting(&self, id: ServiceId, since: Span) -> String {
        let name = self.name(id);
        let mut required = Vec::new();
        let mut others = Vec::new();
        let waits: Set<ServiceId> = self.waiting_for(id).collect();
        for (need, requires) in self.needs(id).filter(|(need, _)| waits.contains(need)) {
            let list = if requires { &mut required } else { &mut others };
            list.push(self.name(need));
        }
        let rivals: Vec<&str> = self.rivals(id).map(|id| self.name(id)).collect();
        let mut clauses = Vec::new();
        if !required.is_empty() {
            clauses.push(format!("until {} is ready", required.join(" and ")));
        }
        if !others.is_empty() {
            clauses.push(format!("until {} was tried", others.join(" and ")));
        }
        if !rivals.is_empty() {
            clauses.push(format!("until {} is gone", rivals.join(" and ")));
        }
        if self.is_kept_still(id) {
            clauses.push("until its new definition counts".to_owned());
        }
        format!(
            "{name} has been waiting for {since}: {}",
            clauses.join(", and ")
        )
    }

    /// What a new configuration waits for, in a sentence.
    #[must_use]
    pub fn words_of_wait(&self, services: &[ServiceId]) -> String {
        let names: Vec<&str> = services
            .iter()
            .take(NAMED)
            .map(|id| self.name(*id))
            .collect();
        let more = services.len().saturating_sub(names.len());
        let names = names.join(", ");
        let (names, have, them) = match (services.len(), more) {
            (1, _) => (names, "has", "a oneshot that runs isn't"),
            (_, 0) => (names, "have", "oneshots that run aren't"),
            (_, more) => {
                let names = format!("{names} and {more} more");
                (names, "have", "oneshots that run aren't")
            }
        };
        format!("the new configuration waits until {names} {have} ended: {them} stopped for it")
    }

    fn why_starting(&self, id: ServiceId, starting: &Starting, now: Instant) -> String {
        let name = self.name(id);
        let since = Span(now.since(starting.run.since));
        let mut text = format!("{name} has been starting for {since}: ");
        let awaited = self.awaited(id, starting);
        text.push_str(
            awaited
                .as_deref()
                .unwrap_or("it runs, and is done when it ends"),
        );
        let said = starting.answer.as_deref().filter(|_| !starting.taken);
        if let Some(said) = said.or(starting.run.status.as_deref()) {
            text.push_str(&format!(" ({said})"));
        }
        if self.apply_waits_for().any(|awaited| awaited == id) {
            text.push_str("; a new configuration waits for its end");
        }
        if let Some(deadline) = starting.deadline {
            text.push_str(&format!(
                "; its start-timeout is over in {}",
                Span(deadline.since(now))
            ));
        }
        text
    }

    /// What is not so yet; nothing where only its end is awaited.
    pub(super) fn awaited(&self, id: ServiceId, starting: &Starting) -> Option<String> {
        let ready = self.service(id).map(|spec| &spec.ready);
        Some(match (&starting.stage, ready) {
            (Stage::Before, _) => "its exec-start-pre is not over".to_owned(),
            (Stage::After { .. }, _) => "its exec-start-post is not over".to_owned(),
            (Stage::Opening, _) => "its sockets are being opened".to_owned(),
            (Stage::Probing, _) => "it is found out whether its address is taken".to_owned(),
            (Stage::ForkRefused { errno, .. }, _) => {
                format!("the kernel gives no process (errno {errno})")
            }
            (Stage::Spawning | Stage::Spawned, _) => "its program is not executed yet".to_owned(),
            (Stage::Forking, _) => "its first process has not ended".to_owned(),
            (Stage::Finding { .. }, _) => "its main process is not known".to_owned(),
            (Stage::Executed { .. }, Some(Ready::Notify)) => {
                "it has not said READY=1 on its notify socket".to_owned()
            }
            (Stage::Executed { .. }, Some(Ready::Fd(fd))) => {
                format!("it has not written a newline on descriptor {fd}")
            }
            (Stage::Executed { .. }, Some(Ready::Probe(_))) if starting.taken => {
                let taken = self.taken(id)?;
                format!("somebody else answers in its place: {taken}")
            }
            (Stage::Executed { .. }, Some(Ready::Probe(probe))) => {
                format!("it is not ready at {probe}")
            }
            (Stage::Executed { .. }, Some(Ready::Delay(_))) => "its delay is not over".to_owned(),
            (Stage::Executed { .. }, Some(Ready::Log(pattern))) => {
                format!("no line of its output has {pattern}")
            }
            (Stage::Elsewhere { .. }, _) => {
                let wait_for = self.service(id).and_then(|spec| spec.wait_for.as_ref());
                format!("{} is not there", wait_for?.probe)
            }
            (Stage::Executed { .. }, Some(Ready::Exec) | None) => return None,
        })
    }

    /// What a stop is for.
    fn purpose(&self, then: &Then) -> String {
        match then {
            Then::Stopped => "for the shutdown".to_owned(),
            Then::ByHand => "by hand".to_owned(),
            Then::Waiting => "until what it requires is ready again".to_owned(),
            Then::Failure(reason) => format!("because of this: {}", self.words_of(reason)),
            Then::ByItself(_) => "by itself".to_owned(),
            Then::DependencyFailed(on) => format!("because {} has failed", self.name(*on)),
            Then::DependencyEnded(on) => format!("because {} has ended", self.name(*on)),
        }
    }
}
