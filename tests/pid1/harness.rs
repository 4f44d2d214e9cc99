//! Starts rinit in namespaces of its own, and looks at it from outside.
//!
//! ```ignore
//! let rinit = Pid1::new()
//!     .file("web.toml", "[service.web]\ncommand = ['sleep', '9']\n")
//!     .args(["-c", "web.toml"])              // the working directory is the test's own
//!     .env("RINIT_LOG", "debug")
//!     .spawn();
//! rinit.wait_for_line("ready");              // stdout and stderr alike, up to LIMIT
//! rinit.wait_until("nginx runs", || rinit.processes().iter().any(|p| p.name == "nginx"));
//! rinit.signal(15);
//! assert_eq!(rinit.wait(), Status::Exited(0));   // prints all output if it doesn't end
//! assert!(rinit.stderr().contains("exit code 0"));
//! ```
//!
//! - `program("collect", [...])` adds one of `programs` as the command.
//! - `not_pid1()` puts a process that only reaps in front, as `docker run --init` does.
//! - Each run has its own user namespace (unless root), PID and mount namespace, /proc,
//!   an empty /run, and a working directory (`path()`), all gone when it is dropped.
//! - Numbers of processes are those of outside, where the test is.
//! - A failed expectation panics with what was seen: output, processes, status.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

/// The binary under test.
pub const RINIT: &str = env!("CARGO_BIN_EXE_rinit");

/// Where the programs of these tests are.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// No condition of a test may take longer; a machine that is busy needs patience.
pub const LIMIT: Duration = Duration::from_secs(60);

/// How rinit is to find the world; words that `programs::enter` reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    /// A process that only reaps is PID 1; rinit is its child.
    NotPid1,
    /// As NotPid1, and rinit is in a background group of the terminal.
    Background,
    /// With NotPid1 and Terminal: rinit is in the terminal's foreground.
    Foreground,
    /// /proc is an empty folder.
    NoProc,
    /// Everything is read-only but the working directory.
    ReadOnly,
    /// SIGCHLD is ignored.
    ChldIgnored,
    /// HUP, INT, PIPE, TTOU, 32, 33 and 40 are ignored; USR1, TERM and 41 are blocked.
    OddSignals,
    /// Every signal is blocked but WINCH.
    AllBlocked,
    /// Descriptors 0, 1 and 2 are closed.
    Closed,
    /// What was given as standard input is descriptor 5, and 0 is /dev/null.
    StdinIsFive,
    /// A sandbox refuses clones that share memory.
    NoSharedClone,
    /// There is no system call that Linux 3.10 didn't have.
    OldKernel,
    /// A sandbox refuses (EPERM) all system calls that Linux 3.10 didn't have.
    OldEngine,
    /// User and group 12345, who have no name.
    User,
    /// SIGUSR1 may not be sent to anybody.
    NoSignal,
    /// Standard input is the controlling terminal of a new session.
    Terminal,
    /// /dev has no more than the usual devices, and a `termination-log` with a mode of 0666.
    TerminationLog,
    /// The folder `cgroup` in the test's own is all there is of cgroups.
    OwnCgroup,
    /// The folder `units` in the test's own is /run/systemd/system, and `tmpfiles.d` is
    /// /run/tmpfiles.d; the machine's own tmpfiles.d and sysusers.d, and its other units, aren't seen.
    OwnUnits,
    /// A tree of cgroups of its own is at /sys/fs/cgroup; for root.
    #[allow(dead_code, reason = "tests/cgroups has them")]
    OwnTree,
    /// As OwnTree, but a process of another PID namespace is in it.
    #[allow(dead_code, reason = "tests/cgroups has them")]
    SharedTree,
    /// As OwnTree, but what is at /sys/fs/cgroup is the machine's.
    #[allow(dead_code, reason = "tests/cgroups has them")]
    HostTree,
    /// Groups of its own for memory, cpu and pids, of version 1 where the machine has that.
    #[allow(dead_code, reason = "tests/cgroups has them")]
    OwnControllers,
    /// The nice value is 15 and the OOM score 500.
    Lowly,
    /// No capabilities, and no-new-privileges.
    NoCapabilities,
}

/// A run in the making.
pub struct Pid1 {
    folder: Folder,
    binary: PathBuf,
    called: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, Option<OsString>)>,
    clear: bool,
    setup: Vec<Setup>,
    stdin: Option<OwnedFd>,
}

/// How rinit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Exited(i32),
    Killed(i32),
}

impl Pid1 {
    /// rinit under its own name, without arguments.
    pub fn new() -> Self {
        Self {
            folder: Folder::new(),
            binary: RINIT.into(),
            called: RINIT.into(),
            args: Vec::new(),
            // A tester's own may lead through folders that are closed to others.
            env: vec![("PATH".into(), Some(PATH.into()))],
            clear: false,
            setup: Vec::new(),
            stdin: None,
        }
    }

    /// Another program in rinit's place.
    pub fn binary(mut self, path: PathBuf) -> Self {
        self.binary = path;
        self
    }

