//! A unit's commands and sockets as values of TOML.

use super::draft::{list, quoted, value};
use crate::core::commands::ControlCommand;
use crate::core::exec::{Expansion, Manner, Words};
use crate::core::listen::{Socket, SocketKind};
use crate::core::signal::Signal;

/// A mode as a text.
pub(super) fn octal(mode: u32) -> String {
    format!("\"{mode:03o}\"")
}

/// One of the commands around a service.
pub(super) fn control(control: &ControlCommand) -> String {
    let command = command(&control.command.words, control.command.manner);
    if control.ignore_failure {
        return format!("{{ command = {command}, ignore-failure = true }}");
    }
    command
}

/// An array, or a line for the shell where a variable is to become several words.
pub(super) fn command(words: &Words, manner: Manner) -> String {
    let unit = manner.expansion == Expansion::Unit;
    let mut splits = false;
    let mut values = Vec::new();
    let mut line = "exec".to_owned();
    for (place, word) in words.iter().enumerate() {
        // The name that it sees has no equivalent.
        if manner.renamed && place == 1 {
            continue;
        }
        let word = String::from_utf8_lossy(word);
        let fills = unit && place > 0;
        line.push(' ');
        if fills && word == "$MAINPID" {
            line.push_str("$MAINPID");
            values.push(quoted("${MAINPID:-}"));
        } else if fills && word.strip_prefix('$').is_some_and(is_name) {
            line.push_str(&word);
            splits = true;
        } else {
            shell_word(&mut line, &word, fills);
            values.push(if fills {
                quoted(&filled(&word))
            } else {
                value(&word)
            });
        }
    }
    if splits { quoted(&line) } else { list(&values) }
}

/// `kill -HUP $MAINPID`: what it sends.
pub(super) fn reload_signal(control: &ControlCommand) -> Option<Signal> {
    let mut words = control.command.words.iter();
    let program = words.next()?;
    let mut signal = words.next()?;
    signal = match signal {
        b"-s" => words.next()?,
        _ => signal.strip_prefix(b"-")?,
    };
    let whom = words.next()?;
    let is_kill = program.ends_with(b"/kill") && matches!(whom, b"$MAINPID" | b"${MAINPID}");
    if !is_kill || words.next().is_some() {
        return None;
    }
    Signal::parse(std::str::from_utf8(signal).ok()?)
}

fn is_name(text: &str) -> bool {
    let is_letter = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
    !text.is_empty()
        && text.bytes().all(is_letter)
        && !text.as_bytes().first().is_some_and(u8::is_ascii_digit)
}

/// What stands behind a dollar sign: the name in `{NAME}`, and the rest.
fn variable(rest: &str) -> Option<(&str, &str)> {
    let (name, behind) = rest.strip_prefix('{')?.split_once('}')?;
    is_name(name).then_some((name, behind))
}

/// A unit's word as one of an array: an unset variable is nothing.
fn filled(word: &str) -> String {
    let mut out = String::new();
    let mut rest = word;
    while let Some((before, behind)) = rest.split_once('$') {
        out.push_str(before);
        rest = behind;
        if let Some((name, behind)) = variable(rest) {
            out = format!("{out}${{{name}:-}}");
            rest = behind;
            continue;
        }
        rest = rest.strip_prefix('$').unwrap_or(rest);
        out.push_str(if rest.starts_with('{') { "$$" } else { "$" });
    }
    out.push_str(rest);
    out
}

/// A unit's word for the shell, which is to take nothing else for something.
fn shell_word(line: &mut String, word: &str, fills: bool) {
    let is_plain = |c: u8| c.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(&c);
    if !word.is_empty() && word.bytes().all(is_plain) {
        line.push_str(word);
        return;
    }
    line.push('"');
    let mut letters = word.chars();
    while let Some(letter) = letters.next() {
        let behind = letters.as_str();
        let is_variable = fills && letter == '$' && variable(behind).is_some();
        if matches!(letter, '$' | '"' | '\\' | '`') && !is_variable {
            line.push('\\');
        }
        line.push(letter);
        if letter == '$' && fills && behind.starts_with('$') {
            letters.next();
        }
    }
    line.push('"');
}

/// A socket as a value of `listen`; none where no key makes one.
pub(super) fn socket(socket: &Socket) -> Option<String> {
    let kind = match socket.kind {
        SocketKind::Stream => "stream",
        SocketKind::Datagram => "datagram",
        SocketKind::Seqpacket => "seqpacket",
        SocketKind::Fifo => return None,
    };
    let whole = socket.to_string();
    let address = value(whole.strip_prefix("udp:").unwrap_or(&whole));
    let mode = octal(socket.file.mode);
    Some(match (kind, &*mode) {
        _ if socket.path().is_none() => value(&whole),
        ("stream", "\"666\"") => address,
        _ => format!("{{ {kind} = {address}, mode = {mode} }}"),
    })
}
