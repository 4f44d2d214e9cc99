//! Words to people, without a panic when nobody takes them.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use crate::single::{Line, Stream};

/// Exit status of a usage error of the control faces.
pub const USAGE: i32 = 2;

/// To stdout, with all the time that it takes. A reader that is gone is not our concern.
pub fn out(text: impl fmt::Display) {
    let _ = whole(&text);
}

/// To stdout; whether anybody still reads it.
pub fn out_if_read(text: impl fmt::Display) -> bool {
    whole(&text)
}

/// One for all kinds of text.
#[inline(never)]
fn whole(text: &dyn fmt::Display) -> bool {
    let text = text.to_string();
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).is_ok() && stdout.flush().is_ok()
}

/// To stderr, with all the time that it takes.
pub fn err(text: impl fmt::Display) {
    whole_err(&text);
}

#[inline(never)]
fn whole_err(text: &dyn fmt::Display) {
    let text = text.to_string();
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// A line on stderr, lost rather than waited for: an init that ends must end.
pub fn error(text: impl fmt::Display) {
    line(Stream::Err, format_args!("{text}"));
}

/// A line, lost rather than waited for; no heap.
pub fn line(stream: Stream, text: fmt::Arguments<'_>) {
    let mut line = Line::default();
    let _ = fmt::write(&mut line, text);
    line.send(stream);
}

/// Bytes that should be text, as text.
pub struct Text<'a>(pub &'a [u8]);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                f.write_str("\u{fffd}")?;
            }
        }
        Ok(())
    }
}

/// Whether stderr is a terminal.
#[must_use]
pub fn err_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Whether stdout is a terminal.
#[must_use]
pub fn out_is_terminal() -> bool {
    io::stdout().is_terminal()
}
