//! rinit's own lines. They begin with `rinit: ` and go through the logger's pipe where
//! there is one, else straight to standard error; they never block and never touch the
//! flags of a descriptor that services share.

use std::borrow::Cow;
use std::io::{self, Write};
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use crate::sys::console;

/// Where lines go: the write end of the logger's pipe, or standard error.
static TO: AtomicI32 = AtomicI32::new(2);
/// Lines that nobody took in time.
static LOST: AtomicU64 = AtomicU64::new(0);

/// From now on lines go here.
pub(crate) fn redirect(fd: RawFd) {
    TO.store(fd, Ordering::Release);
}

/// Where they go: a helper that has something to say keeps it open.
pub(crate) fn descriptor() -> RawFd {
    TO.load(Ordering::Acquire)
}

/// Writes one line that is no log record: the last one of all.
pub(crate) fn say(line: &str) {
    write_line(format!("rinit: {line}\n").as_bytes());
}

fn write_line(line: &[u8]) {
    let to = TO.load(Ordering::Acquire);
    let lost = LOST.load(Ordering::Acquire);
    if lost > 0
        && console::write_now(
            to,
            format!("rinit: {lost} lines were lost: nobody reads them\n").as_bytes(),
        )
    {
        LOST.store(0, Ordering::Release);
    }
    if !console::write_now(to, &bounded(line)) {
        LOST.fetch_add(1, Ordering::AcqRel);
    }
}

/// A line that is taken at once; what is cut off leaves a mark, and the newline.
fn bounded(line: &[u8]) -> Cow<'_, [u8]> {
    let mark = "…\n".as_bytes();
    match line.get(..console::PIECE.saturating_sub(mark.len())) {
        Some(head) if line.len() > console::PIECE => Cow::Owned([head, mark].concat()),
        Some(_) | None => Cow::Borrowed(line),
    }
}

/// Where `env_logger` writes: one call of `write` is one line.
struct Lines;

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        write_line(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Begins to log: `filter` is RINIT_LOG's value, `verbosity` the number of `-v`.
pub fn begin(filter: Option<&str>, verbosity: u8) {
    let level = match verbosity {
        0 => log::LevelFilter::Info,
        1 => log::LevelFilter::Debug,
        _ => log::LevelFilter::Trace,
    };
    let mut builder = env_logger::Builder::new();
    builder.filter_level(level);
    if let Some(filter) = filter {
        builder.parse_filters(filter);
    }
    builder.format(|line, record| writeln!(line, "rinit: {}", record.args()));
    builder.target(env_logger::Target::Pipe(Box::new(Lines)));
    // A program that embeds us may have a logger of its own; that one stays.
    let _ = builder.try_init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_still_ends_as_a_line() {
        for length in [1, 4095, 4096, 4097, 10_000] {
            let line = ["x".repeat(length - 1), "\n".into()].concat();
            let sent = bounded(line.as_bytes());
            assert!(
                sent.ends_with(b"\n") && sent.len() <= console::PIECE,
                "{length}"
            );
            assert_eq!(
                &*sent == line.as_bytes(),
                length <= console::PIECE,
                "{length}"
            );
        }
    }
}
