//! The commands around a service, which its control processes execute: what each list is
//! for, how one fails, and what the last of them are told (`systemd.service(5)`).

use std::fmt;

use super::event::SpawnFailure;
use super::exit::Exit;
use super::probe::Command;
use super::signal::Signal;

/// All of them. Most services have none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commands {
    /// `exec-condition`: first of all; whether it is to start at all.
    pub condition: Box<[ControlCommand]>,
    /// `exec-start-pre`: before the main process.
    pub start_pre: Box<[ControlCommand]>,
    /// `exec-start-post`: once it is ready; a oneshot's once it has ended well.
    pub start_post: Box<[ControlCommand]>,
    /// `exec-reload`: when somebody asks it to reload, before `reload-signal`.
    pub reload: Box<[ControlCommand]>,
    /// `exec-stop`: before the stop signal.
    pub stop: Box<[ControlCommand]>,
    /// A unit's `ExecStop=`: also when a run that was active has ended as it should by itself.
    pub stop_at_end: bool,
    /// `exec-stop-post`: after every run, when all else of it is gone.
    pub stop_post: Box<[ControlCommand]>,
}

impl Commands {
    /// One of the lists.
    #[must_use]
    pub const fn list(&self, list: List) -> &[ControlCommand] {
        match list {
            List::Condition => &self.condition,
            List::StartPre => &self.start_pre,
            List::StartPost => &self.start_post,
            List::Reload => &self.reload,
            List::Stop => &self.stop,
            List::StopPost => &self.stop_post,
        }
    }

    /// A list, to be written.
    pub const fn list_mut(&mut self, list: List) -> &mut Box<[ControlCommand]> {
        match list {
            List::Condition => &mut self.condition,
            List::StartPre => &mut self.start_pre,
            List::StartPost => &mut self.start_post,
            List::Reload => &mut self.reload,
            List::Stop => &mut self.stop,
            List::StopPost => &mut self.stop_post,
        }
    }

    /// One command.
    #[must_use]
    pub fn get(&self, id: CommandId) -> Option<&ControlCommand> {
        self.list(id.list).get(id.index as usize)
    }
}

/// What one control process executes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlCommand {
    /// It.
    pub command: Command,
    /// `ignore-failure`: however it ends, all goes on.
    pub ignore_failure: bool,
}

/// Which list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the fields of `Commands`")]
pub enum List {
    Condition,
    StartPre,
    StartPost,
    Reload,
    Stop,
    StopPost,
}

impl List {
    /// Every one, in the order of a run.
    pub const ALL: [Self; 6] = [
        Self::Condition,
        Self::StartPre,
        Self::StartPost,
        Self::Reload,
        Self::Stop,
        Self::StopPost,
    ];

    /// The key that it is written with.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Condition => "exec-condition",
            Self::StartPre => "exec-start-pre",
            Self::StartPost => "exec-start-post",
            Self::Reload => "exec-reload",
            Self::Stop => "exec-stop",
            Self::StopPost => "exec-stop-post",
        }
    }
}

/// One command of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId {
    /// Of which list.
    pub list: List,
    /// Its place there.
    pub index: u32,
}

/// A command that did not end well.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CommandFailure {
    /// Of which list.
    pub list: List,
    /// Its program, or the line for the shell.
    pub program: Box<str>,
    /// How.
    pub how: Failing,
}

/// How a command fails.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Failing {
    /// It ended so.
    Exit(Exit),
    /// It could not be run.
    Spawn(SpawnFailure),
    /// It had to be killed.
    TooLong,
}

impl CommandFailure {
    /// `exec-condition` says that it isn't to start: by an exit status below 255.
    #[must_use]
    pub fn skips(&self) -> bool {
        let says_no = matches!(self.how, Failing::Exit(Exit::Code(1..=254)));
        self.list == List::Condition && says_no
    }

    /// The exit status that it gives.
    #[must_use]
    pub fn code(&self) -> u8 {
        match &self.how {
            Failing::Exit(exit) => exit.code(),
            Failing::Spawn(failure) => failure.code(),
            Failing::TooLong => 1,
        }
    }
}

