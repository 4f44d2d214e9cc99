//! Where messages go: the pipes that services print into, and one for everybody else's.
//! Nobody is ever waited for: what a full pipe doesn't take is dropped, and told of.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::unistd::write;

use super::message::Message;
use crate::core::id::Pid;
use crate::logger::{LEVEL_MARK, Memory};
use crate::sys::console::{self, PIECE};
use crate::sys::{fd, procfs};

/// A message has no more lines.
const LINES_MOST: usize = 256;
/// Nobody calls itself by more bytes.
const TAG_MOST: usize = 64;
/// Nobody has more ancestors.
const ANCESTORS_MOST: usize = 64;

/// A pipe that a service prints into; the last one is that of everybody else.
pub struct Place<'a> {
    /// Whose.
    pub name: &'a str,
    /// Where its main process stands in the logger's memory.
    pub writer: usize,
    /// The pipe's write end.
    pub pipe: BorrowedFd<'a>,
}

pub(super) struct Sink<'a> {
    places: Vec<(Place<'a>, State)>,
    memory: &'a Memory,
}

/// How one stands.
#[derive(Default)]
struct State {
    /// The same pipe by a description that never blocks, once it is needed.
    own: Option<OwnedFd>,
    dropped: u64,
}

impl<'a> Sink<'a> {
    pub(super) fn new(places: Vec<Place<'a>>, memory: &'a Memory) -> Self {
        let places = places.into_iter();
        Self {
            places: places.map(|place| (place, State::default())).collect(),
            memory,
        }
    }

    /// Writes a message into the pipe of whom the sender belongs to.
    pub(super) fn put(&mut self, sender: Option<Pid>, message: Message<'_>) {
        let owner = sender.and_then(|pid| self.owner(pid));
        let nameless = message.tag.is_empty() && owner.is_none();
        let name = sender.filter(|_| nameless).and_then(procfs::name);
        let tag = name.as_deref().map_or(message.tag, str::as_bytes);
        let others = self.places.len().saturating_sub(1);
        let Some((place, state)) = self.places.get_mut(owner.unwrap_or(others)) else {
            return;
        };
        // Whoever is in front of the line already isn't named twice; but a stranger's line
        // never stands alone, or it could be an object that says whose it is.
        let is_known = owner.is_some() && (tag.is_empty() || tag == place.name.as_bytes());
        let mut head = Vec::new();
        if let Some(level) = message.level {
            self.memory.will_say_levels();
            head.extend([LEVEL_MARK, b'0' + level]);
        }
        if !is_known {
            let tag = if tag.is_empty() { b"?" } else { tag };
            head.extend(escaped(tag.get(..TAG_MOST).unwrap_or(tag)));
            if !message.process.is_empty() {
                let process = message.process;
                let process = escaped(process.get(..TAG_MOST).unwrap_or(process));
                head = [&head, &b"["[..], &process, b"]"].concat();
            }
            head.extend_from_slice(b": ");
        }
        state.write(place.pipe, &head, message.text);
    }

    /// Whose process this is: the first of its ancestors that is a service's main one,
    /// or its subreaper.
    pub(super) fn owner(&self, sender: Pid) -> Option<usize> {
        let mut pid = sender;
        for _ in 0..ANCESTORS_MOST {
            let is_whose = |(place, _): &(Place<'_>, State)| {
                self.memory.is_of(place.writer, pid.0.cast_unsigned())
            };
            if let Some(found) = self.places.iter().position(is_whose) {
                return Some(found);
            }
            pid = Pid(procfs::stat(pid)?.parent);
            if pid.0 <= 1 {
                return None;
            }
        }
        None
    }

    /// Something was dropped, and not told of.
    pub(super) fn has_news(&self) -> bool {
        self.places.iter().any(|(_, state)| state.dropped > 0)
    }

    /// Tells how much was dropped.
    pub(super) fn tell(&mut self) {
        for (place, state) in &mut self.places {
            let count = std::mem::take(&mut state.dropped);
            if count > 0 {
                let messages = if count == 1 { "message" } else { "messages" };
                log::warn!(
                    "{}: {count} {messages} to syslog dropped: nobody took them",
                    place.name
                );
            }
        }
    }
}

