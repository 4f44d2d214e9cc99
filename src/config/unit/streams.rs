//! Where a service's standard streams go: StandardInput= and its kin.

use super::given::Given;
use super::reading::Reading;

/// StandardInput=: nothing, or the connection.
pub(super) fn input(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    reading.input_connected = given.value == "socket";
    if !matches!(given.value, "socket" | "" | "null") {
        let what = format!(
            "{}: StandardInput={} is not supported yet by this version",
            reading.draft.name(),
            given.value
        );
        let help = "it reads from /dev/null";
        given.context.warn(given.at, what, help);
    }
    Some(())
}

/// StandardOutput= and StandardError=: the last one counts.
pub(super) fn output(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    let word = given.value.split(['+', ':']).next().unwrap_or_default();
    let is_error = given.key == "StandardError";
    let connected = if is_error {
        &mut reading.error_connected
    } else {
        &mut reading.output_connected
    };
    *connected = (!matches!(word, "" | "inherit")).then_some(word == "socket");
    let dropped = match word {
        "socket" => Some(false),
        "null" => Some(true),
        // stderr goes where stdout does unless something else is said.
        "inherit" if is_error => None,
        "inherit" | "tty" | "journal" | "syslog" | "kmsg" => Some(false),
        "" => return None,
        _ => {
            let what = format!(
                "{}: {}={} is not supported yet by this version",
                reading.draft.name(),
                given.key,
                given.value
            );
            given
                .context
                .warn(given.at, what, "its output goes where rinit's does");
            Some(false)
        }
    };
    let stream = if is_error {
        &mut reading.stderr_dropped
    } else {
        &mut reading.stdout_dropped
    };
    *stream = dropped.map(|dropped| (dropped, given.at));
    Some(())
}
