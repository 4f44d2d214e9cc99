//! Where rinit's reading differs from systemd's by design. What both said is made the same
//! here, each with its reason; nothing else may differ.

use rinit::core::capability::Capabilities;

use super::Said;

/// What is recorded and not compared.
const NOT_COMPARED: &[(&str, &str)] = &[
    (
        "Triggers",
        "a unit that starts another is read as a part of that",
    ),
    ("DefaultDependencies", "an order, which `order` compares"),
    (
        "PassEnvironment",
        "the container's variables reach every unit",
    ),
    ("Persistent", "README: not in this version"),
];
/// Protect*= and PrivateDevices= take these away, which rinit leaves out.
const BY_HARDENING: [&str; 6] = [
    "mknod",
    "sys_rawio",
    "sys_module",
    "syslog",
    "sys_time",
    "wake_alarm",
];
/// Of `order`.
const EDGES: &str =
    "After Before Requires Requisite Wants BindsTo Upholds PartOf Conflicts OnFailure OnSuccess";
/// Conditions that a warning says are taken to hold.
const NOT_ASKED: [&str; 3] = ["AssertPathIsReadWrite", "ConditionCPUs", "ConditionUser"];
/// What an unwritten property is to systemd.
const USUAL: &[(&str, &str)] = &[
    ("Type", "simple"),
    ("Restart", "no"),
    ("RestartUSec", "100000"),
    ("TimeoutStartUSec", "90000000"),
    ("TimeoutStopUSec", "90000000"),
    ("KillMode", "control-group"),
    ("KillSignal", "SIGTERM"),
    ("NotifyAccess", "none"),
    ("UMask", "0022"),
    ("WorkingDirectory", "/"),
    ("StartLimitBurst", "5"),
    ("StartLimitIntervalUSec", "10000000"),
];

fn first(said: &Said, key: &str) -> Option<String> {
    said.get(key)?.first().cloned()
}

fn set(said: &mut Said, key: &str, value: impl Into<String>) {
    said.insert(key.to_owned(), vec![value.into()]);
}

/// Makes the two the same where they may differ.
pub(crate) fn agree(unit: &str, systemd: &mut Said, rinit: &mut Said) {
    for (key, _) in NOT_COMPARED {
        systemd.remove(*key);
    }
    for key in EDGES.split(' ') {
        systemd.remove(key);
    }
    if unit.ends_with(".service") {
        service(systemd, rinit);
    } else {
        systemd.retain(|key, _| !key.starts_with("Condition") && !key.starts_with("Assert"));
        for key in ["StartLimitBurst", "StartLimitIntervalUSec"] {
            systemd.remove(key);
        }
    }
    // A /var/run that is no link is no trouble.
    for key in ["PIDFile", "ListenStream"] {
        for file in rinit.get_mut(key).into_iter().flatten() {
            *file = file.replace("/var/run/", "/run/");
        }
    }
    if unit.ends_with(".socket") {
        for (key, usual) in [("SocketMode", "0666"), ("FileDescriptorName", unit)] {
            systemd
                .entry(key.to_owned())
                .or_insert_with(|| vec![usual.to_owned()]);
        }
    }
    if unit.ends_with(".timer") {
        timer(systemd);
    }
}

fn service(systemd: &mut Said, rinit: &mut Said) {
    for (key, usual) in USUAL {
        systemd
            .entry((*key).to_owned())
            .or_insert_with(|| vec![(*usual).to_owned()]);
    }
    // One limit of both; none where either is 0.
    let burst = systemd.remove("StartLimitBurst").unwrap().concat();
    let within = systemd.remove("StartLimitIntervalUSec").unwrap().concat();
    let none = burst == "0" || within == "0" || within == "infinity";
    let limit = if none {
        "none".to_owned()
    } else {
        format!("{burst} in {within}")
    };
    set(systemd, "StartLimit", limit);
    kind(systemd);
    commands(systemd);
    // Who is never to be killed is waited for.
    if systemd.remove("SendSIGKILL").is_some() {
        set(systemd, "TimeoutStopUSec", "infinity");
    }
    folders_and_streams(systemd, rinit);
    dynamic_user(systemd, rinit);
    bounding(systemd);
    bounding(rinit);
    // Of limits that are systemd's own anyway the record knows nothing.
    rinit.retain(|key, values| {
        let usual = match &**key {
            "LimitNOFILESoft" => "1024",
            "LimitNOFILE" => "524288",
            _ => "infinity",
        };
        !key.starts_with("Limit") || systemd.contains_key(key) || values[0] != usual
    });
    systemd.retain(|key, _| !NOT_ASKED.contains(&&**key));
    for list in [systemd, rinit] {
        let conditions = list
            .iter_mut()
            .filter(|(key, _)| key.starts_with("Condition") || key.starts_with("Assert"));
        conditions.for_each(|(_, values)| values.sort());
    }
}

