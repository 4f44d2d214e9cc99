//! What rinit's reader made of a unit, in the words of systemd's properties.

use std::time::Duration;

use rinit::core::capability::Capabilities;
use rinit::core::commands::{ControlCommand, List};
use rinit::core::exec::{Exec, Expansion, Manner, Privileges, Words};
use rinit::core::exit::Exit;
use rinit::core::listen::{Address, Socket, SocketKind, SocketOptions};

use rinit::core::output::Output;
use rinit::core::probe::Probe;
use rinit::core::schedule::When;
use rinit::core::setup::{Base, Preserve, Setup};
use rinit::core::signal::Signal;
use rinit::core::spec::{KillMode, Kind, NotifyAccess, Ready, ServiceSpec, Spec};

use super::Said;

/// From when on times are counted: 2026-11-24 18:00:00 UTC.
pub(crate) const NOW: i64 = 1_795_543_200;

fn add(said: &mut Said, key: &str, value: impl Into<String>) {
    said.entry(key.to_owned()).or_default().push(value.into());
}

/// A word as the record has it: in quotes where it wouldn't be seen as one.
fn word(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\\');
    if text.is_empty() || text.contains(odd) {
        serde_json::to_string(&*text).unwrap()
    } else {
        text.into_owned()
    }
}

fn words<'a>(all: impl IntoIterator<Item = &'a [u8]>) -> String {
    let all: Vec<String> = all.into_iter().map(word).collect();
    all.join(" ")
}

fn micros(time: Option<Duration>) -> String {
    time.map_or_else(|| "infinity".into(), |time| time.as_micros().to_string())
}

fn command(all: &Words, manner: Manner, ignore_failure: bool) -> String {
    let mut flags = String::new();
    if ignore_failure {
        flags.push_str("(ignore-failure) ");
    }
    match manner.privileges {
        Privileges::Full => flags.push_str("(privileged) "),
        Privileges::KeepUser => flags.push_str("(no-setuid) "),
        Privileges::Service => {}
    }
    let has_variables = all.iter().skip(1).any(|word| word.contains(&b'$'));
    if has_variables && manner.expansion == Expansion::None {
        flags.push_str("(no-env-expand) ");
    }
    let program = word(all.iter().next().unwrap());
    let arguments = words(all.iter().skip(usize::from(manner.renamed)));
    format!("{flags}{program}: {arguments}")
}

/// The service that was made of this unit.
pub(crate) fn service(unit: &str, spec: &Spec, said: &mut Said) {
    let service = spec.services.iter().find(|service| service.is_unit(unit));
    let service = service.unwrap_or_else(|| panic!("no service was made of {unit}"));
    let forks = service.forking.as_deref();
    let kind = match (service.kind, &service.ready) {
        (Kind::Oneshot, _) => "oneshot",
        _ if forks.is_some() => "forking",
        (_, Ready::Notify) => "notify",
        (_, Ready::Probe(Probe::Bus(_))) => "dbus",
        _ => "simple",
    };
    add(said, "Type", kind);
    if service.remains() {
        add(said, "RemainAfterExit", "yes");
    }
    if let Some(forks) = forks {
        if let Some(file) = &forks.pid_file {
            add(said, "PIDFile", &**file);
        }
        if forks.never_guess {
            add(said, "GuessMainPID", "no");
        }
    }
    commands(service, said);
    restarts(service, said);
    notifications(service, said);
    execution(&service.exec, said);
    if let Some(setup) = &service.exec.setup {
        surroundings(setup, said);
    }
}

