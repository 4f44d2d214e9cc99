//! Golden files: NAME.toml is loaded, and what `config::load` says of it must be what
//! NAME.expected holds. `UPDATE=1 cargo test --test config` rewrites them.
//!
//! Nothing depends on the machine beyond root and /bin/sh: programs are /bin/sh, or missing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    missing_docs,
    reason = "a test fails by a panic and says what it saw"
)]

mod applied;
mod descriptors;
mod files;
mod properties;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use rinit::config::{Offer, Outcome, Request, Rights, load};
use rinit::core::exec::Words;
use rinit::core::graph::start_order;
use rinit::core::group_limit::GroupResources;
use rinit::core::id::ServiceId;
use rinit::core::spec::{ServiceSpec, Spec};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config")
}

/// What root may outside of containers.
const ROOTS: Rights = Rights {
    change_user: true,
    raise_limits: true,
    lowest_nice: i32::MIN,
    lowest_oom_score: i32::MIN,
};

/// A start as root with a small environment.
fn request(files: &[&Path]) -> Request {
    let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    Request {
        explicit: files.iter().map(|path| path.to_path_buf()).collect(),
        environment: vec![
            pair("PATH", "/usr/bin:/bin"),
            pair("WORKERS", "4"),
            pair("EMPTY", ""),
        ],
        rights: ROOTS,
        unit_root: folder().join("root"),
        // 2026-11-24 18:00:00 UTC
        now: 1_795_543_200,
        ..Request::default()
    }
}

/// All of an outcome as text; the folder of the tests is left out of paths.
fn dump(outcome: &Outcome) -> String {
    let mut text = String::new();
    let mut list = |name: &str, texts: &[Box<str>]| {
        for each in texts {
            writeln!(text, "[{name}]\n{each}\n").unwrap();
        }
    };
    match outcome {
        Outcome::Nothing => text.push_str("nothing\n"),
        Outcome::Refused { errors, warnings } => {
            list("error", errors);
            list("warning", warnings);
        }
        Outcome::Ready {
            spec,
            warnings,
            notes,
            ..
        } => {
            list("warning", warnings);
            list("note", notes);
            dump_spec(&mut text, spec);
        }
    }
    text.replace(&format!("{}/", folder().display()), "")
}

/// Of each service what differs from a simple one without any key.
fn dump_spec(text: &mut String, spec: &Spec) {
    writeln!(text, "{:#?}", spec.init).unwrap();
    let plain = ServiceSpec::new("");
    for service in &spec.services {
        writeln!(text, "{} ({})", service.name, service.source).unwrap();
        let mut line = |name: &str, value: &dyn std::fmt::Debug, plain: &dyn std::fmt::Debug| {
            let value = format!("{value:?}");
            if value != format!("{plain:?}") {
                writeln!(text, "  {name}: {value}").unwrap();
            }
        };
        macro_rules! lines {
            ($($name:ident $(. $field:ident)?),* $(,)?) => {
                $(line(
                    concat!(stringify!($name) $(, ".", stringify!($field))?),
                    &service.$name $(. $field)?,
                    &plain.$name $(. $field)?,
                );)*
            };
        }
        lines!(
            kind,
            enabled,
            pulled,
            essential,
            readiness_gate,
            is_main,
            edges.requires,
            edges.wants,
            edges.after,
            edges.before,
            edges.ties,
            listen,
            ready,
            health,
            schedule,
            notify,
            start_timeout,
            restart.policy,
            restart.delay,
            restart.delay_max,
            restart.reset,
            restart.limit,
            success,
            stop.signal,
            stop.timeout,
            stop.kill_mode,
            stop.to_group,
            forking,
            commands,
            tracking,
            exec.command,
            exec.manner,
            exec.environment_below,
            exec.environment,
            exec.environment_files,
            exec.directory,
            exec.identity,
            exec.umask,
            exec.limits,
            exec.group_limits,
            exec.nice,
            exec.oom_score_adjust,
            exec.ignore_pipe,
            exec.output,
            exec.setup,
            terms,
        );
    }
    text.push_str("order:");
    for level in start_order(spec) {
        let name = |id: &ServiceId| &*spec.services[id.index()].name;
        let names: Vec<_> = level.iter().map(name).collect();
        write!(text, " ({})", names.join(" ")).unwrap();
    }
    text.push('\n');
}

