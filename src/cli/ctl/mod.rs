//! `rinitctl`, the same as `rinit ctl`: a verb for the running rinit. One table of verbs
//! (`verbs`); each says what it asks, and a file for its subject how the answer is told.

mod boot_chart;
mod changes;
mod events;
mod exec;
mod graph;
mod logs;
mod options;
mod sentences;
mod services;
mod table;
mod verb_text;
mod verbs;
mod watch;

use std::fmt::Display;

use serde_json::Value;

pub(super) use self::logs::{Wanted, levels, message, since, tell_logs};
use self::options::Options;
pub(super) use self::services::{of as services_of, standing};
pub(super) use self::verb_text::{common, options, verbs};
use self::verbs::{COMMON, FLAGS, Kind, Names, VERBS, Verb};
use super::documents::Document;
use super::environment::{may_colour, text};
use super::getopt::{Help, Parser, Rules};
use super::print::{self, Text, USAGE};
use crate::control::{
    Json, NoAnswer, RELOAD_OF_NONE, UNKNOWN, ask, ask_and_hear, ask_for_lines, obey_signals,
    places, terminal_width,
};
use crate::core::signal::Signal;
use crate::single::Inherited;

/// So many lines stand on a service's page.
pub(super) const ON_PAGE: u64 = 10;
/// So many stand below the reasons of one that isn't up.
const WITH_WHY: u64 = 3;
/// Exit status when no rinit answers.
const NOBODY: i32 = 5;
/// Exit status of a request that was refused.
const REFUSED: i32 = 1;