fn commands(service: &ServiceSpec, said: &mut Said) {
    let all_codes = (1..=u8::MAX).all(|code| service.success.contains(&Exit::Code(code)));
    let anyhow = service
        .forking
        .as_ref()
        .is_some_and(|forks| forks.starts_anyhow);
    let main = command(
        &service.exec.command,
        service.exec.manner,
        all_codes || anyhow,
    );
    add(said, "ExecStart", main);
    let polite = [Signal::HUP, Signal::INT, Signal::TERM, Signal::PIPE].map(Exit::Signal);
    if !all_codes {
        let more = service.success.iter().filter(|exit| !polite.contains(exit));
        exits("SuccessExitStatus", more, said);
    }
    for list in List::ALL {
        let key = match list {
            List::Condition => "ExecCondition",
            List::StartPre => "ExecStartPre",
            List::StartPost => "ExecStartPost",
            List::Reload => "ExecReload",
            List::Stop => "ExecStop",
            List::StopPost => "ExecStopPost",
        };
        for one in service.commands.iter().flat_map(|all| all.list(list)) {
            let ControlCommand {
                command: own,
                ignore_failure,
            } = one;
            add(said, key, command(&own.words, own.manner, *ignore_failure));
        }
    }
}

fn exits<'a>(key: &str, all: impl IntoIterator<Item = &'a Exit>, said: &mut Said) {
    let (mut codes, mut signals) = (Vec::new(), Vec::new());
    for exit in all {
        match exit.signal() {
            Some(signal) => signals.push(signal.to_string()),
            None => codes.push(exit.code().to_string()),
        }
    }
    codes.sort();
    signals.sort();
    codes.extend(signals);
    if !codes.is_empty() {
        add(said, key, codes.join(" "));
    }
}

fn restarts(service: &ServiceSpec, said: &mut Said) {
    let restart = &service.restart;
    add(said, "Restart", restart.policy.word());
    add(said, "RestartUSec", micros(Some(restart.delay)));
    if let Some(by_exit) = &restart.by_exit {
        exits("RestartPreventExitStatus", &by_exit.prevent, said);
        exits("RestartForceExitStatus", &by_exit.force, said);
    }
    let limit = restart.limit.map_or_else(
        || "none".to_owned(),
        |limit| format!("{} in {}", limit.count, micros(Some(limit.within))),
    );
    add(said, "StartLimit", limit);
    add(said, "TimeoutStartUSec", micros(service.start_timeout));
    add(said, "TimeoutStopUSec", micros(service.stop.timeout));
    let mode = match service.stop.kill_mode {
        KillMode::Tree => "tree",
        KillMode::Process => "process",
        KillMode::ControlGroup => "control-group",
        KillMode::Mixed => "mixed",
        KillMode::None => "none",
    };
    add(said, "KillMode", mode);
    add(said, "KillSignal", service.stop.signal.to_string());
}

fn notifications(service: &ServiceSpec, said: &mut Said) {
    let access = match service.notify_access() {
        NotifyAccess::All => "all",
        NotifyAccess::Exec => "exec",
        NotifyAccess::Main => "main",
        NotifyAccess::None => "none",
    };
    add(said, "NotifyAccess", access);
    if service.watchdog_signal() != Signal::ABRT {
        add(
            said,
            "WatchdogSignal",
            service.watchdog_signal().to_string(),
        );
    }
    if service.store_max() > 0 {
        add(
            said,
            "FileDescriptorStoreMax",
            service.store_max().to_string(),
        );
    }
}