    /// Another argv[0].
    pub fn called(mut self, name: &str) -> Self {
        self.called = name.into();
        self
    }

    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// One of `programs`, with its arguments, as the next words of the command line.
    pub fn program<A: Into<OsString>>(self, name: &str, args: impl IntoIterator<Item = A>) -> Self {
        self.args([std::env::current_exe().unwrap()])
            .arg(format!("@{name}"))
            .args(args)
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), Some(value.into())));
        self
    }

    /// Nothing but what `env` gives from here on.
    pub fn env_clear(mut self) -> Self {
        self.clear = true;
        self.env.clear();
        self
    }

    /// A file below the working directory.
    pub fn file(self, name: &str, content: &str) -> Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// As `file`, and executable.
    pub fn script(self, name: &str, content: &str) -> Self {
        let this = self.file(name, content);
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(this.path(name), executable).unwrap();
        this
    }

    /// A name below the working directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.0.join(name)
    }

    pub fn setup(mut self, setup: Setup) -> Self {
        self.setup.push(setup);
        self
    }

    pub fn not_pid1(self) -> Self {
        self.setup(Setup::NotPid1)
    }

    pub fn stdin(mut self, stdin: OwnedFd) -> Self {
        self.stdin = Some(stdin);
        self
    }

    /// Standard input is this end of a terminal, and rinit leads its session.
    pub fn terminal(self, slave: OwnedFd) -> Self {
        self.stdin(slave).setup(Setup::Terminal)
    }

    pub fn spawn(self) -> Running {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("@enter").arg(&self.folder.0);
        command.args(self.setup.iter().map(|setup| format!("{setup:?}")));
        command.arg("--").arg(&self.binary).arg(&self.called);
        command.args(&self.args);
        command.current_dir(&self.folder.0);
        if self.clear {
            command.env_clear();
        }
        for (name, value) in &self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.stdin(self.stdin.map_or_else(Stdio::null, Stdio::from));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.arg0("rinit-test");
        let mut enter = command.spawn().unwrap();
        let seen = Arc::new(Seen::default());
        let readers = vec![
            Arc::clone(&seen).read(enter.stdout.take().unwrap(), 0),
            Arc::clone(&seen).read(enter.stderr.take().unwrap(), 1),
        ];
        let mut running = Running {
            pid: 0,
            init: 0,
            enter: RefCell::new(enter),
            folder: self.folder,
            seen,
            readers: RefCell::new(readers),
        };
        let number = |name: &str| -> Option<i32> {
            let text = fs::read_to_string(running.path(name)).ok()?;
            text.strip_suffix('\n')?.parse().ok()
        };
        let (mut init, mut pid) = (0, 0);
        running.wait_until("the namespace is there", || {
            init = number(".init").unwrap_or(0);
            pid = number(".pid").unwrap_or(0);
            pid != 0 && init != 0
        });
        running.init = init;
        running.pid = pid;
        running
    }

    /// Starts it and waits for its end.
    pub fn run(self) -> Ended {
        let running = self.spawn();
        let status = running.wait();
        Ended {
            status,
            stdout: running.stdout(),
            stderr: running.stderr(),
        }
    }
}

/// What a finished run left.
#[derive(Debug)]
pub struct Ended {
    pub status: Status,
    pub stdout: String,
    pub stderr: String,
}

/// A process as it is seen from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pub pid: i32,
    pub parent: i32,
    pub name: String,
    /// `R`, `S`, `T`, `Z` …
    pub state: char,
}

/// A run. Dropped, it is gone with everything in it.
pub struct Running {
    pid: i32,
    init: i32,
    enter: RefCell<Child>,
    folder: Folder,
    seen: Arc<Seen>,
    readers: RefCell<Vec<thread::JoinHandle<()>>>,
}

