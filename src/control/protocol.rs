//! What is said on the control socket. A request is one JSON object on one line:
//! `{"verb":"version"}`. So is its answer: `{"ok":true,"version":"0.1.0","pid":1}`, or
//! `{"ok":false,"error":"…"}`. Unknown fields are ignored, so both sides may grow.

use serde::{Deserialize, Serialize};

/// The longest line that either side takes, its newline included.
pub(crate) const LINE_MAX: usize = 4096;

/// What a client wants.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    /// Which of the verbs.
    pub(crate) verb: String,
}

/// What it is answered.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Answer {
    /// To `version`.
    Version {
        /// Always true.
        ok: bool,
        /// rinit's version.
        version: String,
        /// rinit's own pid, where it runs.
        pid: i32,
    },
    /// The request is not granted.
    Refused {
        /// Always false.
        ok: bool,
        /// Why.
        error: String,
    },
}

impl Answer {
    /// A refusal.
    pub(crate) fn refused(error: &str) -> Self {
        Self::Refused {
            ok: false,
            error: error.to_owned(),
        }
    }

    /// The answer to one line.
    pub(crate) fn to(line: &[u8], own_pid: i32) -> Self {
        match serde_json::from_slice::<Request>(line) {
            Ok(request) if request.verb == "version" => Self::Version {
                ok: true,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                pid: own_pid,
            },
            Ok(_) => Self::refused("this version knows one verb: version"),
            Err(_) => {
                Self::refused("a request is one JSON object on one line: {\"verb\":\"version\"}")
            }
        }
    }

    /// As it goes over the socket.
    pub(crate) fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn version_is_answered_and_anything_else_refused_in_words() {
        let line = Answer::to(b"{\"verb\":\"version\",\"later\":1}", 7).line();
        let wanted = concat!(
            r#"{"ok":true,"version":""#,
            env!("CARGO_PKG_VERSION"),
            "\",\"pid\":7}\n"
        );
        assert_eq!(line, wanted.as_bytes());
        for wrong in [
            &b""[..],
            b"version",
            b"[]",
            b"{\"verb\":1}",
            b"{\"verb\":\"stop\"}",
            b"\xff",
        ] {
            assert!(matches!(
                Answer::to(wrong, 7),
                Answer::Refused { ok: false, .. }
            ));
        }
    }

    proptest! {
        #[test]
        fn any_line_gets_one_answer_that_reads_back(line in proptest::collection::vec(any::<u8>(), 0..300)) {
            let answer = Answer::to(&line, 1);
            let read: Answer = serde_json::from_slice(&answer.line()).unwrap();
            prop_assert_eq!(read, answer);
        }
    }
}
