//! What is set up around a service: the setters.

use super::draft::Draft;
use super::execution;
use super::nearest::nearest;
use super::value::Value;
use crate::core::capability::Capabilities;
use crate::core::setup::{Base, FileVariables, Folder, Preserve, Secret};

/// Of a folder without a `-mode`.
const USUAL_MODE: u32 = 0o755;

/// `runtime-directory` and its kin.
pub(super) fn folders(draft: &mut Draft, base: Base, value: Value<'_>) -> Option<()> {
    let mut names = Vec::new();
    let mut good = Some(());
    for item in value.items() {
        let Some(name) = item.text() else {
            good = None;
            continue;
        };
        let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\0', ':']);
        if !name.split('/').all(plain) {
            let key = base.key();
            good = item.wrong(
                format!("{key} can't be \"{name}\""),
                format!(
                    "it is a name below {}, such as {key} = \"web\" or \"web/cache\"",
                    base.path()
                ),
            );
            continue;
        }
        names.push(name);
    }
    good?;
    let list = &mut draft.setup().folders;
    let others = list.iter().filter(|folder| folder.base != base).cloned();
    let ours = names.into_iter().map(|name| Folder {
        base,
        name: name.into(),
        mode: USUAL_MODE,
        links: [].into(),
    });
    *list = others.chain(ours).collect();
    Some(())
}

/// `runtime-directory-mode` and its kin; which folders it means is known at the end.
pub(super) fn mode(draft: &mut Draft, base: Base, value: Value<'_>) -> Option<()> {
    let mode = execution::octal(value, 0o7777)?;
    draft.folder_modes.push((base, mode));
    Some(())
}

/// `runtime-directory-preserve`.
pub(super) fn preserve(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    draft.setup().preserve = if value.as_str() == Some("restart") {
        Preserve::Restart
    } else if value.boolean()? {
        Preserve::Yes
    } else {
        Preserve::No
    };
    Some(())
}

/// `remove-before-start`.
pub(super) fn remove(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    let mut paths = Vec::new();
    let mut good = Some(());
    for item in value.items() {
        let Some(path) = item.text() else {
            good = None;
            continue;
        };
        let above = path.split('/').any(|part| part == "..");
        let names_one = path.split('/').any(|part| !matches!(part, "" | "."));
        if above || !names_one {
            good = item.wrong(
                format!("remove-before-start can't be \"{path}\""),
                "name the file or folder itself, by a path without \"..\"",
            );
        } else if path.contains(['*', '?', '[']) {
            good = item.wrong(
                format!("\"{path}\" is a pattern, which remove-before-start doesn't know"),
                "name each file, or the folder that holds them all",
            );
        }
        paths.push(path.into());
    }
    draft.setup().remove = paths.into();
    good
}

/// A list of capabilities, each with or without CAP_, all of them with a ~ or none.
pub(super) fn capabilities(value: Value<'_>) -> Option<Capabilities> {
    let mut set = Capabilities::NONE;
    let mut good = Some(());
    let (mut with, mut without) = (false, false);
    for item in value.items() {
        let Some(text) = item.text() else {
            good = None;
            continue;
        };
        let name = text.strip_prefix('~').unwrap_or(&text);
        let inverted = name.len() < text.len();
        with |= inverted;
        without |= !inverted;
        match Capabilities::named(name) {
            Some(one) => set = set.with(one),
            None => {
                let upper = name.to_ascii_uppercase();
                let short = upper.strip_prefix("CAP_").unwrap_or(&upper);
                let help = match nearest(short, Capabilities::names()) {
                    Some(near) => format!("did you mean \"CAP_{near}\"?"),
                    None => {
                        "a name of capabilities(7), such as \"CAP_NET_BIND_SERVICE\"".to_owned()
                    }
                };
                good = item.wrong(format!("there is no capability \"{name}\""), help);
            }
        }
    }
    good?;
    if with && value.key == "ambient-capabilities" {
        return value.wrong(
            "ambient-capabilities takes no ~",
            "write the names of those that it is to have",
        );
    }
    if with && without {
        return value.wrong(
            format!("{} names some with ~ and some without", value.key),
            "write a ~ before each name for all but these, or before none",
        );
    }
    Some(if with { set.others() } else { set })
}

/// Names of variables, or whole words of `NAME=value` too.
pub(super) fn variables(value: Value<'_>, whole: bool) -> Option<Box<[Box<str>]>> {
    let mut names = Vec::new();
    let mut good = Some(());
    for item in value.items() {
        let Some(name) = item.text() else {
            good = None;
            continue;
        };
        if name.starts_with('=') || (!whole && name.contains('=')) {
            good = item.wrong(
                format!("\"{name}\" can't be the name of a variable"),
                "write the name alone",
            );
        }
        names.push(name.into());
    }
    good.map(|()| names.into())
}

/// `environment-from`.
pub(super) fn secrets(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    const FORM: &str = "environment-from = { PGPASSWORD = \"/run/secrets/pg\" }";
    let Some(entries) = value.entries() else {
        return value.wrong("environment-from must be a table of NAME = path", FORM);
    };
    let mut list = draft.setup().secrets.to_vec();
    let mut good = Some(());
    for (key_at, entry) in entries {
        if entry.key.is_empty() || entry.key.contains(['=', '\0']) {
            good = value.wrong_at(
                key_at,
                "this can't be the name of a variable",
                "a name isn't empty and holds neither = nor NUL",
            );
            continue;
        }
        let Some(text) = entry.text() else {
            good = None;
            continue;
        };
        let path = text.strip_prefix('-').unwrap_or(&text);
        if path.is_empty() {
            good = entry.wrong("environment-from names no file", FORM);
            continue;
        }
        let secret = Secret {
            name: entry.key.into(),
            path: path.into(),
            optional: path.len() < text.len(),
        };
        match list.iter_mut().find(|known| known.name == secret.name) {
            Some(known) => *known = secret,
            None => list.push(secret),
        }
    }
    draft.setup().secrets = list.into();
    good
}

/// `expand-file-variables`.
pub(super) fn file_variables(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    draft.setup().file_variables = if value.is_array() {
        FileVariables::Of(variables(value, false)?)
    } else if value.boolean()? {
        FileVariables::All
    } else {
        FileVariables::None
    };
    Some(())
}