/// The words from number `first` on are its own.
pub fn run(inherited: &mut Inherited, first: usize) -> i32 {
    let mut socket = text(inherited, "RINIT_CONTROL_SOCKET");
    let columns = text(inherited, "COLUMNS").and_then(|columns| columns.parse().ok());
    let terminal = print::out_is_terminal();
    let mut options = Options {
        colour: may_colour(inherited),
        width: terminal.then(|| columns.or_else(terminal_width)).flatten(),
        terminal: inherited.variable("TERM"),
        ..Options::default()
    };
    obey_signals(inherited);
    let runtime_dir = inherited.variable("XDG_RUNTIME_DIR");
    let rules = Rules {
        permute: true,
        abbreviate: false,
    };
    let mut parser = Parser::new_at(FLAGS, rules, &mut inherited.arguments, first);
    let mut given_kinds = Vec::new();
    let mut document = None;
    while let Some(given) = parser.next_option() {
        given_kinds.extend(given.as_ref().map(|(kind, _)| *kind));
        match given {
            Err(fault) => return usage(fault),
            Ok((Kind::Socket, path)) => socket = Some(Text(path).to_string()),
            Ok((Kind::Json, _)) => options.json = true,
            Ok((Kind::Live, _)) => options.of = Some("live"),
            Ok((Kind::Ready, _)) => options.of = Some("ready"),
            Ok((Kind::Startup, _)) => options.of = Some("startup"),
            Ok((Kind::Dot, _)) => options.dot = true,
            Ok((Kind::Svg, _)) => options.svg = true,
            Ok((Kind::Watch, _)) => options.watch = true,
            Ok((Kind::Follow, _)) => options.follow = true,
            Ok((Kind::For, state)) => options.until = Some(Text(state).to_string()),
            Ok((Kind::Signal, signal)) => {
                let signal = Text(signal).to_string();
                if Signal::parse(&signal).is_none() {
                    return usage(format_args!("there is no signal {signal}"));
                }
                options.signal = Some(signal);
            }
            Ok((Kind::Code, code)) => match Text(code).to_string().parse() {
                Ok(code) => options.code = Some(code),
                Err(_) => return usage("--code is a number from 0 to 255"),
            },
            Ok((Kind::Lines, lines)) => match Text(lines).to_string().parse() {
                Ok(lines) => options.lines = Some(lines),
                Err(_) => return usage("-n takes a number of lines"),
            },
            Ok((Kind::Since, time)) => {
                let time = Text(time).to_string();
                options.since = logs::since(&time);
                if options.since.is_none() {
                    return usage(format_args!(
                        "{time} is no time; write 10m, 2026-01-02T03:04:05Z or @seconds"
                    ));
                }
            }
            Ok((Kind::Priority, text)) => {
                let text = Text(text).to_string();
                options.levels = logs::levels(&text);
                if options.levels.is_none() {
                    return usage(format_args!(
                        "there is no level {text}; write err, 3 or crit..warning"
                    ));
                }
            }
            Ok((Kind::Timeout, time)) => {
                let time = Text(time).to_string();
                match crate::config::duration(&time) {
                    Ok(time) => options.timeout = u64::try_from(time.as_millis()).ok(),
                    Err(_) => {
                        return usage(format_args!("{time} is no duration; write 5s or 1m30s"));
                    }
                }
            }
            Ok((Kind::Man, page)) => document = Some(Document::Man(page)),
            Ok((Kind::Completions, shell)) => document = Some(Document::Completions(shell)),
            Ok((Kind::Help, _)) => {
                print::out(help());
                return 0;
            }
            Ok((Kind::Version, _)) => {
                print::out(concat!("rinitctl ", env!("CARGO_PKG_VERSION"), "\n"));
                return 0;
            }
        }
    }
    let operands = parser.operands();
    if let Some(document) = document {
        let word = inherited.arguments.get(operands);
        return describe(document.or(word, b"rinitctl"));
    }
    let mut words = inherited.arguments.iter().skip(operands);
    let typed = words.next().unwrap_or(b"status");
    let mut names: Vec<&[u8]> = words.collect();
    let Some(verb) = VERBS.iter().find(|verb| verb.name.as_bytes() == typed) else {
        return match meant(typed) {
            Some("help") => {
                print::out(help());
                0
            }
            Some(ours) => {
                print::err(format_args!(
                    "rinitctl: there is no verb {}\nhelp: rinitctl {ours}\n",
                    Text(typed)
                ));
                USAGE
            }
            None => usage(format_args!("there is no verb {}", Text(typed))),
        };
    };
    match (verb.names, names.first()) {
        (Names::None, Some(word)) => {
            return usage(format_args!("{} takes no {}", verb.name, Text(word)));
        }
        (Names::Some, None) if verb.name == "reload" => return usage(RELOAD_OF_NONE),
        (Names::Some, None) => return usage(format_args!("{} of which service?", verb.name)),
        (Names::Command, _) if names.len() < 2 || options.json => {
            return usage(format_args!("write {} NAME -- COMMAND", verb.name));
        }
        (Names::Command, _) => options.command = names.split_off(1),
        (Names::None | Names::Any | Names::Some, _) => {}
    }
    let names: Vec<String> = names.iter().map(|name| Text(name).to_string()).collect();
    if let Some(flag) = foreign(verb, &given_kinds) {
        return usage(format_args!("{} takes no --{flag}", verb.name));
    }
    options.named = !names.is_empty();
    let places = places(socket, runtime_dir);
    if options.watch {
        if !terminal || options.json {
            return usage("status --watch needs a terminal");
        }
        let look = |options: &Options| {
            let (_, answer) = fetch(verb, &names, options, &places)?;
            Ok(services::status_text(&answer, options))
        };
        return watch::run(options, look, |failure: &Failure, options| {
            failure.tell(options, &places)
        });
    }
    if verb.name == "logs" {
        return logs::run(&names, &options, &places);
    }
    match answer(verb, &names, &options, &places) {
        Ok(answer) => (verb.tell)(&answer, &options),
        Err(code) => code,
    }
}

/// Whether rinitctl has this verb.
pub(super) fn is_verb(word: &[u8]) -> bool {
    VERBS.iter().any(|verb| verb.name.as_bytes() == word)
}

/// What to write for the verb of another program, or one that was mistyped.
fn meant(typed: &[u8]) -> Option<&'static str> {
    Some(match typed {
        b"help" => "help",
        b"log" | b"tail" | b"maintail" | b"journal" => "logs -f",
        b"reread" => "plan",
        b"update" | b"add" | b"remove" | b"daemon-reload" => "apply",
        b"signal" => "kill --signal S NAME…",
        b"up" => "start NAME…",
        b"down" => "stop NAME…",
        b"ls" | b"list-units" | b"ps" => "status",
        b"poweroff" | b"halt" | b"reboot" => "shutdown",
        b"reset-failed" | b"clear" => "reset NAME…",
        b"cat" => "show NAME…",
        b"enable" | b"disable" => "apply, after enabled = true or false in [service.NAME]",
        _ => {
            let typed = std::str::from_utf8(typed).ok()?;
            crate::config::nearest(typed, VERBS.iter().map(|verb| verb.name))?
        }
    })
}

