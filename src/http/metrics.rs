//! Metrics, in OpenMetrics' text form 1.0 or in Prometheus's 0.0.4, of PID 1's answer and
//! of what /proc shows.

use std::fmt::Write;

use serde_json::Value;

use crate::core::ends::Way;
use crate::core::sorted::{Map, sort};
use crate::core::state::Standing;
use crate::subreaper;
use crate::sys::process;
use crate::sys::usage::{self, Usage};

/// What a family's numbers are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Only grows, until a start.
    Counter,
    Gauge,
    /// Always 1; its labels tell.
    Info,
}

/// A page of metrics in the making.
struct Page {
    out: String,
    openmetrics: bool,
    name: &'static str,
    suffix: &'static str,
}

impl Page {
    /// A family begins.
    fn family(&mut self, name: &'static str, kind: Kind, help: &str) {
        let (suffix, word) = match kind {
            Kind::Counter => ("_total", "counter"),
            Kind::Gauge => ("", "gauge"),
            Kind::Info => ("_info", "info"),
        };
        // The older form knows neither suffixes nor the kind.
        let (shown, word) = match kind {
            _ if self.openmetrics => ("", word),
            Kind::Info => (suffix, "gauge"),
            Kind::Counter | Kind::Gauge => (suffix, word),
        };
        let _ = write!(
            self.out,
            "# HELP {name}{shown} {help}\n# TYPE {name}{shown} {word}\n"
        );
        self.name = name;
        self.suffix = suffix;
    }

    /// A number of it.
    fn sample(&mut self, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.out.push_str(self.name);
        self.out.push_str(self.suffix);
        let mut before = '{';
        for (name, value) in labels {
            self.out.push(before);
            let _ = write!(self.out, "{name}=\"");
            for letter in value.chars() {
                match letter {
                    '\\' => self.out.push_str("\\\\"),
                    '"' => self.out.push_str("\\\""),
                    '\n' => self.out.push_str("\\n"),
                    _ => self.out.push(letter),
                }
            }
            self.out.push('"');
            before = ',';
        }
        if before == ',' {
            self.out.push('}');
        }
        let _ = writeln!(self.out, " {value}");
    }
}

/// Milliseconds as seconds.
struct Seconds(u64);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

fn number(value: &Value, key: &str) -> Option<u64> {
    value.get(key)?.as_u64()
}

fn pid(service: &Value) -> Option<i32> {
    number(service, "pid").and_then(|pid| i32::try_from(pid).ok())
}

fn text_of<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The whole text.
pub(super) fn text(answer: &[u8], openmetrics: bool) -> Vec<u8> {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let services = answer.get("services").and_then(Value::as_array);
    let services = services.map(Vec::as_slice).unwrap_or_default();
    let mut roots: Vec<i32> = services.iter().filter_map(pid).collect();
    let parent = process::parent_pid().0;
    // PID 1 itself, without what is below it.
    let own = usage::of_one(parent);
    sort(&mut roots);
    let used = usage::of_trees(&roots, subreaper::NAME);
    let page = Page {
        out: String::new(),
        openmetrics,
        name: "",
        suffix: "",
    };
    write(page, &answer, services, own, &used).into_bytes()
}

fn write(
    mut page: Page,
    answer: &Value,
    services: &[Value],
    own: Option<Usage>,
    used: &Map<i32, Usage>,
) -> String {
    page.family("rinit_build", Kind::Info, "Which rinit it is.");
    page.sample(&[("version", text_of(answer, "release"))], 1);
    page.family(
        "rinit_start_time_seconds",
        Kind::Gauge,
        "When rinit started, since 1970.",
    );
    page.sample(&[], Seconds(number(answer, "booted").unwrap_or(0)));
    page.family("rinit_state", Kind::Gauge, "1 for how the whole stands.");
    for state in ["starting", "running", "degraded", "stopping"] {
        let stands = text_of(answer, "state") == state;
        page.sample(&[("state", state)], u8::from(stands));
    }
    for (key, name, help) in [
        (
            "live",
            "rinit_live",
            "1 while no essential service is failed or unhealthy.",
        ),
        (
            "ready",
            "rinit_ready",
            "1 while every service is up and healthy.",
        ),
        (
            "started",
            "rinit_started",
            "1 once every service was up and healthy.",
        ),
    ] {
        page.family(name, Kind::Gauge, help);
        page.sample(&[], u8::from(answer.get(key) == Some(&Value::Bool(true))));
    }
    page.family(
        "rinit_applies",
        Kind::Counter,
        "New configurations that came, by what became of them.",
    );
    for outcome in ["applied", "refused"] {
        let count = number(answer, outcome).unwrap_or(0);
        page.sample(&[("outcome", outcome)], count);
    }
    if let Some(at) = number(answer, "applied-at") {
        page.family(
            "rinit_last_apply_time_seconds",
            Kind::Gauge,
            "When the last one came, since 1970.",
        );
        page.sample(&[], Seconds(at));
        page.family(
            "rinit_last_apply_good",
            Kind::Gauge,
            "1 if the last one counts, 0 if it was refused.",
        );
        let good = answer.get("applied-well") == Some(&Value::Bool(true));
        page.sample(&[], u8::from(good));
    }
    if let Some(own) = own {
        page.family(
            "rinit_resident_memory_bytes",
            Kind::Gauge,
            "What rinit itself has in memory.",
        );
        page.sample(&[], own.memory);
        page.family(
            "rinit_cpu_seconds",
            Kind::Counter,
            "What rinit and all that it reaped took of processors.",
        );
        page.sample(&[], Seconds(own.cpu));
    }
    of_services(&mut page, services);
    of_processes(&mut page, services, used);
    if page.openmetrics {
        page.out.push_str("# EOF\n");
    }
    page.out
}

