//! A file system that hangs when it is told to: the least server of FUSE that there is, over
//! /dev/fuse itself. Any name in its one folder is a file that holds `text`, as long as the
//! server answers; what is written into any of them is kept in one text.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use nix::mount::{MsFlags, mount};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};

/// What each file holds.
const TEXT: &[u8] = b"KEY=value\n";
/// The largest request, with room for its head.
const BUFFER: usize = 256 * 1024;

// The numbers of requests, as <linux/fuse.h> has them.
const LOOKUP: u32 = 1;
const FORGET: u32 = 2;
const GETATTR: u32 = 3;
const SETATTR: u32 = 4;
const RENAME: u32 = 12;
pub const OPEN: u32 = 14;
const READ: u32 = 15;
const WRITE: u32 = 16;
const STATFS: u32 = 17;
const RELEASE: u32 = 18;
const INIT: u32 = 26;
const OPENDIR: u32 = 27;
const READDIR: u32 = 28;
const RELEASEDIR: u32 = 29;
const INTERRUPT: u32 = 36;
const BATCH_FORGET: u32 = 42;
pub const RENAME2: u32 = 45;

/// All of them.
const ANY: u32 = u32::MAX;

/// The root's own number; every file has this one plus 1, since nobody compares them.
const ROOT: u64 = 1;

/// How it hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hang {
    /// Nobody takes requests.
    Unread,
    /// They are taken and never answered: who waits can't even be killed.
    Unanswered,
}

/// A mounted one. Dropped, whoever waits for it gets an error.
pub struct Fuse {
    shared: Arc<Shared>,
    server: Option<thread::JoinHandle<()>>,
}

struct Shared {
    device: File,
    /// Which requests wait; 0 for none.
    hangs_at: AtomicU32,
    ends: AtomicBool,
    written: Mutex<Vec<u8>>,
    how: Hang,
}

/// Gives this thread, and what it starts, mounts of their own.
pub fn own_mounts() {
    unshare(CloneFlags::CLONE_NEWNS).expect("this test makes mounts, for which it has to be root");
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount::<str, str, str, str>(None, "/", None, private, None).unwrap();
}

impl Fuse {
    /// Makes the folder and mounts it there, for this thread's mount namespace.
    pub fn mount(path: &Path, how: Hang) -> Self {
        std::fs::create_dir_all(path).unwrap();
        let device = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/fuse")
            .expect("this test needs /dev/fuse");
        let options = format!(
            "fd={},rootmode=40000,user_id=0,group_id=0,allow_other",
            device.as_raw_fd()
        );
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(Some("hung"), path, Some("fuse"), flags, Some(&*options)).unwrap();
        let shared = Arc::new(Shared {
            device,
            hangs_at: AtomicU32::new(0),
            ends: AtomicBool::new(false),
            written: Mutex::default(),
            how,
        });
        let server = Arc::clone(&shared);
        Self {
            shared,
            server: Some(thread::spawn(move || server.serve())),
        }
    }

    /// From now on it answers nothing.
    pub fn hang(&self) {
        self.hang_at(ANY);
    }

    /// From now on it answers none of these requests. Taken they all are.
    pub fn hang_at(&self, request: u32) {
        self.shared.hangs_at.store(request, Ordering::SeqCst);
    }

    /// It answers again, also what waits.
    pub fn thaw(&self) {
        self.hang_at(0);
    }

    /// What was written to it.
    pub fn written(&self) -> String {
        let written = self.shared.written.lock().unwrap();
        String::from_utf8_lossy(&written).into_owned()
    }
}

impl Drop for Fuse {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::SeqCst);
        drop(self.server.take().map(thread::JoinHandle::join));
        // The last one that has the device closes it, which aborts all that waits.
    }
}

impl Shared {
    fn serve(&self) {
        let mut buffer = vec![0; BUFFER];
        let mut waiting: Vec<Vec<u8>> = Vec::new();
        while !self.ends.load(Ordering::SeqCst) {
            let mut one = [PollFd::new(
                std::os::fd::AsFd::as_fd(&self.device),
                PollFlags::POLLIN,
            )];
            let come = poll(&mut one, PollTimeout::from(20_u8)).unwrap_or(0) > 0;
            let hangs_at = self.hangs_at.load(Ordering::SeqCst);
            if hangs_at == 0 {
                waiting.drain(..).for_each(|request| self.answer(&request));
            }
            if !come {
                continue;
            }
            if hangs_at == ANY && self.how == Hang::Unread {
                thread::sleep(std::time::Duration::from_millis(20));
                continue;
            }
            let Ok(length) = (&self.device).read(&mut buffer) else {
                continue;
            };
            let request = &buffer[..length];
            if [ANY, u32::from_ne_bytes(request[4..8].try_into().unwrap())].contains(&hangs_at) {
                waiting.push(request.to_vec());
            } else {
                self.answer(request);
            }
        }
    }

    fn answer(&self, request: &[u8]) {
        let u32_at = |at: usize| u32::from_ne_bytes(request[at..at + 4].try_into().unwrap());
        let u64_at = |at: usize| u64::from_ne_bytes(request[at..at + 8].try_into().unwrap());
        let (what, unique, node) = (u32_at(4), u64_at(8), u64_at(16));
        let body = match what {
            FORGET | BATCH_FORGET | INTERRUPT => return,
            // Version, read-ahead, flags, backgrounds, most to write, granularity.
            INIT => {
                let mut body = words(&[7, 31, 0, 0, 0, 128 * 1024, 1]);
                body.resize(64, 0);
                body
            }
            LOOKUP => entry(),
            GETATTR | SETATTR => [vec![0; 16], attributes(node == ROOT)].concat(),
            OPEN | OPENDIR => vec![0; 16],
            STATFS => vec![0; 80],
            READ if u64_at(48) == 0 => TEXT.to_vec(),
            READ | READDIR | RELEASE | RELEASEDIR | RENAME | RENAME2 => Vec::new(),
            WRITE => {
                let count = u32_at(56);
                // Behind its head, and what the kernel says of the write.
                let bytes = &request[80..][..count as usize];
                self.written.lock().unwrap().extend(bytes);
                words(&[count, 0])
            }
            _ => return self.send(unique, -nix::libc::ENOSYS, &[]),
        };
        self.send(unique, 0, &body);
    }

    fn send(&self, unique: u64, error: i32, body: &[u8]) {
        let length = u32::try_from(16 + body.len()).unwrap();
        let head = [
            &length.to_ne_bytes()[..],
            &error.to_ne_bytes(),
            &unique.to_ne_bytes(),
        ];
        // Whoever asked may be gone.
        drop((&self.device).write(&[&head.concat(), body].concat()));
    }
}

/// A file as `LOOKUP` tells it: its number, and no word of it may be kept.
fn entry() -> Vec<u8> {
    let mut entry = (ROOT + 1).to_ne_bytes().to_vec();
    entry.resize(40, 0);
    entry.extend(attributes(false));
    entry
}

fn attributes(is_root: bool) -> Vec<u8> {
    let (node, mode, length) = if is_root {
        (ROOT, 0o040_755, 0)
    } else {
        (ROOT + 1, 0o100_755, TEXT.len() as u64)
    };
    // Number, size, blocks, three times; then their parts, mode, links, owner, and the rest.
    let mut all: Vec<u8> = [node, length, 0, 0, 0, 0]
        .iter()
        .flat_map(|word| word.to_ne_bytes())
        .collect();
    all.extend(words(&[0, 0, 0, mode, 1, 0, 0, 0, 4096, 0]));
    all
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}
