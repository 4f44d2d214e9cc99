//! The value of an Exec*= directive: prefixes, words, specifiers, several commands
//! between lone semicolons (`systemd.service(5)`, COMMAND LINES).

use super::specifier::Specifiers;
use crate::core::quoting::{Backslash, quoted};

/// One command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ExecLine {
    /// What is executed: a path, or a name to be sought.
    pub(crate) program: Vec<u8>,
    /// `@`: the argument vector begins with another name.
    pub(crate) name: Option<Vec<u8>>,
    /// What follows the program.
    pub(crate) arguments: Vec<Vec<u8>>,
    /// `-`: however it ends, it ended well.
    pub(crate) ignore_failure: bool,
    /// `:`: `$` is a letter as any other.
    pub(crate) literal: bool,
    /// `+`: as root with everything.
    pub(crate) full_rights: bool,
    /// `!`: as root, all else as written.
    pub(crate) keep_user: bool,
}

/// Why a line is none; the unit can't be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WrongExec {
    /// A quote is left open, a backslash stands at the end, or begins no escape in the
    /// program's name.
    Unbalanced,
    /// There is no program.
    NoProgram,
    /// The program is neither a name nor an absolute path.
    Program(String),
    /// `@` without a second word.
    NoName,
    /// A specifier that there isn't.
    Specifier(char),
}

/// The commands of a value that isn't empty, and what is odd about it.
pub(crate) fn commands(
    value: &str,
    specifiers: &Specifiers<'_>,
) -> (Result<Vec<ExecLine>, WrongExec>, Odd) {
    let mut odd = Odd::default();
    let commands = read(value, specifiers, &mut odd);
    (commands, odd)
}

/// What systemd takes with a warning.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Odd {
    /// An escape that there isn't.
    pub(crate) escape: bool,
}

fn read(
    value: &str,
    specifiers: &Specifiers<'_>,
    odd: &mut Odd,
) -> Result<Vec<ExecLine>, WrongExec> {
    let mut all = Vec::new();
    let mut rest = quoted(value.as_bytes(), Backslash::Escapes);
    let expand = |word: &[u8]| {
        let expanded = specifiers.expand(word);
        let unknown = expanded.unknown.map(WrongExec::Specifier);
        unknown.map_or(Ok(expanded.text), Err)
    };
    while let Some(first) = rest.next() {
        let first = first.map_err(|_| WrongExec::Unbalanced)?;
        if first == b";" {
            continue;
        }
        // In arguments it stays as it is.
        if rest.met_odd_escape() {
            return Err(WrongExec::Unbalanced);
        }
        let mut command = ExecLine::default();
        let (program, renamed) = prefixes(&first, &mut command);
        let written = expand(program)?;
        command.program = program_path(&written)?;
        if renamed {
            let name = rest.next().ok_or(WrongExec::NoName)?;
            command.name = Some(expand(&name.map_err(|_| WrongExec::Unbalanced)?)?);
        } else if command.program != written {
            // It sees itself called as it was written.
            command.name = Some(written);
        }
        let mut more = false;
        while !rest.is_at_end() {
            if rest.take_word(";") {
                more = true;
                break;
            }
            if rest.take_word("\\;") {
                command.arguments.push(b";".to_vec());
                continue;
            }
            if let Some(word) = rest.next() {
                let word = word.map_err(|_| WrongExec::Unbalanced)?;
                command.arguments.push(expand(&word)?);
            }
        }
        all.push(command);
        if !more {
            break;
        }
    }
    odd.escape = rest.met_odd_escape();
    if all.is_empty() {
        return Err(WrongExec::NoProgram);
    }
    Ok(all)
}

/// Takes each prefix once, in any order; what is left, and whether `@` was among them.
fn prefixes<'a>(word: &'a [u8], command: &mut ExecLine) -> (&'a [u8], bool) {
    let mut rest = word;
    let mut renamed = false;
    let mut ambient = false;
    while let Some((first, tail)) = rest.split_first() {
        let plain = !command.full_rights && !command.keep_user && !ambient;
        match first {
            b'-' if !command.ignore_failure => command.ignore_failure = true,
            b'@' if !renamed => renamed = true,
            b':' if !command.literal => command.literal = true,
            b'+' if plain => command.full_rights = true,
            b'!' if plain => command.keep_user = true,
            // Where ambient capabilities work, this says nothing.
            b'!' if command.keep_user => {
                command.keep_user = false;
                ambient = true;
            }
            _ => break,
        }
        rest = tail;
    }
    (rest, renamed)
}

