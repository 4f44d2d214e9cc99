//! Lines of a stream on their way: kept for who asks, counted, and written as they look to
//! where they go.

use memchr::memchr_iter;

use super::files::Files;
use super::level;
use super::lines::{End, Frame};
use super::output::Outputs;
use super::overflow::Overflow;
use super::ring::Note;
use super::stamp::Stamp;
use super::{Setup, Stream, Style, Target};
use crate::sys::clock;

/// Some lines: `begin`, which has no newline, and `bytes` behind it.
#[derive(Clone, Copy)]
pub(super) struct Lines<'b> {
    /// A piece of the first line is out already.
    pub(super) begun: bool,
    /// They begin at a line's start, whatever their stream left open.
    pub(super) apart: bool,
    pub(super) begin: &'b [u8],
    pub(super) bytes: &'b [u8],
    /// What becomes of what follows the last newline.
    pub(super) end: End,
}

pub(super) struct Printer<'a> {
    outputs: Outputs<'a>,
    files: Files<'a>,
    /// How each stream looks.
    frames: Vec<Frame>,
    /// Which is rinit's own.
    own: Option<usize>,
}

impl<'a> Printer<'a> {
    pub(super) fn new(setup: &Setup<'a>) -> Self {
        let droppers = setup.streams.iter().enumerate();
        let droppers = droppers.filter_map(|(number, stream)| {
            stream.log.filter(|log| log.drops)?;
            Some((number, stream.read?))
        });
        let sinks = [setup.stdout.fd, setup.stderr.fd];
        let overflow = Overflow::new(setup.memory, droppers, sinks);
        let positions = setup.memory.positions();
        Self {
            outputs: Outputs::new(setup.stdout, setup.stderr, positions, overflow),
            files: Files::new(setup),
            frames: frames(setup),
            own: setup.streams.iter().position(|one| one.style.is_own()),
        }
    }

    pub(super) const fn overflow(&mut self) -> &mut Overflow<'a> {
        &mut self.outputs.overflow
    }

    /// Writes lines of a stream.
    pub(super) fn print(&mut self, setup: &Setup<'a>, number: usize, lines: Lines<'_>) {
        let (Some(stream), Some(frame)) = (setup.streams.get(number), self.frames.get(number))
        else {
            return;
        };
        let Lines {
            begun,
            apart,
            begin,
            bytes,
            end,
        } = lines;
        let memory = setup.memory;
        // Most containers never hear of syslog.
        let levels = memory.says_levels() && (level::stands_in(begin) || level::stands_in(bytes));
        let (said, shown);
        let (begin, bytes, shown_begin, shown) = if levels {
            said = [begin, bytes].concat();
            shown = level::without(&said);
            (&[][..], &*said, &[][..], &*shown)
        } else {
            (begin, bytes, begin, bytes)
        };
        let framed = if frame.says_levels() {
            (begin, bytes)
        } else {
            (shown_begin, shown)
        };
        let continues = stream.style == Style::Raw && !apart;
        let unended = end == End::Rest && bytes.last().or(begin.last()) != Some(&b'\n');
        let newline: &[u8] = if unended { b"\n" } else { b"" };
        let is_kept = memory.rings.has(stream.writer);
        let whole = frame.is_bare() && begin.is_empty() && !begun && end == End::Newline;
        let is_stamped = frame.needs_stamp() || stream.file().is_some();
        let mut stamp = Stamp::default();
        let mut note = Note::default();
        if is_kept || is_stamped {
            let pid = if stream.style.is_own() {
                nix::unistd::getppid().as_raw().cast_unsigned()
            } else {
                memory.pids.of(stream.writer)
            };
            // One look at the clock for all of them.
            let nanos = clock::wall_nanos();
            if is_stamped {
                stamp = Stamp::new(nanos, pid);
                stamp.levels = levels;
            }
            note = Note {
                time: nanos.div_euclid(1_000_000),
                pid,
                error: stream.target == Target::Err,
                begun,
                unended: end == End::Piece,
            };
        }
        // Before anything is noted: where it hangs the next logger begins anew with these lines.
        let into_file = self.files.write(
            number,
            whole.then_some(framed.1),
            |gathered| {
                let put = |part: &[u8]| gathered.extend_from_slice(part);
                frame.render(stamp, begun, framed.0, framed.1, end, put);
            },
            &mut self.outputs,
            stamp,
        );
        if is_kept {
            memory.keep(stream.writer, note, [begin, bytes, newline]);
        }
        memory
            .recent
            .keep(stream.writer, [shown_begin, shown, newline]);
        let count = memchr_iter(b'\n', bytes).count() + newline.len();
        memory.tallies.written(number, count);
        if into_file {
            return;
        }
        self.outputs
            .write(stream.target, number, continues, |page| {
                frame.render(stamp, begun, framed.0, framed.1, end, |part| page.put(part));
            });
    }

    /// A line of rinit's own.
    pub(super) fn say(&mut self, setup: &Setup<'a>, text: &str) {
        if let Some(own) = self.own {
            let line = format!("rinit: {text}\n");
            let lines = Lines {
                begun: false,
                apart: true,
                begin: b"",
                bytes: line.as_bytes(),
                end: End::Newline,
            };
            self.print(setup, own, lines);
        }
    }

    /// Says of whom lines were dropped; `all`: though that was said just now.
    pub(super) fn say_dropped(&mut self, setup: &Setup<'a>, all: bool) {
        while let Some((number, count)) = self.overflow().news(all) {
            let name = setup.streams.get(number).map_or("?", |stream| stream.name);
            let lines = if count == 1 { "line" } else { "lines" };
            let text = format!("{name}: {count} {lines} of output dropped: nobody took them");
            self.say(setup, &text);
        }
    }
}

/// How each stream looks. A service's name has the same colour on both outputs, and
/// neighbours have different ones.
fn frames<'a>(setup: &Setup<'a>) -> Vec<Frame> {
    let mut colour = 0usize;
    let mut previous: Option<&'a str> = None;
    let frame = |stream: &Stream<'a>| {
        if previous
            .replace(stream.name)
            .is_some_and(|name| name != stream.name)
        {
            colour = colour.wrapping_add(1);
        }
        let sink = match stream.target {
            Target::Out => &setup.stdout,
            Target::Err => &setup.stderr,
        };
        Frame::new(stream, sink.colour.then_some(colour))
    };
    setup.streams.iter().map(frame).collect()
}
