//! A supervisord.conf: its programs, with their groups and priorities.

use std::path::Path;

use super::draft::{Draft, Service, Table, quoted, value};
use super::place;
use crate::config::import::{Page, Rendered};
use crate::core::quoting::{Backslash, quoted as words_of};
use crate::core::sorted::sort_by;

/// Headers by which such a file is known.
pub(super) const SECTIONS: [&str; 5] = [
    "[program:",
    "[supervisord]",
    "[group:",
    "[eventlistener:",
    "[fcgi-program:",
];

/// What a program says and takes no more than a word.
const TABLE: Table = "\
numprocs amount instances
autostart switch enabled
stopsignal signal stop-signal
stopwaitsecs time stop-timeout
user filled user
directory filled working-directory
umask text umask
command|process_name|priority|killasgroup|stopasgroup|autorestart|exitcodes|startsecs|startretries|environment|redirect_stderr|stdout_logfile|stderr_logfile|stdout_logfile_maxbytes|stdout_logfile_backups|stderr_logfile_maxbytes|stderr_logfile_backups silent";

/// Other sections, and what takes their place.
const OTHERS: Table = "\
unix_http_server|supervisorctl|rpcinterface lost rinitctl asks over rinit's own socket
inet_http_server lost [http] with listen = \"127.0.0.1:9180\" shows status, health and metrics, read only
include lost import those files beside this one: rinit import FILE FILE…
eventlistener lost on-failure starts a service when another fails; rinitctl events -f tells of each change
fcgi-program lost a service with listen gets its socket as descriptor 3 (LISTEN_FDS), not as standard input";

/// What `[supervisord]` says for all.
const WHOLE: Table = "\
environment|user|directory|umask|minfds|minprocs lost it was for all: write it into each service, or into the image";

const STAYS: &str = "supervisord goes on when nothing runs any more; rinit does with keep-running = true in [init], and ends with a service that has essential = true.";

/// One section: its keys, their values, and where they stand.
struct Section<'a> {
    name: &'a str,
    header: &'a str,
    keys: Vec<(&'a str, String, &'a str)>,
    /// Of a program: its name, its group's, and which is started when.
    program: Option<&'a str>,
    group: &'a str,
    priority: i64,
}

/// All programs.
pub(super) fn read(draft: &mut Draft, mut page: Page, path: &Path, colour: bool) -> Rendered {
    let text = page.text();
    let mut sections = sections(&text, &mut page);
    let mut groups = Vec::new();
    for section in &sections {
        let (kind, name) = section.name.split_once(':').unwrap_or((section.name, ""));
        let files = section.get("files");
        if kind == "group" {
            let members = section.get("programs").replace(',', " ");
            draft.head.lost(
                "group",
                &members,
                "rinitctl takes these names where supervisorctl took the group's",
            );
            let priority = section.get("priority").parse().ok();
            groups.push((name, members, priority));
        } else if kind == "supervisord" {
            for (key, value, _) in &section.keys {
                draft.head.take(WHOLE, key, value);
            }
            draft.head.note(STAYS.to_owned());
        } else if kind != "program" && !draft.head.take(OTHERS, kind, files) {
            draft
                .head
                .lost(kind, name, "supervisord has no such section");
        }
    }
    sections.retain(|section| section.program.is_some());
    for section in &mut sections {
        let name = section.program.unwrap_or_default();
        let own = section.get("priority").parse().ok();
        section.priority = own.unwrap_or(999);
        section.group = name;
        for (group, members, priority) in &groups {
            if members.split_whitespace().any(|member| member == name) {
                section.group = group;
                section.priority = priority.unwrap_or(section.priority);
            }
        }
        let here = std::env::current_dir().unwrap_or_default().join(path);
        let here = here.parent().unwrap_or(path).display().to_string();
        section.fill(name, &here, &mut page, &text);
    }
    // What has a lower number starts first, and stops last.
    sort_by(&mut sections, |one, other| {
        one.priority.cmp(&other.priority)
    });
    let (mut level, mut before): (Vec<String>, Vec<String>) = Default::default();
    let mut priority = i64::MIN;
    for section in &sections {
        if section.priority > priority {
            priority = section.priority;
            before = std::mem::take(&mut level);
        }
        let mut service = Service::new(section.program.unwrap_or_default());
        level.push(service.name.clone());
        section.write(&mut service, &mut page, &text);
        service.bind("after", before.clone());
        draft.add(service);
    }
    page.tell(colour)
}

