//! A connection to the journal's stream: seven lines that say who it is, then its output.
//! Nothing is ever sent back.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::message::{Message, behind_priority, level};
use crate::core::id::Pid;
use crate::sys::{fd, socket};

/// A line is no longer; the rest is another one.
const MOST: usize = 8 * 1024;
/// Identifier, unit, priority, whether lines have one, and three that mean nothing here.
const HEADS: usize = 7;

pub(super) struct Client {
    fd: OwnedFd,
    pub(super) sender: Option<Pid>,
    /// Which service it is of.
    pub(super) owner: Option<usize>,
    /// When it was heard last, by the number of what was heard.
    pub(super) heard: u64,
    /// How many of its first lines have come.
    heads: usize,
    tag: Vec<u8>,
    /// How urgent its lines are that don't say it.
    level: Option<u8>,
    /// Its lines may begin with `<6>`.
    has_levels: bool,
    /// What is no whole line yet.
    rest: Vec<u8>,
}

impl Client {
    /// With what finds out whose a process is.
    pub(super) fn new(fd: OwnedFd, owner: impl Fn(Pid) -> Option<usize>) -> Self {
        let peer = socket::peer(&fd).filter(|peer| peer.pid > 0);
        let sender = peer.map(|peer| Pid(peer.pid));
        Self {
            fd,
            sender,
            owner: sender.and_then(owner),
            heard: 0,
            heads: 0,
            tag: Vec::new(),
            level: None,
            has_levels: false,
            rest: Vec::new(),
        }
    }

    /// It has said who it is.
    pub(super) fn is_known(&self) -> bool {
        self.heads == HEADS
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Reads once, and tells of each line; `false` when it is over.
    pub(super) fn read(&mut self, mut tell: impl FnMut(Message<'_>)) -> bool {
        let mut piece = [0; 4096];
        match fd::read_some(&self.fd, &mut piece) {
            None => true,
            Some(0) => {
                let rest = std::mem::take(&mut self.rest);
                if !rest.is_empty() && self.heads == HEADS {
                    self.line(&rest, &mut tell);
                }
                false
            }
            Some(count) => self.take(piece.get(..count).unwrap_or_default(), &mut tell),
        }
    }

    fn take(&mut self, bytes: &[u8], tell: &mut impl FnMut(Message<'_>)) -> bool {
        let mut all = std::mem::take(&mut self.rest);
        all.extend_from_slice(bytes);
        let mut lines = all.as_slice();
        while let Some(at) = lines.iter().position(|byte| *byte == b'\n') {
            let (line, behind) = lines.split_at(at);
            lines = behind.strip_prefix(b"\n").unwrap_or_default();
            self.line(line, tell);
        }
        if lines.len() >= MOST {
            if self.heads < HEADS {
                return false;
            }
            self.line(lines, tell);
            lines = b"";
        }
        self.rest = lines.to_vec();
        true
    }

    fn line(&mut self, line: &[u8], tell: &mut impl FnMut(Message<'_>)) {
        if self.heads < HEADS {
            match self.heads {
                0 => self.tag = line.to_vec(),
                2 => self.level = level(line),
                3 => self.has_levels = line == b"1",
                _ => {}
            }
            self.heads = self.heads.saturating_add(1);
            return;
        }
        let own = behind_priority(line).filter(|_| self.has_levels);
        let (level, text) = own.map_or((self.level, line), |(level, text)| (Some(level), text));
        tell(Message {
            tag: &self.tag,
            process: b"",
            level,
            text,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Takes it in such pieces.
    fn said(bytes: &[u8], piece: usize) -> Vec<String> {
        let (ours, theirs) = socket::stream_pair().unwrap();
        let mut client = Client::new(ours, |_| None);
        let mut said = Vec::new();
        let mut tell = |message: Message<'_>| {
            let tag = String::from_utf8_lossy(message.tag).into_owned();
            let level = message.level.map_or('-', |level| char::from(b'0' + level));
            let text = String::from_utf8_lossy(message.text);
            said.push(format!("{tag} {level}: {text}"));
        };
        for part in bytes.chunks(piece) {
            fd::write_all(&theirs, part).unwrap();
            client.read(&mut tell);
        }
        drop(theirs);
        while client.read(&mut tell) {}
        said
    }

    #[test]
    fn lines_come_behind_who_they_are_of() {
        let sent = b"me\n\n6\n1\n0\n0\n0\n<3>bad\ngood\nrest";
        for piece in [1, 3, 100] {
            assert_eq!(said(sent, piece), ["me 3: bad", "me 6: good", "me 6: rest"]);
        }
        assert_eq!(
            said(b"me\n\n6\n0\n0\n0\n0\n<3>as it is\n", 9),
            ["me 6: <3>as it is"]
        );
    }

    #[test]
    fn a_line_without_an_end_comes_in_pieces() {
        let sent = ["me\n\n6\n0\n0\n0\n0\n", &"x".repeat(3 * MOST)].concat();
        let said = said(sent.as_bytes(), 4096);
        assert!(said.len() >= 3, "{}", said.len());
        let length: usize = said.iter().map(|line| line.len() - "me 6: ".len()).sum();
        assert_eq!(length, 3 * MOST);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_taken(bytes: Vec<u8>) {
            let _ = said(&bytes, 7);
        }
    }
}
