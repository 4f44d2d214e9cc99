//! `logs`: what is asked of the services' output. Who answers is no concern of PID 1's
//! loop: the client is handed to a process of its own.

use super::protocol::Request;
use crate::core::id::ServiceId;
use crate::logger::Past;

/// What a client wants to read.
#[derive(Debug)]
pub(crate) struct Logs {
    /// Whose; all where none was named.
    pub(crate) services: Box<[ServiceId]>,
    /// Which lines that were printed before.
    pub(crate) past: Past,
    /// And all that will be.
    pub(crate) follow: bool,
}

impl Logs {
    /// What a request says.
    pub(super) fn read(request: &Request, services: Vec<ServiceId>) -> Self {
        let lines = request.number("lines");
        let level = |key| {
            request
                .number(key)
                .and_then(|level| u8::try_from(level).ok())
        };
        Self {
            services: services.into(),
            past: Past {
                lines: lines.map(|lines| usize::try_from(lines).unwrap_or(usize::MAX)),
                since: request.given("since").and_then(serde_json::Value::as_i64),
                after: request.number("after").unwrap_or(0),
                levels: level("priority").map(|last| (level("priority-from").unwrap_or(0), last)),
            },
            follow: request.flag("follow"),
        }
    }
}