/// What protects the machine from a service is no part of what it is.
fn bounding(said: &mut Said) {
    let Some(known) = first(said, "CapabilityBoundingSet") else {
        return;
    };
    let mut all: Vec<&str> = known.split_whitespace().chain(BY_HARDENING).collect();
    all.sort_unstable();
    all.dedup();
    if all.len() == Capabilities::names().count() {
        said.remove("CapabilityBoundingSet");
    } else {
        let text = all.join(" ");
        set(said, "CapabilityBoundingSet", text);
    }
}

fn kind(systemd: &mut Said) {
    let kind = match &*first(systemd, "Type").unwrap() {
        // Executed is started.
        "exec" | "idle" => "simple".to_owned(),
        "notify-reload" => "notify".to_owned(),
        other => other.to_owned(),
    };
    set(systemd, "Type", &*kind);
    if kind != "forking" {
        systemd.remove("PIDFile");
        systemd.remove("GuessMainPID");
    }
}

/// The flag of a command that may fail.
const ANYHOW: &str = "(ignore-failure) ";

fn commands(systemd: &mut Said) {
    let as_root = systemd.remove("PermissionsStartOnly").is_some();
    for (key, all) in systemd
        .iter_mut()
        .filter(|(key, _)| key.starts_with("Exec"))
    {
        for one in all {
            // Says nothing where ambient capabilities work.
            *one = one.replace("(ambient) ", "");
            if !one.contains('$') {
                *one = one.replace("(no-env-expand) ", "");
            }
            if as_root && key != "ExecStart" && !one.contains("(privileged)") {
                let (flag, rest) = one.split_at(if one.starts_with(ANYHOW) {
                    ANYHOW.len()
                } else {
                    0
                });
                *one = format!("{flag}(privileged) {rest}");
            }
        }
    }
    if first(systemd, "Type").as_deref() == Some("oneshot") {
        // The last command is the main one, those before it come before it.
        let mut start = systemd.remove("ExecStart").unwrap_or_default();
        let main = start.pop();
        let pre = systemd.entry("ExecStartPre".to_owned()).or_default();
        pre.extend(start);
        if pre.is_empty() {
            systemd.remove("ExecStartPre");
        }
        systemd.insert("ExecStart".to_owned(), main.into_iter().collect());
    }
}

fn folders_and_streams(systemd: &mut Said, rinit: &mut Said) {
    // Both are dropped, or neither; all else is rinit's output. Connections are of sockets.
    systemd.remove("StandardInput");
    let stdout = systemd.remove("StandardOutput").map(|all| all.concat());
    let stderr = systemd.remove("StandardError").map(|all| all.concat());
    let inherits = stderr
        .as_deref()
        .is_none_or(|error| matches!(error, "inherit" | "null"));
    if stdout.as_deref() == Some("null") && inherits {
        set(systemd, "StandardOutput", "null");
        set(systemd, "StandardError", "null");
    }
    // The home, and what may be missing, are looked for on this machine.
    let directory = first(systemd, "WorkingDirectory").unwrap();
    if directory == "~" || directory.starts_with('!') {
        let found = first(rinit, "WorkingDirectory").unwrap();
        set(systemd, "WorkingDirectory", found);
    }
    // As rinit may itself.
    let own = std::fs::read_to_string("/proc/self/status").unwrap();
    let own = own.lines().find_map(|line| line.strip_prefix("CapPrm:"));
    let own = u64::from_str_radix(own.unwrap().trim(), 16).unwrap();
    if let Some(ambient) = first(systemd, "AmbientCapabilities") {
        let may = |name: &&str| {
            let one = Capabilities::named(name);
            one.is_some_and(|one| one.0 & own != 0)
        };
        let all: Vec<&str> = ambient.split(' ').filter(may).collect();
        set(systemd, "AmbientCapabilities", all.join(" "));
    }
}

/// A number that has no entry, its variables, and what systemd adds to it.
fn dynamic_user(systemd: &mut Said, rinit: &mut Said) {
    if systemd.remove("DynamicUser").is_none() {
        return;
    }
    let user = rinit.remove("User").unwrap().concat();
    let number = user.parse().unwrap_or(61_184_u32);
    assert!((61_184..=65_519).contains(&number), "{user}");
    systemd.remove("User");
    systemd.remove("Group");
    rinit.remove("Group");
    let own = ["HOME=", "USER=", "LOGNAME=", "SHELL="];
    if let Some(variables) = rinit.get_mut("Environment") {
        variables.retain(|variable| !own.iter().any(|name| variable.starts_with(name)));
        if variables.is_empty() {
            rinit.remove("Environment");
        }
    }
}

fn timer(systemd: &mut Said) {
    let mut boot = Vec::new();
    for key in ["OnBoot", "OnStartup", "OnActive"] {
        boot.extend(systemd.remove(key).unwrap_or_default());
    }
    if !boot.is_empty() {
        systemd.insert("OnBoot".to_owned(), boot);
    }
    for times in systemd.get_mut("OnCalendar").into_iter().flatten() {
        let (_, next) = times.split_once(" = ").unwrap();
        *times = next.to_owned();
    }
}
