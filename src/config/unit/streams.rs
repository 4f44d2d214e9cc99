//! Where a service's standard streams go: StandardInput= and its kin.

use super::given::Given;
use super::reading::Reading;
use crate::core::listen::Streams;
use crate::core::output::Output;
use crate::core::quoting::{printed, unescaped};

/// Where a value sends a stream. None where it goes with the one before it.
fn target(given: &Given<'_>) -> Option<String> {
    let text = given.text()?;
    let (how, path) = text.split_once(':').unwrap_or((&text, ""));
    let is_input = given.key == "StandardInput";
    Some(match how.split('+').next().unwrap_or_default() {
        "" | "inherit" => return None,
        "null" | "socket" => how.to_owned(),
        "file" | "append" | "truncate" if path.starts_with('/') => text,
        "fd" if !path.is_empty() => text,
        "fd" => match given.key {
            "StandardInput" => "fd:stdin".to_owned(),
            "StandardOutput" => "fd:stdout".to_owned(),
            _ => "fd:stderr".to_owned(),
        },
        "data" | "tty-force" | "tty-fail" if is_input => text,
        "tty" => text,
        // All of these are read by the same people here.
        "journal" | "syslog" | "kmsg" if !is_input => String::new(),
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

/// Every word that there is.
const WORDS: &str =
    "inherit null socket tty tty-force tty-fail journal syslog kmsg file append truncate fd data";

/// What says nothing leaves what was said before.
fn said(given: &Given<'_>) -> Option<()> {
    let word = given.value.split([':', '+']).next();
    let is_known = WORDS.split(' ').any(|known| word == Some(known));
    match is_known {
        true => Some(()),
        false => given.wrong("null, journal, inherit, or file:/PATH"),
    }
}

pub(super) fn input(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    said(given)?;
    reading.input = target(given).unwrap_or_default();
    Some(())
}

pub(super) fn output(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    said(given)?;
    reading.output = target(given);
    Some(())
}

pub(super) fn error(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    said(given)?;
    reading.error = target(given);
    Some(())
}

/// StandardInputText=: a line more.
pub(super) fn text(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    if given.is_reset() {
        reading.typed.clear();
        return Some(());
    }
    let line = given.expanded(&unescaped(given.value.as_bytes(), 1))?;
    reading.typed.extend_from_slice(&line);
    reading.typed.push(b'\n');
    Some(())
}

/// StandardInputData=: some bytes more.
pub(super) fn data(reading: &mut Reading<'_>, given: &Given<'_>) -> Option<()> {
    if given.is_reset() {
        reading.typed.clear();
        return Some(());
    }
    match base64(given.value) {
        Some(bytes) => reading.typed.extend_from_slice(&bytes),
        None => return given.wrong("bytes in base64"),
    }
    Some(())
}

fn base64(text: &str) -> Option<Vec<u8>> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0, 0);
    let text: String = text.split_whitespace().collect();
    for digit in text.trim_end_matches('=').chars() {
        bits = bits << 6 | DIGITS.find(digit)?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    // One digit alone is no byte.
    (count < 6).then_some(bytes)
}

/// Each goes where the one before it does unless something else is said.
pub(super) fn finish(reading: &mut Reading<'_>) {
    let mut input = std::mem::take(&mut reading.input);
    if !reading.typed.is_empty() && matches!(&*input, "" | "null") {
        "data".clone_into(&mut input);
    }
    // What is read and written alike is both.
    let followed = match input.split(['-', ':']).next().unwrap_or_default() {
        "socket" => "socket",
        "tty" => "tty",
        "fd" => &input,
        _ => "",
    };
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
    if input == "data" && reading.typed.is_empty() {
        input.clear();
    } else if input == "data" {
        let text = printed(&reading.typed);
        reading.sandbox.push(format!("StandardInputText={text}"));
    }
    for (key, value) in [
        ("StandardInput", input),
        ("StandardOutput", output),
        ("StandardError", error),
    ] {
        let is_input = key == "StandardInput";
        let opens = match &*value {
            "null" => !is_null && !is_input,
            value => value.contains(':') || value == "data" || value.starts_with("tty"),
        };
        if opens {
            reading.sandbox.push(format!("{key}={value}"));
        }
    }
}
