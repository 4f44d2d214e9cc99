//! Sockets and timers: units that start services. rinit knows them as parts of those.

use super::dates::{ago, moment};
use super::lists::{Columns, is_wanted};
use super::offline::nobody;
use super::world::{STARTERS, Service, World, is_starter};
use crate::cli::print;
use crate::control::wall_clock;
use crate::core::sorted::sort_by;
use crate::units::UnitName;

/// Those that rinit's services have, each with its service, in the order of names.
pub(super) fn starters<'s>(world: &World, services: &'s [Service]) -> Vec<(UnitName, &'s Service)> {
    let mut all: Vec<(UnitName, &Service)> = Vec::new();
    for text in world.search().names() {
        let Some(name) = UnitName::parse(text).filter(is_starter) else {
            continue;
        };
        let own = world.search().fragment(&name);
        let is_own = own.is_ok_and(|(real, _)| real == name);
        let known = all.iter().any(|(other, _)| *other == name);
        if let Some(service) = world.meant(&name, services).first()
            && is_own
            && !known
        {
            all.push((name, service));
        }
    }
    sort_by(&mut all, |a, b| a.0.as_str().cmp(b.0.as_str()));
    all
}

/// Its next time, in Unix milliseconds.
pub(super) fn next(service: &Service) -> Option<i64> {
    let waits = service.text("state") == "waiting";
    service.number("next").filter(|_| waits)
}

/// When it last began.
pub(super) fn last(service: &Service) -> Option<i64> {
    let ends = service.record.get("ends").and_then(|ends| ends.as_array());
    let began = ends.into_iter().flatten();
    let began = began.filter_map(|end| end.get("began").and_then(serde_json::Value::as_i64));
    let now = service
        .number("since")
        .filter(|_| service.number("pid").is_some());
    began.chain(now).max()
}

/// `5h 12min left`, as `5h 12min ago`.
pub(super) fn left(millis: i64) -> String {
    ago(millis).replace(" ago", " left")
}

pub(super) fn list(world: &World, verb: &str, words: &[String]) -> i32 {
    let Ok((services, _)) = world.services(true) else {
        return nobody();
    };
    let kind = verb.trim_start_matches("list-").trim_end_matches('s');
    let place = STARTERS.iter().find(|own| own.kind == kind);
    let place = place.and_then(|own| Some((own.place?, own.key)));
    let is_up = |(name, service): &(UnitName, &Service)| {
        let up = service.stands_as(name).active == "active";
        (up || world.options.all) && name.suffix() == kind && is_wanted(words, name.as_str())
    };
    let mut all: Vec<_> = starters(world, &services);
    all.retain(is_up);
    let mut rows;
    if let Some((place, key)) = place {
        let title = place.trim_end_matches('s').to_ascii_uppercase();
        rows = Columns::new(world, &[&title, "UNIT", "ACTIVATES"]);
        for (name, service) in &all {
            for at in super::status::words(&service.record, key) {
                let at = at.trim_start_matches("udp:");
                rows.row(&[at, name.as_str(), &service.unit]);
            }
        }
    } else {
        sort_by(&mut all, |a, b| {
            let at = |service: &Service| next(service).unwrap_or(i64::MAX);
            at(a.1).cmp(&at(b.1))
        });
        let head = ["NEXT", "LEFT", "LAST", "PASSED", "UNIT", "ACTIVATES"];
        rows = Columns::new(world, &head);
        let now = wall_clock();
        for (name, service) in &all {
            let cells = |at: Option<i64>, span: fn(i64, i64) -> String| match at {
                Some(at) => [moment(at), span(at, now)],
                None => ["-", "-"].map(str::to_owned),
            };
            let [next, to_go] = cells(next(service), |at, now| left(at - now));
            let [last, passed] = cells(last(service), |at, now| ago(now - at));
            rows.row(&[&next, &to_go, &last, &passed, name.as_str(), &service.unit]);
        }
    }
    let count = rows.count();
    print::out(rows.show());
    if !world.options.no_legend {
        print::out(format_args!("\n{count} {kind}s listed.\n"));
        if !world.options.all {
            print::out(format_args!(
                "Pass --all to see loaded but inactive {kind}s, too.\n"
            ));
        }
    }
    0
}
