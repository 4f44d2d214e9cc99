//! For bash, with or without the package bash-completion.

use std::fmt::Write;

use super::{Fill, fill};
use crate::cli::ctl;
use crate::cli::getopt::OptionText;
use crate::cli::init;

/// The words are taken from the line, since bash parts them at @ and : as well, and puts
/// the reply behind the last of these.
const START: &str = r#"# bash completion for rinit and rinitctl
_rinit_start() {
    local line=${COMP_LINE:0:COMP_POINT}
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    last=$((${#words[@]} - 1))
    COMPREPLY=() cur=${words[last]} prev=
    ((last > 0)) && prev=${words[last - 1]}
    [[ $cur == --*=* ]] && prev=${cur%%=*} cur=${cur#*=}
}
_rinit_reply() {
    local word cut=${cur%"${cur##*[@:]}"}
    for word; do
        [[ $word == "$cur"* ]] && COMPREPLY+=("${word#"$cut"}")
    done
}
_rinit_files() {
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}
"#;

const CTL: &str = r#"_rinitctl() {
    local words last cur prev
    _rinit_start
    _rinit_verb 1
}
_rinit_verb() {
    local i verb= socket=()
    for ((i = $1; i < last; i++)); do
        case ${words[i]} in
        --socket) socket=(--socket "${words[++i]}") ;;
        --socket=*) socket=("${words[i]}") ;;
"#;

const CTL_WORDS: &str = r#"        -*) ;;
        *) verb=${verb:-${words[i]}} ;;
        esac
    done
    case $prev in
"#;

const INIT: &str = r#"_rinit() {
    local words last cur prev i
    _rinit_start
    if [[ ${words[1]} == ctl ]] && ((last > 1)); then
        _rinit_verb 2
        return
    fi
    if [[ ${words[1]} == import ]] && ((last > 1)); then
        _rinit_files
        return
    fi
    for ((i = 1; i < last; i++)); do
        case ${words[i]} in
"#;

const INIT_WORDS: &str = r#"        --)
            _rinit_command $((i + 1))
            return
            ;;
        -*) ;;
        *)
            _rinit_command $i
            return
            ;;
        esac
    done
    case $prev in
"#;

const END: &str = r#"_rinit_command() {
    if declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset "$1"
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$1"
    elif (($1 == last)); then
        mapfile -t COMPREPLY < <(compgen -c -- "$cur")
    else
        _rinit_files
    fi
}
complete -F _rinit rinit
complete -F _rinitctl rinitctl
"#;

pub(super) fn text() -> String {
    let mut out = format!("{START}{CTL}");
    let flags: Vec<_> = ctl::options().filter(|it| it.long != "socket").collect();
    skip(&mut out, &flags);
    out.push_str(CTL_WORDS);
    arguments(&mut out, &ctl::options().collect::<Vec<_>>());
    out.push_str("    esac\n    case $verb in\n    '')\n        if [[ $cur == -* ]]; then\n            _rinit_reply");
    names(&mut out, ctl::common());
    out.push_str("\n        else\n            _rinit_reply");
    for verb in ctl::verbs() {
        let _ = write!(out, " {}", verb.name);
    }
    out.push_str("\n        fi\n        return\n        ;;\n");
    for verb in ctl::verbs() {
        let _ = write!(
            out,
            "    {})\n        if [[ $cur == -* ]]; then\n            _rinit_reply",
            verb.name
        );
        names(&mut out, ctl::common().chain(verb.options()));
        out.push_str("\n            return\n        fi\n");
        if !verb.has_names() {
            out.push_str("        return\n");
        }
        out.push_str("        ;;\n");
    }
    out.push_str("    *) return ;;\n    esac\n    local names\n    mapfile -t names < <(\"${words[@]:0:$1}\" \"${socket[@]}\" list 2>/dev/null)\n    _rinit_reply \"${names[@]}\"\n}\n");
    out.push_str(INIT);
    let flags: Vec<_> = init::FLAGS.iter().map(|flag| flag.text()).collect();
    skip(&mut out, &flags);
    out.push_str(INIT_WORDS);
    arguments(&mut out, &flags);
    out.push_str("    esac\n    if [[ $cur == -* ]]; then\n        _rinit_reply");
    names(&mut out, flags.iter().copied());
    out.push_str("\n    else\n        _rinit_command \"$last\"\n        ((last == 1)) && _rinit_reply ctl import\n    fi\n}\n");
    out.push_str(END);
    out
}

/// Steps over the words that are arguments.
fn skip(out: &mut String, options: &[OptionText]) {
    let takes = |it: &&OptionText| !it.argument.is_empty() && !it.argument.starts_with('[');
    let names: Vec<_> = options
        .iter()
        .filter(takes)
        .flat_map(|it| it.each())
        .collect();
    if !names.is_empty() {
        let _ = writeln!(out, "        {}) ((i++)) ;;", names.join(" | "));
    }
}

/// What an option's argument may be.
fn arguments(out: &mut String, options: &[OptionText]) {
    for option in options {
        let names = option.each().collect::<Vec<_>>().join(" | ");
        let act = match fill(option) {
            Fill::Nothing => continue,
            Fill::Words(words) => format!("_rinit_reply {words}"),
            Fill::Files => "_rinit_files".to_owned(),
            Fill::Anything => ":".to_owned(),
        };
        let _ = writeln!(
            out,
            "    {names})\n        {act}\n        return\n        ;;"
        );
    }
}

fn names(out: &mut String, options: impl Iterator<Item = OptionText>) {
    for name in options.flat_map(|option| option.each().collect::<Vec<_>>()) {
        let _ = write!(out, " {name}");
    }
}