impl Section<'_> {
    /// What it says; nothing where it doesn't.
    fn get(&self, key: &str) -> &str {
        for (known, value, _) in &self.keys {
            if *known == key {
                return value;
            }
        }
        ""
    }

    fn yes(&self, key: &str) -> bool {
        let value = self.get(key);
        crate::units::boolean(value) == Some(true)
    }

    fn wrong(&self, page: &mut Page, text: &str, key: &str, what: &str, help: &str) {
        let mut at = self.header;
        for (known, _, line) in &self.keys {
            if *known == key {
                at = line;
            }
        }
        page.wrong(place(text, at), what, help);
    }

    /// `%(NAME)s` in all values, as rinit has it.
    fn fill(&mut self, program: &str, here: &str, page: &mut Page, text: &str) {
        let count = self.get("numprocs").to_owned();
        for (_, value, line) in &mut self.keys {
            let mut out = String::new();
            // What is a variable's here is none in supervisord.
            let old = value.replace("${", "$${");
            let mut rest = &*old;
            while let Some((before, behind)) = rest.split_once('%') {
                out.push_str(before);
                let named = behind
                    .strip_prefix('(')
                    .and_then(|rest| rest.split_once(')'));
                let Some((name, behind)) = named else {
                    out.push('%');
                    rest = behind.strip_prefix('%').unwrap_or(behind);
                    continue;
                };
                // A letter stands behind it, with digits before: `02d`.
                let digits = behind.trim_start_matches(|c: char| c.is_ascii_digit());
                rest = digits.get(1..).unwrap_or_default();
                let filled = match name {
                    "program_name" => program,
                    "group_name" => self.group,
                    "here" => here,
                    "host_node_name" => "${HOSTNAME:-}",
                    "process_num" => "${INSTANCE}",
                    "numprocs" => &count,
                    _ => match name.strip_prefix("ENV_") {
                        Some(name) => {
                            out = format!("{out}${{{name}}}");
                            continue;
                        }
                        None => {
                            page.wrong(
                                place(text, line),
                                &format!("supervisord has no %({name})s"),
                                "it has %(ENV_NAME)s, program_name, process_num, numprocs, group_name, here and host_node_name",
                            );
                            continue;
                        }
                    },
                };
                out.push_str(filled);
            }
            out.push_str(rest);
            *value = out;
        }
    }

    fn write(&self, service: &mut Service, page: &mut Page, text: &str) {
        let command = self.get("command");
        if command.is_empty() {
            let what = "this program has no command";
            self.wrong(page, text, "", what, "write command=/path/of/program");
        }
        for word in words_of(command.as_bytes(), Backslash::Quotes) {
            match word {
                Ok(word) => service.push("command", quoted(&String::from_utf8_lossy(&word))),
                Err(_) => self.wrong(page, text, "command", "a quote is left open", "close it"),
            }
        }
        self.life(service);
        for (key, value, _) in &self.keys {
            let is_usual = matches!(
                (*key, &**value),
                ("numprocs", "1")
                    | ("autostart", "true")
                    | ("stopwaitsecs", "10")
                    | ("stopsignal", "TERM")
            );
            if !is_usual && !service.take(TABLE, key, value) {
                service.lost(key, value, "no key does that");
            }
        }
        if self.yes("stopasgroup") {
            service.put_text("kill-mode", "control-group");
        }
        let variables = self.get("environment");
        if self.environment(service, variables).is_none() {
            service.lost(
                "environment",
                variables,
                "this is no list of NAME=\"value\",OTHER=\"value\"",
            );
        }
        self.output(service);
    }

    /// When it is up, and when it is started again.
    fn life(&self, service: &mut Service) {
        let seconds = self.get("startsecs");
        if !matches!(seconds, "" | "0") {
            service.put("ready", format!("{{ delay = \"{seconds}s\" }}"));
        }
        match self.get("autorestart") {
            "" | "unexpected" => {
                service.put_text("restart", "on-failure");
                let codes = self.get("exitcodes");
                let mut good = codes.is_empty();
                for code in codes.split(',').map(str::trim) {
                    match code {
                        "0" => good = true,
                        "" => {}
                        code => service.push("success-exit-status", code.to_owned()),
                    }
                }
                if !good {
                    service.put_bare("restart-force-exit-status", "[0]");
                }
            }
            _ if self.yes("autorestart") => service.put_text("restart", "always"),
            _ => service.put_text("restart", "no"),
        }
        // More of them never come within a minute.
        if let Ok(count @ 0..=8) = self.get("startretries").parse::<u32>() {
            let count = count + 1;
            service.put(
                "start-limit",
                format!("{{ count = {count}, within = \"1m\" }}"),
            );
        }
    }

    /// `NAME="value",OTHER=value`.
    fn environment(&self, service: &mut Service, mut rest: &str) -> Option<()> {
        while !rest.trim().is_empty() {
            let (name, behind) = rest.split_once('=')?;
            let behind = behind.trim_start();
            let quote = behind.chars().next().filter(|c| matches!(c, '"' | '\''));
            let (text, behind) = match quote {
                Some(quote) => behind.get(1..)?.split_once(quote)?,
                None => behind.split_at(behind.find(',').unwrap_or(behind.len())),
            };
            let name = name.trim_matches([',', ' ', '\n']);
            service.variable(name, &quoted(text.trim()));
            rest = behind.trim_start_matches([',', ' ', '\n']);
        }
        Some(())
    }

    /// Where its lines go.
    fn output(&self, service: &mut Service) {
        let is_file = |path: &str| {
            path.starts_with('/') && !path.starts_with("/dev/") && !path.starts_with("/proc/")
        };
        let (stdout, stderr) = (self.get("stdout_logfile"), self.get("stderr_logfile"));
        if stdout == "NONE" && (stderr == "NONE" || self.yes("redirect_stderr")) {
            service.put_text("output", "null");
        } else if is_file(stdout) {
            // Each instance has its own.
            let several =
                !matches!(self.get("numprocs"), "" | "1") && !stdout.contains("${INSTANCE}");
            let each = if several { ".${INSTANCE}" } else { "" };
            let (size, keep) = match (
                self.get("stdout_logfile_maxbytes"),
                self.get("stdout_logfile_backups"),
            ) {
                ("0", keep) => ("infinity", keep),
                ("", keep) => ("50M", keep),
                (size, keep) => (size.trim_end_matches('B'), keep),
            };
            let keep = if keep.is_empty() { "10" } else { keep };
            service.put(
                "output",
                format!(
                    "{{ file = {}, rotate-size = {}, keep = {keep} }}",
                    quoted(&[stdout, each].concat()),
                    value(size)
                ),
            );
        }
        if is_file(stderr) && !self.yes("redirect_stderr") {
            let help =
                "stdout and stderr go to one place; output = { file = … } is a file for both";
            service.lost("stderr_logfile", stderr, help);
        }
    }
}

