//! What is executed, with which variables, as whom: the longer setters.

use super::draft::{AFFINITY, Draft};
use super::value::Value;
use crate::core::accounts;
use crate::core::exec::{EnvironmentFile, Expansion, Manner, Words};
use crate::core::expand;
use crate::core::tuning::Numbers;

/// A command as written.
pub(super) struct Written {
    pub(super) words: Words,
    /// How they become a process.
    pub(super) manner: Manner,
    /// A string: the shell leads a group of its own.
    pub(super) shell: bool,
}

pub(super) fn command(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    let written = words(value)?;
    draft.spec.exec.command = written.words;
    draft.spec.exec.manner = written.manner;
    draft.spec.stop.to_group = written.shell;
    Some(())
}

/// An array of words, or a string for the shell.
pub(super) fn words(value: Value<'_>) -> Option<Written> {
    let key = value.key;
    if !value.is_array() {
        let Some(script) = value.as_str() else {
            return value.wrong(
                format!("{key} must be an array of words or a string"),
                format!(
                    "{key} = [\"nginx\", \"-g\", \"daemon off;\"], or {key} = \"a line for /bin/sh\""
                ),
            );
        };
        if script.trim().is_empty() {
            return value.wrong(format!("{key} is empty"), "write what is to be executed");
        }
        check_nul(script, value)?;
        return Some(Written {
            words: Words::new(["/bin/sh", "-c", script]),
            manner: Manner::default(),
            shell: true,
        });
    }
    let mut words = Vec::new();
    let mut expand = false;
    let mut good = Some(());
    for item in value.items() {
        let Some(word) = item.as_str() else {
            // A number is no wonder in a list of arguments; what it says is clear.
            match item.bytes() {
                Some(bytes) => words.push(bytes),
                None => good = None,
            }
            continue;
        };
        if let Err(error) = expand::check(word.as_bytes()) {
            good = item.wrong_variable(word, &error);
        }
        good = good.and(check_nul(word, item));
        let word = item.for_instance(word);
        expand |= expand::has_variables(&word);
        words.push(word);
    }
    good?;
    if words.first().is_none_or(Vec::is_empty) {
        return value.wrong(
            format!("{key} names no program"),
            "the first word of the array is the program",
        );
    }
    Some(Written {
        words: Words::new(words),
        manner: Manner {
            expansion: if expand {
                Expansion::Forms
            } else {
                Expansion::None
            },
            ..Manner::default()
        },
        shell: false,
    })
}

fn check_nul(text: &str, value: Value<'_>) -> Option<()> {
    if text.contains('\0') {
        return value.wrong(
            format!("{} holds a NUL character", value.key),
            "the kernel ends every word at a NUL",
        );
    }
    Some(())
}

pub(super) fn environment(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    const FORM: &str = "environment = { LANG = \"C.UTF-8\", PORT = 8080 }";
    let Some(entries) = value.entries() else {
        return value.wrong("environment must be a table of NAME = value", FORM);
    };
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
        let Some(bytes) = entry.bytes() else {
            good = None;
            continue;
        };
        let list = &mut draft.environment;
        match list.iter_mut().find(|(name, _)| **name == *entry.key) {
            Some((_, known)) => *known = bytes,
            None => list.push((entry.key.into(), bytes)),
        }
    }
    good
}

pub(super) fn environment_file(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    let mut files = Vec::new();
    let mut good = Some(());
    for item in value.items() {
        let Some(text) = item.text() else {
            good = None;
            continue;
        };
        let path = text.strip_prefix('-').unwrap_or(&text);
        if path.is_empty() {
            good = item.wrong(
                "environment-file names no file",
                "write \"-/etc/default/web\"",
            );
        }
        files.push(EnvironmentFile {
            path: path.into(),
            optional: path.len() < text.len(),
        });
    }
    draft.spec.exec.environment_files = files.into();
    good
}

/// A user or a group.
pub(super) fn account(value: Value<'_>) -> Option<Box<str>> {
    let name = value.word()?;
    if name.contains(':') {
        return value.wrong(
            format!("\"{name}\" is no single name"),
            "write user = \"NAME\" and group = \"NAME\", two keys",
        );
    }
    let digits = name
        .trim_start_matches('-')
        .bytes()
        .all(|byte| byte.is_ascii_digit());
    if digits && accounts::number(name.as_bytes()).is_none() {
        return value.wrong(
            format!("{name} is out of range"),
            "a number from 0 to 4294967294",
        );
    }
    if name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return value.wrong(
            format!("\"{name}\" can't be a name"),
            "names hold no spaces",
        );
    }
    Some(name.into())
}

pub(super) fn supplementary(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    let mut groups = Vec::new();
    let mut good = Some(());
    for item in value.items() {
        match account(item) {
            Some(group) => groups.push(group),
            None => good = None,
        }
    }
    draft.identity().supplementary = groups.into();
    good
}

/// The processors of all lists together.
pub(super) fn cpu_affinity(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    let mut lists = Vec::new();
    for item in value.items() {
        let list = item.word()?;
        if Numbers::of(&[&*list]).is_none() {
            return item.wrong(
                format!("\"{list}\" is no list of processors"),
                "write numbers and ranges, such as \"0-3 7\"",
            );
        }
        lists.push(list);
    }
    let lists = lists.join(" ");
    let list = (!lists.trim().is_empty()).then_some(&*lists);
    draft.put_word(AFFINITY, list);
    Some(())
}

pub(super) fn umask(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    draft.spec.exec.umask = Some(octal(value, 0o777)?);
    Some(())
}

/// The decimal number with the digits that this one has in octal.
fn as_it_looks(octal: u32) -> i64 {
    format!("{octal:o}").parse().unwrap_or(i64::MAX)
}

/// Permissions, in octal, which nobody is to mistake for a decimal number.
pub(super) fn octal(value: Value<'_>, most: u32) -> Option<u32> {
    let key = value.key;
    let help = "write it in octal: \"022\" or 0o022";
    let range = format!("{key} must be octal, from 000 to {most:o}");
    let mask = match value.as_octal() {
        Some(mask) => Some(mask),
        None if value.as_str().is_some() => u32::from_str_radix(&value.text()?, 8).ok(),
        None if !value.is_integer() => return value.wrong(range, help),
        None => {
            let number = value.integer(0..=as_it_looks(most))?;
            let what = format!("{key} = {number} is a decimal number");
            return value.wrong(
                what,
                format!("write it in octal: \"{number:03}\" or 0o{number:03}"),
            );
        }
    };
    match mask.filter(|mask| *mask <= most) {
        Some(mask) => Some(mask),
        None => value.wrong(range, help),
    }
}
