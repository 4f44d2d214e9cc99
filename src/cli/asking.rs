//! What the words behind `rinitctl` ask for.

use super::print::Text;
use crate::control::Request;
use crate::core::signal::Signal;

/// What was given beside the verb and the names.
#[derive(Debug, Default)]
pub(super) struct With {
    /// `--signal`.
    pub(super) signal: Option<String>,
    /// `--code`.
    pub(super) code: Option<String>,
}

/// How many names a verb takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    None,
    Some,
}

/// The verbs, with their forms for `--help`.
const VERBS: &[(&str, Names, &str)] = &[
    (
        "start",
        Names::Some,
        "start NAME…     start them, and what they require",
    ),
    (
        "stop",
        Names::Some,
        "stop NAME…      stop them, and what requires them; they stay stopped",
    ),
    (
        "restart",
        Names::Some,
        "restart NAME…   stop them and start them again",
    ),
    (
        "reset",
        Names::Some,
        "reset NAME…     forget that they failed, and how often",
    ),
    (
        "kill",
        Names::Some,
        "kill NAME…      send their main processes a signal",
    ),
    (
        "shutdown",
        Names::None,
        "shutdown        stop all, and end the container",
    ),
    (
        "version",
        Names::None,
        "version         what runs, and as which pid",
    ),
];

/// The verbs for `--help`, a line each.
pub(super) fn help() -> String {
    let lines = VERBS.iter().map(|(_, _, line)| format!("  {line}\n"));
    lines.collect()
}

/// The request that these words are; `None` if the verb is unknown.
///
/// # Errors
/// What is wrong with what follows the verb.
pub(super) fn request(verb: &[u8], names: &[&[u8]], with: With) -> Option<Result<Request, String>> {
    let known = VERBS.iter().find(|(word, ..)| word.as_bytes() == verb);
    known.map(|(verb, wants, _)| fill(verb, *wants, names, with))
}

fn fill(verb: &str, wants: Names, names: &[&[u8]], with: With) -> Result<Request, String> {
    match (wants, names.first()) {
        (Names::Some, None) => return Err(format!("{verb} which service?")),
        (Names::None, Some(word)) => return Err(format!("{verb} takes no {}", Text(word))),
        (Names::Some, Some(_)) | (Names::None, None) => {}
    }
    if with.signal.is_some() && verb != "kill" {
        return Err(format!("{verb} takes no --signal"));
    }
    if let Some(signal) = with
        .signal
        .as_deref()
        .filter(|s| Signal::parse(s).is_none())
    {
        return Err(format!("there is no signal {signal}"));
    }
    if with.code.is_some() && verb != "shutdown" {
        return Err(format!("{verb} takes no --code"));
    }
    let code = match with.code.as_deref().map(str::parse) {
        None => None,
        Some(Ok(code)) => Some(code),
        Some(Err(_)) => return Err("--code is a number from 0 to 255".to_owned()),
    };
    Ok(Request {
        verb: verb.to_owned(),
        names: names.iter().map(|name| Text(name).to_string()).collect(),
        signal: with.signal,
        code,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(verb: &str, names: &[&[u8]], signal: Option<&str>, code: Option<&str>) -> String {
        let with = With {
            signal: signal.map(str::to_owned),
            code: code.map(str::to_owned),
        };
        let request = request(verb.as_bytes(), names, with).expect("the verb is known");
        request.expect_err("it is wrong")
    }

    #[test]
    fn what_a_verb_cannot_use_is_a_usage_error() {
        assert_eq!(wrong("stop", &[], None, None), "stop which service?");
        assert_eq!(
            wrong("version", &[b"web"], None, None),
            "version takes no web"
        );
        assert_eq!(
            wrong("stop", &[b"web"], Some("HUP"), None),
            "stop takes no --signal"
        );
        assert_eq!(
            wrong("kill", &[b"web"], Some("SIGNOT"), None),
            "there is no signal SIGNOT"
        );
        assert_eq!(
            wrong("start", &[b"web"], None, Some("3")),
            "start takes no --code"
        );
        for code in ["256", "-1", "x", ""] {
            let said = wrong("shutdown", &[], None, Some(code));
            assert_eq!(said, "--code is a number from 0 to 255");
        }
        assert!(request(b"dance", &[], With::default()).is_none());
    }
}