fn execution(exec: &Exec, said: &mut Said) {
    let mut variables: Vec<&[u8]> = exec.environment_below.iter().collect();
    variables.sort_unstable();
    for variable in variables {
        add(said, "Environment", word(variable));
    }
    let files = exec.environment_files.iter();
    let files: Vec<String> = files
        .map(|file| {
            word(format!("{}{}", if file.optional { "-" } else { "" }, file.path).as_bytes())
        })
        .collect();
    if !files.is_empty() {
        add(said, "EnvironmentFiles", files.join(" "));
    }
    add(
        said,
        "WorkingDirectory",
        exec.directory.as_deref().unwrap_or("?"),
    );
    add(said, "UMask", format!("{:04o}", exec.umask.unwrap()));
    if let Some(identity) = &exec.identity {
        if let Some(user) = &identity.user {
            add(said, "User", &**user);
        }
        if let Some(group) = &identity.group {
            add(said, "Group", &**group);
        }
        if !identity.supplementary.is_empty() {
            add(
                said,
                "SupplementaryGroups",
                identity.supplementary.join(" "),
            );
        }
    }
    for limit in &exec.limits {
        let key = format!("Limit{}", limit.resource.name().to_ascii_uppercase());
        let shown = |amount: u64| match amount {
            u64::MAX => "infinity".to_owned(),
            amount => amount.to_string(),
        };
        add(said, &key, shown(limit.hard));
        add(said, &format!("{key}Soft"), shown(limit.soft));
    }
    if let Some(nice) = exec.nice {
        add(said, "Nice", nice.to_string());
    }
    if let Some(adjust) = exec.oom_score_adjust {
        add(said, "OOMScoreAdjust", adjust.to_string());
    }
    if !exec.ignore_pipe {
        add(said, "IgnoreSIGPIPE", "no");
    }
    if exec.output == Output::Null {
        add(said, "StandardOutput", "null");
        add(said, "StandardError", "null");
    }
}

fn names(set: Capabilities) -> String {
    let all = Capabilities::names().filter(|name| {
        let one = Capabilities::named(name).unwrap();
        set.0 & one.0 != 0
    });
    all.map(str::to_ascii_lowercase)
        .collect::<Vec<_>>()
        .join(" ")
}

fn surroundings(setup: &Setup, said: &mut Said) {
    for base in Base::ALL {
        let key = match base {
            Base::Runtime => "RuntimeDirectory",
            Base::State => "StateDirectory",
            Base::Cache => "CacheDirectory",
            Base::Logs => "LogsDirectory",
            Base::Configuration => "ConfigurationDirectory",
        };
        let own = setup.folders.iter().filter(|folder| folder.base == base);
        let own: Vec<_> = own.collect();
        if let Some(first) = own.first() {
            add(
                said,
                key,
                words(own.iter().map(|folder| folder.name.as_bytes())),
            );
            if first.mode != 0o755 {
                add(said, &format!("{key}Mode"), format!("{:04o}", first.mode));
            }
        }
    }
    match setup.preserve {
        Preserve::No => {}
        Preserve::Restart => add(said, "RuntimeDirectoryPreserve", "restart"),
        Preserve::Yes => add(said, "RuntimeDirectoryPreserve", "yes"),
    }
    if !setup.unset.is_empty() {
        add(said, "UnsetEnvironment", setup.unset.join(" "));
    }
    if setup.confinement.no_new_privileges {
        add(said, "NoNewPrivileges", "yes");
    }
    if let Some(bounding) = setup.confinement.bounding {
        add(said, "CapabilityBoundingSet", names(bounding));
    }
    if setup.confinement.ambient != Capabilities::NONE {
        add(
            said,
            "AmbientCapabilities",
            names(setup.confinement.ambient),
        );
    }
    for condition in setup.conditions.iter() {
        let text = String::from_utf8_lossy(condition);
        let (key, value) = text.split_once('=').unwrap();
        add(said, key, value);
    }
    for (key, values) in said.iter_mut() {
        if key.starts_with("Condition") || key.starts_with("Assert") {
            values.sort();
        }
    }
}

