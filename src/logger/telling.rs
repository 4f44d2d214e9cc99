//! What services have printed, told to one client of the control socket: a fork of PID 1,
//! which handed it the client. It reads the rings and nothing else, so it needs no logger,
//! and no logger waits for it; a client that doesn't keep up misses what was written over
//! meanwhile, and is told so.
//!
//! One JSON object a line: first what is told of whom, then the lines of output, and at the
//! end that this was all. Who hears no end knows by the last line's number where to go on.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::Memory;
use super::history::{Found, History, Line, Past};
use super::json::base64;
use super::level;
use crate::core::json::Json;
use crate::core::signal::Signal;
use crate::sys::poll::{Interest, Poll};
use crate::sys::{process, socket};

/// So much is gathered before it is sent.
const PIECE: usize = 16 * 1024;
/// A client that takes nothing for so long is let go; it may come again and go on.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often is looked where the kernel gave no bell.
const WITHOUT_BELL: Duration = Duration::from_millis(200);

/// Whose ring is read.
pub struct Teller<'a> {
    /// The service.
    pub name: &'a str,
    /// Its writer (`Stream::writer`).
    pub writer: usize,
}

/// What is to be told.
pub struct Telling<'a> {
    /// Where it stands; none where nothing is logged.
    pub memory: Option<&'a Memory>,
    /// The client.
    pub client: BorrowedFd<'a>,
    /// Whose.
    pub tellers: Vec<Teller<'a>>,
    /// What else is to be said: why somebody isn't among them.
    pub notes: Vec<String>,
    /// What of the past.
    pub past: Past,
    /// And all that comes.
    pub follow: bool,
}

/// The client is gone.
struct Gone;

impl Telling<'_> {
    /// Every descriptor that the fork needs.
    #[must_use]
    pub fn descriptors(&self) -> Vec<RawFd> {
        let bell = self.memory.and_then(Memory::bell);
        let all = bell.into_iter().chain([self.client]);
        all.map(|fd| fd.as_raw_fd()).collect()
    }

    /// Tells it all. To be called in a fork of its own, which ends with this.
    #[must_use]
    pub fn run(self) -> i32 {
        // Whoever follows would keep us for ever.
        let _ = process::set_parent_death(Signal::KILL);
        // Never blocking: it is watched for its end.
        crate::sys::fd::set_nonblocking(self.client);
        i32::from(self.tell().is_err())
    }

    fn tell(&self) -> Result<(), Gone> {
        let mut out = Vec::with_capacity(2 * PIECE);
        let Some(memory) = self.memory.filter(|_| !self.tellers.is_empty()) else {
            self.head(&mut out, None);
            return self.end(&mut out);
        };
        let mut bells = self.follow.then(|| Bells::new(memory, self.client));
        let rings: Vec<usize> = self.tellers.iter().map(|teller| teller.writer).collect();
        let mut history = History::new(&memory.rings, &rings, self.past);
        self.head(&mut out, Some(history.begins_after()));
        let mut bytes = Vec::new();
        loop {
            let until = memory.rings.done();
            while let Some(found) = history.next(until, &mut bytes) {
                let name = self.tellers.get(found.chosen);
                let name = name.map_or("?", |teller| teller.name);
                if found.lost {
                    gap(&mut out, name);
                }
                for line in history.lines(&found.entry, &bytes) {
                    let (level, bytes) = match memory.says_levels() {
                        true => level::split(line.bytes),
                        false => (None, line.bytes),
                    };
                    record(&mut out, name, &found, &Line { bytes, ..line }, level);
                    if out.len() >= PIECE {
                        self.send(&mut out)?;
                    }
                }
            }
            let Some(bells) = &mut bells else {
                return self.end(&mut out);
            };
            self.send(&mut out)?;
            bells.wait()?;
        }
    }

    /// Of whom, and behind which line: whoever is cut off before the first goes on there.
    fn head(&self, out: &mut Vec<u8>, after: Option<u64>) {
        let mut json = Json::object(out);
        json.plain("ok", true)
            .texts("services", self.tellers.iter().map(|teller| teller.name))
            .texts("notes", &self.notes);
        if let Some(after) = after {
            json.plain("after", after);
        }
        json.end();
        out.push(b'\n');
    }

    fn end(&self, out: &mut Vec<u8>) -> Result<(), Gone> {
        out.extend_from_slice(b"{\"end\":true}\n");
        self.send(out)
    }

    fn send(&self, out: &mut Vec<u8>) -> Result<(), Gone> {
        let mut rest = out.as_slice();
        while !rest.is_empty() {
            match socket::send_some(self.client, rest) {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => {
                    let mut fds = [PollFd::new(self.client, PollFlags::POLLOUT)];
                    let patience = PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::MAX);
                    if poll(&mut fds, patience) == Ok(0) {
                        return Err(Gone);
                    }
                }
                Err(_) => return Err(Gone),
            }
        }
        out.clear();
        Ok(())
    }
}

fn gap(out: &mut Vec<u8>, name: &str) {
    let mut json = Json::object(out);
    json.plain("gap", true).text("service", name);
    json.end();
    out.push(b'\n');
}

fn record(out: &mut Vec<u8>, name: &str, found: &Found, line: &Line<'_>, level: Option<u8>) {
    let note = &found.entry.note;
    let text = String::from_utf8_lossy(line.bytes);
    let mut json = Json::object(out);
    json.plain("seq", line.number)
        .plain("time", note.time)
        .text("service", name)
        .text("stream", if note.error { "stderr" } else { "stdout" })
        .plain_or_null("pid", (note.pid != 0).then_some(note.pid));
    if let Some(level) = level {
        json.plain("priority", level);
    }
    json.text("message", &text);
    // What is no text is told whole beside what can be read of it.
    if let std::borrow::Cow::Owned(_) = text {
        let mut whole = Vec::new();
        base64(line.bytes, &mut |part| whole.extend_from_slice(part));
        json.text("base64", &String::from_utf8_lossy(&whole));
    }
    for (key, is_so) in [
        ("continued", line.begun),
        ("partial", line.unended),
        ("cut", line.torn),
    ] {
        if is_so {
            json.plain(key, true);
        }
    }
    json.end();
    out.push(b'\n');
}

const BELL: u64 = 0;
const CLIENT: u64 = 1;

/// What a follower waits for.
struct Bells {
    poll: Option<Poll<u64>>,
    timeout: Option<Duration>,
    ready: Vec<u64>,
}

impl Bells {
    /// From here on nothing is missed that is looked for after each `wait`.
    fn new(memory: &Memory, client: BorrowedFd<'_>) -> Self {
        let poll = Poll::new()
            .ok()
            .filter(|poll| poll.add(client.as_fd(), Interest::HangUp, CLIENT).is_ok());
        let heard = |poll: &Poll<u64>| {
            let bell = memory.bell();
            bell.is_some_and(|bell| poll.add(bell, Interest::Rise, BELL).is_ok())
        };
        let timeout = (!poll.as_ref().is_some_and(heard)).then_some(WITHOUT_BELL);
        Self {
            poll,
            timeout,
            ready: Vec::new(),
        }
    }

    /// Until there may be more; fails when the client is gone.
    fn wait(&mut self) -> Result<(), Gone> {
        let poll = self.poll.as_mut().ok_or(Gone)?;
        poll.wait(self.timeout, &mut self.ready);
        if self.ready.contains(&CLIENT) {
            return Err(Gone);
        }
        Ok(())
    }
}
