//! Tables of cron (`crontab(5)`): those of /etc/cron.d and /etc/crontab, where a user stands
//! before the command, and those of /var/spool/cron/crontabs, which are called as their user.

use std::path::Path;

use super::draft::{Draft, Service, array, quoted, value};
use super::place;
use crate::config::import::{Page, Rendered, time};

/// What begins a line.
enum Start<'a> {
    /// `NAME = value`.
    Variable(&'a str, &'a str),
    /// Five fields or one with an `@`, and what stands behind them.
    Job(&'a str, &'a str),
}

/// Whether a line can be one of cron's.
pub(super) fn is_line(line: &str) -> bool {
    matches!(start(line), Some(Start::Job(times, _)) if times.starts_with(|c: char| c.is_ascii_digit() || c == '*' || c == '@'))
}

fn start(line: &str) -> Option<Start<'_>> {
    if let Some((name, value)) = line.split_once('=') {
        let name = name.trim();
        let quotes = |c| matches!(c, '"' | '\'');
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.trim_matches(quotes).chars().all(is_name) {
            let value = value.trim();
            let bare = value
                .strip_prefix(quotes)
                .and_then(|it| it.strip_suffix(quotes));
            return Some(Start::Variable(
                name.trim_matches(quotes),
                bare.unwrap_or(value),
            ));
        }
    }
    let line = line.trim();
    let fields = if line.starts_with('@') { 1 } else { 5 };
    let mut rest = line;
    for _ in 0..fields {
        rest = word(rest).1;
    }
    let times = line.get(..line.len() - rest.len())?.trim_end();
    (!rest.is_empty()).then_some(Start::Job(times, rest))
}

/// The first word, and what stands behind it.
fn word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    (word, rest.trim_start())
}

/// All jobs of the table.
pub(super) fn read(draft: &mut Draft, mut page: Page, path: &Path, colour: bool) -> Rendered {
    let text = page.text();
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    let stem = stem.unwrap_or("cron");
    let folder = path.parent().and_then(Path::file_name);
    let owner = (folder.is_some_and(|name| name == "crontabs")).then_some(stem);
    let mut variables: Vec<(&str, &str)> = Vec::new();
    let mut above: Vec<String> = Vec::new();
    for line in text.lines() {
        let bare = line.trim();
        match start(line) {
            _ if bare.is_empty() => above.clear(),
            _ if bare.starts_with('#') => {
                above.push(bare.trim_start_matches('#').trim().to_owned());
            }
            Some(Start::Variable("MAILTO", whom)) => draft.head.lost("MAILTO", whom, "rinit sends no mail; output goes to the container's, and on-failure starts a service that tells of a failure"),
            Some(Start::Variable(name, value)) => {
                variables.retain(|(known, _)| *known != name);
                variables.push((name, value));
                above.clear();
            }
            Some(Start::Job(times, rest)) => {
                let zone = variables.iter().find(|(name, _)| *name == "CRON_TZ");
                let mut times_here = times.to_owned();
                if let Some((_, zone)) = zone {
                    times_here = format!("{times} {zone}");
                }
                if times != "@reboot"
                    && let Err((what, help)) = time(&times_here)
                {
                    page.wrong(place(&text, times), &what, &help);
                    continue;
                }
                let (user, command) = match owner {
                    Some(owner) => (owner, rest),
                    None => word(rest),
                };
                if command.is_empty() {
                    page.wrong(
                        place(&text, rest),
                        "there is no command behind the user",
                        "in cron.d a user stands behind the times: 0 3 * * * root /usr/local/bin/backup",
                    );
                    continue;
                }
                let mut service = Service::new(stem);
                service.comments.append(&mut above);
                if times == "@reboot" {
                    service.put_text("type", "oneshot");
                } else {
                    service.put("schedule", quoted(&times_here));
                }
                job(&mut service, user, command, &variables);
                draft.add(service);
            }
            None => page.wrong(
                place(&text, bare),
                "neither NAME=value nor a job",
                "a job is five fields, a user and a command: 0 3 * * * root /usr/local/bin/backup",
            ),
        }
    }
    page.tell(colour)
}

fn job(service: &mut Service, user: &str, command: &str, variables: &[(&str, &str)]) {
    // A percent sign ends the line for the shell, unless a backslash stands before it.
    let (line, input) = match percent(command) {
        Some(end) => (command.get(..end), command.get(end + 1..)),
        None => (Some(command), None),
    };
    let line = line.unwrap_or_default().replace("\\%", "%");
    let mut shell = "/bin/sh";
    for (name, text) in variables {
        match *name {
            "SHELL" => shell = text,
            "CRON_TZ" => {}
            _ => service.variable(name, &value(text)),
        }
    }
    if shell == "/bin/sh" {
        service.put("command", quoted(&line));
    } else {
        service.put("command", array(&[shell, "-c", &line]));
    }
    if let Some(input) = input {
        service.lost(
            "standard input",
            input,
            "write printf '…' | COMMAND as command; each % ends a line",
        );
    }
    service.put_text("user", user);
}

fn percent(command: &str) -> Option<usize> {
    let mut escaped = false;
    command.bytes().position(|byte| {
        let found = byte == b'%' && !escaped;
        escaped = byte == b'\\';
        found
    })
}
