//! The pipes when a new configuration counts: those of services that are no more close
//! once all is written, new ones take their numbers, and the logger makes room for one
//! that knows them.

use nix::errno::Errno;

use super::nobodys::own_stream;
use super::wanted::{follows_since, ring, style};
use super::{Outputs, Stream};
use crate::core::apply::places::Places;
use crate::core::id::ServiceId;
use crate::core::output::{Log, OwnLines};
use crate::core::signal::Signal;
use crate::core::spec::{Ready, ServiceSpec, Spec};
use crate::logger::message::ToLogger;
use crate::logger::{Memory, Style, Target};
use crate::sys::signal::kill;
use crate::sys::socket;
use crate::syslog::Place;

/// So many writers that nobody has any more keep their pipes until all is written.
const LEAVING_MAX: usize = 16;

impl Outputs {
    /// These services have other numbers, and perhaps other outputs; whether any have.
    pub(crate) fn take_over(&mut self, places: &Places, spec: &Spec) -> bool {
        let gone = places.rearrange(&mut self.of_service);
        let mut changed = !gone.is_empty();
        for (_, writer) in gone {
            self.let_go(writer);
        }
        let mut new = false;
        for (id, service) in (0..).map(ServiceId).zip(&spec.services) {
            let wanted = style(service.exec.output);
            if let Some(writer) = self.of_service.get(&id).copied() {
                if self.suits(writer, wanted, service) {
                    continue;
                }
                self.of_service.remove(&id);
                self.let_go(writer);
                changed = true;
            }
            if let Some(style) = wanted {
                new = true;
                if let Err(errno) = self.provide(id, service, style) {
                    log::warn!("{}: its output is lost: {errno}", service.name);
                }
            }
        }
        if new {
            self.renew();
        }
        changed || new
    }

    fn suits(&self, writer: usize, wanted: Option<Style>, spec: &ServiceSpec) -> bool {
        let pattern = match &spec.ready {
            Ready::Log(pattern) => Some(&**pattern),
            Ready::Exec | Ready::Notify | Ready::Fd(_) | Ready::Probe(_) | Ready::Delay(_) => None,
        };
        let stream = self.streams.get(writer);
        let look = stream.map(|stream| (stream.style, &stream.log, stream.ring));
        look == wanted.map(|style| (style, &spec.exec.log, ring(spec)))
            && self.lines.pattern(writer) == pattern
    }

    /// Nobody's from now on. What stands there is written first; but where standard output
    /// takes nothing, only so many wait for that.
    fn let_go(&mut self, writer: usize) {
        self.end_of(writer);
        for stream in self.pair(writer) {
            stream.leaves = true;
            stream.close_if_over();
        }
        self.leaving.push_back(writer);
        let streams = &self.streams;
        self.leaving.retain(|writer| {
            let mut pair = streams.iter().skip(*writer).take(2);
            pair.any(|stream| stream.leaves)
        });
        if self.leaving.len() > LEAVING_MAX
            && let Some(oldest) = self.leaving.pop_front()
        {
            for stream in self.pair(oldest) {
                stream.ended = false;
                stream.close_if_over();
            }
        }
    }

    /// Both of a writer's.
    fn pair(&mut self, writer: usize) -> impl Iterator<Item = &mut Stream> {
        self.streams.iter_mut().skip(writer).take(2)
    }

    /// A pair of pipes of its own: where one is free, else behind all.
    fn provide(&mut self, id: ServiceId, spec: &ServiceSpec, style: Style) -> Result<(), Errno> {
        if self.streams.is_empty() {
            self.streams.push(own_stream(&OwnLines::default())?);
            self.direct = None;
        }
        let stream = |target, writer| {
            let stream = Stream::new(&spec.name, target, style, writer)?;
            Ok::<_, Errno>(Stream {
                log: spec.exec.log.clone(),
                ..stream
            })
        };
        let free = |index: &usize| {
            let both = self.streams.get(*index..index.saturating_add(2));
            both.is_some_and(|pair| match pair {
                [first, second] => {
                    first.writer == *index
                        && second.writer == *index
                        && first.pipe.is_none()
                        && second.pipe.is_none()
                }
                _ => false,
            })
        };
        let writer = (0..self.streams.len()).find(free);
        let writer = writer.unwrap_or(self.streams.len());
        let out = Stream {
            ring: ring(spec),
            ..stream(Target::Out, writer)?
        };
        let err = stream(Target::Err, writer)?;
        if let Some([first, second]) = self
            .streams
            .get_mut(writer..)
            .and_then(<[_]>::first_chunk_mut)
        {
            (*first, *second) = (out, err);
            self.memory.iter().for_each(|memory| memory.forget(writer));
        } else {
            self.streams.extend([out, err]);
        }
        self.lines.look_for(writer, &spec.ready);
        let follows = follows_since(spec).map(|since| (writer, since));
        self.follows.extend(follows);
        self.of_service.insert(id, writer);
        Ok(())
    }

    /// Another logger follows, which knows all streams. This one ends when it has written
    /// what it is about to; a deaf one at once.
    fn renew(&mut self) {
        let Some(logger) = &self.logger else {
            return;
        };
        self.renew = true;
        if socket::send_now(&logger.socket, &ToLogger::Leave.encode()).is_err() {
            let _ = kill(logger.pid, Signal::KILL);
        }
    }

    /// Before a logger begins: what outlives it has room for all streams.
    pub(super) fn make_room(&mut self) -> Result<(), crate::sys::error::Errno> {
        let mut rings: Vec<usize> = self.streams.iter().map(|stream| stream.ring).collect();
        let Some(memory) = &mut self.memory else {
            self.memory = Some(Memory::new(&rings)?);
            return Ok(());
        };
        let room = |memory: &Memory, writer| memory.ring_room(writer);
        let mut large = rings.iter().enumerate();
        let fits = large.all(|(writer, ring)| room(memory, writer) >= *ring);
        if fits && memory.room_for() >= rings.len() {
            return Ok(());
        }
        // Those to come will most likely say nothing of it.
        let usual = usize::try_from(Log::ring_of(None)).unwrap_or(0);
        let count = rings.len().next_power_of_two().max(memory.room_for());
        rings.resize(count, usual);
        for (writer, ring) in rings.iter_mut().enumerate() {
            *ring = room(memory, writer).max(*ring);
        }
        memory.grow(&rings)
    }

    /// Where the syslog helper puts messages: the services' pipes, and behind them that of
    /// nobody's.
    pub(crate) fn syslog_places(&self) -> Vec<Place<'_>> {
        let nobody = |stream: &&Stream| {
            stream.writer == usize::MAX && matches!(stream.style, Style::Prefix | Style::Json)
        };
        let services = self.of_service.values();
        let services = services.filter_map(|writer| self.streams.get(*writer));
        services
            .chain(self.streams.iter().find(nobody))
            .filter_map(|stream| {
                Some(Place {
                    name: &stream.name,
                    writer: stream.writer,
                    pipe: stream.write()?,
                })
            })
            .collect()
    }

    /// Greater whenever what outlives a logger has moved into a larger room.
    pub(crate) fn outgrown(&self) -> u64 {
        self.memory.as_ref().map_or(0, Memory::outgrown)
    }

    /// How much address space the loggers' memory takes.
    pub(crate) fn reserved(&self) -> u64 {
        self.memory.as_ref().map_or(0, Memory::reserved)
    }
}