fn of_services(page: &mut Page, services: &[Value]) {
    let name = |service| ("service", text_of(service, "name"));
    page.family(
        "rinit_service_state",
        Kind::Gauge,
        "1 for how a service stands.",
    );
    for service in services {
        for state in Standing::ALL.map(Standing::word) {
            let stands = text_of(service, "state") == state;
            page.sample(&[name(service), ("state", state)], u8::from(stands));
        }
    }
    page.family(
        "rinit_service_restarts",
        Kind::Counter,
        "How often a service was started again.",
    );
    for service in services {
        page.sample(&[name(service)], number(service, "restarts").unwrap_or(0));
    }
    page.family(
        "rinit_service_exits",
        Kind::Counter,
        "How many runs of a service ended, by cause.",
    );
    for service in services {
        let exits = service.get("exits").unwrap_or(&Value::Null);
        for cause in Way::ALL.map(Way::word) {
            let count = number(exits, cause).unwrap_or(0);
            page.sample(&[name(service), ("cause", cause)], count);
        }
    }
    page.family(
        "rinit_service_start_time_seconds",
        Kind::Gauge,
        "When the run began that is under way, since 1970.",
    );
    for service in services {
        if let Some(since) = number(service, "run-since") {
            page.sample(&[name(service)], Seconds(since));
        }
    }
    for (key, family, help) in [
        (
            "lines",
            "rinit_service_log_lines",
            "Lines of output that rinit wrote.",
        ),
        (
            "dropped",
            "rinit_service_log_dropped_lines",
            "Lines of output that nobody took and when-full dropped.",
        ),
    ] {
        page.family(family, Kind::Counter, help);
        for service in services {
            if let Some(count) = number(service, key) {
                page.sample(&[name(service)], count);
            }
        }
    }
    page.family(
        "rinit_service_healthy",
        Kind::Gauge,
        "Whether a service that is asked is well.",
    );
    for service in services {
        if let Some(healthy) = service.get("healthy").and_then(Value::as_bool) {
            page.sample(&[name(service)], u8::from(healthy));
        }
    }
}

fn of_processes(page: &mut Page, services: &[Value], used: &Map<i32, Usage>) {
    let all = || {
        services.iter().filter_map(|service| {
            let usage = used.get(&pid(service)?)?;
            Some(([("service", text_of(service, "name"))], usage))
        })
    };
    page.family(
        "rinit_service_processes",
        Kind::Gauge,
        "A service's main process and all below it.",
    );
    for (labels, usage) in all() {
        page.sample(&labels, usage.processes);
    }
    page.family(
        "rinit_service_resident_memory_bytes",
        Kind::Gauge,
        "What they have in memory.",
    );
    for (labels, usage) in all() {
        page.sample(&labels, usage.memory);
    }
    page.family(
        "rinit_service_cpu_seconds",
        Kind::Counter,
        "What they took of processors.",
    );
    for (labels, usage) in all() {
        page.sample(&labels, Seconds(usage.cpu));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] = br#"{"version":1,"state":"degraded","release":"0.1.0","booted":1700000000123,"live":true,"ready":false,"applied":2,"refused":1,"applied-at":1700000001500,"applied-well":false,"started":true,"services":[{"name":"a\"b","state":"backoff","pid":null,"run-since":null,"restarts":3,"healthy":null,"exits":{"exit":4},"lines":12,"dropped":3}]}"#;

    #[test]
    fn both_forms_name_their_families_as_they_should() {
        let modern = String::from_utf8(text(ANSWER, true)).unwrap();
        let older = String::from_utf8(text(ANSWER, false)).unwrap();
        for line in [
            "# TYPE rinit_build info\n",
            "rinit_build_info{version=\"0.1.0\"} 1\n",
            "rinit_start_time_seconds 1700000000.123\n",
            "rinit_state{state=\"degraded\"} 1\n",
            "# TYPE rinit_service_exits counter\n",
            "rinit_service_exits_total{service=\"a\\\"b\",cause=\"exit\"} 4\n",
            "rinit_service_state{service=\"a\\\"b\",state=\"active\"} 0\n",
            "rinit_ready 0\n",
            "rinit_applies_total{outcome=\"applied\"} 2\n",
            "rinit_last_apply_time_seconds 1700000001.500\n",
            "rinit_last_apply_good 0\n",
            "rinit_service_log_lines_total{service=\"a\\\"b\"} 12\n",
            "rinit_service_log_dropped_lines_total{service=\"a\\\"b\"} 3\n",
        ] {
            assert!(modern.contains(line), "{line}\n{modern}");
        }
        assert!(modern.ends_with("# EOF\n"));
        assert!(older.contains("# TYPE rinit_service_exits_total counter\n"));
        assert!(older.contains("# TYPE rinit_build_info gauge\n"));
        assert!(!older.contains("# EOF"));
    }
}
