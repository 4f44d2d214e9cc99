//! `exec-start-pre` and its kin: lists of commands around a service.

use super::draft::Draft;
use super::execution;
use super::nearest::nearest;
use super::source::At;
use super::value::Value;
use crate::core::commands::{CommandId, Commands, ControlCommand, List};
use crate::core::probe::Command;

/// Sets one of the lists; an empty one is none.
pub(super) fn set(draft: &mut Draft, list: List, value: Value<'_>) -> Option<()> {
    is_a_list(value)?;
    let mut commands = Vec::new();
    let mut places: Vec<(CommandId, At)> = Vec::new();
    let mut good = Some(());
    for (index, item) in (0..).zip(value.items()) {
        match one(item) {
            Some(command) => commands.push(command),
            None => good = None,
        }
        places.push((CommandId { list, index }, item.at));
    }
    good?;
    *draft.commands().list_mut(list) = commands.into();
    draft.command_places.retain(|(id, _)| id.list != list);
    draft.command_places.extend(places);
    Some(())
}

/// A list of words is one command where a list of commands is asked for: said before the
/// shell gets each word as a line.
fn is_a_list(value: Value<'_>) -> Option<()> {
    let items = value.items();
    let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
    let [first, rest @ ..] = texts.as_slice() else {
        return Some(());
    };
    let has_blank = |text: &&str| text.contains(char::is_whitespace);
    let is_option = |text: &&str| text.starts_with('-');
    let words = !texts.iter().any(has_blank) || rest.iter().any(is_option);
    if !value.is_array() || rest.is_empty() || texts.len() < items.len() || !words {
        return Some(());
    }
    let key = value.key;
    let quoted: Vec<String> = texts.iter().map(|text| format!("{text:?}")).collect();
    let one = quoted.join(", ");
    let each: Vec<String> = quoted.iter().map(|text| format!("[{text}]")).collect();
    let help = if rest.iter().any(is_option) {
        format!("write {key} = [[{one}]]")
    } else {
        format!(
            "for one command write {key} = [[{one}]], for several [{}]",
            each.join(", ")
        )
    };
    let what =
        format!("{key} is a list of commands, and this looks like the words of one: {first}");
    value.wrong(what, help)
}

/// An array of words, a string for the shell, or a table with one of them.
fn one(value: Value<'_>) -> Option<ControlCommand> {
    const FORM: &str = "{ command = [\"rm\", \"-f\", \"/tmp/x\"], ignore-failure = true }";
    if !value.is_array() && !is_table(value) && value.as_str().is_none() {
        let help =
            format!("a command is [\"rm\", \"-f\", \"/tmp/x\"], \"a line for /bin/sh\", or {FORM}");
        return value.wrong(
            format!("{} is a list of commands, this is none", value.key),
            help,
        );
    }
    let mut ignore_failure = false;
    let mut command = (!is_table(value)).then_some(value);
    let mut good = Some(());
    for (at, entry) in value.entries().unwrap_or_default() {
        match entry.key {
            "command" => command = Some(entry),
            "ignore-failure" => match entry.boolean() {
                Some(ignored) => ignore_failure = ignored,
                None => good = None,
            },
            other => {
                let help = match nearest(other, ["command", "ignore-failure"]) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => format!("a command is {FORM}"),
                };
                let what = format!("a command of {} has no key \"{other}\"", value.key);
                good = value.wrong_at(at, what, help);
            }
        }
    }
    good?;
    let Some(command) = command else {
        return value.wrong(
            format!("this command of {} has no command", value.key),
            FORM,
        );
    };
    let written = execution::words(command)?;
    Some(ControlCommand {
        command: Command {
            words: written.words,
            manner: written.manner,
        },
        ignore_failure,
    })
}

fn is_table(value: Value<'_>) -> bool {
    value.as_table().is_some()
}

/// None at all where every list is empty.
pub(super) fn tidy(commands: &mut Option<Box<Commands>>) {
    commands.take_if(|commands| **commands == Commands::default());
}
