//! A file that a service's lines go to, and the older ones that it was rotated into.
//!
//! It holds whole lines, and is cut between two. Whatever happens to it from outside is seen
//! at the next write, by one look at its name: removed, renamed or replaced, it is made
//! anew; truncated, it is written on from there. Nothing that could make us wait is opened:
//! no FIFO, no device. A symbolic link isn't followed, since others may own the folder.
//!
//! Where a write fails, what of it is there is taken away again: the caller puts all of it
//! elsewhere, and nothing is there twice. One that hangs is left alone (`patience`); what was
//! being written to it then may be there twice.

use std::fs::{remove_file, rename};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use memchr::{memchr, memrchr};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, lstat};
use nix::sys::uio::pread;
use nix::unistd::{ftruncate, write};

use super::patience::Patience;
use crate::core::output::LogFile;

/// Old files that a smaller `keep` leaves over are sought this far.
const MOST_KEPT: u32 = 1000;

/// One file.
pub(super) struct File<'a> {
    wanted: &'a LogFile,
    patience: &'a Patience,
    /// Under which it is noted if it hangs.
    stream: usize,
    open: Option<Open>,
    /// What was told to be wrong.
    trouble: Option<Errno>,
}

struct Open {
    fd: OwnedFd,
    /// Device and inode.
    identity: (u64, u64),
    size: u64,
}

/// What has changed since the last write, to be told once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// It can't be written.
    Trouble(Errno),
    /// It can be again.
    Well,
}

/// What became of the bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// How many of them are in the file: whole lines.
    pub(super) length: usize,
    pub(super) news: Option<News>,
}

impl<'a> File<'a> {
    pub(super) const fn new(wanted: &'a LogFile, patience: &'a Patience, stream: usize) -> Self {
        Self {
            wanted,
            patience,
            stream,
            open: None,
            trouble: None,
        }
    }

    pub(super) fn path(&self) -> &str {
        &self.wanted.path
    }

    /// Writes lines, the last of which ends too.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Written {
        let patience = self.patience;
        let (length, trouble) = match patience.touch(self.stream, || self.write_all(bytes)) {
            Some(Ok(trouble)) => (bytes.len(), trouble),
            Some(Err((length, errno))) => (length, Some(errno)),
            None => (0, Some(Errno::ETIMEDOUT)),
        };
        let news = match (self.trouble, trouble) {
            (Some(_), None) => Some(News::Well),
            (old, Some(errno)) if old != Some(errno) => Some(News::Trouble(errno)),
            _ => None,
        };
        self.trouble = trouble;
        Written { length, news }
    }

    /// The trouble is one that harms no line: it can't be rotated. An error comes with how
    /// many bytes are written.
    fn write_all(&mut self, bytes: &[u8]) -> Result<Option<Errno>, (usize, Errno)> {
        let mut trouble = None;
        let mut rest = bytes;
        while !rest.is_empty() {
            let done = bytes.len() - rest.len();
            let size = self.ready().map_err(|errno| (done, errno))?;
            let part = match trouble {
                None => first_part(rest, size, self.wanted.rotate_size),
                Some(_) => rest,
            };
            if part.is_empty() {
                trouble = self.rotate().err();
                continue;
            }
            self.append(part).map_err(|errno| (done, errno))?;
            rest = rest.get(part.len()..).unwrap_or_default();
        }
        Ok(trouble)
    }

    /// Makes sure that the open file is the one of that name; gives its size.
    fn ready(&mut self) -> nix::Result<u64> {
        let now = lstat(self.path());
        if let (Some(open), Ok(stat)) = (&mut self.open, &now)
            && open.identity == identity(stat)
        {
            open.size = size(stat);
            return Ok(open.size);
        }
        self.open = None;
        let open = Open::new(self.path())?;
        let size = open.size;
        self.open = Some(open);
        Ok(size)
    }

    fn append(&self, bytes: &[u8]) -> nix::Result<()> {
        let open = self.open.as_ref().ok_or(Errno::EBADF)?;
        let written = write_all(&open.fd, bytes);
        if written.is_err() {
            // Only the part of it that has come; others write here at their own risk.
            let _ = ftruncate(&open.fd, i64::try_from(open.size).unwrap_or(i64::MAX));
        }
        written
    }

    /// Each old file gets the next number, the file itself the first, and the oldest goes.
    fn rotate(&mut self) -> nix::Result<()> {
        self.open = None;
        let keep = self.wanted.keep;
        let numbered = |number: u32| format!("{}.{number}", self.path());
        let left_over = (keep + 1..=MOST_KEPT).take_while(|number| {
            // Until one isn't there.
            remove_file(numbered(*number)).is_ok()
        });
        left_over.for_each(drop);
        for number in (1..keep).rev() {
            tolerate(rename(numbered(number), numbered(number + 1)))?;
        }
        tolerate(if keep == 0 {
            remove_file(self.path())
        } else {
            rename(self.path(), numbered(1))
        })
    }
}