/// Prints what the program knows about itself.
fn describe(document: Document) -> i32 {
    match document.text() {
        Some(text) => print::out(text),
        None => return usage("there is no such page or shell"),
    }
    0
}

/// The first option given that is another verb's.
fn foreign(verb: &Verb, given: &[Kind]) -> Option<&'static str> {
    let is_foreign = |kind: &&Kind| !COMMON.contains(kind) && !verb.takes.contains(kind);
    let kind = given.iter().find(is_foreign)?;
    let flag = FLAGS.iter().find(|flag| flag.kind == *kind)?;
    Some(flag.long)
}

/// Asks; what is refused is told here, and gives its exit status.
fn answer(
    verb: &Verb,
    names: &[String],
    options: &Options,
    places: &[String],
) -> Result<Value, i32> {
    let (line, answer) = fetch(verb, names, options, places).map_err(|failure| {
        let code = failure.tell(options, places);
        // Its exit status is 0 or 1, but for a mistake of the caller's.
        let unwell = verb.name == "health" && code != USAGE;
        if unwell { REFUSED } else { code }
    })?;
    // Of a stream the last line says no more than that it was the last.
    if options.json && !verb.streams {
        match verb.name {
            "status" => print::out(Text(&services::with_more(&line, &answer))),
            "boot-chart" => print::out(Text(&boot_chart::with_chain(&line, &answer))),
            _ => print::out(Text(&line)),
        }
    }
    Ok(answer)
}

/// Why there is nothing to tell.
enum Failure {
    NoAnswer(NoAnswer),
    /// The answer says so, as it came and as it was read.
    Refused(Vec<u8>, Value),
}

impl Failure {
    /// Says so; the exit status.
    fn tell(&self, options: &Options, places: &[String]) -> i32 {
        match self {
            Self::NoAnswer(no_answer) => explain(no_answer, places),
            Self::Refused(line, answer) => refused(answer, line, options).unwrap_or(REFUSED),
        }
    }
}

/// Asks; the answer as it came and as it was read.
fn fetch(
    verb: &Verb,
    names: &[String],
    options: &Options,
    places: &[String],
) -> Result<(Vec<u8>, Value), Failure> {
    let request = request(verb, names, options);
    let line = if verb.streams {
        ask_for_lines(places, &request, |line| events::tell(line, options))
    } else if verb.hears {
        ask_and_hear(places, &request, changes::hear)
    } else {
        ask(places, &request, verb.waits)
    };
    let line = line.map_err(Failure::NoAnswer)?;
    let mut answer: Value = serde_json::from_slice(&line).unwrap_or_default();
    if answer.get("error").is_some() {
        return Err(Failure::Refused(line, answer));
    }
    let lines = match verb.name {
        "status" => ON_PAGE,
        "why" if sentences::in_trouble(&answer) => WITH_WHY,
        _ => 0,
    };
    if lines > 0
        && is_one(names)
        && let Some(all) = answer.as_object_mut()
    {
        let last = logs::last(names, lines, places);
        all.insert("output".to_owned(), Value::Array(last));
    }
    Ok((line, answer))
}

/// Says why there is no answer; the exit status.
fn explain(no_answer: &NoAnswer, places: &[String]) -> i32 {
    match no_answer {
        NoAnswer::Nobody(errno) => {
            let places = places.join(", ");
            let errno = crate::single::Errno::from(*errno);
            print::err(format_args!(
                "rinitctl: no rinit answers at {places}: {errno}\n\
                help: it answers while it supervises services, in the same container; --socket names another place\n"
            ));
            NOBODY
        }
        NoAnswer::TooLong => {
            usage("so many names are more than one request takes; use a pattern: web*")
        }
        NoAnswer::Silence => {
            print::err("rinitctl: rinit gave no answer that this version understands\n");
            NOBODY
        }
        NoAnswer::CutOff => {
            print::err("rinitctl: rinit has ended, or let go of us; there may be more\n");
            NOBODY
        }
    }
}

