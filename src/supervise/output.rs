//! What services print: the pipes that they write into, of which PID 1 keeps both ends,
//! and the logger that writes it out. The logger may die at any time; the next one finds
//! everything in the pipes and in the memory that all of them share.

mod logger;
mod nobodys;
mod streams;
mod wanted;

use std::collections::VecDeque;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;

use self::logger::{Logger, PAUSE};
use self::nobodys::{own_stream, syslog_stream};
use self::wanted::{follows_since, ring, style};
use super::act::Results;
use super::lines::{self, Lines};
use super::own_lines;
use crate::core::event::Event;
use crate::core::id::{Pid, RunId, ServiceId};
use crate::core::output::{Log, Output, OwnLines, Tally};
use crate::core::sorted::Map;
use crate::core::spec::ServiceSpec;
use crate::core::time::Instant;
use crate::logger::message::{FromLogger, LENGTH, ToLogger};
use crate::logger::{Memory, Style, Target};
use crate::sys::fd::{self, Standard, standard};
use crate::sys::socket;

/// One pipe.
struct Stream {
    name: Box<str>,
    target: Target,
    style: Style,
    log: Option<Box<Log>>,
    /// Its read and its write end; `None` once nobody has this number any more.
    pipe: Option<(OwnedFd, OwnedFd)>,
    /// Nobody writes here any more; it closes when all is written.
    leaves: bool,
    /// Both of a service's have the number of the first.
    writer: usize,
    /// How much of its writer's lines is kept, in bytes.
    ring: usize,
    /// The logger was told that the run ended, and hasn't answered.
    ended: bool,
}

/// All pipes, and the logger.
pub(crate) struct Outputs {
    streams: Vec<Stream>,
    /// Where a service's standard output is among them; its standard error follows.
    of_service: Map<ServiceId, usize>,
    /// Those that nobody has any more, oldest first; all is written of some by now.
    leaving: VecDeque<usize>,
    /// What outlives a logger; none where there is nothing to log.
    memory: Option<Memory>,
    /// Where there is no logger: standard error by a description that never blocks. A pipe
    /// with room is full the next moment, if a service writes there too.
    direct: Option<OwnedFd>,
    /// The logger is to make room for one that knows the streams of now.
    renew: bool,
    logger: Option<Logger>,
    start_at: Option<Instant>,
    pause: Duration,
    /// How often all was asked for and not answered.
    drains: u32,
    /// Into which streams files are followed since when, where no logger knows of it yet.
    follows: Vec<(usize, i64)>,
    colour: bool,
    lines: Lines,
}

impl Outputs {
    /// Makes the pipes that these services need. Where none does there is no logger.
    ///
    /// # Errors
    /// EMFILE, ENFILE; ENOMEM.
    pub(crate) fn new<'a>(
        services: impl Iterator<Item = (ServiceId, &'a ServiceSpec)>,
        own: OwnLines,
        syslog: bool,
        colour: bool,
    ) -> nix::Result<Self> {
        let mut streams = Vec::new();
        let mut of_service = Map::new();
        let mut follows = Vec::new();
        let mut lines = Lines::default();
        for (id, spec) in services {
            let Some(style) = style(spec.exec.output) else {
                continue;
            };
            of_service.insert(id, streams.len());
            let writer = streams.len();
            lines.look_for(writer, &spec.ready);
            follows.extend(follows_since(spec).map(|since| (writer, since)));
            for target in [Target::Out, Target::Err] {
                let stream = Stream::new(&spec.name, target, style, writer)?;
                let ring = match target {
                    Target::Out => ring(spec),
                    Target::Err => 0,
                };
                streams.push(Stream {
                    ring,
                    log: spec.exec.log.clone(),
                    ..stream
                });
            }
        }
        if syslog {
            streams.push(syslog_stream(&own)?);
        }
        let mut direct = None;
        // Only the logger writes JSON and looks at the clock.
        if streams.is_empty() && own == OwnLines::default() {
            direct = fd::reopen(standard(Standard::Error));
            direct
                .iter()
                .for_each(|fd| own_lines::redirect(fd.as_raw_fd()));
        } else {
            streams.push(own_stream(&own)?);
        }
        let mut outputs = Self {
            streams,
            of_service,
            leaving: VecDeque::new(),
            memory: None,
            direct,
            renew: false,
            logger: None,
            start_at: None,
            pause: PAUSE,
            drains: 0,
            follows,
            colour,
            lines,
        };
        if !outputs.streams.is_empty() {
            let made = outputs.make_room();
            made.map_err(|errno| Errno::from_raw(errno.0))?;
        }
        Ok(outputs)
    }

