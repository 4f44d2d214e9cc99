//! The logger's loop: who has something to read, and what PID 1 wants.
//!
//! A turn leaves nothing in a service's pipe but what it had no time for: an unfinished
//! line is moved to `memory`. So a pipe that isn't empty always has work for us, and a
//! service that waits for room never waits for itself to end its line.

use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, recv, send};

use super::follow::Follow;
use super::intake::{Intake, PIECE, capacity, hung_up};
use super::level;
use super::lines::{End, complete, piece};
use super::memory::Unfinished;
use super::message::{FromLogger, LENGTH, ToLogger};
use super::printer::{Lines, Printer};
use super::{Setup, Stream};
use crate::core::pattern::Pattern;
use crate::sys::poll::{Interest, Poll};

/// How many messages of PID 1 one turn reads at most.
const MESSAGES: usize = 64;

/// What PID 1 wants.
enum Heard {
    /// Nothing more.
    Enough,
    /// That this one ends, and leaves all as it is.
    Leave,
    /// Nothing any more: it is gone.
    End,
}

/// Whose descriptor is ready.
enum Source {
    Control,
    Files,
    Stream(usize),
}

impl From<Source> for u64 {
    fn from(source: Source) -> Self {
        match source {
            Source::Control => Self::MAX,
            Source::Files => Self::MAX - 1,
            Source::Stream(number) => Self::try_from(number).unwrap_or(Self::MAX),
        }
    }
}

impl TryFrom<u64> for Source {
    type Error = std::num::TryFromIntError;

    fn try_from(value: u64) -> Result<Self, Self::Error> {
        match value {
            u64::MAX => Ok(Self::Control),
            number if number == u64::MAX - 1 => Ok(Self::Files),
            number => usize::try_from(number).map(Self::Stream),
        }
    }
}

pub(super) struct Turns<'a> {
    setup: Setup<'a>,
    poll: Poll<Source>,
    intake: Intake<'a>,
    printer: Printer<'a>,
    follow: Follow<'a>,
    /// What is looked for in each stream, if that is asked for.
    patterns: Vec<Option<Pattern>>,
    /// The unfinished line of the stream whose turn it is.
    begin: Vec<u8>,
}

impl<'a> Turns<'a> {
    /// # Errors
    /// What the kernel refuses: descriptors for epoll or a pipe.
    pub(super) fn new(setup: Setup<'a>) -> nix::Result<Self> {
        let poll = Poll::new()?;
        poll.add(setup.control, Interest::Read, Source::Control)?;
        for (number, stream) in setup.streams.iter().enumerate() {
            if let Some(read) = stream.read {
                poll.add(read, Interest::Read, Source::Stream(number))?;
            }
        }
        let follow = Follow::new(&setup);
        if let Some(fd) = follow.fd() {
            poll.add(fd, Interest::Read, Source::Files)?;
        }
        let mut intake = Intake::new(setup.memory.taken())?;
        setup.memory.recover(intake.has_taken());
        intake.forget_taken();
        Ok(Self {
            poll,
            intake,
            printer: Printer::new(&setup),
            follow,
            patterns: patterns(&setup),
            begin: Vec::new(),
            setup,
        })
    }

    /// Until PID 1 closes the control socket.
    ///
    /// # Errors
    /// A stream isn't a pipe.
    pub(super) fn run(mut self) -> nix::Result<()> {
        let mut ready = Vec::new();
        loop {
            self.poll.wait(self.follow.timeout(), &mut ready);
            let mut files = ready.is_empty() || self.follow.is_due();
            for source in ready.drain(..) {
                match source {
                    Source::Files => files = true,
                    Source::Control => match self.listen()? {
                        Heard::Enough => {}
                        Heard::Leave => {
                            self.setup.memory.patience.leave();
                            return Ok(());
                        }
                        Heard::End => return self.drain(),
                    },
                    Source::Stream(number) => {
                        if self.turn(number)? == 0 {
                            self.forget_if_dead(number);
                        }
                        self.printer.say_dropped(&self.setup, false);
                    }
                }
            }
            if files {
                self.follow.turn(&self.setup, &mut self.printer);
            }
        }
    }

