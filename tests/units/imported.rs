//! What `rinit import` prints of a package's unit loads, and is the service that the unit
//! itself is, but for what its comments say.

use std::path::Path;
use std::process::Command;

use rinit::config::{Outcome, Request, load};
use rinit::core::spec::Spec;

use super::{Said, differences, folder, read, said};

/// What no key says: a comment has it, or the README.
const NO_KEY: &[&str] = &[
    // Services of TOML are asked no such thing; the README says so.
    "IgnoreSIGPIPE",
    // Bonds are comments as long as the others aren't there.
    "After",
    "Before",
    "Wants",
    "Requires",
    "Requisite",
    "BindsTo",
    "PartOf",
    "Upholds",
    "Conflicts",
    "OnFailure",
    "OnSuccess",
    "StopPropagatedFrom",
    "ReloadPropagatedFrom",
    "PropagatesStopTo",
    "PropagatesReloadTo",
];

fn import(path: &Path) -> Result<String, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_rinit"))
        .arg("import")
        .arg(path)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    match output.status.code() {
        Some(0) => Ok(text(output.stdout)),
        _ => Err(text(output.stderr)),
    }
}

/// The file, disabled, so that nobody misses the programs.
fn load_text(text: &str, name: &str) -> Result<Spec, String> {
    let mut disabled = String::new();
    for line in text.lines() {
        disabled.push_str(line);
        let is_header = line.starts_with("[service.") && !line.ends_with(".environment]");
        disabled.push_str(if is_header && !text.contains("\nenabled = ") {
            "\nenabled = false\n"
        } else {
            "\n"
        });
    }
    let file =
        std::env::temp_dir().join(format!("rinit-import-{}-{name}.toml", std::process::id()));
    std::fs::write(&file, &disabled).unwrap();
    let outcome = load(&Request {
        explicit: vec![file.clone()],
        environment: [("PATH", "/usr/bin:/bin"), ("TZ", "UTC")]
            .map(|(name, value)| (name.into(), value.into()))
            .into(),
        rights: rinit::config::Rights {
            change_user: true,
            raise_limits: true,
            lowest_nice: i32::MIN,
            lowest_oom_score: i32::MIN,
        },
        now: said::NOW,
        ..Request::default()
    });
    std::fs::remove_file(&file).unwrap();
    match outcome {
        Outcome::Ready { spec, .. } => Ok(spec),
        Outcome::Refused { errors, .. } => Err(errors.concat()),
        Outcome::Nothing => Err("nothing".to_owned()),
    }
}

#[test]
fn what_is_printed_of_a_unit_is_the_service_that_the_unit_is() {
    let units = folder().join("root/usr/lib/systemd/system");
    let mut failed = Vec::new();
    let mut compared = 0;
    for entry in units.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let unit = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !unit.ends_with(".service") || unit.contains("@.") || path.is_dir() {
            continue;
        }
        let (Ok(mut whole), _) = read(&[&unit]) else {
            continue;
        };
        let text = match import(&path) {
            Ok(text) => text,
            // A masked one, or a template by another name.
            Err(why) if why.contains("masked") || why.contains("template") => continue,
            Err(why) => {
                failed.push(format!("{unit}: {why}"));
                continue;
            }
        };
        let mut spec = match load_text(&text, &unit) {
            Ok(spec) => spec,
            Err(why) => {
                failed.push(format!("{unit}: {why}\n{text}"));
                continue;
            }
        };
        let stem = unit.strip_suffix(".service").unwrap();
        // The name of an alias is the unit's own.
        whole.services.retain(|service| service.is_unit(&unit));
        if whole.services.is_empty() {
            continue;
        }
        spec.services[0].name = stem.into();
        // TOML's variables are over those of files, a unit's below.
        let exec = &mut spec.services[0].exec;
        exec.environment_below = std::mem::take(&mut exec.environment);
        spec.services[0].unit = whole.services[0].unit.clone();
        let (mut direct, mut printed) = (Said::new(), Said::new());
        said::service(&unit, &whole, &mut direct);
        said::service(&unit, &spec, &mut printed);
        compared += 1;
        for key in NO_KEY {
            direct.remove(*key);
            printed.remove(*key);
        }
        agree(&text, &mut direct, &mut printed);
        // What a comment names is said.
        let comments: Vec<&str> = text.lines().filter(|line| line.starts_with('#')).collect();
        let comments = comments.join(" ");
        for difference in differences(&unit, &direct, &printed) {
            let key = difference.split(": ").nth(1).unwrap();
            let key = key.split(':').next().unwrap();
            if ![&format!("{key}="), &format!("{key} = ")]
                .iter()
                .any(|said| comments.contains(*said))
            {
                failed.push(difference);
            }
        }
    }
    assert!(compared > 250, "only {compared} units were compared");
    assert!(
        failed.is_empty(),
        "{}\n{} differences in {compared} units",
        failed.join("\n"),
        failed.len()
    );
}

/// What is written in another way and means the same.
fn agree(text: &str, direct: &mut Said, printed: &mut Said) {
    direct.retain(|key, values| {
        // They are commands now, or comments.
        let asked = key.starts_with("Condition") || key.starts_with("Assert");
        !asked
            || !values
                .iter()
                .all(|value| text.contains(value.trim_start_matches(['|', '!'])))
    });
    for (key, values) in direct.iter_mut().filter(|(key, _)| key.starts_with("Exec")) {
        if key == "ExecReload" && text.contains("\nreload-signal = ") {
            values.retain(|value| !value.contains("/kill -"));
        }
        let shown = printed.get(key).cloned().unwrap_or_default();
        for (place, value) in values.iter_mut().enumerate() {
            for right in ["(privileged) ", "(no-setuid) "] {
                if value.contains(right) && (text.contains("# + = ") || !text.contains("\nuser = "))
                {
                    *value = value.replace(right, "");
                }
            }
            // A variable that is several words is the shell's.
            let by_shell = shown
                .get(place)
                .is_some_and(|own| own.contains("/bin/sh -c \"exec "));
            if by_shell && value.contains('$') {
                value.clone_from(&shown[place]);
            }
            plain(value);
        }
    }
    // Who is ready on the bus is told by what it is called there.
    if text.contains("BusName=") {
        direct.remove("Type");
        printed.remove("Type");
    }
    direct.retain(|_, values| !values.is_empty());
    for values in printed.values_mut() {
        values.retain(|value| !value.starts_with("test: test "));
        for value in values {
            plain(value);
        }
    }
    printed.retain(|_, values| !values.is_empty());
}

/// A command without what is the same in both, written otherwise.
fn plain(command: &mut String) {
    for (one, other) in [
        ("(no-env-expand) ", ""),
        ("$MAINPID", "${MAINPID}"),
        (":-}", "}"),
        ("$$", "$"),
    ] {
        *command = command.replace(one, other);
    }
}
