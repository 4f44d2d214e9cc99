//! Who waits for whom, and who shares whose fate: what units say of each other, with all of
//! the recorded services side by side. Targets are places where orders meet, so what counts
//! is which service comes before which in the end.

use std::collections::{BTreeMap, BTreeSet};

use rinit::core::id::ServiceId;
use rinit::core::spec::{ServiceSpec, Spec};

use super::{Said, folder, read, recorded};

/// What every service comes after unless its unit says otherwise.
const BY_DEFAULT: [&str; 2] = ["sysinit.target", "basic.target"];

/// Bonds that order too, to rinit.
const REQUIRES: [&str; 3] = ["Requires", "Requisite", "BindsTo"];

type Graph = BTreeMap<String, BTreeSet<String>>;

/// Everything that comes before a place, over any number of others.
fn reached(graph: &Graph, from: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut waiting = vec![from.to_owned()];
    while let Some(place) = waiting.pop() {
        for next in graph.get(&place).into_iter().flatten() {
            if seen.insert(next.clone()) {
                waiting.push(next.clone());
            }
        }
    }
    seen
}

/// The unit behind an alias, which is a link.
fn own_name(name: &str) -> String {
    let link = folder().join("root/usr/lib/systemd/system").join(name);
    let target = std::fs::read_link(link).ok();
    let target = target.and_then(|target| Some(target.file_name()?.to_str()?.to_owned()));
    target.unwrap_or_else(|| name.to_owned())
}

/// The service of a socket, for which `Accept=yes` has a template.
fn served(name: &str) -> String {
    let Some(stem) = name.strip_suffix(".socket") else {
        return name.to_owned();
    };
    let plain = format!("{stem}.service");
    let is_there = folder()
        .join("root/usr/lib/systemd/system")
        .join(&plain)
        .is_file();
    let is_instance = stem.contains('@');
    if is_there || is_instance {
        plain
    } else {
        format!("{stem}@0.service")
    }
}

fn named<'a>(said: &'a Said, key: &str) -> impl Iterator<Item = String> + use<'a> {
    let values = said.get(key).into_iter().flatten();
    values.flat_map(|value| value.split(' ')).map(own_name)
}

/// What systemd says comes before what.
fn systemds(all: &BTreeMap<String, Said>) -> Graph {
    let mut graph = Graph::new();
    let mut add = |then: &str, first: &str| {
        let before = graph.entry(then.to_owned()).or_default();
        before.insert(first.to_owned());
    };
    for (unit, said) in all {
        named(said, "After").for_each(|first| add(unit, &first));
        named(said, "Before").for_each(|then| add(&then, unit));
        if unit.ends_with(".service") && !said.contains_key("DefaultDependencies") {
            BY_DEFAULT.iter().for_each(|first| add(unit, first));
        }
    }
    graph
}

/// The same, and whom a service requires: to rinit that orders too, and a socket is a part
/// of its service.
fn with_bonds(mut graph: Graph, all: &BTreeMap<String, Said>) -> Graph {
    for (unit, said) in all {
        let bonds = REQUIRES.iter().flat_map(|key| named(said, key));
        let bonds = bonds.map(|name| served(&name));
        graph.entry(unit.clone()).or_default().extend(bonds);
    }
    graph
}

/// The unit's name of a service.
fn unit(service: &ServiceSpec) -> String {
    let unit = service.unit.as_deref();
    unit.map_or_else(|| format!("{}.service", service.name), Into::into)
}

fn units(spec: &Spec, ids: &[ServiceId]) -> Vec<String> {
    ids.iter()
        .map(|id| unit(&spec.services[id.index()]))
        .collect()
}

/// What comes before what to rinit.
fn ours(spec: &Spec) -> Graph {
    let mut graph = Graph::new();
    for service in &spec.services {
        let own = unit(service);
        let edges = &service.edges;
        let mut firsts = units(spec, &edges.after);
        firsts.extend(units(spec, &edges.wants));
        firsts.extend(units(spec, &edges.requires));
        if let Some(ties) = &edges.ties {
            firsts.extend(units(spec, &ties.binds_to));
        }
        graph.entry(own.clone()).or_default().extend(firsts);
        for then in units(spec, &edges.before) {
            graph.entry(then).or_default().insert(own.clone());
        }
    }
    graph
}