impl Running {
    /// rinit's number.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// A name below the working directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.0.join(name)
    }

    /// Sends rinit a signal, 1 to 64.
    pub fn signal(&self, number: i32) {
        send(self.pid, number);
    }

    /// All in the namespace, PID 1 first.
    pub fn processes(&self) -> Vec<Process> {
        let all = processes();
        let mut found: Vec<Process> = all.iter().filter(|p| p.pid == self.init).cloned().collect();
        let mut next = 0;
        while next < found.len() {
            let parent = found[next].pid;
            found.extend(all.iter().filter(|p| p.parent == parent).cloned());
            next += 1;
        }
        found
    }

    /// rinit's own children.
    pub fn children(&self) -> Vec<Process> {
        let mut all = processes();
        all.retain(|process| process.parent == self.pid);
        all
    }

    /// The number behind a key of rinit's /proc/PID/status: a mask in hex, or a count.
    pub fn status_of(pid: i32, key: &str) -> Option<String> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find(|line| line.starts_with(key))?;
        Some(line.split_whitespace().nth(1)?.to_owned())
    }

    pub fn stdout(&self) -> String {
        self.seen.text(0)
    }

    pub fn stderr(&self) -> String {
        self.seen.text(1)
    }

    /// Until a whole line with this in it is on stdout or stderr.
    #[track_caller]
    pub fn wait_for_line(&self, part: &str) {
        let deadline = Instant::now() + LIMIT;
        let mut streams = self.seen.streams.lock().unwrap();
        while !streams.iter().any(|stream| has_line(stream, part)) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(streams);
                panic!("no line with {part:?} came\n{}", self.dump());
            }
            streams = self.seen.more.wait_timeout(streams, left).unwrap().0;
        }
    }

    /// Until this is so.
    #[track_caller]
    pub fn wait_until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let deadline = Instant::now() + LIMIT;
        while !is_so() {
            if Instant::now() > deadline {
                panic!("never: {what}\n{}", self.dump());
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Until the end of rinit and of all that it wrote.
    #[track_caller]
    pub fn wait(&self) -> Status {
        self.wait_until("rinit ends", || {
            self.enter.borrow_mut().try_wait().unwrap().is_some()
        });
        for reader in self.readers.borrow_mut().drain(..) {
            reader.join().unwrap();
        }
        let text = fs::read_to_string(self.path(".status")).unwrap_or_default();
        let mut words = text.split_whitespace();
        let kind = words.next().map(str::to_owned);
        let number = words.next().and_then(|number| number.parse().ok());
        match (kind.as_deref(), number) {
            (Some("exited"), Some(code)) => Status::Exited(code),
            (Some("killed"), Some(signal)) => Status::Killed(signal),
            _ => panic!("the namespace could not be made\n{}", self.dump()),
        }
    }

    /// Everything that was seen, for a person.
    pub fn dump(&self) -> String {
        format!(
            "-- processes: {:#?}\n-- stdout:\n{}\n-- stderr:\n{}\n-- status: {:?}",
            self.processes(),
            self.stdout(),
            self.stderr(),
            fs::read_to_string(self.path(".status")),
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let enter = self.enter.get_mut();
        if matches!(enter.try_wait(), Ok(None)) {
            if self.init > 0 {
                send(self.init, 9);
            } else {
                let _ = enter.kill();
            }
        }
        let _ = enter.wait();
    }
}

/// Sends a process a signal, 1 to 64.
pub fn send(pid: i32, number: i32) {
    use rinit::core::{id::Pid, signal::Signal};
    let _ = rinit::sys::signal::kill(Pid(pid), Signal::new(number).unwrap());
}

fn processes() -> Vec<Process> {
    let entries = fs::read_dir("/proc").expect("these tests need /proc");
    entries
        .filter_map(|entry| {
            let pid: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
            let stat = String::from_utf8_lossy(&stat).into_owned();
            let (head, rest) = stat.rsplit_once(") ")?;
            let mut fields = rest.split(' ');
            Some(Process {
                pid,
                name: head.split_once(" (")?.1.to_owned(),
                state: fields.next()?.chars().next()?,
                parent: fields.next()?.parse().ok()?,
            })
        })
        .collect()
}

fn has_line(stream: &[u8], part: &str) -> bool {
    let whole = stream.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
    let whole = String::from_utf8_lossy(&stream[..whole]);
    whole.lines().any(|line| line.contains(part))
}

/// What came on stdout and stderr so far.
#[derive(Default)]
struct Seen {
    streams: Mutex<[Vec<u8>; 2]>,
    more: Condvar,
}

impl Seen {
    fn read(
        self: Arc<Self>,
        mut from: impl Read + Send + 'static,
        to: usize,
    ) -> thread::JoinHandle<()> {
        thread::spawn(move || {
            let mut buffer = [0; 65536];
            while let Ok(count) = from.read(&mut buffer) {
                if count == 0 {
                    return;
                }
                self.streams.lock().unwrap()[to].extend_from_slice(&buffer[..count]);
                self.more.notify_all();
            }
        })
    }

    fn text(&self, stream: usize) -> String {
        String::from_utf8_lossy(&self.streams.lock().unwrap()[stream]).into_owned()
    }
}

/// A folder that goes when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("rinit-pid1-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Both ends of a new terminal: the test's, and the one for rinit.
pub fn open_terminal() -> (OwnedFd, OwnedFd) {
    // Close-on-exec from their birth: tests beside this one start programs too.
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let master = nix::pty::posix_openpt(flags).expect("these tests need /dev/ptmx");
    nix::pty::grantpt(&master).unwrap();
    nix::pty::unlockpt(&master).unwrap();
    let name = nix::pty::ptsname_r(&master).unwrap();
    let slave = nix::fcntl::open(name.as_str(), flags, Mode::empty()).unwrap();
    (OwnedFd::from(master), slave)
}

/// A pipe: its reading and its writing end.
pub fn open_pipe() -> (OwnedFd, OwnedFd) {
    nix::unistd::pipe2(OFlag::O_CLOEXEC).unwrap()
}

/// The terminal's foreground group, by the master's end.
pub fn foreground(master: &impl AsFd) -> i32 {
    nix::unistd::tcgetpgrp(master.as_fd()).map_or(0, |group| group.as_raw())
}
