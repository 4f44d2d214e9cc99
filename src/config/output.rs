//! `output` and what belongs to it: what becomes of a service's lines.

use super::draft::Draft;
use super::nearest::nearest;
use super::units;
use super::value::{Context, Value};
use crate::core::output::{Log, LogFile, Output, OwnLines};
use crate::core::sorted::Map;

const WORDS: [Output; 5] = [
    Output::Prefix,
    Output::Json,
    Output::Raw,
    Output::Inherit,
    Output::Null,
];

const FILE: &str = "output = { file = \"/var/log/web.log\", rotate-size = \"10M\", keep = 5 }";
const OPTIONS: [&str; 3] = ["file", "rotate-size", "keep"];

pub(super) fn set(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    if let Some(entries) = value.entries() {
        let entries: Vec<_> = entries.into_iter().map(|(_, value)| value).collect();
        draft.log().file = Some(file(value, &entries)?);
        draft.spec.exec.output = Output::File;
        return Some(());
    }
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

/// `when-full`.
pub(super) fn when_full(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    draft.log().drops = value.choice(&[("block", false), ("drop", true)])?;
    Some(())
}

/// `log-files`.
pub(super) fn follow(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    const EXAMPLE: &str = "log-files = [\"/var/log/nginx/*.log\"]";
    let mut paths = Vec::new();
    let mut good = Some(());
    for item in value.items() {
        let Some(path) = item.text() else {
            good = None;
            continue;
        };
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        if matches!(name, "" | "." | "..") {
            good = item.wrong(format!("\"{path}\" names no file"), EXAMPLE);
        } else if folder.contains(['*', '?']) {
            let help = "only the last part may be a pattern; name each folder";
            good = item.wrong(format!("\"{path}\" has a pattern for folders"), help);
        } else if path.starts_with("/dev/") || path.starts_with("/proc/") {
            good = item.wrong(format!("{path} is no regular file"), EXAMPLE);
        }
        paths.push(path.into());
    }
    draft.log().follow = paths.into();
    good
}

fn file(value: Value<'_>, entries: &[Value<'_>]) -> Option<LogFile> {
    let mut file = LogFile {
        path: "".into(),
        rotate_size: 10 << 20,
        keep: 5,
    };
    let mut good = Some(());
    for entry in entries {
        let set = match entry.key {
            "file" => path(*entry).map(|path| file.path = path),
            "rotate-size" => size(*entry).map(|size| file.rotate_size = size),
            "keep" => {
                let keep = entry.integer(0..=1000);
                let keep = keep.and_then(|keep| u32::try_from(keep).ok());
                keep.map(|keep| file.keep = keep)
            }
            other => {
                let help = match nearest(other, OPTIONS) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => FILE.to_owned(),
                };
                entry.wrong(format!("output has no \"{other}\""), help)
            }
        };
        good = good.and(set);
    }
    good?;
    if file.path.is_empty() {
        return value.wrong("output names no file", FILE);
    }
    Some(file)
}

fn path(value: Value<'_>) -> Option<Box<str>> {
    let path = value.text()?;
    if path.ends_with('/') {
        return value.wrong("this names a folder, not a file", FILE);
    }
    if path.starts_with("/dev/") || path.starts_with("/proc/") {
        let help = "output = \"raw\" passes lines on unchanged, \"null\" drops them";
        return value.wrong(format!("{path} is no regular file"), help);
    }
    Some(path.into())
}

/// Less than a page would be a rename for a few lines.
fn size(value: Value<'_>) -> Option<u64> {
    let text = value.word()?;
    if text == "infinity" {
        return Some(u64::MAX);
    }
    match units::size(&text) {
        Some(size @ 4096..) => Some(size),
        Some(_) => value.wrong(format!("{text} is too small"), "4K at least"),
        None => {
            let what = format!("\"{text}\" is no size");
            value.wrong(what, "\"64K\", \"10M\", \"2G\"; or \"infinity\"")
        }
    }
}

/// Two can't rotate one file.
pub(super) fn shared(drafts: &[Draft], context: &Context<'_>) {
    let mut owners: Map<&str, &str> = Map::new();
    for draft in drafts.iter().filter(|draft| draft.is_enabled()) {
        let file = draft
            .spec
            .exec
            .log
            .as_ref()
            .and_then(|log| log.file.as_ref());
        let Some(file) = file.filter(|_| draft.spec.exec.output == Output::File) else {
            continue;
        };
        if let Some(owner) = owners.insert(&file.path, draft.name()) {
            let what = format!("{owner} and {} both write {}", draft.name(), file.path);
            let help = "give each a file of its own; instances have ${INSTANCE}";
            context.error(draft.place("output"), what, help);
        }
    }
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
    let timed = matches!(output, Output::Prefix | Output::File);
    if let Some(log) = log.filter(|log| log.timestamps && !timed) {
        // JSON has the time anyway; what `[defaults]` says is for those that it fits.
        log.timestamps = false;
        if output != Output::Json && own("timestamps") {
            let what = format!("output = \"{}\" has no timestamps", output.name());
            let help = "leave timestamps out, or write output = \"prefix\" or \"json\"";
            context.error(draft.place("timestamps"), what, help);
        }
    }
    let mut senseless = Vec::new();
    if let Some(log) = &mut draft.spec.exec.log {
        if output != Output::File {
            log.file = None;
        }
        if !output.is_read() {
            let drops = std::mem::take(&mut log.drops);
            senseless.extend(drops.then_some("when-full"));
            let follow = std::mem::take(&mut log.follow);
            senseless.extend((!follow.is_empty()).then_some("log-files"));
        }
    }
    for key in senseless.into_iter().filter(|key| own(key)) {
        let what = format!("output = \"{}\" has no {key}", output.name());
        let help = format!("leave {key} out, or write output = \"prefix\"");
        context.error(draft.place(key), what, help);
    }
    let nothing = |log: &mut Box<Log>| **log == Log::default();
    draft.spec.exec.log.take_if(nothing);
}