    /// Where a service's standard output and error go.
    pub(crate) fn of<'a>(
        &'a self,
        id: ServiceId,
        output: Output,
        null: &'a OwnedFd,
    ) -> [BorrowedFd<'a>; 2] {
        let pipes = self.of_service.get(&id).and_then(|first| {
            let write = |index: usize| self.streams.get(index).and_then(Stream::write);
            Some([write(*first)?, write(first + 1)?])
        });
        match output {
            Output::Inherit => [Standard::Output, Standard::Error].map(standard),
            Output::Null => [null.as_fd(); 2],
            Output::Prefix | Output::Raw | Output::Json | Output::File => {
                pipes.unwrap_or([null.as_fd(); 2])
            }
        }
    }

    fn tell(&mut self, message: ToLogger) {
        if let Some(logger) = &self.logger {
            // A logger that doesn't read has thousands of messages before it; the end asks
            // for everything anyway.
            let _ = socket::send_now(&logger.socket, &message.encode());
        }
    }

    /// A service's run is over: what stands in its pipes without a newline is its last line.
    pub(crate) fn run_ended(&mut self, id: ServiceId) {
        if let Some(writer) = self.of_service.get(&id).copied() {
            self.end_of(writer);
        }
    }

    /// What stands in a writer's pipes is all that there will be.
    fn end_of(&mut self, first: usize) {
        for index in [first, first + 1] {
            let memory = self.memory.as_ref();
            let held = || memory.is_some_and(|memory| memory.holds(index));
            let unwritten = self.streams.get_mut(index).is_some_and(|stream| {
                let pending = stream.read().is_some_and(|read| fd::pending(read) > 0);
                stream.ended = pending || held();
                stream.ended
            });
            if unwritten && let Ok(stream) = u32::try_from(index) {
                self.tell(ToLogger::RunEnded { stream });
            }
        }
    }

    /// Asks for everything to be written. `false` where there is no logger to do it.
    pub(crate) fn drain(&mut self) -> bool {
        self.drains = self.drains.saturating_add(1);
        self.tell(ToLogger::Drain);
        !self.streams.is_empty()
    }

    /// The last lines of a service, and whether they still stand at the end of the output.
    /// `None` where its output isn't kept.
    pub(crate) fn last_lines(&self, id: ServiceId) -> Option<(Vec<String>, bool)> {
        let writer = *self.of_service.get(&id)?;
        let memory = self.memory.as_ref()?;
        Some((memory.last_lines(writer), memory.wrote_last(writer)))
    }

    /// What has come of a service's lines, where rinit sees them.
    pub(crate) fn tally(&self, id: ServiceId) -> Option<Tally> {
        let writer = *self.of_service.get(&id)?;
        Some(self.memory.as_ref()?.tally(writer))
    }

    /// What outlives a logger.
    pub(crate) fn memory(&self) -> Option<&Memory> {
        self.memory.as_ref()
    }

    /// Where a service's lines are kept, if they are.
    pub(crate) fn ring_of(&self, id: ServiceId) -> Option<usize> {
        let writer = *self.of_service.get(&id)?;
        let stream = self.streams.get(writer)?;
        (stream.ring > 0).then_some(writer)
    }

    /// So many follow what is kept.
    pub(crate) fn set_followers(&self, count: usize) {
        if let Some(memory) = &self.memory {
            memory.set_followers(count);
        }
    }

    /// Takes what the logger says; whether all is written that was asked for.
    pub(crate) fn hear(&mut self) -> bool {
        let mut drained = false;
        let mut buffer = [0u8; LENGTH + 1];
        while let Some(logger) = &self.logger {
            match socket::receive_now(&logger.socket, &mut buffer) {
                None | Some(0) => break,
                Some(count) => match FromLogger::decode(buffer.get(..count).unwrap_or_default()) {
                    Some(FromLogger::Drained) => {
                        self.drains = self.drains.saturating_sub(1);
                        drained = self.drains == 0;
                    }
                    Some(FromLogger::Flushed { stream }) => self.flushed(stream),
                    Some(FromLogger::LineCame { number }) => self.lines.came(number),
                    None => {}
                },
            }
        }
        drained
    }

    fn flushed(&mut self, stream: u32) {
        let index = usize::try_from(stream).unwrap_or(usize::MAX);
        if let Some(stream) = self.streams.get_mut(index) {
            stream.ended = false;
            stream.close_if_over();
            let writer = stream.writer;
            if !self.is_ending(writer) {
                self.lines.still(writer);
            }
        }
    }

    /// The last run of a writer's is over, but not all that it wrote is written.
    fn is_ending(&self, writer: usize) -> bool {
        let own = |index: usize| self.streams.get(index).is_some_and(|stream| stream.ended);
        own(writer) || own(writer.saturating_add(1))
    }

    /// Before a service is spawned one of whose lines will be asked for: what its last run
    /// left has to be written first. The event if it is, or once it is.
    pub(crate) fn wait_until_still(&mut self, id: ServiceId, run: RunId) -> Option<Event> {
        // What others than the main process wrote may have come later.
        self.run_ended(id);
        match self.of_service.get(&id).copied() {
            Some(writer) if self.is_ending(writer) => {
                self.lines.wait_until_still(writer, run);
                None
            }
            Some(_) | None => Some(lines::still(run)),
        }
    }

    /// A run is about to be spawned: one of its lines will be asked for, if its service is
    /// one of those.
    pub(crate) fn ask_for_line(&mut self, id: ServiceId, run: RunId) {
        if let (Some(writer), Some(memory)) = (self.of_service.get(&id), &self.memory)
            && let Some(number) = self.lines.ask(*writer, run)
        {
            memory.ask(*writer, number);
        }
    }

    /// Whose lines come from now on; nobody's before a spawn.
    pub(crate) fn has_main(&self, id: ServiceId, pid: Pid) {
        if let (Some(writer), Some(memory)) = (self.of_service.get(&id), &self.memory) {
            memory.has_main(*writer, pid.0.cast_unsigned());
        }
    }

    /// What is below this process is the service's.
    pub(crate) fn has_keeper(&self, id: ServiceId, pid: Pid) {
        if let (Some(writer), Some(memory)) = (self.of_service.get(&id), &self.memory) {
            memory.has_keeper(*writer, pid.0.cast_unsigned());
        }
    }

    /// The one of which that was said last; 0 for none.
    pub(crate) fn keeper(&self, id: ServiceId) -> Pid {
        let memory = self.memory.as_ref();
        let writer = self.of_service.get(&id);
        let keeper = memory.zip(writer).map(|(memory, id)| memory.keeper(*id));
        Pid(keeper.unwrap_or(0).cast_signed())
    }

    /// A run that is asked nothing any more.
    pub(crate) fn forget(&mut self, run: RunId) {
        self.lines.forget(run);
    }

    /// What was heard of lines that were asked for.
    pub(crate) fn tell_news(&mut self, events: &mut Results) {
        events.append(&mut self.lines.news);
    }
}

impl Stream {
    fn new(name: &str, target: Target, style: Style, writer: usize) -> nix::Result<Self> {
        Ok(Self {
            name: name.into(),
            target,
            style,
            log: None,
            pipe: Some(fd::output_pipe()?),
            leaves: false,
            writer,
            ring: 0,
            ended: false,
        })
    }

    fn read(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(|(read, _)| read.as_fd())
    }

    fn write(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(|(_, write)| write.as_fd())
    }

    /// All is written of one that leaves: its number is free.
    fn close_if_over(&mut self) {
        if self.leaves && !self.ended {
            self.leaves = false;
            self.pipe = None;
        }
    }
}
