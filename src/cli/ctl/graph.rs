//! Who waits for whom at the start: as a tree for eyes, or for graphviz.

use std::fmt::Write;

use serde_json::Value;

use super::services::{of, text, words};
use super::{Clean, Options};
use crate::cli::print;
use crate::core::sorted::{Map, Set};

/// The two kinds of edges, as they are called in an answer, and graphviz's line for each.
const EDGES: [(&str, &str); 2] = [("requires", "solid"), ("after", "dashed")];

/// All that was asked for, with what it waits for.
pub(super) fn tell(answer: &Value, options: &Options) -> i32 {
    if !options.json {
        let services: Vec<&Value> = of(answer).collect();
        print::out(if options.dot {
            dot(&services)
        } else {
            tree(&services)
        });
    }
    0
}

fn dot(services: &[&Value]) -> String {
    let mut out = "digraph rinit {\n".to_owned();
    for service in services {
        let name = Value::from(text(service, "name"));
        let _ = writeln!(out, "  {name};");
        for (key, style) in EDGES {
            for need in words(service, key) {
                let need = Value::from(need);
                let _ = writeln!(out, "  {name} -> {need} [style={style}];");
            }
        }
    }
    out.push_str("}\n");
    out
}

/// Each that nobody waits for, and below it what it waits for. What was shown with what
/// is below it is only named when it comes again.
fn tree(services: &[&Value]) -> String {
    let by_name: Map<&str, &Value> = services
        .iter()
        .map(|service| (text(service, "name"), *service))
        .collect();
    let needed: Set<&str> = services
        .iter()
        .flat_map(|it| needs(it))
        .map(of_edge)
        .collect();
    let mut shown = Set::new();
    let mut out = String::new();
    // What is to be shown next stands last: how far in, before which branch, as what.
    let roots = services.iter().map(|service| text(service, "name"));
    let roots = roots.filter(|name| !needed.contains(name));
    let mut next: Vec<(String, &str, &str, &str)> =
        roots.map(|name| (String::new(), "", "", name)).collect();
    next.reverse();
    while let Some((before, branch, edge, name)) = next.pop() {
        let service = by_name.get(name).copied();
        let below: Vec<_> = service.into_iter().flat_map(needs).collect();
        let again = !shown.insert(name) && !below.is_empty();
        let gap = if edge.is_empty() { "" } else { " " };
        let state = service.map_or("", |service| text(service, "state"));
        let remark = if again { ", see above" } else { "" };
        let _ = writeln!(
            out,
            "{before}{branch}{edge}{gap}{} ({state}{remark})",
            Clean(name)
        );
        if again {
            continue;
        }
        let inside = match branch {
            "" => before,
            LAST => before + "   ",
            _ => before + "│  ",
        };
        for (place, (edge, need)) in below.iter().rev().enumerate() {
            let branch = if place == 0 { LAST } else { "├─ " };
            next.push((inside.clone(), branch, edge, need));
        }
    }
    out
}

const LAST: &str = "└─ ";

fn needs(service: &Value) -> Vec<(&'static str, &str)> {
    let of_kind = |(key, _): (&'static str, _)| {
        let needs = words(service, key).into_iter();
        needs.map(move |need| (key, need))
    };
    EDGES.into_iter().flat_map(of_kind).collect()
}

fn of_edge<'a>((_, need): (&str, &'a str)) -> &'a str {
    need
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_shared_one_is_shown_once_with_all_below_it_and_then_named() {
        let service = |name: &str, requires: &[&str], after: &[&str]| json!({"name": name, "state": "active", "requires": requires, "after": after});
        let all = [
            service("db", &["disk"], &[]),
            service("disk", &[], &[]),
            service("web", &["db"], &["cache", "disk"]),
            service("cache", &["db"], &[]),
            service("alone", &[], &[]),
        ];
        let all: Vec<&Value> = all.iter().collect();
        assert_eq!(
            tree(&all),
            "web (active)\n\
             ├─ requires db (active)\n\
             │  └─ requires disk (active)\n\
             ├─ after cache (active)\n\
             │  └─ requires db (active, see above)\n\
             └─ after disk (active)\n\
             alone (active)\n"
        );
        assert!(dot(&all).contains("  \"web\" -> \"cache\" [style=dashed];\n"));
    }
}
