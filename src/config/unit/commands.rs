//! Exec*= lines, as the core's commands.

use super::given::{Given, PERCENT};
use crate::config::source::At;
use crate::core::commands::ControlCommand;
use crate::core::exec::{Expansion, Manner, Privileges, Words};
use crate::core::probe::Command;
use crate::units::{ExecLine, WrongExec, commands};

/// The commands of one kind, with their places.
#[derive(Default)]
pub(super) struct Lines(pub(super) Vec<(ExecLine, At)>);

impl Lines {
    /// One more assignment; an empty one drops those before it.
    pub(super) fn add(&mut self, given: &Given<'_>) {
        if given.is_reset() {
            self.0.clear();
            return;
        }
        let (read, odd) = commands(given.value, &given.specifiers);
        given.odd_escape(odd.escape);
        match read {
            Ok(read) => self.0.extend(read.into_iter().map(|line| (line, given.at))),
            // What may fail may be missing.
            Err(wrong) if given.value.starts_with('-') => {
                given.wrong::<()>(explain(given.key, &wrong).1);
            }
            // As with systemd: without this line the unit isn't what was meant.
            Err(wrong) => {
                let (what, help) = explain(given.key, &wrong);
                given.context.error(given.at, what, help);
            }
        }
    }

    /// As control commands; `as_root`: PermissionsStartOnly=.
    pub(super) fn controls(&self, as_root: bool) -> Vec<(ControlCommand, At)> {
        let one = |(line, at): &(ExecLine, At)| {
            let mut command = command(line);
            if as_root {
                command.manner.privileges = Privileges::Full;
            }
            let control = ControlCommand {
                command,
                ignore_failure: line.ignore_failure,
            };
            (control, *at)
        };
        self.0.iter().map(one).collect()
    }
}

fn explain(key: &str, wrong: &WrongExec) -> (String, &'static str) {
    match wrong {
        WrongExec::Unbalanced => (
            format!("{key}: a quote is left open, or a backslash begins nothing"),
            "close the quotes that were opened; a backslash itself is written \\\\",
        ),
        WrongExec::NoProgram => (
            format!("{key} names no program"),
            "write the program's whole path first",
        ),
        WrongExec::Program(program) => (
            format!("{key}: \"{program}\" is neither a program's name nor its whole path"),
            "write the program's whole path",
        ),
        WrongExec::NoName => (
            format!("{key}: @ asks for a second word, the name that the program sees"),
            "write it behind the program, or take the @ out",
        ),
        WrongExec::Specifier(letter) => {
            (format!("{key}: there is no specifier %{letter}"), PERCENT)
        }
    }
}

pub(super) fn command(line: &ExecLine) -> Command {
    let words = || {
        let name = line.name.iter().chain(&line.arguments);
        [&line.program].into_iter().chain(name)
    };
    let has_variables = words().skip(1).any(|word| word.contains(&b'$'));
    Command {
        words: Words::new(words()),
        manner: Manner {
            expansion: if has_variables && !line.literal {
                Expansion::Unit
            } else {
                Expansion::None
            },
            renamed: line.name.is_some(),
            privileges: if line.full_rights {
                Privileges::Full
            } else if line.keep_user {
                Privileges::KeepUser
            } else {
                Privileges::Service
            },
        },
    }
}