/// The sockets of the only service that has some.
pub(crate) fn socket(spec: &Spec, said: &mut Said) {
    let mut all = spec
        .services
        .iter()
        .filter(|service| service.listen.is_some());
    let service = all.next().expect("a service with sockets");
    let listen = service.listen.as_ref().unwrap();
    for socket in &listen.sockets {
        let kind = match socket.kind {
            SocketKind::Stream => "ListenStream",
            SocketKind::Datagram => "ListenDatagram",
            SocketKind::Seqpacket => "ListenSequentialPacket",
            SocketKind::Fifo => "ListenFIFO",
        };
        let address = match &socket.address {
            // As systemd shows a port.
            Address::Port(port) => format!("[::]:{port}"),
            Address::Ip(address) => address.to_string(),
            Address::Unix(path) => path.to_string(),
        };
        add(said, kind, address);
    }
    if let Some(accept) = &listen.accept {
        add(said, "Accept", "yes");
        if accept.most != 64 {
            add(said, "MaxConnections", accept.most.to_string());
        }
        if accept.most_per_source != 0 {
            let most = accept.most_per_source.to_string();
            add(said, "MaxConnectionsPerSource", most);
        }
    }
    let is_path =
        |socket: &&Socket| matches!(&socket.address, Address::Unix(path) if path.starts_with('/'));
    let sockets = &listen.sockets;
    // These two are of addresses, as modes and owners are of files.
    if let Some(only) = sockets.iter().find_map(|socket| socket.ipv6_only) {
        let word = if only { "ipv6-only" } else { "both" };
        add(said, "BindIPv6Only", word);
    }
    if sockets.iter().any(|socket| socket.reuse_port) {
        add(said, "ReusePort", "yes");
    }
    let first = sockets.iter().find(is_path).or(sockets.first());
    if let Some(socket) = first {
        one_socket(socket, said);
    }
}

fn one_socket(socket: &Socket, said: &mut Said) {
    add(said, "FileDescriptorName", &*socket.name);
    add(said, "SocketMode", format!("{:04o}", socket.file.mode));
    if let Some(user) = &socket.file.user {
        add(said, "SocketUser", &**user);
    }
    if let Some(group) = &socket.file.group {
        add(said, "SocketGroup", &**group);
    }
    // As many as the kernel lets wait, if nobody says.
    if socket.backlog < 4096 {
        add(said, "Backlog", socket.backlog.to_string());
    }
    let none = SocketOptions::default();
    let options = socket.options.as_deref().unwrap_or(&none);
    for (key, on) in [
        ("NoDelay", options.no_delay),
        ("KeepAlive", options.keep_alive),
        ("FreeBind", options.free_bind),
        ("PassCredentials", options.pass_credentials),
    ] {
        if on {
            add(said, key, "yes");
        }
    }
    if let Some(mode) = options.directory_mode {
        add(said, "DirectoryMode", format!("{mode:04o}"));
    }
    if !options.symlinks.is_empty() {
        add(said, "Symlinks", options.symlinks.join(" "));
    }
    for (key, size) in [
        ("ReceiveBuffer", options.receive_buffer),
        ("SendBuffer", options.send_buffer),
    ] {
        if let Some(size) = size {
            add(said, key, size.to_string());
        }
    }
}

/// The times of the service that this timer starts.
pub(crate) fn timer(starts: &str, spec: &Spec, said: &mut Said) {
    let service = spec.services.iter().find(|service| service.is_unit(starts));
    let Some((service, schedule)) = service.and_then(|own| Some((own, own.schedule.as_ref()?)))
    else {
        return;
    };
    let unit = service.unit.as_deref();
    add(
        said,
        "Unit",
        unit.map_or_else(|| format!("{}.service", service.name), Into::into),
    );
    let When::Timer(timer) = &schedule.when else {
        panic!("no timer's: {schedule:?}");
    };
    for times in &timer.calendars {
        let mut after = NOW;
        let mut next = Vec::new();
        for _ in 0..5 {
            after = times.next(after).unwrap();
            next.push(after.to_string());
        }
        add(said, "OnCalendar", next.join(", "));
    }
    for time in &timer.after_boot {
        add(said, "OnBoot", micros(Some(*time)));
    }
    if let Some(time) = timer.after_start {
        add(said, "OnUnitActive", micros(Some(time)));
    }
    if let Some(time) = timer.after_end {
        add(said, "OnUnitInactive", micros(Some(time)));
    }
    if !schedule.jitter.is_zero() {
        add(said, "RandomizedDelayUSec", micros(Some(schedule.jitter)));
    }
}