impl State {
    /// Each line with the head in front, in pieces that a pipe takes at once.
    fn write(&mut self, pipe: BorrowedFd<'_>, head: &[u8], text: &[u8]) {
        let mut out = Vec::new();
        let mut taken = true;
        for line in text.split(|byte| *byte == b'\n').take(LINES_MOST) {
            let line = escaped(line);
            let room = PIECE.saturating_sub(head.len()).saturating_sub(1).max(1);
            let mut rest = line.as_slice();
            loop {
                let (piece, behind) = rest.split_at(boundary(rest, room));
                if out.len() + head.len() + piece.len() >= PIECE {
                    taken &= self.send(pipe, &out);
                    out.clear();
                }
                for part in [head, piece, b"\n"] {
                    out.extend_from_slice(part);
                }
                rest = behind;
                if rest.is_empty() {
                    break;
                }
            }
        }
        taken &= self.send(pipe, &out);
        if !taken {
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    fn send(&mut self, pipe: BorrowedFd<'_>, bytes: &[u8]) -> bool {
        if self.own.is_none() {
            self.own = fd::reopen(pipe);
        }
        let Some(own) = &self.own else {
            // Without /proc. Somebody else may fill it between the look and the write; then
            // the logger has to empty it first.
            return console::write_now(pipe.as_raw_fd(), bytes);
        };
        loop {
            match write(own, bytes) {
                Err(Errno::EINTR) => {}
                other => return other.is_ok(),
            }
        }
    }
}

/// Where a text is cut that is longer than this: not inside a letter.
fn boundary(text: &[u8], most: usize) -> usize {
    if text.len() <= most {
        return text.len();
    }
    let begins = |at: &usize| text.get(*at).is_some_and(|byte| byte & 0xC0 != 0x80);
    let near = (most.saturating_sub(3)..=most).rev().find(begins);
    near.filter(|at| *at > 0).unwrap_or(most)
}

/// Without control characters, which could say something to a terminal: `#033`.
fn escaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        if byte.is_ascii_control() && *byte != b'\t' {
            out.extend_from_slice(format!("#{byte:03o}").as_bytes());
        } else {
            out.push(*byte);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::unistd::{pipe, read};
    use std::os::fd::AsFd;

    /// What comes out of the pipe of `web`, whose main process we are, or of others'.
    fn written(mine: bool, message: Message<'_>) -> String {
        let memory = Memory::new(&[0, 0]).unwrap();
        let (service, others) = (pipe().unwrap(), pipe().unwrap());
        let own = Pid(nix::unistd::getpid().as_raw());
        memory.has_main(
            0,
            if mine {
                own.0.cast_unsigned()
            } else {
                u32::MAX
            },
        );
        let place = |name, writer, pipe| Place { name, writer, pipe };
        let places = vec![
            place("web", 0, service.1.as_fd()),
            place("syslog", usize::MAX, others.1.as_fd()),
        ];
        let mut sink = Sink::new(places, &memory);
        sink.put(Some(own), message);
        drop(sink);
        let from = if mine { &service.0 } else { &others.0 };
        let mut buffer = [0; 32 * 1024];
        let count = read(from, &mut buffer).unwrap();
        String::from_utf8(buffer[..count].to_vec()).unwrap()
    }

    fn message<'a>(tag: &'a str, process: &'a str, text: &'a str) -> Message<'a> {
        let [tag, process, text] = [tag, process, text].map(str::as_bytes);
        Message {
            tag,
            process,
            level: None,
            text,
        }
    }

    #[test]
    fn a_line_says_whose_it_is_unless_that_is_said_anyway() {
        for (mine, message, wanted) in [
            (true, message("web", "7", "up"), "up\n"),
            (true, message("", "", "up"), "up\n"),
            (true, message("CRON", "7", "run"), "CRON[7]: run\n"),
            (
                false,
                message("web", "", "{\"service\":\"web\"}"),
                "web: {\"service\":\"web\"}\n",
            ),
        ] {
            assert_eq!(written(mine, message), wanted);
        }
        let nameless = written(false, message("", "", "{}"));
        assert!(nameless.ends_with(": {}\n"), "{nameless}");
    }

    #[test]
    fn how_urgent_it_is_stands_in_front_of_each_line() {
        let urgent = Message {
            level: Some(3),
            ..message("CRON", "", "one\ntwo")
        };
        assert_eq!(written(true, urgent), "\x013CRON: one\n\x013CRON: two\n");
    }

    #[test]
    fn nothing_in_a_message_makes_a_line_of_its_own_or_steers_a_terminal() {
        let said = written(false, message("a\nweb", "", "one\nrinit: two\x1b[2K\r"));
        assert_eq!(said, "a#012web: one\na#012web: rinit: two#033[2K#015\n");
    }

    #[test]
    fn a_long_line_comes_in_pieces_between_letters() {
        let text = "é".repeat(5000);
        let said = written(true, message("", "", &text));
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.concat(), text);
        assert!(
            lines.iter().all(|line| line.len() < PIECE),
            "{}",
            lines.len()
        );
    }

    #[test]
    fn what_nobody_takes_is_dropped_and_counted() {
        let memory = Memory::new(&[0, 0]).unwrap();
        let others = pipe().unwrap();
        let place = Place {
            name: "syslog",
            writer: usize::MAX,
            pipe: others.1.as_fd(),
        };
        let mut sink = Sink::new(vec![place], &memory);
        let text = "x".repeat(4000);
        for _ in 0..100 {
            sink.put(None, message("a", "", &text));
        }
        assert!(sink.has_news());
        let dropped = sink.places[0].1.dropped;
        assert!((60..100).contains(&dropped), "{dropped}");
        sink.tell();
        assert!(!sink.has_news());
    }
}