/// A name without a slash, or an absolute path without doubled ones.
fn program_path(word: &[u8]) -> Result<Vec<u8>, WrongExec> {
    if word.is_empty() {
        return Err(WrongExec::NoProgram);
    }
    let shown = || WrongExec::Program(String::from_utf8_lossy(word).into_owned());
    if !word.contains(&b'/') {
        return if matches!(word, b"." | b"..") {
            Err(shown())
        } else {
            Ok(word.to_vec())
        };
    }
    let parts: Vec<&[u8]> = word
        .split(|byte| *byte == b'/')
        .filter(|part| !matches!(*part, b"" | b"."))
        .collect();
    if word.first() != Some(&b'/') || word.ends_with(b"/") || parts.is_empty() {
        return Err(shown());
    }
    Ok(parts
        .iter()
        .flat_map(|part| [b"/".as_slice(), part].concat())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::name::UnitName;
    use crate::units::specifier::Machine;
    use std::path::Path;

    fn read(value: &str) -> (Result<Vec<ExecLine>, WrongExec>, Odd) {
        let machine = Machine::new(Path::new("/nowhere"));
        let specifiers = Specifiers {
            machine: &machine,
            name: &UnitName::parse("web@a-b").unwrap(),
            path: Path::new("/x"),
        };
        commands(value, &specifiers)
    }

    fn shown(value: &str) -> Vec<String> {
        let show = |command: &ExecLine| {
            let text = |word: &Vec<u8>| String::from_utf8_lossy(word).into_owned();
            let words: Vec<_> = [&command.program]
                .into_iter()
                .chain(&command.name)
                .chain(&command.arguments)
                .map(text)
                .collect();
            let flags = [
                (command.ignore_failure, '-'),
                (command.name.is_some(), '@'),
                (command.literal, ':'),
                (command.full_rights, '+'),
                (command.keep_user, '!'),
            ];
            let flags: String = flags
                .iter()
                .filter(|(on, _)| *on)
                .map(|(_, flag)| flag)
                .collect();
            format!("{flags} {}", words.join("|"))
        };
        read(value).0.unwrap().iter().map(show).collect()
    }

    #[test]
    fn prefixes_come_in_any_order_and_once_each() {
        for (value, wanted) in [
            ("/bin/a b", " /bin/a|b"),
            ("-@/bin/a x y", "-@ /bin/a|x|y"),
            ("+:-/bin/a", "-:+ /bin/a"),
            ("!a", "! a"),
            ("!!a", " a"),
            ("//bin//./a", "@ /bin/a|//bin//./a"),
            ("; a", " a"),
            (
                "/bin/a 'b c' \"%i %I\" $X ${Y} > ;x",
                " /bin/a|b c|a-b a/b|$X|${Y}|>|;x",
            ),
        ] {
            assert_eq!(shown(value), [wanted], "{value}");
        }
    }

    #[test]
    fn lone_semicolons_part_commands() {
        assert_eq!(shown("a 1 ; -b \\; 2 ;"), [" a|1", "- b|;|2"]);
    }

    #[test]
    fn what_is_no_command_is_told() {
        for (value, wanted) in [
            ("\"a", WrongExec::Unbalanced),
            ("a \"b", WrongExec::Unbalanced),
            ("a\\qb", WrongExec::Unbalanced),
            ("-", WrongExec::NoProgram),
            (";", WrongExec::NoProgram),
            ("a %Q", WrongExec::Specifier('Q')),
            ("bin/a", WrongExec::Program("bin/a".into())),
            ("/bin/", WrongExec::Program("/bin/".into())),
            ("--a", WrongExec::Program("-a".into())),
            ("@a", WrongExec::NoName),
        ] {
            if let Ok(commands) = read(value).0 {
                // This is a name to systemd as well, which nobody has.
                assert_eq!(value, "--a", "{commands:?}");
            } else {
                assert_eq!(read(value).0, Err(wanted), "{value}");
            }
        }
        assert_eq!(read("a b\\q").1, Odd { escape: true });
    }

    proptest::proptest! {
        #[test]
        fn any_value_gives_commands_or_a_reason(value in "[-@:+!/ab;\\\\\"' %in$]{0,50}") {
            if let Ok(commands) = read(&value).0 {
                proptest::prop_assert!(commands.iter().all(|command| !command.program.is_empty()));
            }
        }
    }
}
