//! The container's standard output and error, as the logger writes them.
//!
//! A line is never torn by another stream's: each output remembers, in memory that
//! outlives the logger, who left it in the middle of a line. An output that fails loses
//! what was to be written and nothing else: the services go on, and the next piece is
//! tried again, since a disk may get room and a FIFO a new reader.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::errno::Errno;
use nix::sys::stat::fstat;
use nix::unistd::write;

use super::overflow::Overflow;
use super::{Sink, Target};

/// The output stands at a line's beginning.
const LINE_START: u32 = 0;
/// A logger was killed while it wrote, or a write failed: it may stand anywhere.
const IN_DOUBT: u32 = u32::MAX;

/// Who left an output in the middle of a line.
fn middle_of(stream: usize) -> u32 {
    u32::try_from(stream).unwrap_or(IN_DOUBT).saturating_add(1)
}

/// How much is gathered before it is written: a piece of 100-byte lines with their names
/// goes out in one write.
const CAPACITY: usize = 96 * 1024;

/// Both outputs, and what is about to be written to one of them.
pub(super) struct Outputs<'a> {
    stdout: Output<'a>,
    stderr: Output<'a>,
    gathered: Vec<u8>,
    pub(super) overflow: Overflow<'a>,
}

impl<'a> Outputs<'a> {
    pub(super) fn new(
        stdout: Sink<'a>,
        stderr: Sink<'a>,
        positions: (&'a AtomicU32, &'a AtomicU32),
        overflow: Overflow<'a>,
    ) -> Self {
        let (out, err) = positions;
        // What is written to one of them moves the other too if both are the same file.
        let err = if same_file(stdout.fd, stderr.fd) {
            out
        } else {
            err
        };
        Self {
            stdout: Output {
                fd: stdout.fd,
                position: out,
            },
            stderr: Output {
                fd: stderr.fd,
                position: err,
            },
            gathered: Vec::with_capacity(CAPACITY),
            overflow,
        }
    }

    /// What is rendered to a `Page` is written, all of it, before this returns.
    /// `continues`: the bytes may begin in the middle of this stream's own line.
    pub(super) fn write(
        &mut self,
        target: Target,
        stream: usize,
        continues: bool,
        render: impl FnOnce(&mut Page<'_, 'a>),
    ) {
        let output = match target {
            Target::Out => &self.stdout,
            Target::Err => &self.stderr,
        };
        self.gathered.clear();
        let mut page = Page {
            fd: output.fd,
            gathered: &mut self.gathered,
            overflow: &mut self.overflow,
            last: None,
            failed: false,
        };
        let position = output.position.swap(IN_DOUBT, Ordering::SeqCst);
        if position != LINE_START && !(continues && position == middle_of(stream)) {
            page.put(b"\n");
        }
        render(&mut page);
        page.flush();
        let after = match page.last {
            _ if page.failed => IN_DOUBT,
            None => position,
            Some(b'\n') => LINE_START,
            Some(_) => middle_of(stream),
        };
        output.position.store(after, Ordering::SeqCst);
    }
}

struct Output<'a> {
    fd: BorrowedFd<'a>,
    position: &'a AtomicU32,
}

/// What one stream writes in one go.
pub(super) struct Page<'p, 'o> {
    fd: BorrowedFd<'p>,
    gathered: &'p mut Vec<u8>,
    overflow: &'p mut Overflow<'o>,
    last: Option<u8>,
    failed: bool,
}

impl Page<'_, '_> {
    /// Appends.
    #[inline]
    pub(super) fn put(&mut self, bytes: &[u8]) {
        let Some(last) = bytes.last() else { return };
        self.last = Some(*last);
        if self.gathered.len().saturating_add(bytes.len()) > CAPACITY {
            self.flush();
        }
        if bytes.len() > CAPACITY {
            self.send(bytes);
        } else {
            self.gathered.extend_from_slice(bytes);
        }
    }

    fn flush(&mut self) {
        let gathered = std::mem::take(self.gathered);
        self.send(&gathered);
        *self.gathered = gathered;
        self.gathered.clear();
    }