#[test]
fn every_golden_file_gives_what_is_expected() {
    let mut names: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    names.sort();
    assert!(names.len() > 20, "golden files are missing: {names:?}");
    let mut failed = Vec::new();
    for path in names {
        let mut start = request(&[&path]);
        // The first line may say more about the start: "# start: uid=1000 command=sleep".
        let text = std::fs::read_to_string(&path).unwrap();
        let options = text
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("# start: "));
        for option in options
            .unwrap_or_default()
            .split(' ')
            .filter(|o| !o.is_empty())
        {
            let (name, value) = option.split_once('=').unwrap();
            match name {
                "uid" => {
                    start.uid = value.parse().unwrap();
                    start.rights = Rights::default();
                }
                "command" => start.command = value.split(',').map(|w| w.into()).collect(),
                "cgroups" => {
                    let limits = &mut start.group_limits;
                    let (offer, limits) = match value {
                        "own" => (Offer::Own, &mut limits.own),
                        "shared" => (Offer::Shared, &mut limits.shared),
                        _ => panic!("{value}"),
                    };
                    start.cgroups = offer;
                    *limits = GroupResources::ALL;
                }
                "root" => start.unit_root = folder().join("roots").join(value),
                // As if the file weren't there.
                "bare" => {
                    start.explicit.clear();
                    start.default_units = true;
                }
                "can_setuid" => start.rights.change_user = value.parse().unwrap(),
                _ => start.environment.push((name.into(), value.into())),
            }
        }
        let found = dump(&load(&start));
        let expected_path = path.with_extension("expected");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&expected_path, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&expected_path).unwrap_or_default();
        if found != expected {
            failed.push(format!(
                "== {}\n-- expected\n{expected}\n-- found\n{found}",
                path.display()
            ));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn later_files_override_earlier_ones_key_by_key() {
    let base = folder().join("layers/10-base.toml");
    let over = folder().join("layers/20-over.toml");
    let Outcome::Ready { spec, warnings, .. } = load(&request(&[&base, &over])) else {
        panic!("refused: {}", dump(&load(&request(&[&base, &over]))));
    };
    let same = load(&request(&[&folder().join("layers")]));
    assert_eq!(
        dump(&same),
        dump(&Outcome::Ready {
            spec: spec.clone(),
            warnings,
            notes: Vec::new(),
            has_units: false,
        })
    );
    let names: Vec<_> = spec.services.iter().map(|s| &*s.name).collect();
    assert_eq!(names, ["web", "db", "more"]);
    let web = &spec.services[0];
    assert_eq!(web.exec.command, Words::new(["/bin/sh", "-c", "echo over"]));
    assert_eq!(web.exec.environment, Words::new(["A=1", "B=3", "C=4"]));
    assert!(web.essential, "what the later file doesn't name stays");
    assert!(web.source.ends_with("10-base.toml:4"), "{}", web.source);
    let wants: Vec<_> = web.edges.wants.iter().map(|id| id.index()).collect();
    assert_eq!(wants, [2], "an array is replaced as a whole");
}

#[test]
fn a_variable_of_the_environment_beats_every_file() {
    let path = folder().join("layers");
    let mut start = request(&[&path]);
    start
        .environment
        .push((b"RINIT_SHUTDOWN_TIMEOUT".into(), b"27s".into()));
    start
        .environment
        .push((b"RINIT_OUTPUT".into(), b"raw".into()));
    let Outcome::Ready { spec, .. } = load(&start) else {
        panic!("refused: {}", dump(&load(&start)));
    };
    assert_eq!(
        spec.init.shutdown_timeout,
        Some(std::time::Duration::from_secs(27))
    );
    let outputs: Vec<_> = spec
        .services
        .iter()
        .map(|s| format!("{:?}", s.exec.output))
        .collect();
    assert_eq!(outputs, ["Raw", "Null", "Raw"]);
}
