//! Answers about many services: made piece by piece, each record when the client has
//! room for it, so that a thousand of them hold neither memory nor the loop.

use std::time::Duration;

use crate::core::apply::places::Places;
use crate::core::exec::Words;
use crate::core::first_start::FirstStart;
use crate::core::id::ServiceId;
use crate::core::json::Json;
use crate::core::output::Tally;
use crate::core::query::Ask;
use crate::core::record::Record;
use crate::core::reload::can_reload;
use crate::core::spec::{Kind, Ready, ServiceSpec};
use crate::core::state::{Backoff, Standing, State};
use crate::core::system::System;
use crate::core::time::{Instant, Now, Span};

/// A piece is so long, and one record more.
const PIECE: usize = 8192;
/// How many services one piece tells of at most.
const RECORDS: usize = 32;

/// How much is told of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// A line of the table.
    Brief,
    /// A page.
    Full,
    /// Why it stands there.
    Why,
    /// The compiled definition.
    Definition,
    /// What it waits for at its start.
    Needs,
    /// What a graph over time wants.
    Counters,
    /// How it came up after the boot.
    FirstStart,
}

/// What isn't the core's to count.
pub(crate) struct Counts<'a> {
    /// What has come of a service's lines, where rinit sees them.
    pub(crate) tally: &'a dyn Fn(ServiceId) -> Option<Tally>,
    pub(crate) applies: Applies,
}

/// What has come of new configurations.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Applies {
    /// How many count now, or did.
    pub(crate) good: u32,
    /// How many were refused.
    pub(crate) refused: u32,
    /// When the last one came, in Unix milliseconds, and whether it was good.
    pub(crate) last: Option<(i64, bool)>,
    /// When the files of the last good one were begun to be read, in Unix milliseconds; not
    /// of the first one.
    pub(crate) read: i64,
}

impl Applies {
    /// One came.
    pub(crate) const fn note(&mut self, good: bool, wall: i64) {
        let count = if good {
            &mut self.good
        } else {
            &mut self.refused
        };
        *count = count.saturating_add(1);
        self.last = Some((wall, good));
    }
}

/// A list in the making.
#[derive(Debug)]
pub(crate) struct List {
    ids: Vec<ServiceId>,
    next: usize,
    detail: Detail,
    begun: bool,
}

impl List {
    /// Of these services.
    pub(crate) const fn new(ids: Vec<ServiceId>, detail: Detail) -> Self {
        Self {
            ids,
            next: 0,
            detail,
            begun: false,
        }
    }

    /// Services have other numbers now. Those that are no more are left out.
    pub(crate) fn take_over(&mut self, places: &Places) {
        let rest = self.ids.split_off(self.next.min(self.ids.len()));
        self.ids
            .extend(rest.into_iter().filter_map(|id| places.of(id)));
    }

    /// Appends the next piece; whether it was the last.
    pub(crate) fn piece(
        &mut self,
        out: &mut Vec<u8>,
        system: &System,
        counts: &Counts<'_>,
        now: Now,
    ) -> bool {
        let before = out.len();
        if !std::mem::replace(&mut self.begun, true) {
            let mut json = Json::object(out);
            json.plain("version", super::protocol::VERSION)
                .text("state", system.whole().word());
            if self.detail == Detail::Full {
                let booted = wall(system.booted_at(), now);
                json.plain("read", counts.applies.read.max(booted));
            }
            if self.detail == Detail::Counters {
                counters_of_all(&mut json, system, counts.applies, now);
            }
            if self.detail == Detail::FirstStart {
                let elapsed = now.at.since(system.booted_at()).as_millis();
                json.plain("booted", wall(system.booted_at(), now))
                    .plain("elapsed", elapsed);
            }
            json.open("services");
        }
        let mut told = 0_usize;
        while told < RECORDS && out.len().saturating_sub(before) < PIECE {
            let Some(id) = self.ids.get(self.next) else {
                break;
            };
            if self.next > 0 {
                out.push(b',');
            }
            record(out, *id, self.detail, system, counts, now);
            self.next = self.next.saturating_add(1);
            told = told.saturating_add(1);
        }
        let done = self.next >= self.ids.len();
        if done {
            out.extend_from_slice(b"]}\n");
        }
        done
    }
}

fn record(
    out: &mut Vec<u8>,
    id: ServiceId,
    detail: Detail,
    system: &System,
    counts: &Counts<'_>,
    now: Now,
) {
    let mut json = Json::object(out);
    if let (Some(spec), Some(state)) = (system.service(id), system.state(id)) {
        json.text("name", &spec.name);
        json.text("state", state.standing().word());
        match detail {
            Detail::Brief => brief(&mut json, id, spec, state, system, now),
            Detail::Full => {
                brief(&mut json, id, spec, state, system, now);
                full(&mut json, id, spec, state, system, now);
                let dropped = (counts.tally)(id).map(|tally| tally.dropped);
                json.plain_or_null("dropped", dropped);
            }
            Detail::Why => {
                json.texts("why", system.why(id, now.at));
            }
            Detail::Definition => definition(&mut json, spec, system),
            Detail::Counters => {
                counters(&mut json, id, spec, state, system, now);
                if let Some(Tally { lines, dropped }) = (counts.tally)(id) {
                    json.plain("lines", lines).plain("dropped", dropped);
                }
            }
            Detail::Needs => needs(&mut json, id, system),
            Detail::FirstStart => {
                needs(&mut json, id, system);
                let first = system.record(id).map(|record| &record.first_start);
                first_start(&mut json, first);
            }
        }
    }
    json.end();
}

