//! The docker command line, as thin as can be. A `Container` is removed when it is
//! dropped, and shows what it said and how it stood if the test is failing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::wait;

/// The longest that one call of docker may take: beyond that something hangs, and the
/// test says so instead of hanging too.
const CALL_LIMIT: &str = "120";

/// The longest wait for something that a container should say or do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// `docker ARGS…`, ended from outside if it hangs.
pub(crate) fn docker() -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", CALL_LIMIT, "docker"]);
    command
}

/// Runs it; what it printed, or a panic with its complaint.
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = output(command);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr),
    );
    text(&output.stdout)
}

/// Runs it to its end, however it ends.
pub(crate) fn output(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|error| panic!("{command:?} cannot run: {error}"))
}

/// Bytes as text, for people.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A name that nobody else has, in this run or another.
pub(crate) fn unique(what: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("rinit-test-{}-{count}-{what}", std::process::id())
}

/// What is to be run: an image and docker's options.
pub(crate) struct Plan {
    image: String,
    name: String,
    options: Vec<String>,
    command: Vec<String>,
    config: Option<PathBuf>,
}

impl Plan {
    /// This image, with its own entry point and configuration.
    pub(crate) fn of(image: &str) -> Self {
        let test = std::thread::current()
            .name()
            .and_then(|name| name.rsplit("::").next().map(str::to_owned))
            .unwrap_or_default();
        Self {
            image: image.to_owned(),
            name: unique(&test),
            options: Vec::new(),
            command: Vec::new(),
            config: None,
        }
    }

    /// One more option of `docker run`.
    pub(crate) fn option(mut self, option: &str) -> Self {
        self.options.push(option.to_owned());
        self
    }

    /// What stands after the image's name.
    pub(crate) fn command(mut self, words: &[&str]) -> Self {
        self.command = words.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// This text instead of the image's /etc/rinit.toml.
    pub(crate) fn config(mut self, toml: &str) -> Self {
        let path = std::env::temp_dir().join(format!("{}.toml", self.name));
        std::fs::write(&path, toml).unwrap();
        self.options
            .push(format!("--volume={}:/etc/rinit.toml:ro", path.display()));
        self.config = Some(path);
        self
    }

    /// The words of `docker run`, for a caller that starts it in a way of its own.
    pub(crate) fn words(&self) -> Vec<String> {
        let mut words = vec!["run".to_owned(), format!("--name={}", self.name)];
        words.extend(self.options.iter().cloned());
        words.push(self.image.clone());
        words.extend(self.command.iter().cloned());
        words
    }

    /// Starts it in the background.
    pub(crate) fn start(self) -> Container {
        let plan = self.option("--detach");
        let words = plan.words();
        // The container is there to be removed even where docker failed to start it.
        let container = plan.into_container();
        succeed(docker().args(words));
        container
    }

    /// Runs it in the foreground to its end: how docker ended, and both streams.
    pub(crate) fn run(self) -> Output {
        let words = self.words();
        let _container = self.into_container();
        output(docker().args(words))
    }

    /// Hands over the duty to remove it; the caller has started it, or will.
    pub(crate) fn into_container(self) -> Container {
        Container {
            name: self.name,
            config: self.config,
        }
    }
}

/// How `docker stop` went.
#[derive(Debug)]
pub(crate) struct Stopped {
    /// From the command to its return.
    pub(crate) took: Duration,
    /// The container's exit code.
    pub(crate) code: i32,
}

/// A container of a test's own.
pub(crate) struct Container {
    name: String,
    config: Option<PathBuf>,
}

impl Container {
    /// All that it said, both streams in the order in which docker got them.
    pub(crate) fn logs(&self) -> String {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut command = docker();
        command
            .args(["logs", &self.name])
            .stdout(writer.try_clone().unwrap())
            .stderr(writer);
        let mut child = command.spawn().unwrap();
        drop(command); // holds the pipe's other writing ends
        let mut said = Vec::new();
        reader.read_to_end(&mut said).unwrap();
        child.wait().unwrap();
        text(&said)
    }

