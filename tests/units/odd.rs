//! What nobody writes on purpose means to rinit what it means to systemd: `odd/cases` are
//! units with empty, wrong and strange values and lines, `odd/recorded` is what systemd makes
//! of them, written by `odd/record`. Where rinit differs by design, `DESIGN` says why.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rinit::core::group_limit::GroupResource;
use rinit::core::probe::Probe;
use rinit::core::signal::Signal;
use rinit::core::spec::{Ready, Spec};
use rinit::core::terms::Terms;

use super::{Said, design, differences, read_below, record_of, said};

/// Units that are read otherwise, and why.
const DESIGN: &[(&str, &str)] = &[
    ("killsignal-cld", "a name that the kernel knows too"),
    ("killsignal-poll", "the same"),
    ("reload-signal", "Type=notify-reload is of newer versions"),
    ("type-reload", "the same"),
    ("umask-long", "only nine bits are masked"),
    (
        "watchdogsignal-empty",
        "without a watchdog there is no signal of its",
    ),
];
/// What an unwritten property is to systemd.
const USUAL: &[(&str, &str)] = &[
    ("FinalKillSignal", "SIGKILL"),
    ("RuntimeMaxUSec", "infinity"),
    ("SuccessAction", "none"),
    ("FailureAction", "none"),
    ("SuccessActionExitStatus", "-1"),
    ("RefuseManualStart", "no"),
    ("StopWhenUnneeded", "no"),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/units/odd")
}

/// «ff» is a byte that isn't text; «» takes the line feed behind it away.
fn raw(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut parts = text.split('«');
    bytes.extend(parts.next().unwrap().bytes());
    for part in parts {
        let (digits, rest) = part.split_once('»').unwrap();
        let pairs = digits.as_bytes().chunks(2);
        bytes.extend(pairs.map(|pair| {
            let pair = std::str::from_utf8(pair).unwrap();
            u8::from_str_radix(pair, 16).unwrap()
        }));
        let rest = match digits {
            "" => rest.strip_prefix('\n').unwrap(),
            _ => rest,
        };
        bytes.extend(rest.bytes());
    }
    bytes
}

/// Makes the files of `cases` below the root.
fn lay_out(root: &Path) {
    let cases = fs::read_to_string(folder().join("cases")).unwrap();
    let mut files: Vec<(String, String)> = Vec::new();
    for line in cases.split('\n') {
        if let Some(path) = line.strip_prefix("== ") {
            files.push((path.to_owned(), String::new()));
        } else if let Some(name) = line.strip_prefix("= ") {
            let start = "[Service]\nExecStart=/bin/true\n".to_owned();
            files.push((format!("{name}.service"), start));
        } else if let Some((_, text)) = files.last_mut() {
            text.push_str(line);
            text.push('\n');
        }
    }
    for (path, text) in files.iter().filter(|(path, _)| path != "asked") {
        let file = match path.strip_prefix('/') {
            Some(below) => root.join(below),
            None => root.join("etc/systemd/system").join(path),
        };
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        match text.strip_prefix("-> ") {
            Some(target) => std::os::unix::fs::symlink(target.trim(), file).unwrap(),
            None => fs::write(file, raw(text)).unwrap(),
        }
    }
}

#[test]
fn odd_units_mean_what_they_mean_to_systemd() {
    let root = std::env::temp_dir().join(format!("rinit-odd-{}", std::process::id()));
    lay_out(&root);
    let mut failed = Vec::new();
    let recorded = record_of(&folder());
    assert!(recorded.len() > 200, "{}", recorded.len());
    for (unit, mut systemd) in recorded {
        if DESIGN
            .iter()
            .any(|(name, _)| unit == format!("{name}.service"))
        {
            continue;
        }
        let loads = systemd.remove("LoadState").is_none();
        let (spec, warnings) = read_below(&root, &[&unit]);
        match spec {
            Err(why) if loads => failed.push(format!("{unit}: refused: {why}")),
            Ok(_) if !loads => {
                failed.push(format!("{unit}: systemd can't load it, and rinit does"));
            }
            Ok(spec) => {
                let mut rinit = Said::new();
                said::service(&unit, &spec, &mut rinit);
                more(&unit, &spec, &mut rinit);
                design::agree(&unit, &mut systemd, &mut rinit);
                agree(&mut systemd, &mut rinit);
                let found = differences(&unit, &systemd, &rinit);
                if !found.is_empty() {
                    failed.extend(found);
                    let lines = warnings.lines().filter(|line| line.contains("warning:"));
                    failed.extend(lines.map(str::to_owned));
                }
            }
            Err(_) => {}
        }
    }
    fs::remove_dir_all(&root).unwrap();
    let count = failed.len();
    assert!(
        failed.is_empty(),
        "{}\n{count} differences",
        failed.join("\n")
    );
}