    fn send(&mut self, bytes: &[u8]) {
        self.failed |= !(self.failed || write_all(self.fd, bytes, self.overflow));
    }
}

/// Writes all, however long it takes; `false` if the output failed.
fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8], overflow: &mut Overflow<'_>) -> bool {
    while !bytes.is_empty() {
        let (own, part) = overflow.part(fd, bytes);
        match write(own.map_or(fd, AsFd::as_fd), part) {
            Ok(0) => return false,
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            // Somebody who shares it made it non-blocking; that is not ours to undo.
            Err(Errno::EAGAIN) => overflow.wait(fd),
            Err(_) => return false,
        }
    }
    true
}

fn same_file(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> bool {
    match (fstat(one), fstat(other)) {
        (Ok(one), Ok(other)) => (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logger::memory::Memory;
    use nix::unistd::{pipe, read};

    fn put(outputs: &mut Outputs<'_>, target: Target, stream: usize, raw: bool, bytes: &[u8]) {
        outputs.write(target, stream, raw, |page| page.put(bytes));
    }

    fn written(fd: impl AsFd) -> String {
        let mut buffer = [0; 4096];
        let count = read(fd, &mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..count]).into_owned()
    }

    fn sink(fd: &impl AsFd) -> Sink<'_> {
        Sink {
            fd: fd.as_fd(),
            colour: false,
        }
    }

    fn nobody(memory: &Memory) -> Overflow<'_> {
        let fd = crate::sys::fd::standard(crate::sys::fd::Standard::Error);
        Overflow::new(memory, std::iter::empty(), [fd; 2])
    }

    #[test]
    fn a_line_that_a_raw_stream_left_open_is_continued_by_it_and_ended_for_others() {
        let (read_end, write_end) = pipe().unwrap();
        let memory = Memory::new(&[]).unwrap();
        let (out, err) = (AtomicU32::new(0), AtomicU32::new(0));
        // Both are the same file, so what stands on one matters to the other.
        let mut outputs = Outputs::new(
            sink(&write_end),
            sink(&write_end),
            (&out, &err),
            nobody(&memory),
        );
        put(&mut outputs, Target::Out, 1, true, b"one, ");
        put(&mut outputs, Target::Out, 1, true, b"two");
        put(&mut outputs, Target::Err, 2, false, b"other\n");
        put(&mut outputs, Target::Out, 1, true, b"three\n");
        put(&mut outputs, Target::Out, 3, true, b"last\n");
        assert_eq!(written(&read_end), "one, two\nother\nthree\nlast\n");
    }

    #[test]
    fn after_a_logger_that_was_killed_while_writing_a_new_line_begins() {
        let (read_end, write_end) = pipe().unwrap();
        let memory = Memory::new(&[]).unwrap();
        let (out, err) = (AtomicU32::new(IN_DOUBT), AtomicU32::new(0));
        let mut outputs = Outputs::new(
            sink(&write_end),
            sink(&write_end),
            (&out, &err),
            nobody(&memory),
        );
        put(&mut outputs, Target::Out, 1, true, b"again\n");
        assert_eq!(written(&read_end), "\nagain\n");
        assert_eq!(out.load(Ordering::SeqCst), LINE_START);
    }

    #[test]
    fn a_failed_write_is_no_error_and_the_next_one_is_tried_again() {
        let (read_end, write_end) = pipe().unwrap();
        let memory = Memory::new(&[]).unwrap();
        let (out, err) = (AtomicU32::new(0), AtomicU32::new(0));
        let not_for_writing = std::fs::File::open("/dev/null").unwrap();
        let mut outputs = Outputs::new(
            sink(&not_for_writing),
            sink(&write_end),
            (&out, &err),
            nobody(&memory),
        );
        put(&mut outputs, Target::Out, 1, false, b"nowhere\n");
        assert_eq!(out.load(Ordering::SeqCst), IN_DOUBT);
        put(&mut outputs, Target::Err, 1, false, b"somewhere\n");
        assert_eq!(written(&read_end), "somewhere\n");
    }
}