/// The file's sections; `#` and `;` begin comments, and a line that begins with a blank
/// goes on with the one before.
fn sections<'a>(text: &'a str, page: &mut Page) -> Vec<Section<'a>> {
    let mut all: Vec<Section<'a>> = Vec::new();
    for line in text.lines() {
        // A comment behind a value has a blank before it.
        let bare = line.split(" ;").next().unwrap_or_default().trim_end();
        if bare.is_empty() || line.trim_start().starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = bare.strip_prefix('[') {
            let name = name.trim_end_matches(']');
            all.push(Section {
                name,
                header: line,
                keys: Vec::new(),
                program: name.strip_prefix("program:"),
                group: name,
                priority: 0,
            });
            continue;
        }
        if let Some(section) = all.last_mut() {
            if bare.starts_with([' ', '\t'])
                && let Some((_, value, _)) = section.keys.last_mut()
            {
                value.push('\n');
                value.push_str(bare.trim());
                continue;
            }
            if let Some((key, value)) = bare.split_once(['=', ':']) {
                section
                    .keys
                    .push((key.trim(), value.trim().to_owned(), line));
                continue;
            }
        }
        page.wrong(
            place(text, line),
            "neither a section nor key=value",
            "write [program:NAME], and key=value below it",
        );
    }
    all
}
