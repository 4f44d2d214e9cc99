//! A logger in a process of its own, forked by the test as PID 1 forks it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use rinit::core::output::{Log, LogFile, Tally};
use rinit::logger::message::{FromLogger, ToLogger};
use rinit::logger::{Memory, Setup, Sink, Stream, Style, Target, run};
use rinit::sys::{clock, fd, fork};

/// What is kept of each service.
const RING: usize = 16384;

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Pipe {
    pub(crate) read: File,
    pub(crate) write: File,
}

impl Pipe {
    pub(crate) fn new() -> Self {
        let (read, write) = fd::pipe().unwrap();
        Self {
            read: read.into(),
            write: write.into(),
        }
    }

    pub(crate) fn with_capacity(bytes: i32) -> Self {
        let pipe = Self::new();
        fcntl(&pipe.write, FcntlArg::F_SETPIPE_SZ(bytes)).unwrap();
        pipe
    }

    pub(crate) fn writer(&self) -> File {
        self.write.try_clone().unwrap()
    }

    pub(crate) fn again(&self) -> Self {
        Self {
            read: self.read.try_clone().unwrap(),
            write: self.writer(),
        }
    }
}

pub(crate) struct Service {
    name: &'static str,
    style: Style,
    target: Target,
    pattern: Option<&'static str>,
    log: Log,
    pub(crate) pipe: Pipe,
}

pub(crate) fn service(name: &'static str, style: Style, target: Target) -> Service {
    Service {
        name,
        style,
        target,
        pattern: None,
        log: Log::default(),
        pipe: Pipe::new(),
    }
}

impl Service {
    /// Its lines go into this file.
    pub(crate) fn into_file(self, path: &Path, rotate_size: u64, keep: u32) -> Self {
        let path = path.to_str().unwrap().into();
        let file = Some(LogFile {
            path,
            rotate_size,
            keep,
        });
        let log = Log { file, ..self.log };
        Self { log, ..self }
    }

    /// It writes into these files by itself.
    pub(crate) fn following(self, folder: &Path, patterns: &[&str]) -> Self {
        let path = |name: &&str| folder.join(name).to_str().unwrap().into();
        let log = Log {
            follow: patterns.iter().map(path).collect(),
            ..self.log
        };
        Self { log, ..self }
    }

    /// Its lines are dropped while nobody takes them.
    pub(crate) fn dropping(self) -> Self {
        let log = Log {
            drops: true,
            ..self.log
        };
        Self { log, ..self }
    }

    /// This can be asked for in its lines.
    pub(crate) fn looked_through_for(self, pattern: &'static str) -> Self {
        let pattern = Some(pattern);
        Self { pattern, ..self }
    }
}

/// What PID 1 is to the logger.
pub(crate) struct Keeper {
    pub(crate) services: Vec<Service>,
    pub(crate) out: Pipe,
    pub(crate) err: Pipe,
    memory: Memory,
    logger: Logger,
}

struct Logger {
    pid: Pid,
    control: OwnedFd,
}

impl Keeper {
    pub(crate) fn start(services: Vec<Service>) -> Self {
        Self::start_with(services, Pipe::new(), Pipe::new())
    }

    pub(crate) fn start_with(services: Vec<Service>, out: Pipe, err: Pipe) -> Self {
        let memory = Memory::new(&vec![RING; services.len()]).unwrap();
        for (stream, service) in services.iter().enumerate() {
            if !service.log.follow.is_empty() {
                memory.follows(stream, clock::wall_nanos() / 1_000_000);
            }
        }
        let logger = start(&services, &memory, &out, &err);
        Self {
            services,
            out,
            err,
            memory,
            logger,
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.logger.pid, signal).unwrap();
    }

    /// Stops the logger; it is stopped when this returns.
    pub(crate) fn stop(&self) {
        self.signal(Signal::SIGSTOP);
        waitpid(self.logger.pid, Some(WaitPidFlag::WUNTRACED)).unwrap();
    }

    pub(crate) fn kill_and_restart(&mut self) {
        self.signal(Signal::SIGKILL);
        let status = waitpid(self.logger.pid, None).unwrap();
        assert!(
            matches!(status, WaitStatus::Signaled(_, Signal::SIGKILL, _)),
            "{status:?}"
        );
        self.logger = start(&self.services, &self.memory, &self.out, &self.err);
    }

    /// What has come of the lines of services.
    pub(crate) fn tally(&self, service: usize) -> Tally {
        self.memory.tally(service)
    }

