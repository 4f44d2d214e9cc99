//! How runs ended and what they used, in systemd's words.

use super::world::Service;
use crate::core::signal::Signal;

/// Exit status of a program that never was, as systemd has it (`systemd.exec(5)`): rinit's
/// own are a shell's.
pub(super) fn exit_of(service: &Service) -> Option<i64> {
    // What remains has ended well.
    if service.stands().sub == "exited" {
        return Some(0);
    }
    let reason = service.text("reason");
    let why = reason.rsplit_once("cannot start: ").map(|(_, why)| why);
    let step = why.and_then(|why| why.split(' ').next());
    match step {
        Some("exec") => Some(203),
        Some("chdir") => Some(200),
        Some("group") => Some(216),
        Some("user") => Some(217),
        Some(_) | None => service.number("exit"),
    }
}

/// What systemd calls the exit statuses from 200 on (`systemd.exec(5)`); some have no name.
const SETUP: &str = "CHDIR NICE FDS EXEC MEMORY LIMITS OOM_ADJUST SIGNAL_MASK STDIN STDOUT \
    CHROOT IOPRIO TIMERSLACK SECUREBITS SETSCHEDULER CPUAFFINITY GROUP USER CAPABILITIES CGROUP \
    SETSID CONFIRM STDERR - PAM NETWORK NAMESPACE NO_NEW_PRIVILEGES SECCOMP SELINUX_CONTEXT \
    PERSONALITY APPARMOR_PROFILE ADDRESS_FAMILIES RUNTIME_DIRECTORY - CHOWN SMACK_PROCESS_LABEL \
    KEYRING STATE_DIRECTORY CACHE_DIRECTORY LOGS_DIRECTORY CONFIGURATION_DIRECTORY NUMA_POLICY \
    CREDENTIALS - BPF";

/// `code=exited, status=3` of an exit status.
pub(super) fn ended(exit: i64) -> String {
    let signal = i32::try_from(exit - 128).ok().and_then(Signal::new);
    if let Some(signal) = signal {
        let name = signal.to_string();
        return format!("code=killed, signal={}", name.trim_start_matches("SIG"));
    }
    let setup = usize::try_from(exit - 200).ok();
    let setup = setup.and_then(|place| SETUP.split(' ').nth(place));
    let name = match exit {
        0 => Some("SUCCESS"),
        1 => Some("FAILURE"),
        _ => setup.filter(|name| *name != "-"),
    };
    let name = name.map_or_else(String::new, |name| format!("/{name}"));
    format!("code=exited, status={exit}{name}")
}

/// Why it failed, in one of systemd's words.
pub(super) fn result(service: &Service) -> &str {
    match service.text("result") {
        "" => "success",
        word => word,
    }
}

/// `3.0M`.
pub(super) fn size(bytes: u64) -> String {
    let tenths = |shift: u32| {
        let tenths = (u128::from(bytes) * 10) >> shift;
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    match bytes {
        ..1024 => format!("{bytes}B"),
        1024..1_048_576 => format!("{}K", tenths(10)),
        1_048_576..1_073_741_824 => format!("{}M", tenths(20)),
        _ => format!("{}G", tenths(30)),
    }
}

/// `124ms`, `1.240s`, `2min 3.000s`.
pub(super) fn cpu(millis: u64) -> String {
    match millis {
        ..1000 => format!("{millis}ms"),
        1000..60_000 => format!("{}.{:03}s", millis / 1000, millis % 1000),
        _ => format!(
            "{}min {}.{:03}s",
            millis / 60_000,
            millis / 1000 % 60,
            millis % 1000
        ),
    }
}
