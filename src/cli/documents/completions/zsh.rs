//! For zsh, which runs the whole text as the function `_rinit` each time.

use std::fmt::Write;

use super::{Fill, fill, quoted};
use crate::cli::ctl;
use crate::cli::getopt::OptionText;
use crate::cli::init;

const START: &str = r#"#compdef rinit rinitctl

_rinit_names() {
    local -a names
    names=(${(f)"$(_call_program names rinitctl list 2>/dev/null)"})
    compadd -a names
}

_rinitctl() {
    local curcontext=$curcontext state line
    local -A opt_args
    local -a verbs options
    verbs=(
"#;

const CTL: &str = r#"    _arguments -C -s -S $options '1:verb:->verb' '*:name:->names'
    case $state in
    verb) _describe verb verbs ;;
    names)
        case $line[1] in
"#;

const INIT: &str = r#"        esac
        ;;
    esac
}

_rinit_command() {
    if (( CURRENT > 2 )) && [[ $words[2] == ctl ]]; then
        shift words
        (( CURRENT-- ))
        _rinitctl
        return
    fi
    _arguments -s -S \
"#;

const END: &str = r#"        '(-)1:command:{ _command_names -e; compadd ctl import }' '*::argument:_normal'
}

case $service in
rinitctl) _rinitctl "$@" ;;
*) _rinit_command "$@" ;;
esac
"#;

pub(super) fn text() -> String {
    let mut out = START.to_owned();
    for verb in ctl::verbs() {
        let _ = writeln!(out, "        '{}:{}'", verb.name, quoted(verb.doc));
    }
    out.push_str("    )\n    options=(\n");
    for option in ctl::options() {
        spec(&mut out, &option, "");
    }
    out.push_str("    )\n");
    out.push_str(CTL);
    let named: Vec<_> = ctl::verbs()
        .filter(|verb| verb.has_names())
        .map(|verb| verb.name)
        .collect();
    let _ = writeln!(out, "        {}) _rinit_names ;;", named.join(" | "));
    out.push_str(INIT);
    for flag in init::FLAGS {
        spec(&mut out, &flag.text(), " \\");
    }
    out.push_str(END);
    out
}

/// The option's words for `_arguments`, a line for each name.
fn spec(out: &mut String, option: &OptionText, end: &str) {
    let doc = quoted(option.doc).replace('[', "\\[").replace(']', "\\]");
    let argument = match fill(option) {
        Fill::Nothing => String::new(),
        Fill::Words(words) if option.argument.starts_with('[') => format!("::word:({words})"),
        Fill::Words(words) => format!(":word:({words})"),
        Fill::Files => ":path:_files".to_owned(),
        Fill::Anything => format!(":{}: ", option.argument.replace(':', "\\:")),
    };
    let star = if option.doc.contains("repeatable") {
        "*"
    } else {
        ""
    };
    for name in option.each() {
        let equals = match (name.starts_with("--"), argument.is_empty()) {
            (true, false) if !option.argument.starts_with('[') => "=",
            (false, false) => "+",
            _ => "",
        };
        let _ = writeln!(out, "        '{star}{name}{equals}[{doc}]{argument}'{end}");
    }
}