    /// Its stdout and its stderr, apart.
    pub(crate) fn streams(&self) -> (String, String) {
        let output = output(docker().args(["logs", &self.name]));
        (text(&output.stdout), text(&output.stderr))
    }

    /// The last line of its stderr, where rinit has the last word. (Docker reads two
    /// streams and keeps no order between them.)
    pub(crate) fn last_words(&self) -> String {
        let (_, stderr) = self.streams();
        stderr.lines().last().unwrap_or_default().to_owned()
    }

    /// Waits until it has said a line that `wanted` accepts, and returns that line.
    pub(crate) fn wait_for_line(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        self.wait_for(&format!("a line: {what}"), || {
            let logs = self.logs();
            logs.lines().find(|line| wanted(line)).map(str::to_owned)
        })
    }

    /// Waits until it has said a line with this text in it.
    pub(crate) fn wait_for_text(&self, wanted: &str) -> String {
        self.wait_for_line(wanted, |line| line.contains(wanted))
    }

    /// Waits until `condition` gives a value.
    pub(crate) fn wait_for<T>(&self, what: &str, condition: impl FnMut() -> Option<T>) -> T {
        wait::until(PATIENCE, condition)
            .unwrap_or_else(|| panic!("{}: waited {PATIENCE:?} in vain for {what}", self.name))
    }

    /// `docker exec`, whatever comes of it.
    pub(crate) fn exec(&self, words: &[&str]) -> Output {
        output(docker().args(["exec", &self.name]).args(words))
    }

    /// `docker exec`: what it printed; a panic if it failed.
    pub(crate) fn ask(&self, words: &[&str]) -> String {
        succeed(docker().args(["exec", &self.name]).args(words))
    }

    /// `docker exec … bash -c SCRIPT`: what it printed; a panic if it failed.
    pub(crate) fn bash(&self, script: &str) -> String {
        self.ask(&["bash", "-c", script])
    }

    /// Another command of docker's about this container: `restart`, `kill` …
    pub(crate) fn docker(&self, words: &[&str]) -> String {
        succeed(docker().args(words).arg(&self.name))
    }

    /// `docker stop`, with Docker's own ten seconds.
    pub(crate) fn stop(&self) -> Stopped {
        let began = Instant::now();
        self.docker(&["stop", "-t", "10"]);
        let took = began.elapsed();
        Stopped {
            took,
            code: self.exit_code(),
        }
    }

    /// Waits until it has ended, and returns its exit code.
    pub(crate) fn wait_for_end(&self) -> i32 {
        self.wait_for("the container's end", || {
            (self.inspect("{{.State.Status}}") == "exited").then(|| self.exit_code())
        })
    }

    /// Its exit code as it stands now.
    pub(crate) fn exit_code(&self) -> i32 {
        self.inspect("{{.State.ExitCode}}").parse().unwrap()
    }

    /// One field of `docker inspect`.
    pub(crate) fn inspect(&self, format: &str) -> String {
        let words = ["inspect", "--type=container", "--format", format];
        self.docker(&words).trim().to_owned()
    }

    /// The port of this machine's loopback behind which the container's `port` lies.
    fn published(&self, port: u16) -> u16 {
        let format =
            format!(r#"{{{{(index (index .NetworkSettings.Ports "{port}/tcp") 0).HostPort}}}}"#);
        self.inspect(&format).parse().unwrap()
    }

    /// `GET PATH` at the container's published port 80: all that came back.
    pub(crate) fn http(&self, path: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.published(80)))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: box\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(text(&answer))
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let state = output(docker().args([
                "inspect",
                "--type=container",
                "--format={{json .State}}",
                &self.name,
            ]));
            eprintln!(
                "---- {}: state {}---- what it said:\n{}----",
                self.name,
                text(&state.stdout),
                self.logs(),
            );
        }
        drop(output(docker().args([
            "rm",
            "--force",
            "--volumes",
            &self.name,
        ])));
        if let Some(config) = &self.config {
            drop(std::fs::remove_file(config));
        }
    }
}

/// A folder of a test's own, removed with all that is in it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// An empty one.
    pub(crate) fn new(what: &str) -> Self {
        let path = std::env::temp_dir().join(unique(what));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}
