//! For fish.

use std::fmt::Write;

use super::{Fill, fill};
use crate::cli::ctl;
use crate::cli::getopt::OptionText;
use crate::cli::init;

const START: &str = r#"# fish completion for rinit and rinitctl
complete -c rinitctl -f
complete -c rinit -n 'test "$(commandline -opc)[2]" = ctl' -xa '(complete -C "rinitctl "(string join " " -- (commandline -opc)[3..] (commandline -ct)))'
complete -c rinit -n 'test "$(commandline -opc)[2]" != ctl' -xa '(__fish_complete_subcommand)'
complete -c rinit -n __fish_is_first_arg -xa ctl -d 'talk to the running rinit'
complete -c rinit -n __fish_is_first_arg -xa import -d 'print files of others as rinit.toml'
complete -c rinit -n 'test "$(commandline -opc)[2]" = import' -F
"#;

pub(super) fn text() -> String {
    let mut out = START.to_owned();
    for flag in init::FLAGS {
        line(&mut out, "rinit", "", &flag.text());
    }
    for option in ctl::common() {
        line(&mut out, "rinitctl", "", &option);
    }
    let mut named = String::new();
    for verb in ctl::verbs() {
        let name = verb.name;
        let doc = quoted(verb.doc);
        let _ = writeln!(
            out,
            "complete -c rinitctl -n __fish_use_subcommand -a {name} -d '{doc}'"
        );
        let when = format!(" -n '__fish_seen_subcommand_from {name}'");
        for option in verb.options() {
            line(&mut out, "rinitctl", &when, &option);
        }
        if verb.has_names() {
            named.push(' ');
            named.push_str(name);
        }
    }
    let _ = writeln!(
        out,
        "complete -c rinitctl -n '__fish_seen_subcommand_from{named}' -a '(rinitctl list 2>/dev/null)'"
    );
    out
}

fn line(out: &mut String, program: &str, when: &str, option: &OptionText) {
    let _ = write!(out, "complete -c {program}{when}");
    if let Some(short) = option.short {
        let _ = write!(out, " -s {short}");
    }
    if !option.long.is_empty() {
        let _ = write!(out, " -l {}", option.long);
    }
    match fill(option) {
        Fill::Nothing => {}
        Fill::Words(words) => {
            let _ = write!(out, " -xa '{words}'");
        }
        Fill::Files => out.push_str(" -rF"),
        Fill::Anything => out.push_str(" -x"),
    }
    let _ = writeln!(out, " -d '{}'", quoted(option.doc));
}

/// Between single quotes, in which fish knows backslashes.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}
