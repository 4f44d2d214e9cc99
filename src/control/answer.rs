//! What is answered to each verb: at once, in pieces, or later. Read from the core alone;
//! nothing here waits or fails.

use super::context::{self, Own};
use super::events::Reader;
use super::logs::Logs;
use super::protocol::{REFUSED, Request, UNKNOWN, USAGE, VERSION, refusal};
use super::records::{Detail, List};
use super::requests::{self, ByHand};
use super::waits::Wait;
use crate::core::id::ServiceId;
use crate::core::json::Json;
use crate::core::query::Ask;
use crate::core::request::Verb;
use crate::core::system::System;
use crate::core::time::Now;

/// More names than this are not looked up.
const NAMES_MAX: usize = 64;

/// How a request is answered.
#[derive(Debug)]
pub(crate) enum Reply {
    /// By this line.
    Now(Vec<u8>),
    /// Piece by piece, as the client takes them.
    List(List),
    /// Line by line, as it happens.
    Events(Reader),
    /// When it is so.
    Later(Wait),
    /// When the core has made it so.
    ByHand(ByHand),
    /// By another process.
    Logs(Logs),
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Root, or rinit's own user.
    Owner,
    /// Somebody who may know how it stands, and no more.
    Stranger,
}

/// The answer to one line.
pub(crate) fn reply(line: &[u8], peer: Peer, system: &System, own: &Own, now: Now) -> Reply {
    let Some(request) = Request::parse(line) else {
        let error = "a request is one JSON object on one line: {\"verb\":\"status\"}";
        return Reply::Now(refusal(USAGE, error));
    };
    if request.names.len() > NAMES_MAX {
        let error = "more than 64 names; use a pattern: web*";
        return Reply::Now(refusal(USAGE, error));
    }
    let verb = request.verb.as_str();
    let waits = request.given("block") != Some(&false.into());
    let for_all = matches!(verb, "version" | "status" | "why" | "health" | "metrics");
    if peer == Peer::Stranger && !for_all {
        let error = "only root and rinit's own user may ask that";
        return Reply::Now(refusal(REFUSED, error));
    }
    match verb {
        "version" => Reply::Now(version(own.pid)),
        "status" => listed(&request, system, |ids| {
            let detail = if request.flag("detail") {
                Detail::Full
            } else {
                Detail::Brief
            };
            Reply::List(List::new(ids, detail))
        }),
        "why" => listed(&request, system, |ids| {
            Reply::List(List::new(ids, Detail::Why))
        }),
        "show" => listed(&request, system, |ids| {
            Reply::List(List::new(ids, Detail::Definition))
        }),
        "metrics" => listed(&request, system, |ids| {
            Reply::List(List::new(ids, Detail::Counters))
        }),
        "graph" => listed(&request, system, |ids| {
            Reply::List(List::new(system.with_needs(ids), Detail::Needs))
        }),
        "boot-chart" => listed(&request, system, |ids| {
            Reply::List(List::new(system.with_needs(ids), Detail::FirstStart))
        }),
        "events" => listed(&request, system, |ids| {
            let of = (!request.names.is_empty()).then(|| ids.into_iter().collect());
            Reply::Events(Reader::new(of, request.flag("follow")))
        }),
        "exec" => listed(&request, system, |ids| {
            Reply::Now(context::answer(&ids, system, own))
        }),
        "environment" => Reply::Now(context::environment(&request.names, own)),
        "logs" => listed(&request, system, |ids| {
            Reply::Logs(Logs::read(&request, ids))
        }),
        "health" => Reply::Now(health(&request, system, now)),
        "wait" => listed(&request, system, |ids| {
            Wait::begin(&request, ids, system, now)
        }),
        _ => match requests::verb(&request) {
            Some(Ok(verb @ (Verb::Shutdown { .. } | Verb::Plan | Verb::Apply))) => {
                Reply::ByHand(ByHand {
                    verb,
                    services: Box::default(),
                    waits,
                    units: Vec::new(),
                    hears: request.flag("progress"),
                })
            }
            Some(Ok(verb)) => listed(&request, system, |ids| {
                let none = verb == Verb::Learn && request.names.is_empty();
                Reply::ByHand(ByHand {
                    verb,
                    services: if none { Box::default() } else { ids.into() },
                    waits,
                    units: request.words("units"),
                    hears: false,
                })
            }),
            Some(Err(error)) => Reply::Now(refusal(USAGE, &error)),
            None => {
                let error = format!("this version knows no verb {verb}");
                Reply::Now(refusal(USAGE, &error))
            }
        },
    }
}

fn listed(request: &Request, system: &System, then: impl FnOnce(Vec<ServiceId>) -> Reply) -> Reply {
    match system.select(&request.names) {
        Ok(ids) => then(ids),
        Err(unknown) => {
            let error = format!("there is no service {}", unknown.0);
            Reply::Now(refusal(UNKNOWN, &error))
        }
    }
}

fn version(own_pid: i32) -> Vec<u8> {
    let mut out = Vec::new();
    let mut json = Json::object(&mut out);
    json.plain("ok", true)
        .text("version", env!("CARGO_PKG_VERSION"))
        .plain("pid", own_pid)
        .plain("protocol", VERSION);
    json.end();
    out.push(b'\n');
    out
}

fn health(request: &Request, system: &System, now: Now) -> Vec<u8> {
    let ask = match request.word("of") {
        Some("live") => Ask::Live,
        None | Some("ready") => Ask::Ready,
        Some("startup") => Ask::Startup,
        Some(_) => return refusal(USAGE, "health knows live, ready and startup"),
    };
    let verdict = system.health(ask, now.at);
    let mut out = Vec::new();
    let mut json = Json::object(&mut out);
    json.plain("ok", true)
        .plain("healthy", verdict.well)
        .text("message", &verdict.line);
    json.end();
    out.push(b'\n');
    out
}