fn needs(json: &mut Json<'_>, id: ServiceId, system: &System) {
    let name = |id: ServiceId| system.service(id).map_or("?", |spec| &spec.name);
    let needs = |wanted: bool| {
        let needs = system
            .needs(id)
            .filter(move |(_, requires)| *requires == wanted);
        needs.map(|(need, _)| name(need))
    };
    json.texts("requires", needs(true))
        .texts("after", needs(false));
}

/// In milliseconds since the boot; no result is that of a service which the boot didn't wait for.
fn first_start(json: &mut Json<'_>, first: Option<&FirstStart>) {
    json.text_or_null("result", first.and_then(|first| first.result.word()))
        .plain_or_null("began", first.and_then(FirstStart::began))
        .plain_or_null("attempted", first.and_then(FirstStart::attempted))
        .plain_or_null("last-began", first.and_then(FirstStart::last_began))
        .plain_or_null("settled", first.and_then(FirstStart::settled));
}

fn brief(
    json: &mut Json<'_>,
    id: ServiceId,
    spec: &ServiceSpec,
    state: &State,
    system: &System,
    now: Now,
) {
    let name = |id: ServiceId| system.service(id).map_or("?", |spec| &spec.name);
    let record = system.record(id);
    let health = is_healthy(id, spec, state, system);
    let health = health.map(|healthy| if healthy { "healthy" } else { "unhealthy" });
    json.plain_or_null("pid", pid(state))
        .plain_or_null("since", record.map(|record| wall(record.since, now)))
        .plain("restarts", record.map_or(0, Record::restarts))
        .text_or_null("reason", system.last_reason(id).as_deref())
        .plain_or_null("exit", system.last_exit(id).map(|exit| exit.code()))
        .text_or_null("health", health)
        .texts("waiting-for", system.waiting_for(id).map(name))
        .text_or_null("source", Some(&*spec.source).filter(|at| !at.is_empty()));
    // Beyond the promised keys: what the exit status of `status NAME` needs.
    json.text("type", kind(spec));
    json.text("result", system.last_result(id));
    if let Some(unit) = &spec.unit {
        json.text("unit", unit);
    }
    if spec.schedule.is_some() {
        json.plain("schedule", true);
    }
    if let Some(listen) = &spec.listen {
        let sockets = listen.sockets.iter();
        json.texts("listen", sockets.map(|socket| socket.to_string()));
        if let Some(watch) = &listen.watch {
            let paths = watch.paths.iter();
            json.texts("paths", paths.map(String::from_utf8_lossy));
        }
    }
    if system.is_stale(id) {
        json.plain("stale", true);
    }
    if system.is_unhooked(id) {
        json.plain("unhooked", true);
    }
}

/// What its probes say, while they are asked.
fn is_healthy(id: ServiceId, spec: &ServiceSpec, state: &State, system: &System) -> Option<bool> {
    let asked = spec.health.is_some() && state.standing() == Standing::Active;
    asked.then(|| !system.is_unhealthy(id))
}

fn pid(state: &State) -> Option<i32> {
    state.run().and_then(|run| run.pid).map(|pid| pid.0)
}

fn counters_of_all(json: &mut Json<'_>, system: &System, applies: Applies, now: Now) {
    json.text("release", env!("CARGO_PKG_VERSION"))
        .plain("booted", wall(system.booted_at(), now));
    for (key, ask) in [
        ("live", Ask::Live),
        ("ready", Ask::Ready),
        ("started", Ask::Startup),
    ] {
        json.plain(key, system.health(ask, now.at).well);
    }
    json.plain("applied", applies.good)
        .plain("refused", applies.refused)
        .plain_or_null("applied-at", applies.last.map(|(at, _)| at))
        .plain_or_null("applied-well", applies.last.map(|(_, good)| good));
}

fn counters(
    json: &mut Json<'_>,
    id: ServiceId,
    spec: &ServiceSpec,
    state: &State,
    system: &System,
    now: Now,
) {
    let record = system.record(id);
    let since = state.run().map(|run| wall(run.since, now));
    let ways = record.into_iter().flat_map(|record| record.ways.iter());
    json.plain_or_null("pid", pid(state))
        .plain_or_null("run-since", since)
        .plain("restarts", record.map_or(0, Record::restarts))
        .plain_or_null("healthy", is_healthy(id, spec, state, system))
        .nested("exits", |json| {
            for (way, count) in ways {
                json.plain(way.word(), count);
            }
        });
}

