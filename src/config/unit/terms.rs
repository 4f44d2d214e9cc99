//! What few units say of how they end.

use std::time::Duration;

use super::given::Given;

/// What outlives every container.
pub(super) const ENDLESS: Duration = Duration::from_secs(u32::MAX as u64);

/// SuccessAction= and kin: whatever would end the machine ends the container.
pub(super) fn ends_all(given: &Given<'_>) -> Option<bool> {
    let first = given.value.split('-').next();
    match first.unwrap_or_default() {
        "none" => Some(false),
        "exit" | "poweroff" | "reboot" | "halt" | "kexec" | "soft" => Some(true),
        _ => given.wrong("none, exit, poweroff, reboot or halt: each ends the container"),
    }
}

/// SuccessActionExitStatus= and kin.
pub(super) fn code(given: &Given<'_>) -> Option<Option<u8>> {
    if given.is_reset() {
        return Some(None);
    }
    given.number(0, 255).map(|code| u8::try_from(code).ok())
}

/// TimeoutAbortSec=: as TimeoutStopSec= where it is empty, and not where it is endless.
pub(super) fn abort_timeout(given: &Given<'_>) -> Option<Option<Duration>> {
    if given.is_reset() {
        return Some(None);
    }
    Some(Some(given.timeout()?.unwrap_or(ENDLESS)))
}
