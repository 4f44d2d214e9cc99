//! What is said on the control socket: one JSON object a line, a request and its answer.
//! Unknown keys are passed over, so both sides may grow.
//!
//! A refusal has `"ok":false`, the reason in `error`, and in `code` the exit status that
//! rinitctl makes of it. What has no `error` is the answer; but whoever asks with
//! `"progress":true` may hear before it, in `waiting-for`, whose end it takes.

use serde_json::Value;

use crate::core::apply::change::Changes;
use crate::core::id::ServiceId;
use crate::core::json::Json;
use crate::core::system::System;

/// The longest line that the server takes, its newline included.
pub(crate) const LINE_MAX: usize = 4096;
/// The form of requests and answers: raised when something is taken away.
pub(crate) const VERSION: u32 = 1;

/// Refused, or failed.
pub(crate) const REFUSED: u8 = 1;
/// The request makes no sense.
pub(crate) const USAGE: u8 = 2;
/// No such service.
pub(crate) const UNKNOWN: u8 = 4;

/// What a client wants.
#[derive(Debug)]
pub(crate) struct Request {
    /// Which of the verbs.
    pub(crate) verb: String,
    /// Which services; none is all.
    pub(crate) names: Vec<Box<str>>,
    value: Value,
}

impl Request {
    /// Reads a line; `None` for one that is no request.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(line).ok()?;
        let verb = value.get("verb")?.as_str()?.to_owned();
        let names = match value.get("names") {
            None => Vec::new(),
            Some(names) => {
                let names = names.as_array()?.iter().map(|name| name.as_str());
                names
                    .map(|name| name.map(Into::into))
                    .collect::<Option<_>>()?
            }
        };
        Some(Self { verb, names, value })
    }

    /// Whatever is said of this.
    pub(crate) fn given(&self, key: &str) -> Option<&Value> {
        self.value.get(key)
    }

    /// A word that the verb takes.
    pub(crate) fn word(&self, key: &str) -> Option<&str> {
        self.value.get(key)?.as_str()
    }

    /// Words that the verb takes.
    pub(crate) fn words(&self, key: &str) -> Vec<Box<str>> {
        let words = self.value.get(key).and_then(Value::as_array);
        let words = words.into_iter().flatten().filter_map(Value::as_str);
        words.map(Into::into).collect()
    }

    /// A number that the verb takes.
    pub(crate) fn number(&self, key: &str) -> Option<u64> {
        self.value.get(key)?.as_u64()
    }

    /// Whether the verb is to do that too.
    pub(crate) fn flag(&self, key: &str) -> bool {
        self.value.get(key) == Some(&Value::Bool(true))
    }
}

/// It is so; with what is worth saying about it, if anything. As a line.
pub(crate) fn done(message: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut json = Json::object(&mut out);
    json.plain("ok", true);
    if !message.is_empty() {
        json.text("message", message);
    }
    json.end();
    out.push(b'\n');
    out
}

/// What a new configuration changes, as a line.
pub(crate) fn changes(changes: &Changes) -> Vec<u8> {
    let mut out = Vec::new();
    let mut json = Json::object(&mut out);
    json.plain("ok", true);
    json.list("changes", &changes.services, |out, change| {
        let mut json = Json::object(out);
        json.text("service", &change.service)
            .text("change", change.becomes.word())
            .texts("keys", &change.keys);
        json.end();
    });
    json.texts("init", &changes.init)
        .texts("kept", &changes.kept)
        .texts("warnings", &changes.warnings);
    json.end();
    out.push(b'\n');
    out
}

/// Whose end an answer takes, as a line before it.
pub(crate) fn wait(services: &[ServiceId], system: &System) -> Vec<u8> {
    let mut out = Vec::new();
    let mut json = Json::object(&mut out);
    let names = services.iter().filter_map(|id| system.service(*id));
    json.texts(WAITING_FOR, names.map(|spec| &spec.name))
        .text("message", &system.words_of_wait(services));
    json.end();
    out.push(b'\n');
    out
}

/// The key that tells such a line from an answer.
pub(crate) const WAITING_FOR: &str = "waiting-for";

/// A request that is not granted, as a line.
pub(crate) fn refusal(code: u8, error: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut json = Json::object(&mut out);
    json.plain("ok", false)
        .text("error", error)
        .plain("code", code);
    json.end();
    out.push(b'\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_request_is_an_object_with_a_verb_and_perhaps_names() {
        let request = Request::parse(
            br#"{"verb":"wait","names":["a","b*"],"for":"active","timeout":5,"later":{}}"#,
        )
        .unwrap();
        assert_eq!(request.verb, "wait");
        assert_eq!(request.names, ["a".into(), "b*".into()]);
        assert_eq!(request.word("for"), Some("active"));
        assert_eq!(request.number("timeout"), Some(5));
        for wrong in [
            &b""[..],
            b"version",
            b"[]",
            b"{\"verb\":1}",
            b"{\"verb\":\"status\",\"names\":[1]}",
            b"{\"verb\":\"status\",\"names\":\"a\"}",
            b"\xff",
        ] {
            assert!(Request::parse(wrong).is_none(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn no_line_is_too_odd(line in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Request::parse(&line);
        }
    }
}
