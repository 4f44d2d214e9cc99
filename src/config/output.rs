//! `output` and what belongs to it: what becomes of a service's lines.

use super::draft::Draft;
use super::units;
use super::value::{Context, Value};
use crate::core::output::{Log, Output, OwnLines};

const WORDS: [Output; 5] = [
    Output::Prefix,
    Output::Json,
    Output::Raw,
    Output::Inherit,
    Output::Null,
];

pub(super) fn set(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    draft.spec.exec.output = value.choice(&WORDS.map(|output| (output.name(), output)))?;
    Some(())
}

/// `log-ring`.
pub(super) fn ring(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    let text = value.word()?;
    let size = units::size(text.trim()).filter(|size| matches!(size, 0 | 0x1000..=0x0100_0000));
    let Some(size) = size.and_then(|size| u32::try_from(size).ok()) else {
        return value.wrong(
            format!("log-ring can't be \"{text}\""),
            "write a size from \"4K\" to \"16M\", or 0 to keep nothing",
        );
    };
    draft.log().ring = Some(size);
    Some(())
}

/// How rinit's own lines look: as those of a service that says nothing itself.
pub(super) fn own_lines(defaults: &Draft) -> OwnLines {
    let exec = &defaults.spec.exec;
    let json = exec.output == Output::Json;
    OwnLines {
        json,
        timestamps: !json && exec.log.as_ref().is_some_and(|log| log.timestamps),
    }
}

/// What follows from other keys, and what contradicts them.
/// `own`: whether the service itself has written a key.
pub(super) fn restrict(draft: &mut Draft, own: impl Fn(&str) -> bool, context: &Context<'_>) {
    let output = draft.spec.exec.output;
    let log = draft.spec.exec.log.as_mut();
    if let Some(log) = log.filter(|log| log.timestamps && output != Output::Prefix) {
        // JSON has the time anyway; what `[defaults]` says is for those that it fits.
        log.timestamps = false;
        if output != Output::Json && own("timestamps") {
            let what = format!("output = \"{}\" has no timestamps", output.name());
            let help = "leave timestamps out, or write output = \"prefix\" or \"json\"";
            context.error(draft.place("timestamps"), what, help);
        }
    }
    let nothing = |log: &mut Box<Log>| **log == Log::default();
    draft.spec.exec.log.take_if(nothing);
}
