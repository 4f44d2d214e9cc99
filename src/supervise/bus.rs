//! In a probing child, which may hang: whether a name has an owner on the system's D-Bus
//! (`Type=dbus`). As much of its protocol as one question takes (the "D-Bus
//! Specification": EXTERNAL, Hello, AddMatch, NameHasOwner), and no message of anybody but
//! the bus itself: no sender, no nested type, no descriptor.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use nix::errno::Errno;

use crate::core::event::Answer;
use crate::core::probe::no_owner;
use crate::sys::error::strerror;
use crate::sys::{fd, process, socket};

/// Where it is unless DBUS_SYSTEM_BUS_ADDRESS says something else.
const USUAL: &str = "/run/dbus/system_bus_socket";
/// So long there may be no news. Below what PID 1 grants the whole look.
const PATIENCE: Duration = Duration::from_secs(8);
/// The bus' own answers have some hundred bytes.
const MOST_BYTES: usize = 64 * 1024;

/// What a message is (its second byte).
const CALL: u8 = 1;
const RETURN: u8 = 2;
const ERROR: u8 = 3;
const SIGNAL: u8 = 4;

/// Waits until the name has an owner, for so long as nothing is wrong with the bus.
pub(super) fn owner_of(name: &str) -> Answer {
    let Some(path) = address(std::env::var_os("DBUS_SYSTEM_BUS_ADDRESS")) else {
        return Answer::Nobody("DBUS_SYSTEM_BUS_ADDRESS has no unix:path=".into());
    };
    let shown = String::from_utf8_lossy(path.as_bytes());
    let at = |why: &str| format!("the bus at {shown}: {why}").into();
    match socket::connect_unix(path.as_bytes()) {
        Ok(stream) => {
            fd::set_blocking(&stream);
            socket::limit_silence(&stream, PATIENCE);
            let mut bus = Bus {
                stream,
                received: Vec::new(),
                serial: 0,
            };
            match bus.ask(name) {
                Ok(()) => Answer::Yes,
                Err(No::Owner) => Answer::No(no_owner(name)),
                Err(No::Answer(why)) => Answer::No(at(&why)),
            }
        }
        Err(errno @ (Errno::ENOENT | Errno::ENOTDIR | Errno::ECONNREFUSED)) => {
            Answer::Nobody(at(strerror(errno as i32)))
        }
        Err(errno) => Answer::No(at(strerror(errno as i32))),
    }
}

/// The socket of an address such as `unix:path=/x,guid=1;tcp:host=y`; `@` begins an
/// abstract name.
fn address(given: Option<OsString>) -> Option<OsString> {
    let Some(given) = given.filter(|given| !given.is_empty()) else {
        return Some(USUAL.into());
    };
    let lists = given.as_bytes().split(|byte| *byte == b';');
    let mut pairs = lists
        .filter_map(|list| list.strip_prefix(b"unix:"))
        .flat_map(|pairs| pairs.split(|byte| *byte == b','));
    pairs.find_map(|pair| {
        let path = pair.strip_prefix(b"path=").map(<[u8]>::to_vec);
        let name = || pair.strip_prefix(b"abstract=").map(|n| [b"@", n].concat());
        path.or_else(name)
            .map(|bytes| OsStr::from_bytes(&bytes).into())
    })
}

/// Why it isn't a yes.
enum No {
    /// The bus says that nobody has the name.
    Owner,
    /// The bus doesn't say.
    Answer(String),
}

/// A connection.
struct Bus {
    stream: OwnedFd,
    received: Vec<u8>,
    /// The last call's number.
    serial: u32,
}

