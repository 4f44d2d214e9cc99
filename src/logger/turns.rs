//! The logger's loop: who has something to read, whose turn it is, what PID 1 wants.
//!
//! The pipes are watched edge-triggered, since an unfinished line that stays in one
//! would be reported for ever. No edge is lost by this rule: a stream that was reported
//! stays in the queue until a turn finds nothing to take from it, and what is written
//! after that turn looked is a new edge.

use std::collections::VecDeque;
use std::os::fd::AsRawFd;
use std::sync::atomic::Ordering;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{MsgFlags, recv, send};

use super::intake::{Intake, capacity};
use super::lines::{End, Frame, complete, piece};
use super::message::{FromLogger, LENGTH, ToLogger};
use super::output::Outputs;
use super::{Setup, Stream, Style};

/// What epoll reports for the control socket; streams report their numbers.
const CONTROL: u64 = u64::MAX;

/// How many messages of PID 1 one turn reads at most.
const MESSAGES: usize = 64;

/// How long the end of a line may go unseen on a kernel that doesn't report it.
const UNREPORTED: u16 = 100;

pub(super) struct Turns<'a> {
    setup: Setup<'a>,
    epoll: Epoll,
    intake: Intake,
    outputs: Outputs<'a>,
    lanes: Vec<Lane>,
    /// Lanes whose turn comes, each once.
    queue: VecDeque<usize>,
    /// This kernel reports what is written into a pipe only if it was empty (5.5 until
    /// it was mended in 5.14, 5.10.56 and 5.13.8), so unfinished lines are looked after by the clock.
    misses_edges: bool,
    /// On such a kernel: lanes with an unfinished line.
    unfinished: Vec<usize>,
}

/// What the logger keeps of a stream.
struct Lane {
    frame: Frame,
    queued: bool,
}