/// Tells a refusal, if the answer is one; its exit status.
fn refused(answer: &Value, line: &[u8], options: &Options) -> Option<i32> {
    let error = answer.get("error").and_then(Value::as_str)?;
    let code = answer.get("code").and_then(Value::as_i64);
    let code = code.and_then(|code| i32::try_from(code).ok());
    if options.json {
        print::out(Text(line));
    } else {
        let mut lines = error.lines();
        let first = lines.next().unwrap_or_default();
        print::err(format_args!("rinitctl: {}\n", Clean(first)));
        lines.for_each(|line| print::err(format_args!("{}\n", Clean(line))));
        if code == Some(i32::from(UNKNOWN)) {
            print::err("help: rinitctl list names them all\n");
        }
    }
    Some(code.unwrap_or(REFUSED))
}

fn request(verb: &Verb, names: &[String], options: &Options) -> Vec<u8> {
    let mut out = Vec::new();
    let mut json = Json::object(&mut out);
    json.text("verb", verb.asks).texts("names", names);
    if is_page(verb, names) {
        json.plain("detail", true);
    }
    if verb.hears {
        json.plain("progress", true);
    }
    if let Some(of) = options.of {
        json.text("of", of);
    }
    if let Some(state) = &options.until {
        json.text("for", state);
    }
    if options.follow {
        json.plain("follow", true);
    }
    if let Some(timeout) = options.timeout {
        json.plain("timeout", timeout);
    }
    if let Some(signal) = &options.signal {
        json.text("signal", signal);
    }
    if let Some(code) = options.code {
        json.plain("code", code);
    }
    json.end();
    out.push(b'\n');
    out
}

/// A page is wanted, no table.
fn is_page(verb: &Verb, names: &[String]) -> bool {
    verb.name == "status" && is_one(names)
}

/// The last lines of a service's output.
pub(super) fn last_lines(name: &str, lines: u64, places: &[String]) -> Vec<Value> {
    logs::last(&[name.to_owned()], lines, places)
}

/// One name, no pattern.
fn is_one(names: &[String]) -> bool {
    matches!(names, [name] if !name.contains(['*', '?']))
}

/// A text of somebody else's on one line, without anything that a terminal obeys.
pub(super) struct Clean<'a>(pub(super) &'a str);

impl Display for Clean<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use std::fmt::Write;
        self.0
            .chars()
            .try_for_each(|letter| f.write_char(if letter.is_control() { ' ' } else { letter }))
    }
}

fn help() -> String {
    let mut text = "usage: rinitctl [OPTIONS] [VERB [NAME…]]\n\n".to_owned();
    for verb in VERBS {
        let name = format!("{} {}", verb.name, verb.names.usage());
        text.push_str(&format!("  {name:<19}{}\n", verb.doc));
    }
    text.push_str("\nNames may hold * and ?.\n\n");
    text.push_str(&Help(FLAGS).to_string());
    text
}

fn usage(wrong: impl Display) -> i32 {
    print::err(format_args!(
        "rinitctl: {wrong}\nhelp: rinitctl --help lists every verb and option\n"
    ));
    USAGE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_others_and_mistyped_ones_lead_to_verbs() {
        for (typed, wanted) in [
            ("stauts", Some("status")),
            ("tail", Some("logs -f")),
            ("daemon-reload", Some("apply")),
            ("help", Some("help")),
            ("frobnicate", None),
        ] {
            assert_eq!(meant(typed.as_bytes()), wanted, "{typed}");
        }
    }

    #[test]
    fn an_option_of_another_verb_is_foreign() {
        for (name, given, wanted) in [
            ("stop", &[Kind::Json, Kind::Signal][..], Some("signal")),
            ("start", &[Kind::Code], Some("code")),
            ("kill", &[Kind::Signal, Kind::Socket], None),
            ("shutdown", &[Kind::Code], None),
            ("status", &[Kind::Live], Some("live")),
            ("status", &[Kind::Watch], None),
            ("wait", &[Kind::For, Kind::Timeout], None),
        ] {
            let verb = VERBS.iter().find(|verb| verb.name == name);
            let verb = verb.expect("the verb is known");
            assert_eq!(foreign(verb, given), wanted, "{name}");
        }
    }
}