    /// A pipe that nobody can write into would be reported for ever.
    fn forget_if_dead(&self, number: usize) {
        if let Some(read) = self.read(number)
            && hung_up(read)
        {
            self.poll.remove(read);
        }
    }

    /// A stream's pipe.
    fn read(&self, number: usize) -> Option<BorrowedFd<'a>> {
        self.setup.streams.get(number)?.read
    }

    /// Does what PID 1 said.
    fn listen(&mut self) -> nix::Result<Heard> {
        for _ in 0..MESSAGES {
            let mut message = [0; LENGTH];
            match recv(
                self.setup.control.as_raw_fd(),
                &mut message,
                MsgFlags::MSG_DONTWAIT,
            ) {
                Ok(0) => return Ok(Heard::End),
                Ok(length) => match ToLogger::decode(message.get(..length).unwrap_or_default()) {
                    Some(ToLogger::RunEnded { stream }) => {
                        let number = usize::try_from(stream).unwrap_or(usize::MAX);
                        self.finish(number)?;
                        let (setup, printer) = (&self.setup, &mut self.printer);
                        self.follow.finish(Some(number), setup, printer);
                        self.answer(FromLogger::Flushed { stream });
                    }
                    Some(ToLogger::Drain) => {
                        self.drain()?;
                        self.answer(FromLogger::Drained);
                    }
                    Some(ToLogger::Leave) => return Ok(Heard::Leave),
                    None => {}
                },
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(Heard::Enough),
                Err(_) => return Ok(Heard::End),
            }
        }
        Ok(Heard::Enough)
    }

    /// Waits for room if PID 1 is busy; it never waits for us. If it is gone, the next
    /// turn will see that.
    fn answer(&self, message: FromLogger) {
        let control = self.setup.control;
        loop {
            match send(
                control.as_raw_fd(),
                &message.encode(),
                MsgFlags::MSG_NOSIGNAL,
            ) {
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => {
                    let mut fds = [PollFd::new(control, PollFlags::POLLOUT)];
                    let _ = poll(&mut fds, PollTimeout::NONE);
                }
                Ok(_) | Err(_) => return,
            }
        }
    }

    /// Writes what stands in every stream, and ends unfinished lines: the services' first,
    /// so that rinit's last line is the last.
    fn drain(&mut self) -> nix::Result<()> {
        let own = |stream: &Stream<'_>| stream.style.is_own();
        let (last, first): (Vec<usize>, Vec<usize>) = (0..self.setup.streams.len())
            .partition(|number| self.setup.streams.get(*number).is_some_and(own));
        for number in first {
            self.finish(number)?;
        }
        self.follow.finish(None, &self.setup, &mut self.printer);
        self.printer.say_dropped(&self.setup, true);
        last.into_iter().try_for_each(|number| self.finish(number))
    }

    /// Writes what stands in a stream and ends its line. What somebody goes on writing
    /// meanwhile doesn't count: a pipe holds no more than its capacity.
    fn finish(&mut self, number: usize) -> nix::Result<()> {
        let Some(read) = self.read(number) else {
            return Ok(());
        };
        let mut left = capacity(read);
        while left > 0 {
            match self.turn(number)? {
                0 => break,
                taken => left = left.saturating_sub(taken),
            }
        }
        self.printer.overflow().end(number);
        self.write(number, 0, End::Rest);
        self.setup
            .memory
            .set_unfinished(number, Unfinished::default());
        Ok(())
    }

    /// Deals with one piece of a stream and takes it out of the pipe; gives its length.
    fn turn(&mut self, number: usize) -> nix::Result<usize> {
        let Some(pipe) = self.read(number) else {
            return Ok(0);
        };
        let looked = self.intake.look(pipe)?;
        if looked == 0 {
            return Ok(0);
        }
        let bytes = self.intake.bytes(looked);
        let dropped = self.printer.overflow().rest_of_line(number, bytes);
        if dropped > 0 {
            self.intake.discard(pipe, dropped);
            return Ok(dropped);
        }
        let memory = self.setup.memory;
        let unfinished = memory.unfinished(number);
        let together = unfinished.length.saturating_add(looked);
        let bytes = self.intake.bytes(looked);
        let (length, next) = if let Some(length) = complete(bytes) {
            self.print_held(number, length, End::Newline);
            (length, Unfinished::default())
        } else if together <= PIECE {
            memory.append(number, unfinished.length, bytes);
            (
                looked,
                Unfinished {
                    length: together,
                    ..unfinished
                },
            )
        } else {
            let length = piece(bytes);
            self.print_held(number, length, End::Piece);
            (
                length,
                Unfinished {
                    length: 0,
                    begun: true,
                },
            )
        };
        if self.printer.overflow().release(number) {
            // What followed it is dropped, and so is the rest of its line.
            memory.set_unfinished(number, Unfinished::default());
        } else if unfinished == next {
            // Nothing but whole lines: a kill before this repeats them.
            self.intake.discard(pipe, length);
        } else {
            memory.step(number, next, || self.intake.take(pipe, length));
            self.intake.forget_taken();
        }
        Ok(length)
    }

    /// Tells PID 1 of a line that is asked for, if it is among these: what is unfinished,
    /// in `begin`, and behind it what was looked at. The answer comes before it is noted
    /// that there was one, so that a kill between the two repeats it.
    fn look_for_line(&self, number: usize, length: usize) {
        let (Some(stream), Some(Some(pattern))) =
            (self.setup.streams.get(number), self.patterns.get(number))
        else {
            return;
        };
        let Some(asked) = self.setup.memory.asked(stream.writer) else {
            return;
        };
        let bytes = self.intake.bytes(length);
        if self.begin.is_empty() && bytes.is_empty() {
            return;
        }
        let mut all = [&self.begin, bytes].concat();
        if self.setup.memory.says_levels() {
            all = level::without(&all);
        }
        let all = all.strip_suffix(b"\n").unwrap_or(&all);
        let mut lines = all.split(|byte| *byte == b'\n');
        if lines.any(|line| pattern.occurs_in(line)) {
            self.answer(FromLogger::LineCame { number: asked });
            self.setup.memory.answered(stream.writer, asked);
        }
    }

    /// The same for what stands in the pipe yet, whatever is dropped meanwhile.
    fn print_held(&mut self, number: usize, length: usize, end: End) {
        let held = if self.intake.can_look() { length } else { 0 };
        self.printer.overflow().hold(number, held);
        self.write(number, length, end);
    }

    /// Writes what is unfinished of a stream and, behind it, the first `length` bytes of
    /// what was looked at.
    fn write(&mut self, number: usize, length: usize, end: End) {
        let memory = self.setup.memory;
        let unfinished = memory.unfinished(number);
        memory.recall(number, unfinished.length, &mut self.begin);
        self.look_for_line(number, length);
        let lines = Lines {
            begun: unfinished.begun,
            apart: false,
            begin: &self.begin,
            bytes: self.intake.bytes(length),
            end,
        };
        if !(lines.begin.is_empty() && lines.bytes.is_empty()) {
            self.printer.print(&self.setup, number, lines);
        }
    }
}

/// What is looked for in each stream. One that is none was refused before.
fn patterns(setup: &Setup<'_>) -> Vec<Option<Pattern>> {
    let pattern = |stream: &Stream<'_>| Pattern::new(stream.pattern?).ok();
    setup.streams.iter().map(pattern).collect()
}
