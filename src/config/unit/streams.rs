//! Where a service's standard streams go: StandardInput= and its kin.

use super::given::Given;
use super::reading::Reading;
use crate::core::listen::Streams;
use crate::core::output::Output;

/// Where a value sends a stream. None where it goes with the one before it.
fn target(given: &Given<'_>) -> Option<String> {
    let text = given.text();
    let (how, path) = text.split_once(':').unwrap_or((&text, ""));
    Some(match how.split('+').next().unwrap_or_default() {
        "" | "inherit" => return None,
        "null" | "socket" => how.to_owned(),
        "file" | "append" | "truncate" if path.starts_with('/') => text,
        // All of these are read by the same people here.
        "tty" | "journal" | "syslog" | "kmsg" if given.key != "StandardInput" => String::new(),
        _ => {
            let what = format!(
                "{}={} is not supported yet by this version",
                given.key, given.value
            );
            let help = "it reads from nowhere, and what it writes goes where rinit's does";
            given.context.warn(given.at, what, help);
            String::new()
        }
    })
}

pub(super) fn input(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    reading.input = target(given).unwrap_or_default();
    Some(())
}

pub(super) fn output(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    reading.output = target(given);
    Some(())
}

pub(super) fn error(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    reading.error = target(given);
    Some(())
}

/// Each goes where the one before it does unless something else is said.
pub(super) fn finish(reading: &mut Reading<'_>) {
    let input = std::mem::take(&mut reading.input);
    let followed = if input == "socket" { "socket" } else { "" };
    let output = reading.output.take().unwrap_or_else(|| followed.to_owned());
    let error = reading.error.take().unwrap_or_else(|| output.clone());
    let draft = &mut *reading.draft;
    if let Some(unit) = &mut draft.unit {
        unit.streams = Streams {
            input: input == "socket",
            output: output == "socket",
            error: error == "socket",
        };
    }
    let is_null = output == "null" && error == "null";
    if is_null {
        draft.spec.exec.output = Output::Null;
    }
    let is_told = draft.written("output").is_some();
    for (key, value) in [
        ("StandardInput", input),
        ("StandardOutput", output),
        ("StandardError", error),
    ] {
        let is_input = key == "StandardInput";
        let opens = value.contains(':') || value == "null" && !is_null && !is_input;
        if opens && (is_input || !is_told) {
            reading.sandbox.push(format!("{key}={value}"));
        }
    }
}