#[test]
fn what_units_say_of_each_other_is_what_systemd_hears() {
    let all = recorded();
    let names: Vec<&str> = all.keys().map(String::as_str).collect();
    let services: Vec<&str> = names
        .into_iter()
        .filter(|name| name.ends_with(".service") && !all[*name].contains_key("LoadState"))
        .collect();
    let (spec, warnings) = read(&services);
    let spec = spec.unwrap_or_else(|why| panic!("{why}{warnings}"));
    let started: BTreeSet<String> = spec
        .services
        .iter()
        .filter(|service| service.enabled)
        .map(unit)
        .collect();
    assert!(started.len() > 300, "only {} services", started.len());
    let (theirs, ours) = (systemds(&all), ours(&spec));
    let allowed = with_bonds(theirs.clone(), &all);
    let mut failed = Vec::new();
    let mut edges = 0;
    for service in &spec.services {
        let own = unit(service);
        let Some(said) = all.get(&own) else {
            continue;
        };
        let (by_systemd, by_us) = (reached(&allowed, &own), reached(&ours, &own));
        for first in by_us.iter().filter(|first| !by_systemd.contains(*first)) {
            failed.push(format!(
                "{own} waits for {first}, which systemd doesn't ask"
            ));
        }
        if !started.contains(&own) {
            continue;
        }
        let written = theirs.get(&own).into_iter().flatten();
        for first in written.filter(|first| started.contains(*first)) {
            edges += 1;
            if !by_us.contains(first) {
                failed.push(format!("{own} doesn't wait for {first}"));
            }
        }
        failed.extend(bonds(&spec, service, said));
    }
    assert!(edges > 50, "only {edges} orders between services");
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Whose fate it shares.
fn bonds(spec: &Spec, service: &ServiceSpec, said: &Said) -> Vec<String> {
    let own = unit(service);
    let none = rinit::core::spec::Ties::default();
    let ties = service.edges.ties.as_deref().unwrap_or(&none);
    let known: BTreeSet<String> = spec.services.iter().map(unit).collect();
    let theirs = |keys: &[&str]| -> BTreeSet<String> {
        let all = keys.iter().flat_map(|key| named(said, key));
        all.filter(|name| known.contains(name) && *name != own)
            .collect()
    };
    let ours = |lists: &[&[ServiceId]]| -> BTreeSet<String> {
        lists.iter().flat_map(|ids| units(spec, ids)).collect()
    };
    let mut failed = Vec::new();
    let mut same = |what: &str, theirs: BTreeSet<String>, ours: BTreeSet<String>| {
        if theirs != ours {
            failed.push(format!(
                "{own}: {what}:\n    systemd {theirs:?}\n    rinit   {ours:?}"
            ));
        }
    };
    // What requires one that comes after it keeps the bond alone: rinit's requires orders.
    // A socket that is required is a part of its service.
    let bonds = theirs(&["Requires", "Requisite", "BindsTo", "PartOf"]);
    let by_socket = REQUIRES.iter().flat_map(|key| named(said, key));
    let by_socket = by_socket.filter(|name| name.ends_with(".socket"));
    let by_socket: BTreeSet<String> = by_socket.map(|name| served(&name)).collect();
    let own_bonds = ours(&[&service.edges.requires, &ties.binds_to, &ties.part_of]);
    // A bond to one that lost against its rival, and doesn't start, is dropped.
    let lost = spec.services.iter().filter(|other| !other.enabled);
    let lost: BTreeSet<String> = lost.map(unit).collect();
    let bonds = &bonds - &(&lost - &own_bonds);
    let more = &own_bonds & &by_socket;
    same(
        "Requires, Requisite, BindsTo, PartOf",
        &bonds | &more,
        own_bonds,
    );
    // Of units that conflict and were all asked for none stops another.
    let rivals = ours(&[&ties.conflicts]);
    same("Conflicts", &theirs(&["Conflicts"]) & &rivals, rivals);
    same(
        "OnFailure",
        theirs(&["OnFailure"]),
        ours(&[&ties.on_failure]),
    );
    same(
        "OnSuccess",
        theirs(&["OnSuccess"]),
        ours(&[&ties.on_success]),
    );
    failed
}
