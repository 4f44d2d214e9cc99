//! The head of a request (RFC 9112), as far as we need to understand it. Whatever comes,
//! the answer is a request, a status, or that more is to come.

use super::response::Status;

/// No head is longer.
pub(super) const HEAD_MAX: usize = 8192;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Page,
    Status,
    Metrics,
    Live,
    Ready,
    Startup,
}

/// A request that can be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) target: Target,
    /// HEAD: the answer without its body.
    pub(super) head_only: bool,
    /// Metrics in OpenMetrics' form rather than in Prometheus's older one.
    pub(super) openmetrics: bool,
}

/// Reads what has come so far; `None` where more is to come.
///
/// # Errors
/// What to answer where it is no good.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<Request>, Status> {
    let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
    if start.unwrap_or(bytes.len()) >= HEAD_MAX {
        return Err(Status::BadRequest);
    }
    let bytes = bytes
        .get(start.unwrap_or(bytes.len())..)
        .unwrap_or_default();
    // TLS, or what speaks first in another protocol.
    if bytes
        .first()
        .is_some_and(|byte| !byte.is_ascii_alphabetic())
    {
        return Err(Status::BadRequest);
    }
    let Some(head) = head(bytes) else {
        return match memchr::memchr(b'\n', bytes) {
            _ if bytes.len() < HEAD_MAX => Ok(None),
            None => Err(Status::TargetTooLong),
            Some(_) => Err(Status::HeadTooLarge),
        };
    };
    if head.len() > HEAD_MAX {
        return Err(Status::HeadTooLarge);
    }
    let head = std::str::from_utf8(head).map_err(|_| Status::BadRequest)?;
    let mut lines = head
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line));
    let (method, path) = request_line(lines.next().unwrap_or_default())?;
    let (mut hosts, mut accept) = (0_u32, String::new());
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(Status::BadRequest)?;
        if name.is_empty() || !name.bytes().all(is_token) || value.bytes().any(is_control) {
            return Err(Status::BadRequest);
        }
        if name.eq_ignore_ascii_case("host") {
            hosts = hosts.saturating_add(1);
        } else if name.eq_ignore_ascii_case("accept") {
            accept.push_str(value);
            accept.push(',');
        }
    }
    if hosts > 1 {
        return Err(Status::BadRequest);
    }
    let head_only = match method {
        "GET" => false,
        "HEAD" => true,
        _ => return Err(Status::MethodNotAllowed),
    };
    let target = match path {
        "/" => Target::Page,
        "/status.json" => Target::Status,
        "/metrics" => Target::Metrics,
        "/livez" => Target::Live,
        "/readyz" => Target::Ready,
        "/startupz" => Target::Startup,
        _ => return Err(Status::NotFound),
    };
    let openmetrics = weight(&accept, "application/openmetrics-text");
    Ok(Some(Request {
        target,
        head_only,
        openmetrics: openmetrics > 0 && openmetrics >= weight(&accept, "text/plain"),
    }))
}

/// What stands before the empty line.
fn head(bytes: &[u8]) -> Option<&[u8]> {
    let mut ends = memchr::memchr_iter(b'\n', bytes);
    let end = ends.find(|end| {
        let rest = bytes.get(end.saturating_add(1)..).unwrap_or_default();
        rest.starts_with(b"\n") || rest.starts_with(b"\r\n")
    })?;
    bytes.get(..end)
}

/// The method, and the path without its query.
fn request_line(line: &str) -> Result<(&str, &str), Status> {
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Status::BadRequest);
    };
    if !method.bytes().all(is_token) || target.is_empty() || target.bytes().any(is_control) {
        return Err(Status::BadRequest);
    }
    match version {
        "HTTP/1.1" | "HTTP/1.0" => {}
        other if other.starts_with("HTTP/") => return Err(Status::Version),
        _ => return Err(Status::BadRequest),
    }
    // A proxy's form names the host too.
    let target = match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
        None => target,
    };
    Ok((method, target.split(['?', '#']).next().unwrap_or(target)))
}