    /// Asks for a line of this service's.
    pub(crate) fn ask_for_line(&self, service: usize, number: u32) {
        self.memory.ask(service, number);
    }

    pub(crate) fn tell(&self, message: ToLogger) {
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        send(self.logger.control.as_raw_fd(), &message.encode(), flags).unwrap();
    }

    pub(crate) fn answer(&self) -> FromLogger {
        wait_for(self.logger.control.as_fd(), "an answer");
        let mut bytes = [0; 64];
        let length = recv(
            self.logger.control.as_raw_fd(),
            &mut bytes,
            MsgFlags::empty(),
        )
        .unwrap();
        FromLogger::decode(&bytes[..length]).expect("an answer that is one")
    }

    pub(crate) fn ask(&self, message: ToLogger) -> FromLogger {
        self.tell(message);
        self.answer()
    }

    pub(crate) fn write(&self, service: usize, bytes: impl AsRef<[u8]>) {
        self.services[service]
            .pipe
            .writer()
            .write_all(bytes.as_ref())
            .unwrap();
    }

    /// What the logger has written so far, after it said that it was done.
    pub(crate) fn written(&self) -> (String, String) {
        (all_of(&self.out), all_of(&self.err))
    }

    /// Closes the control socket, as PID 1's death would, and waits for the logger's end.
    pub(crate) fn leave(self) -> (WaitStatus, String, String) {
        drop(self.logger.control);
        let status = waitpid(self.logger.pid, None).unwrap();
        (status, all_of(&self.out), all_of(&self.err))
    }
}

fn start(services: &[Service], memory: &Memory, out: &Pipe, err: &Pipe) -> Logger {
    let (ours, theirs) = socketpair(
        AddressFamily::Unix,
        SockType::SeqPacket,
        None,
        SockFlag::SOCK_CLOEXEC,
    )
    .unwrap();
    let setup = Setup {
        streams: services
            .iter()
            .enumerate()
            .map(|(writer, service)| Stream {
                name: service.name,
                style: service.style,
                log: Some(&service.log),
                writer,
                pattern: service.pattern,
                target: service.target,
                read: Some(service.pipe.read.as_fd()),
            })
            .collect(),
        control: theirs.as_fd(),
        memory,
        stdout: Sink {
            fd: out.write.as_fd(),
            colour: false,
        },
        stderr: Sink {
            fd: err.write.as_fd(),
            colour: false,
        },
    };
    let keep = setup.descriptors();
    // Unlike PID 1 this process has several threads. The fork uses nothing that another
    // of them could have locked but the heap, which the C library makes usable in it.
    let pid = fork::helper(c"rinit-logger", &keep, || run(setup)).unwrap();
    Logger {
        pid: Pid::from_raw(pid.0),
        control: ours,
    }
}

/// What stands in a pipe.
pub(crate) fn all_of(pipe: &Pipe) -> String {
    let mut text = Vec::new();
    let mut buffer = vec![0; 65536];
    while readable(pipe.read.as_fd(), Duration::ZERO) {
        let count = (&pipe.read).read(&mut buffer).unwrap();
        text.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Reads from a pipe, at most `most` bytes at once, until `enough`.
pub(crate) fn read_until(
    pipe: &Pipe,
    most: usize,
    mut enough: impl FnMut(&[u8]) -> bool,
) -> Vec<u8> {
    let mut text = Vec::new();
    let mut buffer = vec![0; most];
    while !enough(&text) {
        wait_for(pipe.read.as_fd(), &format!("more than {}", tail(&text)));
        let count = (&pipe.read).read(&mut buffer).unwrap();
        text.extend_from_slice(&buffer[..count]);
    }
    text
}

pub(crate) fn tail(text: &[u8]) -> String {
    format!(
        "{} bytes …{:?}",
        text.len(),
        String::from_utf8_lossy(&text[text.len().saturating_sub(200)..])
    )
}

fn wait_for(fd: BorrowedFd<'_>, what: &str) {
    assert!(readable(fd, PATIENCE), "waited in vain for {what}");
}

fn readable(fd: BorrowedFd<'_>, patience: Duration) -> bool {
    let until = Instant::now() + patience;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap();
        match poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], timeout) {
            Ok(count) => return count > 0,
            Err(nix::errno::Errno::EINTR) => {}
            Err(errno) => panic!("poll: {errno}"),
        }
    }
}

/// A service that notices if it cannot write.
pub(crate) fn write_numbers(mut to: File, numbers: std::ops::Range<u32>) {
    for number in numbers {
        to.write_all(format!("line {number}\n").as_bytes())
            .expect("the service noticed something");
    }
}