/// `exec-start-pre: initdb: exit 2`.
impl fmt::Display for CommandFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.list.key())?;
        match &self.how {
            Failing::Exit(Exit::Code(code)) => write!(f, "{}: exit {code}", self.program),
            Failing::Exit(exit) => write!(f, "{}: {exit}", self.program),
            Failing::Spawn(failure) => {
                f.write_str(&failure.step)?;
                match &*failure.reason {
                    "" => Ok(()),
                    reason => write!(f, ": {reason}"),
                }
            }
            Failing::TooLong => write!(f, "{}: took too long; killed", self.program),
        }
    }
}

/// What `exec-stop-post` is told of the run (`systemd.exec(5)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ServiceResult {
    /// SERVICE_RESULT.
    pub word: &'static str,
    /// How the main process ended, if there was one: EXIT_CODE and EXIT_STATUS.
    pub exit: Option<Exit>,
}

impl ServiceResult {
    /// Of an end that nobody asked for, or that was asked for by `asked`.
    #[must_use]
    pub fn of(exit: Exit, asked: Option<Signal>) -> Self {
        let polite = [Signal::HUP, Signal::INT, Signal::TERM, Signal::PIPE];
        let word = match exit {
            Exit::Code(0) => "success",
            Exit::Code(_) => "exit-code",
            Exit::Signal(signal) if asked == Some(signal) || polite.contains(&signal) => "success",
            Exit::Signal(_) => "signal",
            Exit::OutOfMemory => "oom-kill",
            // Asked to end it has ended, however it did.
            Exit::Unknown => asked.map_or("exit-code", |_| "success"),
        };
        let exit = Some(exit);
        Self { word, exit }
    }

    /// Each as a word of the environment.
    pub fn variables(self) -> impl Iterator<Item = Vec<u8>> {
        let known = self.exit.filter(|exit| *exit != Exit::Unknown);
        let ended = known.map(|exit| match exit.signal() {
            None => ("exited", exit.code().to_string()),
            Some(signal) => {
                let name = signal.to_string();
                let name = name.strip_prefix("SIG").unwrap_or(&name);
                ("killed", name.to_owned())
            }
        });
        let ended = ended.into_iter().flat_map(|(code, status)| {
            [format!("EXIT_CODE={code}"), format!("EXIT_STATUS={status}")]
        });
        std::iter::once(format!("SERVICE_RESULT={}", self.word))
            .chain(ended)
            .map(String::into_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(result: ServiceResult) -> Vec<String> {
        let words = result.variables();
        words.map(|word| String::from_utf8(word).unwrap()).collect()
    }

    #[test]
    fn the_result_is_told_as_systemd_tells_it() {
        let of = |exit| words(ServiceResult::of(exit, None));
        assert_eq!(
            of(Exit::Code(3)),
            [
                "SERVICE_RESULT=exit-code",
                "EXIT_CODE=exited",
                "EXIT_STATUS=3"
            ]
        );
        assert_eq!(
            of(Exit::Signal(Signal::TERM)),
            [
                "SERVICE_RESULT=success",
                "EXIT_CODE=killed",
                "EXIT_STATUS=TERM"
            ]
        );
        assert_eq!(of(Exit::Signal(Signal::KILL))[0], "SERVICE_RESULT=signal");
        let asked = ServiceResult::of(Exit::Signal(Signal::QUIT), Some(Signal::QUIT));
        assert_eq!(asked.word, "success");
        let none = ServiceResult {
            word: "timeout",
            exit: None,
        };
        assert_eq!(words(none), ["SERVICE_RESULT=timeout"]);
    }

    #[test]
    fn a_failure_names_the_list_and_the_program() {
        let failure = |how| CommandFailure {
            list: List::StartPre,
            program: "initdb".into(),
            how,
        };
        let exit = failure(Failing::Exit(Exit::Code(2)));
        assert_eq!(exit.to_string(), "exec-start-pre: initdb: exit 2");
        assert_eq!(exit.code(), 2);
        let spawn = failure(Failing::Spawn(SpawnFailure {
            step: "exec initdb".into(),
            errno: 2,
            reason: "no such file or directory".into(),
        }));
        assert_eq!(
            spawn.to_string(),
            "exec-start-pre: exec initdb: no such file or directory"
        );
        assert_eq!(spawn.code(), 127);
    }
}