/// Makes the two the same where they may differ.
fn agree(systemd: &mut Said, rinit: &mut Said) {
    let said = |systemd: &Said, key: &str| systemd.get(key).map(|all| all.concat());
    for (key, usual) in USUAL {
        let all = systemd.entry((*key).to_owned());
        all.or_insert_with(|| vec![(*usual).to_owned()]);
    }
    for (key, as_long_as) in [
        ("RestartKillSignal", "KillSignal"),
        ("TimeoutAbortUSec", "TimeoutStopUSec"),
    ] {
        let usual = said(systemd, as_long_as).unwrap();
        systemd.entry(key.to_owned()).or_insert_with(|| vec![usual]);
    }
    // Nothing to begin with is a command that does nothing.
    if systemd.get("ExecStart").is_none_or(Vec::is_empty) {
        systemd.remove("ExecStart");
        rinit.remove("ExecStart");
    }
    if said(systemd, "SendSIGKILL").is_some() || said(systemd, "Type").as_deref() != Some("dbus") {
        systemd.remove("BusName");
    }
    // What is idle has the least weight there is, and what is endless outlives everybody.
    for (key, theirs, ours) in [
        ("CPUWeight", "0", "1"),
        ("RestartUSec", "infinity", "4294967295000000"),
        ("TimeoutAbortUSec", "infinity", "4294967295000000"),
    ] {
        if said(systemd, key).as_deref() == Some(theirs)
            && said(rinit, key).as_deref() == Some(ours)
        {
            systemd.remove(key);
            rinit.remove(key);
        }
    }
}

/// What only these units say.
fn more(unit: &str, spec: &Spec, said: &mut Said) {
    let mut add = |key: &str, value: String| {
        said.insert(key.to_owned(), vec![value]);
    };
    let service = spec.services.iter().find(|own| own.is_unit(unit)).unwrap();
    let usual = Terms::default();
    let terms = service.terms.as_deref().unwrap_or(&usual);
    let micros = |time: Option<Duration>| {
        time.map_or_else(|| "infinity".into(), |time| time.as_micros().to_string())
    };
    let restart = terms.restart_signal.unwrap_or(service.stop.signal);
    add("RestartKillSignal", restart.to_string());
    let last = terms.final_signal.unwrap_or(Signal::KILL);
    add("FinalKillSignal", last.to_string());
    add("RuntimeMaxUSec", micros(terms.longest));
    let abort = terms.abort_timeout.or(service.stop.timeout);
    add("TimeoutAbortUSec", micros(abort));
    for (key, ends) in [
        ("SuccessAction", terms.success_ends_all),
        ("FailureAction", terms.failure_ends_all),
    ] {
        add(key, if ends { "exit" } else { "none" }.to_owned());
    }
    let code = terms.success_code.map_or(-1, i32::from);
    add("SuccessActionExitStatus", code.to_string());
    for (key, on) in [
        ("RefuseManualStart", terms.refuses_start),
        ("StopWhenUnneeded", terms.stops_unneeded),
    ] {
        add(key, if on { "yes" } else { "no" }.to_owned());
    }
    if let Ready::Probe(Probe::Bus(name)) = &service.ready {
        add("BusName", name.to_string());
    }
    for limit in &service.exec.group_limits {
        let key = match limit.of {
            GroupResource::MemoryMax => "MemoryMax",
            GroupResource::MemoryHigh => "MemoryHigh",
            GroupResource::MemoryLow => "MemoryLow",
            GroupResource::MemoryMin => "MemoryMin",
            GroupResource::MemorySwapMax => "MemorySwapMax",
            GroupResource::CpuQuota => "CPUQuotaPerSecUSec",
            GroupResource::CpuWeight => "CPUWeight",
            GroupResource::IoWeight => "IOWeight",
            GroupResource::TasksMax => "TasksMax",
        };
        let amount = match limit.amount {
            u64::MAX => "infinity".to_owned(),
            amount => amount.to_string(),
        };
        add(key, amount);
    }
}