impl Bus {
    fn ask(&mut self, name: &str) -> Result<(), No> {
        // Who asks: the user's number, each digit of its text in hexadecimal.
        let uid = process::effective_uid().to_string();
        let digits: String = uid.bytes().map(|digit| format!("{digit:x}")).collect();
        self.send(format!("\0AUTH EXTERNAL {digits}\r\n").as_bytes())?;
        let end = loop {
            match memchr::memmem::find(&self.received, b"\r\n") {
                Some(end) => break end,
                None => self.receive(false)?,
            }
        };
        let line: Vec<u8> = self.received.drain(..end.saturating_add(2)).collect();
        if !line.starts_with(b"OK ") {
            let line = String::from_utf8_lossy(&line);
            return Err(No::Answer(format!("it says {}", line.trim_end())));
        }
        // The watch stands before the question: no owner comes unseen in between.
        let watch = format!("type='signal',member='NameOwnerChanged',arg0='{name}'");
        self.send(b"BEGIN\r\n")?;
        self.call("Hello", None)?;
        self.call("AddMatch", Some(&watch))?;
        self.call("NameHasOwner", Some(name))?;
        let mut answered = false;
        loop {
            let message = self.message(answered)?;
            match (message.kind, &*message.body) {
                // Of all the answers it alone is a boolean.
                (RETURN, owned @ [_, _, _, _]) => {
                    if *owned != [0; 4] {
                        return Ok(());
                    }
                    answered = true;
                }
                (ERROR, body) => {
                    // Its length comes before the text, and a NUL behind it.
                    let text = body.get(4..body.len().saturating_sub(1));
                    let text = String::from_utf8_lossy(text.unwrap_or_default());
                    return Err(No::Answer(format!("it says {text}")));
                }
                (SIGNAL, _) => self.call("NameHasOwner", Some(name))?,
                _ => {}
            }
        }
    }

    fn call(&mut self, member: &str, argument: Option<&str>) -> Result<(), No> {
        self.serial = self.serial.wrapping_add(1);
        self.send(&call(self.serial, member, argument))
    }

    fn send(&self, bytes: &[u8]) -> Result<(), No> {
        // Not `write`: a bus that is gone is no SIGPIPE's matter.
        socket::send_wait(&self.stream, bytes)
            .map_err(|errno| No::Answer(strerror(errno as i32).to_owned()))
    }

    fn receive(&mut self, answered: bool) -> Result<(), No> {
        let mut buffer = [0u8; 1024];
        let why = match fd::read_some(&self.stream, &mut buffer) {
            None if answered => return Err(No::Owner),
            None => "no answer",
            Some(0) => "it hung up",
            Some(_) if self.received.len() > MOST_BYTES => "no answer of D-Bus",
            Some(count) => {
                self.received
                    .extend_from_slice(buffer.get(..count).unwrap_or_default());
                return Ok(());
            }
        };
        Err(No::Answer(why.to_owned()))
    }

    fn message(&mut self, answered: bool) -> Result<Message, No> {
        loop {
            match take(&mut self.received) {
                Ok(Some(message)) => return Ok(message),
                Ok(None) => self.receive(answered)?,
                Err(NotDBus) => return Err(No::Answer("no answer of D-Bus".to_owned())),
            }
        }
    }
}

