//! What goes back: one answer a connection.

use std::rc::Rc;

use crate::core::calendar::Date;
use crate::sys::clock;

/// The status of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Good,
    BadRequest,
    NotFound,
    MethodNotAllowed,
    TooSlow,
    TargetTooLong,
    HeadTooLarge,
    Unavailable,
    Version,
}

impl Status {
    /// Its code and words.
    pub(super) const fn line(self) -> &'static str {
        match self {
            Self::Good => "200 OK",
            Self::BadRequest => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::TooSlow => "408 Request Timeout",
            Self::TargetTooLong => "414 URI Too Long",
            Self::HeadTooLarge => "431 Request Header Fields Too Large",
            Self::Unavailable => "503 Service Unavailable",
            Self::Version => "505 HTTP Version Not Supported",
        }
    }
}

pub(super) const TEXT: &str = "text/plain; charset=utf-8";
pub(super) const JSON: &str = "application/json";
pub(super) const HTML: &str = "text/html; charset=utf-8";
pub(super) const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
pub(super) const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// An answer on its way.
pub(super) struct Response {
    head: Vec<u8>,
    /// Shared by all that get the same.
    body: Rc<[u8]>,
    sent: usize,
}

impl Response {
    pub(super) fn new(status: Status, kind: &str, body: Rc<[u8]>, head_only: bool) -> Self {
        let allow = if status == Status::MethodNotAllowed {
            "Allow: GET, HEAD\r\n"
        } else {
            ""
        };
        // The page may run what stands in it, and ask nobody but us.
        let policy = if kind == HTML {
            "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'\r\n"
        } else {
            ""
        };
        let head = format!(
            "HTTP/1.1 {}\r\nDate: {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n{allow}{policy}Connection: close\r\n\r\n",
            status.line(),
            date(clock::wall_nanos().div_euclid(1_000_000_000)),
            body.len(),
        );
        Self {
            head: head.into_bytes(),
            body: if head_only { Rc::default() } else { body },
            sent: 0,
        }
    }

    /// One that says no more than its status.
    pub(super) fn plain(status: Status) -> Self {
        let line = format!("{}\n", status.line());
        Self::new(status, TEXT, line.into_bytes().into(), false)
    }

    /// What is still to be sent, a piece of it.
    pub(super) fn rest(&self) -> &[u8] {
        match self.sent.checked_sub(self.head.len()) {
            None => self.head.get(self.sent..),
            Some(sent) => self.body.get(sent..),
        }
        .unwrap_or_default()
    }

    /// So much of it was sent.
    pub(super) fn took(&mut self, count: usize) {
        self.sent = self.sent.saturating_add(count);
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110).
fn date(seconds: i64) -> String {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let date = Date::of(seconds.div_euclid(86_400));
    let clock = seconds.rem_euclid(86_400);
    let word = |words: &[&'static str], at: i64| {
        let at = usize::try_from(at).ok();
        at.and_then(|at| words.get(at).copied()).unwrap_or("")
    };
    format!(
        "{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
        word(&DAYS, date.weekday()),
        date.day,
        word(&MONTHS, date.month.saturating_sub(1)),
        date.year,
        clock / 3600,
        clock / 60 % 60,
        clock % 60,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_as_http_has_it() {
        assert_eq!(date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
    }

    #[test]
    fn an_answer_goes_out_in_any_pieces() {
        let mut response = Response::new(Status::Good, TEXT, (*b"live\n").into(), false);
        let mut all = Vec::new();
        while let Some(byte) = response.rest().first() {
            all.push(*byte);
            response.took(1);
        }
        let text = String::from_utf8(all).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        assert!(text.contains("\r\nContent-Length: 5\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\nlive\n"), "{text}");
        let head = Response::new(Status::Good, TEXT, (*b"live\n").into(), true);
        assert!(head.rest().ends_with(b"\r\n\r\n"));
        assert!(
            head.rest()
                .windows(18)
                .any(|it| it == b"Content-Length: 5\r")
        );
    }
}