impl<'a> Turns<'a> {
    /// # Errors
    /// What the kernel refuses: descriptors for epoll or a pipe.
    pub(super) fn new(setup: Setup<'a>) -> nix::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(setup.control, EpollEvent::new(EpollFlags::EPOLLIN, CONTROL))?;
        for (stream, number) in setup.streams.iter().zip(0..) {
            epoll.add(
                stream.read,
                EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, number),
            )?;
        }
        Ok(Self {
            epoll,
            intake: Intake::new()?,
            outputs: Outputs::new(setup.stdout, setup.stderr),
            lanes: lanes(&setup),
            queue: VecDeque::new(),
            misses_edges: misses_edges()?,
            unfinished: Vec::new(),
            setup,
        })
    }

    /// Until PID 1 closes the control socket.
    ///
    /// # Errors
    /// A stream isn't a pipe.
    pub(super) fn run(mut self) -> nix::Result<()> {
        loop {
            if self.wait() && !self.listen()? {
                return self.drain();
            }
            // Those that are queued again during this round wait for the next.
            for _ in 0..self.queue.len() {
                let Some(number) = self.queue.pop_front() else {
                    break;
                };
                if let Some(lane) = self.lanes.get_mut(number) {
                    lane.queued = false;
                }
                if self.turn(number, false)? > 0 {
                    self.enqueue(number);
                }
            }
        }
    }

    /// Waits for something to do, if nothing is queued. `true`: PID 1 has said something.
    fn wait(&mut self) -> bool {
        let timeout = if !self.queue.is_empty() {
            EpollTimeout::ZERO
        } else if !self.unfinished.is_empty() {
            EpollTimeout::from(UNREPORTED)
        } else {
            EpollTimeout::NONE
        };
        let mut events = [EpollEvent::empty(); 64];
        // EINTR is the only error of a valid set, and there are no handlers.
        let count = self.epoll.wait(&mut events, timeout).unwrap_or(0);
        let mut spoken = false;
        for event in events.iter().take(count) {
            match event.data() {
                CONTROL => spoken = true,
                number => self.enqueue(usize::try_from(number).unwrap_or(usize::MAX)),
            }
        }
        for number in std::mem::take(&mut self.unfinished) {
            self.enqueue(number);
        }
        spoken
    }

    fn enqueue(&mut self, number: usize) {
        if let Some(lane) = self.lanes.get_mut(number)
            && !lane.queued
        {
            lane.queued = true;
            self.queue.push_back(number);
        }
    }

    /// Does what PID 1 said. `false`: PID 1 is gone.
    fn listen(&mut self) -> nix::Result<bool> {
        for _ in 0..MESSAGES {
            let mut message = [0; LENGTH];
            match recv(
                self.setup.control.as_raw_fd(),
                &mut message,
                MsgFlags::MSG_DONTWAIT,
            ) {
                Ok(0) => return Ok(false),
                Ok(length) => match ToLogger::decode(message.get(..length).unwrap_or_default()) {
                    Some(ToLogger::RunEnded { stream }) => {
                        self.finish(usize::try_from(stream).unwrap_or(usize::MAX))?;
                        self.answer(FromLogger::Flushed { stream });
                    }
                    Some(ToLogger::Drain) => {
                        self.drain()?;
                        self.answer(FromLogger::Drained);
                    }
                    None => {}
                },
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(true),
                Err(_) => return Ok(false),
            }
        }
        Ok(true)
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
        let own = |stream: &Stream<'_>| stream.style == Style::Own;
        let (last, first): (Vec<usize>, Vec<usize>) = (0..self.lanes.len())
            .partition(|number| self.setup.streams.get(*number).is_some_and(own));
        first
            .into_iter()
            .chain(last)
            .try_for_each(|number| self.finish(number))
    }

    /// Writes what stands in a stream and ends its line. What somebody goes on writing
    /// meanwhile doesn't count: a pipe holds no more than its capacity.
    fn finish(&mut self, number: usize) -> nix::Result<()> {
        let Some(stream) = self.setup.streams.get(number) else {
            return Ok(());
        };
        let mut left = capacity(stream.read);
        while left > 0 {
            let taken = self.turn(number, true)?;
            if taken == 0 {
                break;
            }
            left = left.saturating_sub(taken);
        }
        if let Some(stream) = self.setup.streams.get(number) {
            stream.begun.store(0, Ordering::Relaxed);
        }
        // Somebody may have gone on writing, and its edge may be behind us.
        self.enqueue(number);
        Ok(())
    }

    /// Writes one piece of a stream and takes it out of the pipe; gives its length.
    /// `over`: nothing will be added to an unfinished line.
    fn turn(&mut self, number: usize, over: bool) -> nix::Result<usize> {
        let (Some(stream), Some(lane)) = (self.setup.streams.get(number), self.lanes.get(number))
        else {
            return Ok(0);
        };
        let looked = self.intake.look(stream)?;
        if looked == 0 {
            return Ok(0);
        }
        let bytes = self.intake.bytes(looked);
        let (length, end) = match complete(bytes) {
            Some(length) => (length, End::Newline),
            None if over && !self.intake.looked_at_a_part(stream, looked) => (looked, End::Rest),
            None if over || self.intake.must_cut(stream, looked) => (piece(bytes), End::Piece),
            None => {
                if self.misses_edges {
                    self.unfinished.push(number);
                }
                return Ok(0);
            }
        };
        let bytes = self.intake.bytes(length);
        let begun = stream.begun.load(Ordering::Relaxed) != 0;
        let raw = stream.style == Style::Raw;
        let stream_number = u32::try_from(number).unwrap_or(u32::MAX);
        self.outputs
            .write(stream.target, stream_number, raw, |page| {
                if raw {
                    page.put_through(bytes);
                } else {
                    lane.frame.render(bytes, begun, end, |part| page.put(part));
                }
            });
        stream
            .begun
            .store(lane.frame.begun_after(end).into(), Ordering::Relaxed);
        self.intake.consume(stream, length);
        Ok(length)
    }
}

/// A lane for each stream. Names have the same colour on both outputs, and neighbours
/// have different ones.
fn lanes(setup: &Setup<'_>) -> Vec<Lane> {
    let mut lanes = Vec::with_capacity(setup.streams.len());
    let mut colour = 0usize;
    let mut previous: Option<&str> = None;
    for stream in &setup.streams {
        if previous.is_some_and(|name| name != stream.name) {
            colour = colour.wrapping_add(1);
        }
        previous = Some(stream.name);
        let sink = match stream.target {
            super::Target::Out => &setup.stdout,
            super::Target::Err => &setup.stderr,
        };
        lanes.push(Lane {
            frame: Frame::new(stream.style, stream.name, sink.colour.then_some(colour)),
            queued: false,
        });
    }
    lanes
}

/// Tries whether a write into a pipe that isn't empty is reported.
fn misses_edges() -> nix::Result<bool> {
    let (read_end, write_end) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(
        &read_end,
        EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, 0),
    )?;
    let mut reported = false;
    for _ in 0..2 {
        nix::unistd::write(&write_end, b".")?;
        reported = epoll.wait(&mut [EpollEvent::empty()], EpollTimeout::ZERO)? > 0;
    }
    Ok(!reported)
}
