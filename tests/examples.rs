//! The files in config-examples are right, and README's first command does what it says.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may fail loudly, and runs programs the plain way"
)]

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rinit::config::{self, GroupLimits, Outcome, Request, Rights};
use rinit::core::group_limit::GroupResources;

/// Where the examples are.
const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config-examples");

/// The longest wait for something that the demo should say.
const PATIENCE: Duration = Duration::from_secs(30);

/// The demo, in a temporary folder of its own.
struct Demo {
    rinit: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    folder: PathBuf,
}

impl Demo {
    fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("rinit-demo-test-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut rinit = Command::new(env!("CARGO_BIN_EXE_rinit"))
            .args(["-c", "config-examples/demo.toml"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("TMPDIR", &folder)
            .env("XDG_RUNTIME_DIR", &folder)
            .env_remove("RINIT_SEEDS")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        tell(rinit.stdout.take().unwrap(), sender.clone());
        tell(rinit.stderr.take().unwrap(), sender);
        Self {
            rinit,
            lines,
            seen: Vec::new(),
            folder,
        }
    }

    /// Waits until it has said this, so many times.
    fn wait_for(&mut self, wanted: &str, times: usize) {
        let end = Instant::now() + PATIENCE;
        while self
            .seen
            .iter()
            .filter(|line| line.contains(wanted))
            .count()
            < times
        {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.seen.push(line),
                Err(error) => panic!("{wanted:?} was not said {times} times: {error}"),
            }
        }
    }

    /// Where a line with this text stands among all.
    fn place(&self, wanted: &str) -> usize {
        let place = self.seen.iter().position(|line| line.contains(wanted));
        place.unwrap_or_else(|| panic!("{wanted:?} was never said"))
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        drop(self.rinit.kill());
        drop(self.rinit.wait());
        drop(std::fs::remove_dir_all(&self.folder));
        if std::thread::panicking() {
            eprint_lines(&self.seen);
        }
    }
}

#[allow(clippy::print_stderr, reason = "for the person who reads the failure")]
fn eprint_lines(lines: &[String]) {
    eprintln!("---- what the demo said:\n{}\n----", lines.join("\n"));
}

/// Sends on each line, until the stream ends.
fn tell(stream: impl Read + Send + 'static, to: Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            drop(to.send(line));
        }
    });
}

#[test]
fn the_demo_shows_what_it_promises_and_ends_in_order() {
    let mut demo = Demo::start();

    demo.wait_for("web: serving version 2", 1);
    demo.wait_for("flaky: something is wrong", 1);
    demo.wait_for("flaky: I feel fine", 2);
    assert!(demo.place("setup: ") < demo.place("store: ready"));
    assert!(demo.place("store: ready") < demo.place("migrate: "));
    assert!(demo.place("migrate: ") < demo.place("web: serving"));

    let pid = i32::try_from(demo.rinit.id()).unwrap();
    kill(Pid::from_raw(pid), Signal::SIGINT).unwrap();
    demo.wait_for("exit code 0", 1);
    let status = demo.rinit.wait().unwrap();

    assert_eq!(status.code(), Some(0));
    assert!(demo.place("web: goodbye") < demo.place("store: saved"));
    let last = demo.seen.last().unwrap();
    assert!(last.starts_with("rinit: SIGINT:"), "{last:?}");
}

/// Loads one example as an ordinary user would; whatever is wrong or doubtful fails.
fn loads(example: &str) {
    let environment = [
        ("PATH", "/usr/bin:/bin"),
        ("USER", "me"),
        ("TMPDIR", "/tmp"),
    ];
    let request = Request {
        explicit: vec![Path::new(EXAMPLES).join(example)],
        environment: environment
            .map(|(name, value)| (name.into(), value.into()))
            .into(),
        rights: Rights {
            change_user: true,
            raise_limits: true,
            lowest_nice: i32::MIN,
            lowest_oom_score: i32::MIN,
        },
        group_limits: GroupLimits {
            own: GroupResources::ALL,
            ..GroupLimits::default()
        },
        ..Request::default()
    };
    match config::load(&request) {
        Outcome::Ready { warnings, .. } => {
            assert!(warnings.is_empty(), "\n{}", warnings.join("\n"));
        }
        Outcome::Refused { errors, .. } => panic!("\n{}", errors.join("\n")),
        Outcome::Nothing => panic!("{example} defines nothing"),
    }
}

#[test]
fn the_demo_is_a_valid_configuration() {
    loads("demo.toml");
}

#[test]
fn the_minimal_example_is_a_valid_configuration() {
    loads("minimal.toml");
}

#[test]
fn the_example_with_every_key_is_a_valid_configuration() {
    loads("every-key.toml");
}

#[test]
fn the_example_with_every_key_leaves_none_out() {
    let text = std::fs::read_to_string(Path::new(EXAMPLES).join("every-key.toml")).unwrap();
    let missing: Vec<&str> = config::reference()
        .map(|directive| directive.key)
        // One limit- key speaks for all of them.
        .filter(|key| !key.starts_with("limit-"))
        .filter(|key| {
            !text
                .lines()
                // What needs a package is a comment.
                .map(|line| line.strip_prefix("# ").unwrap_or(line))
                .any(|line| line.split_once('=').is_some_and(|(k, _)| k.trim() == *key))
        })
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