fn full(
    json: &mut Json<'_>,
    id: ServiceId,
    spec: &ServiceSpec,
    state: &State,
    system: &System,
    now: Now,
) {
    json.plain("enabled", spec.enabled)
        .plain("essential", spec.essential)
        .plain("reloads", can_reload(spec));
    let status = state.run().and_then(|run| run.status.as_deref());
    json.text_or_null("status", status);
    let next = if let State::Backoff(Backoff { until, .. }) = state {
        Some(wall(*until, now))
    } else if let State::Waiting(waiting) = state {
        let next = waiting.appointment.as_ref();
        next.map(|next| next.wall.map_or_else(|| wall(next.at, now), |own| own.due))
    } else {
        None
    };
    json.plain_or_null("next", next);
    json.texts("why", system.why(id, now.at));
    let ends = system
        .record(id)
        .into_iter()
        .flat_map(|record| record.ends());
    json.list("ends", ends, |out, end| {
        let mut json = Json::object(out);
        let after = end.after.map(|after| after.as_millis());
        let reason = end.reason.as_ref().map(|reason| system.words_of(reason));
        json.plain_or_null("began", end.began())
            .plain("at", end.at)
            .plain_or_null("after", after)
            .plain_or_null("exit", end.exit.map(|exit| exit.code()))
            .text("reason", reason.as_deref().unwrap_or("stopped"));
        json.end();
    });
}

/// What was written, compiled. Values of the environment may be secrets.
fn definition(json: &mut Json<'_>, spec: &ServiceSpec, system: &System) {
    let name = |id: &ServiceId| system.service(*id).map_or("?", |spec| &spec.name);
    let words = |words: &Words| -> Vec<String> {
        let words = words.iter();
        words
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect()
    };
    let edges = &spec.edges;
    // In whatever order they start.
    let along = edges.ties.iter().flat_map(|ties| &*ties.starts);
    let along =
        along.filter(|id| !edges.wants.contains(id) && edges.required().all(|own| own != **id));
    let wanted = edges.wants.iter().chain(along);
    json.text_or_null("source", Some(&*spec.source).filter(|at| !at.is_empty()))
        .text("type", kind(spec))
        .texts("command", words(&spec.exec.command))
        .plain("enabled", spec.enabled)
        .plain("essential", spec.essential)
        .plain("readiness-gate", spec.readiness_gate)
        .texts("requires", spec.edges.requires.iter().map(name))
        .texts("wants", wanted.map(name))
        .texts("after", spec.edges.after.iter().map(name))
        .texts("before", spec.edges.before.iter().map(name));
    if let Some(ties) = &spec.edges.ties {
        json.texts("binds-to", ties.binds_to.iter().map(name))
            .texts("part-of", ties.part_of.iter().map(name))
            .texts("conflicts", ties.conflicts.iter().map(name))
            .texts("on-failure", ties.on_failure.iter().map(name))
            .texts("on-success", ties.on_success.iter().map(name));
    }
    let ready = match &spec.ready {
        Ready::Exec => "exec".to_owned(),
        Ready::Notify => "notify".to_owned(),
        Ready::Fd(fd) => format!("fd {fd}"),
        Ready::Probe(probe) => probe.to_string(),
        Ready::Log(pattern) => format!("log {pattern}"),
        Ready::Delay(delay) => format!("delay {}", Span(*delay)),
    };
    let restart = spec.restart.policy.word();
    let span = |time: Option<Duration>| {
        time.map_or_else(|| "infinity".to_owned(), |time| Span(time).to_string())
    };
    let health = spec.health.as_ref().map(|health| health.probe.to_string());
    let reload = spec.reload_signal.map(|signal| signal.to_string());
    let identity = spec.exec.identity.as_deref();
    let user = identity.and_then(|identity| identity.user.as_deref());
    let group = identity.and_then(|identity| identity.group.as_deref());
    json.text("ready", &ready)
        .text_or_null("health", health.as_deref())
        .text("start-timeout", &span(spec.start_timeout))
        .text("restart", restart)
        .text_or_null("reload-signal", reload.as_deref())
        .text("stop-signal", &spec.stop.signal.to_string())
        .text("stop-timeout", &span(spec.stop.timeout))
        .text_or_null("user", user)
        .text_or_null("group", group)
        .text_or_null("working-directory", spec.exec.directory.as_deref())
        .text("output", spec.exec.output.name());
    let redacted = words(&spec.exec.environment).into_iter().map(|word| {
        let name = word.split('=').next().unwrap_or_default();
        format!("{name}=…")
    });
    json.texts("environment", redacted);
    let files = spec.exec.environment_files.iter().map(|file| &file.path);
    json.texts("environment-file", files);
}

const fn kind(spec: &ServiceSpec) -> &'static str {
    match spec.kind {
        Kind::Simple => "simple",
        Kind::Oneshot => "oneshot",
    }
}

/// A point on the monotonic clock in Unix milliseconds, by today's wall clock.
fn wall(at: Instant, now: Now) -> i64 {
    let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    now.wall
        .saturating_sub(millis(now.at.since(at)))
        .saturating_add(millis(at.since(now.at)))
}
