//! A connection over which answers come line by line, for as long as they do.

use std::os::fd::{AsFd, OwnedFd};

use super::client::{ANSWER_MAX, NO_HURRY, NoAnswer, PATIENCE, open};
use crate::sys::fd::{Standard, standard};
use crate::sys::poll::{readable, readable_while_read};
use crate::sys::{fd, socket};

/// What was asked, and what comes.
pub(crate) struct Lines {
    connection: OwnedFd,
    buffer: Vec<u8>,
    /// Where in it the next line begins.
    start: usize,
    /// Something has come.
    begun: bool,
    /// However long nothing comes, it is waited for as long as somebody reads our output.
    while_read: bool,
    /// Nobody does any more.
    unread: bool,
}

/// Asks as `ask` does, and hands out line after line until one is enough; gives that, or
/// nothing where nobody reads our output. `events -f | head -1` is over when head is, not with the next event.
///
/// # Errors
/// Where there is no answer, or it ends before its last line.
pub(crate) fn ask_for_lines(
    places: &[String],
    request: &[u8],
    mut take: impl FnMut(&[u8]) -> bool,
) -> Result<Vec<u8>, NoAnswer> {
    let mut lines = Lines::ask(places, request)?;
    lines.while_read = true;
    while let Some(line) = lines.next() {
        if !take(line) {
            return Ok(line.to_vec());
        }
    }
    match (lines.unread, lines.begun) {
        (true, _) => Ok(Vec::new()),
        (false, true) if !lines.is_too_long() => Err(NoAnswer::CutOff),
        (false, _) => Err(NoAnswer::Silence),
    }
}

/// Asks as `ask` does, and however long it takes; what comes before the answer goes to
/// `hear`, which says whether it was such.
///
/// # Errors
/// Where there is no answer.
pub(crate) fn ask_and_hear(
    places: &[String],
    request: &[u8],
    mut hear: impl FnMut(&[u8]) -> bool,
) -> Result<Vec<u8>, NoAnswer> {
    let mut lines = Lines::ask(places, request)?;
    lines.begun = true;
    while let Some(line) = lines.next() {
        if !hear(line) {
            return Ok(line.to_vec());
        }
    }
    Err(NoAnswer::Silence)
}

impl Lines {
    /// Asks at the first of these places where somebody is.
    ///
    /// # Errors
    /// Where there is nobody.
    pub(crate) fn ask(places: &[String], request: &[u8]) -> Result<Self, NoAnswer> {
        let connection = open(places, request)?;
        socket::send_now(&connection, request).map_err(|_| NoAnswer::Silence)?;
        Ok(Self {
            connection,
            buffer: Vec::new(),
            start: 0,
            begun: false,
            while_read: false,
            unread: false,
        })
    }

    /// Whether the next line has come already.
    pub(crate) fn has_next(&self) -> bool {
        self.line_end().is_some()
    }

    /// The next line, its newline included; nothing when the other side has ended.
    pub(crate) fn next(&mut self) -> Option<&[u8]> {
        let mut room = [0u8; 16 * 1024];
        while self.line_end().is_none() {
            self.buffer.drain(..std::mem::take(&mut self.start));
            if self.is_too_long() || !self.wait() {
                return None;
            }
            match fd::read_some(&self.connection, &mut room) {
                None => {}
                Some(0) => return None,
                Some(count) => self
                    .buffer
                    .extend_from_slice(room.get(..count).unwrap_or_default()),
            }
            self.begun = true;
        }
        let end = self.line_end()?;
        let line = self.buffer.get(self.start..end)?;
        self.start = end;
        Some(line)
    }

    /// Whether there may be something to read.
    fn wait(&mut self) -> bool {
        let connection = self.connection.as_fd();
        if self.while_read {
            self.unread = !readable_while_read(connection, standard(Standard::Output));
            return !self.unread;
        }
        let patience = if self.begun { NO_HURRY } else { PATIENCE };
        readable(connection, patience) || self.begun
    }

    fn is_too_long(&self) -> bool {
        self.buffer.len() > ANSWER_MAX
    }

    fn line_end(&self) -> Option<usize> {
        let rest = self.buffer.get(self.start..)?;
        let newline = memchr::memchr(b'\n', rest)?;
        Some(self.start.saturating_add(newline).saturating_add(1))
    }
}
