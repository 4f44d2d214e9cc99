//! Sockets and timers: units that start services. rinit knows them as parts of those.

use super::dates::{ago, moment};
use super::lists::{Columns, is_wanted};
use super::offline::nobody;
use super::world::{STARTERS, Service, World, is_starter};
use crate::cli::ctl::Clean;
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
        return nobody(world, verb);
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
    let count;
    let out = if let Some((place, key)) = place {
        let mut rows: Vec<[String; 3]> = Vec::new();
        for (name, service) in &all {
            for at in super::status::words(&service.record, key) {
                let at = at.trim_start_matches("udp:");
                rows.push([at, name.as_str(), &*service.unit].map(|cell| Clean(cell).to_string()));
            }
        }
        count = rows.len();
        let title = place.trim_end_matches('s').to_ascii_uppercase();
        shown(world, [&*title, "UNIT", "ACTIVATES"], rows)
    } else {
        sort_by(&mut all, |a, b| {
            let at = |service: &Service| next(service).unwrap_or(i64::MAX);
            at(a.1).cmp(&at(b.1))
        });
        let now = wall_clock();
        let dash = |cell: Option<String>| cell.unwrap_or_else(|| "-".to_owned());
        let mut rows: Vec<[String; 6]> = Vec::new();
        for (name, service) in &all {
            let (next, last) = (next(service), last(service));
            rows.push([
                dash(next.map(moment)),
                dash(next.map(|at| left(at - now))),
                dash(last.map(moment)),
                dash(last.map(|at| ago(now - at))),
                name.as_str().to_owned(),
                Clean(&service.unit).to_string(),
            ]);
        }
        count = rows.len();
        shown(
            world,
            ["NEXT", "LEFT", "LAST", "PASSED", "UNIT", "ACTIVATES"],
            rows,
        )
    };
    print::out(out);
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

fn shown<const N: usize>(world: &World, head: [&str; N], mut rows: Vec<[String; N]>) -> String {
    if !world.options.no_legend {
        rows.insert(0, head.map(str::to_owned));
    }
    Columns(rows).show()
}
