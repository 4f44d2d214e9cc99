//! Answers about services: the table, the page of one, its definition.

use std::fmt::Write;
use std::time::Duration;

use serde_json::Value;

use super::sentences::sentences;
use super::table::{Cell, Table};
use super::{Clean, Options};
use crate::cli::print;
use crate::control::{Json, ask, usage, wall_clock};
use crate::core::time::Span;

/// Exit status of `status NAME…` where one of those that were named isn't active.
const NOT_ACTIVE: i32 = 3;

/// The records in an answer.
pub(in crate::cli) fn of(answer: &Value) -> impl Iterator<Item = &Value> {
    let services = answer.get("services").and_then(Value::as_array);
    services.into_iter().flatten()
}

/// How these stand, as rinit answers; nothing where it doesn't.
pub(in crate::cli) fn standing(names: &[String], places: &[String]) -> Value {
    let mut request = Vec::new();
    let mut json = Json::object(&mut request);
    json.text("verb", "status").texts("names", names);
    json.end();
    request.push(b'\n');
    let answer = ask(places, &request, true).unwrap_or_default();
    serde_json::from_slice(&answer).unwrap_or_default()
}

pub(super) fn text<'a>(service: &'a Value, key: &str) -> &'a str {
    service.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn number(service: &Value, key: &str) -> Option<i64> {
    service.get(key).and_then(Value::as_i64)
}

pub(super) fn words<'a>(service: &'a Value, key: &str) -> Vec<&'a str> {
    let list = service.get(key).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// The time between two moments in Unix milliseconds.
fn between(from: i64, to: i64) -> Span {
    let millis = u64::try_from(to.saturating_sub(from)).unwrap_or(0);
    Span(Duration::from_millis(millis))
}

/// A table, or the page of the one that was named.
pub(super) fn status(answer: &Value, options: &Options) -> i32 {
    if !options.json {
        print::out(status_text(answer, options));
    }
    if options.named && !of(answer).all(is_well) {
        return NOT_ACTIVE;
    }
    0
}

/// As lines.
pub(super) fn status_text(answer: &Value, options: &Options) -> String {
    if is_page(answer) {
        of(answer).map(page).collect::<String>() + &last_lines(answer)
    } else {
        table(answer, options)
    }
}

fn is_page(answer: &Value) -> bool {
    of(answer).any(|service| service.get("why").is_some())
}

/// Active, or a oneshot that did its work.
fn is_well(service: &Value) -> bool {
    match text(service, "state") {
        "active" | "reloading" => true,
        "exited" => text(service, "type") == "oneshot",
        _ => false,
    }
}

fn table(answer: &Value, options: &Options) -> String {
    let now = wall_clock();
    let pids: Vec<i32> = of(answer).filter_map(pid).collect();
    let used = usage(&pids);
    let head = [
        "NAME", "STATE", "PID", "SINCE", "RESTARTS", "MEMORY", "CPU", "REASON",
    ];
    let mut table = Table::new(head.map(Cell::plain));
    for service in of(answer) {
        let pid = pid(service);
        let since = number(service, "since").map(|since| between(since, now).to_string());
        let used = pid.and_then(|pid| used.get(&pid));
        let memory = used.map(|used| size(used.memory));
        let cpu = used.map(|used| seconds(used.cpu));
        table.row([
            Cell::plain(text(service, "name")),
            state(service),
            Cell::plain(pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string())),
            Cell::plain(since.unwrap_or_default()),
            Cell::plain(number(service, "restarts").unwrap_or(0).to_string()),
            Cell::plain(memory.unwrap_or_else(|| "-".to_owned())),
            Cell::plain(cpu.unwrap_or_else(|| "-".to_owned())),
            Cell::plain(remark(service)),
        ]);
    }
    let mut out = table.show(options.colour, options.width);
    let _ = writeln!(out, "\n{}", Clean(text(answer, "state")));
    out
}

/// The state, coloured by how good it is.
fn state(service: &Value) -> Cell {
    let word = text(service, "state");
    let unhealthy = text(service, "health") == "unhealthy";
    let colour = match word {
        "active" if unhealthy => "31",
        "active" => "32",
        "failed" => "31",
        "backoff" | "starting" | "waiting" | "stopping" | "killing" => "33",
        _ => "2",
    };
    Cell::coloured(word, colour)
}

fn remark(service: &Value) -> String {
    let waits = words(service, "waiting-for");
    if text(service, "health") == "unhealthy" {
        "unhealthy".to_owned()
    } else if !waits.is_empty() {
        format!("waits for {}", waits.join(", "))
    } else {
        text(service, "reason").to_owned()
    }
}

fn pid(service: &Value) -> Option<i32> {
    number(service, "pid").and_then(|pid| i32::try_from(pid).ok())
}

/// What the service of an answer printed last, where that was asked for.
pub(super) fn last_lines(answer: &Value) -> String {
    let mut out = String::new();
    let lines = answer.get("output").and_then(Value::as_array);
    for line in lines.into_iter().flatten() {
        let head = if out.is_empty() { "\n" } else { "" };
        let _ = writeln!(out, "{head}  | {}", Clean(text(line, "message")));
    }
    out
}

