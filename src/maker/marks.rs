//! What `t`, `h` and `a` lines give to what is there: extended attributes, the file
//! system's own flags, and access lists, which setfacl(1) knows how to write.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, SFlag, fstat};

use super::access::MOST_LEVELS;
use super::trouble::{Result, Trouble};
use crate::core::exit::Exit;
use crate::core::quoting::{Backslash, quoted};
use crate::core::signal::Signal;
use crate::sys::exec::DEFAULT_PATH;
use crate::sys::signal::{SignalSet, kill_group, set_mask, wait};
use crate::sys::spawn::{Order, Slot};
use crate::sys::{attributes, clock, error, fd, reap, way};
use crate::units::tmpfiles::{Entry, Type};

/// The flags by their letters of chattr(1).
const FLAGS: [(u8, u32); 15] = [
    (b's', 0x1),
    (b'u', 0x2),
    (b'c', 0x4),
    (b'S', 0x8),
    (b'i', 0x10),
    (b'a', 0x20),
    (b'd', 0x40),
    (b'A', 0x80),
    (b'j', 0x4000),
    (b't', 0x8000),
    (b'D', 0x1_0000),
    (b'T', 0x2_0000),
    (b'e', 0x8_0000),
    (b'C', 0x80_0000),
    (b'P', 0x2000_0000),
];

/// setfacl has so long for one path.
const PATIENCE: Duration = Duration::from_secs(5);

/// Marks what is there, and all below it where the line says so.
pub(super) fn mark(entry: &Entry, above: &OwnedFd, name: &Path, level: usize) -> Result {
    let itself = openat(above, name, way::WAY | OFlag::O_NOFOLLOW, Mode::empty())?;
    let kind = way::kind(&fstat(&itself)?);
    // A link has none of these.
    if kind == SFlag::S_IFLNK {
        return Ok(());
    }
    if entry.kind.is == Type::Attributes {
        attributes_of(entry, &itself)?;
    } else if entry.kind.is == Type::Access {
        access(entry, &itself, kind == SFlag::S_IFDIR)?;
    } else if matches!(kind, SFlag::S_IFDIR | SFlag::S_IFREG) {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        flags_of(entry, &openat(above, name, flags, Mode::empty())?)?;
    }
    if !entry.kind.tree || kind != SFlag::S_IFDIR {
        return Ok(());
    }
    if level >= MOST_LEVELS {
        return Err(Errno::ELOOP.into());
    }
    let folder = openat(above, name, way::FOLDER | OFlag::O_NOFOLLOW, Mode::empty())?;
    for name in way::names_in(&folder)? {
        match mark(entry, &folder, Path::new(&name), level + 1) {
            Ok(()) | Err(Trouble::Os(Errno::ENOENT)) => {}
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(())
}

fn os(errno: error::Errno) -> Trouble {
    Trouble::Os(Errno::from_raw(errno.0))
}

/// `user.name=value`, one or more.
fn attributes_of(entry: &Entry, itself: &OwnedFd) -> Result {
    let path = format!("/proc/self/fd/{}\0", itself.as_raw_fd());
    let path = CString::from_vec_with_nul(path.into_bytes()).map_err(|_| Errno::EINVAL)?;
    for word in quoted(
        entry.argument.as_deref().unwrap_or_default(),
        Backslash::Stays,
    ) {
        let word = word.unwrap_or_default();
        let at = word.iter().position(|byte| *byte == b'=');
        let parts = at.and_then(|at| word.split_at_checked(at));
        let name = parts.and_then(|(name, _)| CString::new(name).ok());
        let (Some(name), Some((_, value))) = (name, parts) else {
            let word = String::from_utf8_lossy(&word);
            let said = format!("\"{word}\" sets no attribute; write user.name=value");
            return Err(Trouble::Said(said));
        };
        attributes::set(&path, &name, value.get(1..).unwrap_or_default()).map_err(os)?;
    }
    Ok(())
}

/// `+i`, `-C`, `=`.
fn flags_of(entry: &Entry, file: &OwnedFd) -> Result {
    let text = entry.argument.as_deref().unwrap_or_default();
    let (sign, letters) = match text.split_first() {
        Some((sign @ (b'+' | b'-' | b'='), letters)) => (*sign, letters),
        _ => (b'+', text),
    };
    let mut named = 0;
    for letter in letters {
        let Some((_, flag)) = FLAGS.iter().find(|(known, _)| known == letter) else {
            let letter = char::from(*letter);
            return Err(Trouble::Said(format!("there is no attribute \"{letter}\"")));
        };
        named |= flag;
    }
    let all = FLAGS.iter().fold(0, |all, (_, flag)| all | flag);
    let (flags, mask) = match sign {
        b'=' => (named, all),
        b'-' => (0, named),
        _ => (named, named),
    };
    match attributes::change_flags(file, flags, mask).map_err(os) {
        // The file system has none of them, or not these, which nobody needs.
        Err(Trouble::Os(Errno::ENOTTY | Errno::EOPNOTSUPP | Errno::ENOSYS)) => Ok(()),
        other => other,
    }
}

/// By setfacl, which gets the file itself as its descriptor 3.
fn access(entry: &Entry, itself: &OwnedFd, is_folder: bool) -> Result {
    let said = |what: String| Trouble::Said(format!("{}: {what}", entry.path.display()));
    let null = fd::null()?;
    let (_told, report) = fd::pipe()?;
    let mut arguments: Vec<&[u8]> = vec![b"setfacl"];
    // Without a plus nothing stays of a list that is there.
    if !entry.kind.force {
        arguments.push(b"-b");
    }
    let list = entry.argument.as_deref().unwrap_or_default();
    let is_ours =
        |one: &&[u8]| is_folder || !(one.starts_with(b"d:") || one.starts_with(b"default:"));
    let list: Vec<&[u8]> = list.split(|byte| *byte == b',').filter(is_ours).collect();
    let list = list.join(&b',');
    // Only in folders is there something that what is new in them gets.
    if list.is_empty() {
        return Ok(());
    }
    arguments.extend([&b"-m"[..], &list, b"/proc/self/fd/3"]);
    let path = [b"PATH=", DEFAULT_PATH].concat();
    let mask = set_mask(SignalSet::EMPTY.with(Signal::CHLD));
    let mut slot = Slot::new().map_err(os)?;
    let standard = [null.as_fd(), null.as_fd(), null.as_fd()];
    slot.prepare(Order {
        passed: &[itself.as_fd()],
        ..Order::plain(&arguments, &[&path], standard, report.as_fd())
    });
    let spawned = slot.spawn();
    let until = clock::monotonic().plus(PATIENCE);
    let end = spawned.map(|pid| {
        loop {
            match reap::next_ended() {
                Some((ended, exit)) if ended == pid => return Some(exit),
                Some(_) => {}
                None => {
                    let left = until.since(clock::monotonic());
                    if left.is_zero() {
                        let _ = kill_group(pid, Signal::KILL);
                        reap::wait_for(pid);
                        return None;
                    }
                    let _ = wait(SignalSet::EMPTY.with(Signal::CHLD), Some(left));
                }
            }
        }
    });
    set_mask(mask);
    match end.map_err(os)? {
        Some(Exit::Code(0)) => Ok(()),
        Some(Exit::Code(126 | 127)) => Err(said(
            "access lists take setfacl, which isn't here".to_owned(),
        )),
        Some(exit) => Err(said(format!("setfacl {exit}"))),
        None => Err(said("setfacl took too long".to_owned())),
    }
}
