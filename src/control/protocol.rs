//! What is said on the control socket. A request is one JSON object on one line:
//! `{"verb":"version"}`. So is its answer: `{"ok":true,"version":"0.1.0","pid":1}`, or
//! `{"ok":false,"error":"…"}`. Unknown fields are ignored, so both sides may grow.
//! What takes its time is answered when it is so: `{"verb":"stop","names":["web"]}`.

use serde::{Deserialize, Serialize};

/// The longest line that either side takes, its newline included.
pub(crate) const LINE_MAX: usize = 4096;

/// What a client wants.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    /// Which of the verbs.
    pub(crate) verb: String,
    /// Of which services.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) names: Vec<String>,
    /// Of `kill`: which signal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signal: Option<String>,
    /// Of `shutdown`: the exit status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<u8>,
}

impl Request {
    /// The answer comes when it is so.
    pub(crate) fn takes_its_time(&self) -> bool {
        matches!(self.verb.as_str(), "start" | "stop" | "restart")
    }
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
        /// A service that it names isn't there.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unknown: bool,
    },
    /// It is as it was asked for.
    Done {
        /// Always true.
        ok: bool,
        /// What is worth saying about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        said: Option<String>,
    },
}

impl Answer {
    /// A refusal.
    pub(crate) fn refused(error: &str) -> Self {
        Self::Refused {
            ok: false,
            error: error.to_owned(),
            unknown: false,
        }
    }

    /// What became of a request.
    pub(crate) fn of(done: bool, said: String) -> Self {
        if done {
            let said = Some(said).filter(|said| !said.is_empty());
            Self::Done { ok: true, said }
        } else {
            Self::refused(&said)
        }
    }

    /// To `version`.
    pub(crate) fn version(pid: i32) -> Self {
        Self::Version {
            ok: true,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid,
        }
    }

    /// As it goes over the socket.
    pub(crate) fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}
