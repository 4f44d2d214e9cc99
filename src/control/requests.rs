//! Requests that change something: the core brings them about, and answers when it is so.

use super::protocol::Request;
use crate::core::id::ServiceId;
use crate::core::request::Verb;
use crate::core::signal::Signal;

/// What the core is asked to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ByHand {
    pub(crate) verb: Verb,
    pub(crate) services: Box<[ServiceId]>,
    /// The answer is that it is so; else that it was asked for.
    pub(crate) waits: bool,
    /// Units that are to be known from now on.
    pub(crate) units: Vec<Box<str>>,
    /// Whoever asks wants to hear what it waits for, before the answer.
    pub(crate) hears: bool,
}

/// To whoever reloads nothing in particular.
pub(crate) const RELOAD_OF_NONE: &str =
    "reload of which service? rinitctl apply reads rinit's own configuration again";

/// The verb that a request has for the core; `None` for one that changes nothing.
pub(super) fn verb(request: &Request) -> Option<Result<Verb, String>> {
    let verb = match request.verb.as_str() {
        "start" => Verb::Start,
        "stop" => Verb::Stop,
        "restart" => Verb::Restart,
        "reload" => Verb::Reload,
        "reset" => Verb::Reset,
        "plan" => Verb::Plan,
        "apply" => Verb::Apply,
        "learn" => Verb::Learn,
        "unhook" => Verb::Unhook,
        "kill" => {
            let signal = match request.given("signal") {
                None => Some(Signal::TERM),
                Some(given) => given.as_str().and_then(Signal::parse),
            };
            let Some(signal) = signal else {
                return Some(Err("there is no such signal".to_owned()));
            };
            Verb::Kill { signal }
        }
        "shutdown" => {
            let code = request.given("code").map(|given| given.as_u64());
            let code = code.map(|code| code.and_then(|code| u8::try_from(code).ok()));
            if code == Some(None) {
                return Some(Err("code is a number from 0 to 255".to_owned()));
            }
            Verb::Shutdown {
                code: code.flatten(),
            }
        }
        _ => return None,
    };
    let word = verb.word();
    Some(match (verb, request.names.is_empty()) {
        (Verb::Shutdown { .. } | Verb::Plan | Verb::Apply, false) => {
            Err(format!("{word} is of all, and takes no name"))
        }
        (Verb::Reload, true) => Err(RELOAD_OF_NONE.to_owned()),
        (
            Verb::Start
            | Verb::Stop
            | Verb::Restart
            | Verb::Reset
            | Verb::Unhook
            | Verb::Kill { .. },
            true,
        ) => Err(format!("{word} of which service?")),
        (_, true | false) => Ok(verb),
    })
}