impl Open {
    fn new(path: &str) -> nix::Result<Self> {
        let flags = OFlag::O_RDWR
            | OFlag::O_APPEND
            | OFlag::O_CREAT
            | OFlag::O_CLOEXEC
            | OFlag::O_NONBLOCK
            | OFlag::O_NOCTTY
            | OFlag::O_NOFOLLOW;
        // A device may do something when it is opened.
        if lstat(path).is_ok_and(|stat| !is_file(&stat) && !is_link(&stat)) {
            return Err(Errno::EINVAL);
        }
        let fd = open(path, flags, Mode::from_bits_truncate(0o644))?;
        let stat = fstat(&fd)?;
        if !is_file(&stat) {
            return Err(Errno::EINVAL);
        }
        let mut size = size(&stat);
        let mut last = [b'\n'];
        if size > 0 && pread(&fd, &mut last, stat.st_size - 1) == Ok(1) && last != [b'\n'] {
            // A line that a logger was killed in.
            write_all(&fd, b"\n")?;
            size += 1;
        }
        Ok(Self {
            fd,
            identity: identity(&stat),
            size,
        })
    }
}

/// What is written before the file is rotated: all, or as many lines as it has room for; of
/// a line that is longer than a file may be, a file of its own. Nothing: rotate first.
fn first_part(bytes: &[u8], size: u64, most: u64) -> &[u8] {
    let room = usize::try_from(most.saturating_sub(size)).unwrap_or(usize::MAX);
    let Some(fitting) = bytes.get(..room).filter(|_| room < bytes.len()) else {
        return bytes;
    };
    let length = match memrchr(b'\n', fitting) {
        Some(newline) => newline + 1,
        None if size > 0 => 0,
        None => memchr(b'\n', bytes).map_or(bytes.len(), |newline| newline + 1),
    };
    bytes.get(..length).unwrap_or(bytes)
}

/// What isn't there needs no new name.
fn tolerate(done: io::Result<()>) -> nix::Result<()> {
    match done {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Errno::from_raw(error.raw_os_error().unwrap_or(0)))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn write_all(fd: &OwnedFd, mut bytes: &[u8]) -> nix::Result<()> {
    while !bytes.is_empty() {
        match write(fd.as_fd(), bytes) {
            Ok(0) => return Err(Errno::EIO),
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

const fn identity(stat: &FileStat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

fn size(stat: &FileStat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0)
}

fn is_file(stat: &FileStat) -> bool {
    stat.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFREG.bits()
}

fn is_link(stat: &FileStat) -> bool {
    stat.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFLNK.bits()
}

/// What is wrong with it, and what to do, in words.
pub(super) fn reason(errno: Errno) -> String {
    if errno == Errno::EINVAL {
        "not a regular file".to_owned()
    } else if errno == Errno::ELOOP {
        "a symbolic link, which is not followed".to_owned()
    } else if errno == Errno::ETIMEDOUT {
        "it does not answer".to_owned()
    } else {
        crate::sys::error::Errno::from(errno).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_file_is_cut_between_lines() {
        let of = |text: &'static str, size, most| {
            let part = first_part(text.as_bytes(), size, most);
            String::from_utf8(part.to_vec()).unwrap()
        };
        assert_eq!(of("one\ntwo\n", 0, 8), "one\ntwo\n");
        assert_eq!(of("one\ntwo\n", 0, 7), "one\n");
        assert_eq!(of("one\ntwo\n", 5, 8), "");
        assert_eq!(of("one\ntwo\n", 9, 8), "");
        assert_eq!(of("longer\ntwo\n", 0, 3), "longer\n");
        assert_eq!(of("longer", 0, 3), "longer");
    }

    proptest! {
        /// No line is lost or torn, and no file is too large but one of a single line.
        #[test]
        fn whatever_is_written_stands_in_the_files_in_order(
            writes in prop::collection::vec(prop::collection::vec(0..30usize, 1..6), 1..12),
            rotate_size in 1..60u64
        ) {
            let folder = std::env::temp_dir().join(format!("rinit-file-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&folder);
            std::fs::create_dir_all(&folder).unwrap();
            let path = folder.join("log").display().to_string();
            let wanted = LogFile { path: path.clone().into(), rotate_size, keep: 900 };
            let patience = Patience::new(1).unwrap();
            let mut file = File::new(&wanted, &patience, 0);
            let mut all = String::new();
            for lines in &writes {
                let text: String = lines.iter().map(|length| "x".repeat(*length) + "\n").collect();
                let whole = Written { length: text.len(), news: None };
                prop_assert_eq!(file.write(text.as_bytes()), whole);
                all.push_str(&text);
            }
            let mut found = std::fs::read_to_string(&path).unwrap_or_default();
            for number in 1.. {
                let Ok(text) = std::fs::read_to_string(format!("{path}.{number}")) else { break };
                let lines = text.matches('\n').count();
                prop_assert!(text.ends_with('\n') && (text.len() as u64 <= rotate_size || lines == 1));
                found = text + &found;
            }
            std::fs::remove_dir_all(&folder).unwrap();
            prop_assert_eq!(found, all);
        }
    }
}
