//! `ready`: when a service counts as ready.

use super::draft::Draft;
use super::probe::{self, Form};
use super::value::Value;
use crate::core::pattern::{Pattern, PatternError};
use crate::core::spec::Ready;

const FORM: Form = Form {
    kinds: &["file", "tcp", "unix", "fd", "http", "exec", "delay", "log"],
    options: &["status", "body"],
    help: "ready is \"notify\" or one of { file = PATH }, { tcp = \"127.0.0.1:80\" }, { unix = PATH }, { fd = 3 }, { http = URL }, { exec = COMMAND }, { log = REGEX }, { delay = \"2s\" }",
};

pub(super) fn set(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    if value.entries().is_none() {
        return match value.as_str() {
            Some("notify") => {
                draft.ready = Some(Ready::Notify);
                Some(())
            }
            Some(word) => value.wrong(format!("ready can't be \"{word}\""), FORM.help),
            None => value.wrong(
                "ready must be \"notify\" or a table with one key",
                FORM.help,
            ),
        };
    }
    let parts = probe::split(value, &FORM)?;
    let (_, kind) = parts.kind;
    let ready = match kind.key {
        "fd" => Ready::Fd(descriptor(kind)?),
        "log" => Ready::Log(pattern(kind)?),
        "delay" => Ready::Delay(kind.duration()?),
        _ => Ready::Probe(probe::read(&parts)?),
    };
    if !matches!(ready, Ready::Probe(_))
        && let Some((at, option)) = parts.options.first()
    {
        let what = format!("{} is for http alone", option.key);
        return value.wrong_at(*at, what, "leave it out");
    }
    draft.ready = Some(ready);
    Some(())
}

/// An expression that the logger can look for.
fn pattern(value: Value<'_>) -> Option<Box<str>> {
    let text = value.text()?;
    match Pattern::new(&text) {
        Ok(_) => Some(text.into()),
        Err(PatternError { at, what, help }) => value.wrong_in(&text, at, what, help),
    }
}

fn descriptor(value: Value<'_>) -> Option<u32> {
    let number = value.integer(0..=1023)?;
    if number < 3 {
        return value.wrong(
            format!("descriptor {number} is standard input, output or error"),
            "the first free number is 3: fd = 3",
        );
    }
    u32::try_from(number).ok()
}
