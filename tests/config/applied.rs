//! What an apply does is told key by key (`core::apply::change`): here each key that can be
//! written is changed, and has to be named. A key without a sample fails, so that no new one
//! is forgotten there.

use std::collections::BTreeSet;

use rinit::config::{Outcome, load, reference};
use rinit::core::action::Action;
use rinit::core::apply::Reading;
use rinit::core::apply::change::Changes;
use rinit::core::event::Event;
use rinit::core::group_limit::GroupResources;
use rinit::core::request::{Outcome as Answer, RequestId, Verb};
use rinit::core::spec::Spec;
use rinit::core::system::{Surroundings, System};
use rinit::core::time::Now;

/// A key, what stands beside it, and its value before (none if empty) and after.
const SAMPLES: &[(&str, &str, &str, &str)] = &[
    ("command", "", "'true'", "['/bin/sh']"),
    ("type", "", "", "'oneshot'"),
    ("after", "", "", "['other']"),
    ("before", "", "", "['other']"),
    ("requires", "", "", "['other']"),
    ("wants", "", "", "['other']"),
    ("binds-to", "", "", "['other']"),
    ("part-of", "", "", "['other']"),
    ("on-failure", "", "", "['other']"),
    ("on-success", "", "", "['other']"),
    ("conflicts", "enabled = false", "", "['other']"),
    ("enabled", "", "", "false"),
    ("wait-for", "", "", "{ file = '/x' }"),
    ("ready", "", "", "'notify'"),
    ("health", "", "", "{ unix = '/x' }"),
    ("start-timeout", "", "", "'7s'"),
    ("restart", "", "", "'no'"),
    ("restart-delay", "", "", "'7s'"),
    ("restart-delay-max", "", "", "'7s'"),
    ("restart-reset", "", "", "'7s'"),
    ("start-limit", "", "", "{ count = 3, within = '1m' }"),
    ("success-exit-status", "", "", "[7]"),
    ("essential", "", "", "true"),
    ("readiness-gate", "", "", "false"),
    ("reload-signal", "", "", "'SIGHUP'"),
    ("stop-signal", "", "", "'SIGINT'"),
    ("stop-timeout", "", "", "'7s'"),
    ("kill-mode", "", "", "'mixed'"),
    ("restart-prevent-exit-status", "", "", "[7]"),
    ("restart-force-exit-status", "", "", "[7]"),
    ("pid-file", "type = 'forking'", "", "'/run/x.pid'"),
    ("guess-main-pid", "type = 'forking'", "", "false"),
    ("log-files", "", "", "['/x']"),
    ("schedule", "type = 'oneshot'", "", "'daily'"),
    ("every", "type = 'oneshot'", "'5m'", "'6m'"),
    ("randomized-delay", "every = '5m'", "", "'7s'"),
    ("working-directory", "", "", "'/'"),
    ("environment", "", "", "{ A = '1' }"),
    ("environment-file", "", "", "'-/x'"),
    ("user", "", "", "1"),
    ("group", "", "", "1"),
    ("supplementary-groups", "user = 1", "", "[7]"),
    ("umask", "", "", "'077'"),
    ("nice", "", "", "7"),
    ("oom-score-adjust", "", "", "7"),
    ("cpu-affinity", "", "", "['0-8191']"),
    ("memory-max", "", "'1G'", "'10%'"),
    ("memory-high", "", "", "'1G'"),
    ("memory-low", "", "", "'1G'"),
    ("memory-min", "", "", "'1G'"),
    ("memory-swap-max", "", "", "0"),
    ("cpu-quota", "", "'20%'", "'40%'"),
    ("cpu-weight", "", "", "7"),
    ("io-weight", "", "7", "8"),
    ("tasks-max", "", "", "7"),
    ("tracking", "", "", "'subreaper'"),
    ("output", "", "", "'raw'"),
    ("output", "", "{ file = '/x' }", "{ file = '/y' }"),
    ("when-full", "", "", "'drop'"),
    ("timestamps", "", "", "true"),
    ("log-ring", "", "", "'64K'"),
    ("runtime-directory", "", "", "'x'"),
    (
        "runtime-directory-mode",
        "runtime-directory = 'x'",
        "",
        "'0700'",
    ),
    ("state-directory", "", "", "'x'"),
    (
        "state-directory-mode",
        "state-directory = 'x'",
        "",
        "'0700'",
    ),
    ("cache-directory", "", "", "'x'"),
    (
        "cache-directory-mode",
        "cache-directory = 'x'",
        "",
        "'0700'",
    ),
    ("logs-directory", "", "", "'x'"),
    ("logs-directory-mode", "logs-directory = 'x'", "", "'0700'"),
    ("configuration-directory", "", "", "'x'"),
    (
        "configuration-directory-mode",
        "configuration-directory = 'x'",
        "",
        "'0700'",
    ),
    (
        "runtime-directory-preserve",
        "runtime-directory = 'x'",
        "",
        "true",
    ),
    ("remove-before-start", "", "", "'/x'"),
    ("no-new-privileges", "", "", "true"),
    ("capability-bounding-set", "", "", "[]"),
    ("ambient-capabilities", "user = 1", "", "['CAP_KILL']"),
    ("pass-environment", "", "", "['A']"),
    ("unset-environment", "", "", "['A']"),
    ("environment-from", "", "", "{ A = '-/x' }"),
    ("expand-file-variables", "", "", "true"),
    ("listen", "", "", "['/x']"),
    ("on-demand", "listen = ['/x']", "", "true"),
    ("exec-condition", "", "", "['true']"),
    ("exec-start-pre", "", "", "['true']"),
    ("exec-start-post", "", "", "['true']"),
    ("exec-reload", "", "", "['true']"),
    ("exec-stop", "", "", "['true']"),
    ("exec-stop-post", "", "", "['true']"),
    ("notify-access", "ready = 'notify'", "", "'main'"),
    ("watchdog", "", "", "'30s'"),
    ("watchdog-signal", "watchdog = '30s'", "", "'SIGINT'"),
    ("file-descriptor-store-max", "", "", "7"),
];

