//! Units of Debian's packages mean to rinit what they mean to Debian's own systemd: what it
//! makes of the unit files below `debian/root` is in `debian/recorded`, written by
//! `debian/record`, and what rinit's reader makes of them is said here in the same words.
//! Where it differs by design, `design` has it, with the reason; all else is a bug.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test fails by a panic and says what it saw"
)]

mod design;
mod imported;
mod odd;
mod order;
mod said;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rinit::config::{GroupLimits, Outcome, Request, Rights, load};
use rinit::core::group_limit::GroupResources;
use rinit::core::spec::Spec;

/// What is said of a unit: each property with its values, in order.
type Said = BTreeMap<String, Vec<String>>;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/units/debian")
}

/// What systemd makes of each unit.
fn recorded() -> BTreeMap<String, Said> {
    record_of(&folder())
}

/// What is recorded in this folder.
fn record_of(folder: &Path) -> BTreeMap<String, Said> {
    let text = std::fs::read_to_string(folder.join("recorded")).unwrap();
    let mut all: BTreeMap<String, Said> = BTreeMap::new();
    let mut name = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(unit) = line.strip_prefix('[') {
            unit.trim_end_matches(']').clone_into(&mut name);
            all.entry(name.clone()).or_default();
        } else if let Some((key, value)) = line.split_once('=') {
            let said = all.get_mut(&name).unwrap();
            let values = said.entry(key.to_owned()).or_default();
            values.push(value.to_owned());
        }
    }
    all
}

/// How often `read` was called.
static READ: AtomicU32 = AtomicU32::new(0);

/// A start as root with these units; its findings too.
fn read(units: &[&str]) -> (Result<Spec, String>, String) {
    read_below(&folder().join("root"), units)
}

/// The same, with the units below that root.
fn read_below(root: &Path, units: &[&str]) -> (Result<Spec, String>, String) {
    let list: Vec<String> = units.iter().map(|unit| format!("{unit:?}")).collect();
    let text = format!("[init]\nunits = [{}]\n", list.join(", "));
    // Tests beside each other ask for one unit each.
    let number = READ.fetch_add(1, Ordering::Relaxed);
    let file =
        std::env::temp_dir().join(format!("rinit-units-{}-{number}.toml", std::process::id()));
    std::fs::write(&file, text).unwrap();
    let outcome = load(&Request {
        explicit: vec![file.clone()],
        environment: [("PATH", "/usr/bin:/bin"), ("TZ", "UTC")]
            .map(|(name, value)| (name.into(), value.into()))
            .into(),
        rights: Rights {
            change_user: true,
            raise_limits: true,
            lowest_nice: i32::MIN,
            lowest_oom_score: i32::MIN,
        },
        group_limits: GroupLimits {
            own: GroupResources::ALL,
            shared: GroupResources::ALL,
        },
        unit_root: root.to_owned(),
        // 2026-11-24 18:00:00 UTC
        now: said::NOW,
        ..Request::default()
    });
    std::fs::remove_file(&file).unwrap();
    match outcome {
        Outcome::Ready { spec, warnings, .. } => (Ok(spec), warnings.concat()),
        Outcome::Refused { errors, warnings } => (Err(errors.concat()), warnings.concat()),
        Outcome::Nothing => (Err("nothing".to_owned()), String::new()),
    }
}

/// Every property that isn't the same, a line each.
fn differences(unit: &str, systemd: &Said, rinit: &Said) -> Vec<String> {
    let mut keys: Vec<&String> = systemd.keys().chain(rinit.keys()).collect();
    keys.sort();
    keys.dedup();
    let none = Vec::new();
    let mut found = Vec::new();
    for key in keys {
        let (theirs, ours) = (
            systemd.get(key).unwrap_or(&none),
            rinit.get(key).unwrap_or(&none),
        );
        if theirs != ours {
            found.push(format!(
                "{unit}: {key}:\n    systemd {theirs:?}\n    rinit   {ours:?}"
            ));
        }
    }
    found
}

#[test]
fn units_of_debians_packages_mean_what_they_mean_to_systemd() {
    let packages = std::fs::read_to_string(folder().join("packages")).unwrap();
    assert!(packages.lines().count() >= 100, "packages are missing");
    let mut failed = Vec::new();
    let mut compared = 0;
    for (unit, systemd) in recorded() {
        if unit.ends_with(".target") {
            continue;
        }
        let mut systemd = systemd;
        let loads = systemd.remove("LoadState").is_none();
        let (spec, warnings) = read(&[&unit]);
        let spec = match spec {
            Ok(spec) => spec,
            Err(_) if !loads => continue,
            Err(why) => {
                failed.push(format!("{unit}: refused: {why}{warnings}"));
                continue;
            }
        };
        if !loads {
            failed.push(format!("{unit}: systemd can't load it, and rinit does"));
            continue;
        }
        let mut rinit = Said::new();
        match unit.rsplit_once('.').unwrap().1 {
            "service" => said::service(&unit, &spec, &mut rinit),
            "socket" => said::socket(&spec, &mut rinit),
            _ => said::timer(&systemd["Unit"][0], &spec, &mut rinit),
        }
        design::agree(&unit, &mut systemd, &mut rinit);
        failed.extend(differences(&unit, &systemd, &rinit));
        compared += 1;
    }
    assert!(compared > 400, "only {compared} units were compared");
    let count = failed.len();
    assert!(
        failed.is_empty(),
        "{}\n{count} differences",
        failed.join("\n")
    );
}
