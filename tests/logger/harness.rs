//! A logger in a process of its own. It is this test program, run again with the one
//! ignored test below; it opens its pipes through /proc/PID/fd of the test that started
//! it, so that a new one gets the same pipes as the one before.

use std::env;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, pipe2};
use rinit::logger::message::{FromLogger, ToLogger};
use rinit::logger::{Setup, Sink, Stream, Style, Target, run};

const LOGGER: &str = "RINIT_TEST_LOGGER";

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Pipe {
    pub(crate) read: File,
    pub(crate) write: File,
}

impl Pipe {
    pub(crate) fn new() -> Self {
        let (read, write) = pipe2(OFlag::O_CLOEXEC).unwrap();
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
}

pub(crate) struct Service {
    name: &'static str,
    style: Style,
    target: Target,
    pub(crate) pipe: Pipe,
}

pub(crate) fn service(name: &'static str, style: Style, target: Target) -> Service {
    Service {
        name,
        style,
        target,
        pipe: Pipe::new(),
    }
}

/// What PID 1 is to the logger.
pub(crate) struct Keeper {
    pub(crate) services: Vec<Service>,
    pub(crate) out: Pipe,
    pub(crate) err: Pipe,
    nonblocking: bool,
    child: Child,
    control: OwnedFd,
}

impl Keeper {
    pub(crate) fn start(services: Vec<Service>) -> Self {
        Self::start_with(services, Pipe::new(), Pipe::new(), false)
    }

    pub(crate) fn start_with(
        services: Vec<Service>,
        out: Pipe,
        err: Pipe,
        nonblocking: bool,
    ) -> Self {
        let (child, control) = spawn(&services, &out, &err, nonblocking, 0);
        Self {
            services,
            out,
            err,
            nonblocking,
            child,
            control,
        }
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Stops the logger; it is stopped when this returns.
    pub(crate) fn stop(&self) {
        self.signal(Signal::SIGSTOP);
        waitpid(self.pid(), Some(WaitPidFlag::WUNTRACED)).unwrap();
    }

    /// Kills the logger and starts another, which cannot know where the outputs stand.
    pub(crate) fn kill_and_restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        (self.child, self.control) = spawn(
            &self.services,
            &self.out,
            &self.err,
            self.nonblocking,
            u32::MAX,
        );
    }

    pub(crate) fn tell(&self, message: ToLogger) {
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        send(self.control.as_raw_fd(), &message.encode(), flags).unwrap();
    }

    pub(crate) fn answer(&self) -> FromLogger {
        wait_for(self.control.as_fd(), "an answer");
        let mut bytes = [0; 64];
        let length = recv(self.control.as_raw_fd(), &mut bytes, MsgFlags::empty()).unwrap();
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
    pub(crate) fn leave(mut self) -> (ExitStatus, String, String) {
        drop(self.control);
        let status = self.child.wait().unwrap();
        (status, all_of(&self.out), all_of(&self.err))
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

fn spawn(
    services: &[Service],
    out: &Pipe,
    err: &Pipe,
    nonblocking: bool,
    position: u32,
) -> (Child, OwnedFd) {
    let (ours, theirs) = socketpair(
        AddressFamily::Unix,
        SockType::SeqPacket,
        None,
        SockFlag::SOCK_CLOEXEC,
    )
    .unwrap();
    let mut setup = format!(
        "{} {} {} {nonblocking} {position}",
        std::process::id(),
        out.write.as_raw_fd(),
        err.write.as_raw_fd()
    );
    for service in services {
        let style = match service.style {
            Style::Prefix => "prefix",
            Style::Raw => "raw",
            Style::Own => "own",
        };
        let target = if service.target == Target::Out {
            "out"
        } else {
            "err"
        };
        let (read, write) = (
            service.pipe.read.as_raw_fd(),
            service.pipe.write.as_raw_fd(),
        );
        setup += &format!("\n{} {style} {target} {read} {write}", service.name);
    }
    let child = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "harness::logger_process",
            "--ignored",
            "--test-threads=1",
        ])
        .env(LOGGER, setup)
        .stdin(Stdio::from(theirs))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    (child, ours)
}

#[test]
#[ignore = "the process that the other tests start"]
fn logger_process() {
    let Ok(setup) = env::var(LOGGER) else { return };
    let mut lines = setup.lines();
    let first: Vec<&str> = lines.next().unwrap().split(' ').collect();
    let [parent, out, err, nonblocking, position] = first[..] else {
        panic!("{setup}")
    };
    let open = |fd: &str, flags: OFlag| -> File {
        OpenOptions::new()
            .read(flags.contains(OFlag::O_RDONLY) && !flags.contains(OFlag::O_WRONLY))
            .write(flags.contains(OFlag::O_WRONLY))
            .custom_flags(flags.bits())
            .open(format!("/proc/{parent}/fd/{fd}"))
            .unwrap()
    };
    let output = |fd| {
        let extra = if nonblocking == "true" {
            OFlag::O_NONBLOCK
        } else {
            OFlag::empty()
        };
        open(fd, OFlag::O_WRONLY | extra)
    };
    let (out, err) = (output(out), output(err));
    let streams: Vec<(Vec<&str>, File, File, AtomicU32)> = lines
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .map(|words| {
            // Opened without waiting, though read with waiting, as PID 1's pipes are.
            let read = open(words[3], OFlag::O_RDONLY);
            let write = open(words[4], OFlag::O_WRONLY);
            (words, read, write, AtomicU32::new(0))
        })
        .collect();
    let position: u32 = position.parse().unwrap();
    let (out_position, err_position) = (AtomicU32::new(position), AtomicU32::new(position));
    let stdin = std::io::stdin();
    let code = run(Setup {
        streams: streams
            .iter()
            .map(|(words, read, write, begun)| Stream {
                name: words[0],
                style: match words[1] {
                    "prefix" => Style::Prefix,
                    "raw" => Style::Raw,
                    _ => Style::Own,
                },
                target: if words[2] == "out" {
                    Target::Out
                } else {
                    Target::Err
                },
                read: read.as_fd(),
                write: write.as_fd(),
                begun,
            })
            .collect(),
        control: stdin.as_fd(),
        stdout: Sink {
            fd: out.as_fd(),
            colour: false,
            position: &out_position,
        },
        stderr: Sink {
            fd: err.as_fd(),
            colour: false,
            position: &err_position,
        },
    });
    std::process::exit(code);
}

/// Writes until all is written or the reader is gone, as a service does.
pub(crate) fn write_numbers(mut to: File, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let line = format!("line {number}\n");
        match to.write_all(line.as_bytes()) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return,
            Err(error) => panic!("the service noticed something: {error}"),
        }
    }
}