/// What these name are other keys, or other services.
const WITHOUT: [&str; 2] = ["unit", "instances"];

fn spec(lines: &[String], name: &str) -> Spec {
    let text = lines.join("\n");
    let path = std::env::temp_dir().join(format!("rinit-{}-{name}.toml", std::process::id()));
    std::fs::write(&path, &text).unwrap();
    let mut request = super::request(&[&path]);
    request.group_limits.own = GroupResources::ALL;
    let outcome = load(&request);
    std::fs::remove_file(&path).unwrap();
    match outcome {
        Outcome::Ready { spec, .. } => spec,
        other @ (Outcome::Refused { .. } | Outcome::Nothing) => {
            panic!("{text}\n{}", super::dump(&other))
        }
    }
}

/// What a plan says of it.
fn changes(old: Spec, new: Spec) -> Changes {
    let mut system = System::new(old, Surroundings::default());
    let (request, verb) = (RequestId(1), Verb::Plan);
    let asked = Event::Requested {
        request,
        verb,
        services: Box::default(),
    };
    let read = Event::ConfigurationRead(Reading::Sound {
        spec: Box::new(new),
        warnings: Box::default(),
    });
    let mut actions = Vec::new();
    for event in [Event::Booted, asked, read] {
        system.handle(event, Now::default(), &mut actions);
    }
    let planned = actions.into_iter().find_map(|action| {
        let Action::Answered { outcome, .. } = action else {
            return None;
        };
        if let Answer::Planned(changes) = outcome {
            return Some(*changes);
        }
        None
    });
    planned.expect("a plan")
}

/// `limit-*` is all of them, the mode of a folder is its own, and some share a name.
fn names(label: &str, key: &str) -> bool {
    let pattern = label.strip_suffix('*');
    pattern.is_some_and(|start| key.starts_with(start))
        || label.split(", ").any(|one| one == key)
        || key.strip_suffix("-mode") == Some(label)
}

#[test]
fn every_key_that_changes_is_named_by_a_plan_and_none_is_forgotten() {
    let known: BTreeSet<&str> = reference()
        .filter(|line| line.table == "service")
        .map(|line| line.key)
        .collect();
    let limits = known.iter().filter(|key| key.starts_with("limit-"));
    let limits = limits.map(|key| (*key, "", "", "7"));
    let samples: Vec<_> = SAMPLES.iter().copied().chain(limits).collect();
    let sampled: BTreeSet<&str> = samples.iter().map(|(key, ..)| *key).collect();
    let missing: Vec<&&str> = known.difference(&sampled).collect();
    let missing: Vec<_> = missing
        .iter()
        .filter(|key| !WITHOUT.contains(**key))
        .collect();
    assert!(missing.is_empty(), "no sample of {missing:?}");
    assert!(sampled.is_subset(&known), "{sampled:?} are not all keys");
    for (key, beside, before, after) in samples {
        let of = |value: &str, name: &str| {
            let mut lines = vec!["[service.web]".to_owned(), beside.to_owned()];
            if key != "command" {
                lines.push("command = 'true'".to_owned());
            }
            if !value.is_empty() {
                lines.push(format!("{key} = {value}"));
            }
            lines.push("[service.other]\ncommand = 'true'".to_owned());
            spec(&lines, &format!("{key}-{name}"))
        };
        let changes = changes(of(before, "before"), of(after, "after"));
        let [change] = &*changes.services else {
            panic!("{key}: {changes}");
        };
        assert_eq!(&*change.service, "web", "{key}: {changes}");
        let named = change.keys.iter().any(|label| names(label, key));
        assert!(named, "{key} is not named: {changes}");
    }
}