/// The answer as it came, and behind it what each service uses, `"usage":[…]`, and for a
/// page what was printed last, `"output":[…]`.
pub(super) fn with_more(line: &[u8], answer: &Value) -> Vec<u8> {
    let Some(head) = line.strip_suffix(b"}\n") else {
        return line.to_vec();
    };
    let pids: Vec<i32> = of(answer).filter_map(pid).collect();
    let used = usage(&pids);
    let mut out = [head, b",\"usage\":["].concat();
    let all = of(answer).filter_map(|service| Some((service, used.get(&pid(service)?)?)));
    for (place, (service, used)) in all.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        let mut json = Json::object(&mut out);
        json.text("name", text(service, "name"))
            .plain("memory", used.memory)
            .plain("cpu", used.cpu);
        if let Some(tasks) = used.tasks {
            json.plain("tasks", tasks);
        }
        json.end();
    }
    out.push(b']');
    if let Some(lines) = answer.get("output") {
        out.extend_from_slice(b",\"output\":");
        out.extend_from_slice(lines.to_string().as_bytes());
    }
    out.extend_from_slice(b"}\n");
    out
}

/// `0.4s`, `75s`: processor time of so many milliseconds.
fn seconds(millis: u64) -> String {
    match millis {
        ..10_000 => format!("{}.{}s", millis / 1000, millis / 100 % 10),
        10_000.. => format!("{}s", millis / 1000),
    }
}

/// `12.3M`.
fn size(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) >> 20;
    if tenths < 10_240 {
        format!("{}.{}M", tenths / 10, tenths % 10)
    } else {
        let tenths = bytes.saturating_mul(10) >> 30;
        format!("{}.{}G", tenths / 10, tenths % 10)
    }
}

fn page(service: &Value) -> String {
    let now = wall_clock();
    let mut out = String::new();
    let mut line = |key: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(out, "{key:>12}: {}", Clean(&value));
        }
    };
    line("name", text(service, "name").to_owned());
    line("defined in", text(service, "source").to_owned());
    let since = number(service, "since").map(|since| between(since, now));
    let since = since.map_or_else(String::new, |since| format!(" for {since}"));
    line("state", format!("{}{since}", text(service, "state")));
    let pid = pid(service);
    line("pid", pid.map_or_else(String::new, |pid| pid.to_string()));
    let used = pid.and_then(|pid| usage(&[pid]).get(&pid).cloned());
    let told = |it: Option<String>| it.unwrap_or_default();
    line("memory", told(used.as_ref().map(|used| size(used.memory))));
    line("cpu", told(used.as_ref().map(|used| seconds(used.cpu))));
    let tasks = used.and_then(|used| used.tasks);
    line("tasks", told(tasks.map(|tasks| tasks.to_string())));
    line(
        "restarts",
        number(service, "restarts").unwrap_or(0).to_string(),
    );
    let dropped = number(service, "dropped").filter(|count| *count > 0);
    line(
        "dropped",
        told(dropped.map(|count| format!("{count} lines of output that nobody took"))),
    );
    line("health", text(service, "health").to_owned());
    line("says", text(service, "status").to_owned());
    line("waits for", words(service, "waiting-for").join(", "));
    let ends = service.get("ends").and_then(Value::as_array);
    for (place, end) in ends.into_iter().flatten().enumerate() {
        let ago = between(number(end, "at").unwrap_or(now), now);
        let after = number(end, "after")
            .map_or_else(String::new, |after| format!(" after {}", between(0, after)));
        let exit = number(end, "exit").filter(|_| text(end, "reason") == "stopped");
        let exit = exit.map_or_else(String::new, |exit| format!(", exit {exit},"));
        let key = if place == 0 { "last runs" } else { "" };
        let _ = writeln!(
            out,
            "{key:>12}{} {}{exit}{after}, {ago} ago",
            if place == 0 { ":" } else { " " },
            Clean(text(end, "reason"))
        );
    }
    let _ = write!(out, "\n{}", sentences(service));
    out
}

/// Names alone, a line each.
pub(super) fn list(answer: &Value, options: &Options) -> i32 {
    if !options.json {
        let lines = of(answer).map(|service| format!("{}\n", Clean(text(service, "name"))));
        print::out(lines.collect::<String>());
    }
    0
}

/// Keys and values as they were understood.
pub(super) fn show(answer: &Value, options: &Options) -> i32 {
    if !options.json {
        let mut out = String::new();
        for service in of(answer) {
            let gap = if out.is_empty() { "" } else { "\n" };
            let _ = writeln!(out, "{gap}[service.{}]", Clean(text(service, "name")));
            let keys = service.as_object().into_iter().flatten();
            for (key, value) in keys.filter(|(key, _)| !matches!(key.as_str(), "name" | "state")) {
                let empty = value.as_array().is_some_and(Vec::is_empty) || value.is_null();
                if !empty {
                    let _ = writeln!(out, "{} = {}", Clean(key), Clean(&value.to_string()));
                }
            }
        }
        print::out(out);
    }
    0
}