/// How much a kind of content is liked, in thousandths; one that isn't named, not at all.
fn weight(accept: &str, kind: &str) -> u16 {
    let ranges = accept.split(',').filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        parts
            .next()
            .filter(|name| name.eq_ignore_ascii_case(kind))?;
        let quality = parts.find_map(|part| part.strip_prefix("q="));
        let Some(quality) = quality else {
            return Some(1000);
        };
        let (whole, rest) = quality.split_once('.').unwrap_or((quality, ""));
        let thousandths = format!("{rest:0<3}");
        let whole: u16 = whole.parse().ok().filter(|whole| *whole <= 1)?;
        let part: u16 = thousandths.get(..3)?.parse().ok()?;
        Some((whole * 1000 + part).min(1000))
    });
    ranges.max().unwrap_or(0)
}

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

const fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn get(path: &str) -> Result<Option<Request>, Status> {
        parse(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
    }

    #[test]
    fn each_path_has_its_target_whatever_stands_behind_it() {
        let target = |path| get(path).map(|request| request.map(|it| it.target));
        assert_eq!(target("/"), Ok(Some(Target::Page)));
        assert_eq!(target("/readyz?verbose"), Ok(Some(Target::Ready)));
        assert_eq!(
            target("http://host:9180/metrics"),
            Ok(Some(Target::Metrics))
        );
        assert_eq!(target("http://host"), Ok(Some(Target::Page)));
        assert_eq!(target("/livez/"), Err(Status::NotFound));
        assert_eq!(target("/../etc/passwd"), Err(Status::NotFound));
    }

    #[test]
    fn what_is_wrong_has_its_status() {
        let long = "x".repeat(HEAD_MAX);
        for (text, status) in [
            (
                "POST / HTTP/1.1\r\nHost: x\r\n\r\n",
                Status::MethodNotAllowed,
            ),
            ("GET / HTTP/2.0\r\n\r\n", Status::Version),
            ("GET /\r\n\r\n", Status::BadRequest),
            ("GET  / HTTP/1.1\r\n\r\n", Status::BadRequest),
            ("GET / FTP/1.1\r\n\r\n", Status::BadRequest),
            ("GET / HTTP/1.1\r\nHost : x\r\n\r\n", Status::BadRequest),
            (
                "GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
                Status::BadRequest,
            ),
            (
                "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
                Status::BadRequest,
            ),
            ("GET / HTTP/1.1\r\nA: \0\r\n\r\n", Status::BadRequest),
            ("\u{16}\u{3}\u{1}", Status::BadRequest),
            (&format!("GET /{long}"), Status::TargetTooLong),
            (
                &format!("GET / HTTP/1.1\r\nA: {long}"),
                Status::HeadTooLarge,
            ),
            (
                &format!("GET / HTTP/1.1\r\nA: {long}\r\n\r\n"),
                Status::HeadTooLarge,
            ),
        ] {
            assert_eq!(parse(text.as_bytes()), Err(status), "{text:?}");
        }
    }

    #[test]
    fn a_head_is_complete_at_its_empty_line_alone() {
        let text = b"\r\nHEAD /livez HTTP/1.0\r\nAccept: */*\r\n\r\n";
        for length in 0..text.len() {
            assert_eq!(parse(&text[..length]), Ok(None), "{length}");
        }
        let request = parse(text).unwrap().unwrap();
        assert!(request.head_only);
        assert!(parse(b"GET / HTTP/1.0\n\n").unwrap().is_some());
    }

    #[test]
    fn the_form_of_metrics_is_what_the_client_likes_best() {
        let openmetrics = |accept: &str| {
            let text = format!("GET /metrics HTTP/1.1\r\nAccept: {accept}\r\n\r\n");
            parse(text.as_bytes()).unwrap().unwrap().openmetrics
        };
        assert!(openmetrics(
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
        ));
        assert!(!openmetrics(
            "text/plain;q=0.9, application/openmetrics-text;q=0.5"
        ));
        assert!(!openmetrics("application/openmetrics-text;q=0"));
        assert!(!openmetrics("*/*"));
    }

    proptest! {
        #[test]
        fn no_head_is_too_odd(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn nor_one_that_is_nearly_good(line in "[A-Z]{0,5} ?/[ -~]{0,30} HTTP/1\\.1\r\n([A-Za-z :;,=.0-9]{0,20}\r\n){0,4}\r\n") {
            let _ = parse(line.as_bytes());
        }
    }
}