/// A message without what its header says of it.
#[derive(Debug, PartialEq, Eq)]
struct Message {
    kind: u8,
    body: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
struct NotDBus;

/// The first whole message, if there is one yet.
fn take(received: &mut Vec<u8>) -> Result<Option<Message>, NotDBus> {
    let Some((head, _)) = received.split_first_chunk::<16>() else {
        return Ok(None);
    };
    let [order, kind, _, 1, a, b, c, d, _, _, _, _, e, f, g, h] = *head else {
        return Err(NotDBus);
    };
    let number = |bytes| match order {
        b'l' => u32::from_le_bytes(bytes),
        _ => u32::from_be_bytes(bytes),
    };
    let [body, fields] = [[a, b, c, d], [e, f, g, h]].map(|bytes| number(bytes) as usize);
    if body > MOST_BYTES || fields > MOST_BYTES {
        return Err(NotDBus);
    }
    let begins = fields.saturating_add(head.len()).next_multiple_of(8);
    let ends = begins.saturating_add(body);
    let Some(body) = received.get(begins..ends).map(<[u8]>::to_vec) else {
        return Ok(None);
    };
    received.drain(..ends);
    Ok(Some(Message { kind, body }))
}

/// A call of one of the bus' own methods, with one text or nothing. Little-endian,
/// whatever the machine is: each message says what it is.
fn call(serial: u32, member: &str, argument: Option<&str>) -> Vec<u8> {
    let mut message = vec![b'l', CALL, 0, 1];
    let length = argument.map_or(0, |text| text.len().saturating_add(5));
    for number in [length as u32, serial, 0] {
        message.extend(number.to_le_bytes());
    }
    let text = |message: &mut Vec<u8>, text: &str| {
        message.extend((text.len() as u32).to_le_bytes());
        message.extend(text.as_bytes());
        message.push(0);
    };
    for (field, kind, value) in [
        (1, b'o', "/org/freedesktop/DBus"),
        (2, b's', "org.freedesktop.DBus"),
        (3, b's', member),
        (6, b's', "org.freedesktop.DBus"),
    ] {
        pad(&mut message);
        message.extend([field, 1, kind, 0]);
        text(&mut message, value);
    }
    if argument.is_some() {
        pad(&mut message);
        message.extend(*b"\x08\x01g\0\x01s\0");
    }
    let fields = message.len().saturating_sub(16) as u32;
    if let Some(place) = message.get_mut(12..16) {
        place.copy_from_slice(&fields.to_le_bytes());
    }
    pad(&mut message);
    if let Some(argument) = argument {
        text(&mut message, argument);
    }
    message
}

/// Structures and bodies begin at a multiple of eight.
fn pad(message: &mut Vec<u8>) {
    message.resize(message.len().next_multiple_of(8), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_several_ways_and_words_beside_the_path() {
        let path = |text: &str| address(Some(text.into()));
        assert_eq!(address(None), Some(USUAL.into()));
        assert_eq!(path(""), Some(USUAL.into()));
        assert_eq!(path("unix:path=/x"), Some("/x".into()));
        assert_eq!(
            path("tcp:host=h,port=1;unix:guid=1,path=/x,y=z"),
            Some("/x".into())
        );
        assert_eq!(path("unix:abstract=/x"), Some("@/x".into()));
        assert_eq!(path("tcp:host=h"), None);
    }

    #[test]
    fn a_call_is_what_the_bus_reads() {
        let mut out = call(1, "NameHasOwner", Some("org.x"));
        let message = take(&mut out).unwrap().unwrap();
        assert_eq!(message.kind, CALL);
        assert_eq!(message.body, *b"\x05\0\0\0org.x\0");
        assert!(out.is_empty());
    }

    #[test]
    fn messages_come_in_pieces_and_in_either_order_of_bytes() {
        let big = b"B\x02\0\x01\0\0\0\x04\0\0\0\x01\0\0\0\x03abc\0\0\0\0\0\0\0\0\x01";
        let mut received = Vec::new();
        for byte in big {
            assert_eq!(take(&mut received), Ok(None));
            received.push(*byte);
        }
        let body = vec![0, 0, 0, 1];
        assert_eq!(
            take(&mut received),
            Ok(Some(Message { kind: RETURN, body }))
        );
    }

    #[test]
    fn what_is_no_message_of_the_first_version_or_too_long_is_nothing() {
        let wrong = |bytes: &[u8]| take(&mut bytes.to_vec());
        assert_eq!(wrong(b"HTTP/1.1 400 Bad Request\r\n"), Err(NotDBus));
        assert_eq!(
            wrong(b"l\x02\0\x01\xff\xff\xff\xff\x01\0\0\0\0\0\0\0"),
            Err(NotDBus)
        );
        assert_eq!(
            wrong(b"l\x02\0\x01\0\0\0\0\x01\0\0\0\xff\xff\xff\x7f"),
            Err(NotDBus)
        );
    }
}
