//! What is asked whether something is there: a service that starts, one that runs, or
//! what a service needs from elsewhere.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::exec::{Manner, Words};
use super::time::Span;

/// One question; it has an answer at once, or after a while, or never.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Something accepts at one of these addresses.
    Tcp(Box<[SocketAddr]>),
    /// Something accepts at one of these, whose names are resolved at each look.
    Names(Box<[Place]>),
    /// Something accepts at this socket; a leading `@` is the abstract namespace.
    Unix(Box<str>),
    /// This file is there; for readiness it was changed after the spawn too.
    File(Box<str>),
    /// A request is answered well.
    Http(Box<Http>),
    /// A command ends well, run as the service is.
    Exec(Command),
    /// This name has an owner on the system's D-Bus; where there is no bus, that is no
    /// reason to wait (`Type=dbus`, BusName=).
    Bus(Box<str>),
}

/// A name or an address, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Without brackets.
    pub host: Box<str>,
    /// Where.
    pub port: u16,
}

/// `wait-for`: what lives elsewhere and has to answer before the service is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitFor {
    /// What is asked.
    pub probe: Probe,
    /// How long it may take; `None` is `"infinity"`.
    pub timeout: Option<Duration>,
}

/// A request, and which answer is a good one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// A name or an address, without brackets.
    pub host: Box<str>,
    /// Where.
    pub port: u16,
    /// With its query; begins with a slash.
    pub path: Box<str>,
    /// The good statuses; none is 200 to 399.
    pub status: Box<[u16]>,
    /// What the body has to hold.
    pub body: Option<Box<str>>,
}

/// A command beside the main one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The argument vector; never empty once checked.
    pub words: Words,
    /// How they become a process.
    pub manner: Manner,
}

/// `health`: whether an active service is well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// What is asked.
    pub probe: Probe,
    /// So long after it became active, and after each answer.
    pub interval: Duration,
    /// No answer for so long is a no.
    pub timeout: Duration,
    /// So many times no in a row, and it is unhealthy; at least 1.
    pub retries: u32,
    /// So long a no doesn't count, until there was a yes.
    pub start_period: Duration,
    /// What follows.
    pub on_unhealthy: OnUnhealthy,
}

/// `on-unhealthy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnUnhealthy {
    /// It is said.
    None,
    /// It is stopped, and has failed: `restart` and `start-limit` say what then.
    Restart,
    /// All is stopped.
    Shutdown,
}

impl Probe {
    /// Somebody else may answer there before the service does.
    pub(crate) const fn may_be_taken(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Names(_) | Self::Unix(_) | Self::Http(_) => true,
            Self::File(_) | Self::Exec(_) | Self::Bus(_) => false,
        }
    }
}

/// What is said while nobody has a name on the bus.
pub(crate) fn no_owner(name: &str) -> Box<str> {
    format!("nobody has the name {name} on D-Bus").into()
}

impl WaitFor {
    /// What was asked in vain for so long, and what the last look found.
    pub(crate) fn gave_up(&self, after: Duration, answer: Option<&str>) -> String {
        let (kind, vain) = match &self.probe {
            Probe::Tcp(_) | Probe::Names(_) => ("tcp ", "did not answer"),
            Probe::Unix(_) => ("unix ", "did not answer"),
            Probe::Http(_) => ("", "did not answer well"),
            Probe::File(_) => ("file ", "was not there"),
            Probe::Exec(_) => ("", "did not succeed"),
            Probe::Bus(_) => ("", "had no owner"),
        };
        let said = match answer {
            Some(answer) => format!(": {}", self.news_of(answer)),
            None => String::new(),
        };
        format!("{kind}{} {vain} in {}{said}", self.probe, Span(after))
    }

    /// An answer without the words that `probe` says as well.
    pub(crate) fn news_of<'a>(&self, answer: &'a str) -> &'a str {
        let rest = answer.strip_prefix("connect ").unwrap_or(answer);
        let rest = rest.strip_prefix(&*self.probe.to_string());
        let rest = rest.and_then(|rest| rest.strip_prefix(": "));
        rest.unwrap_or(answer)
    }
}

impl Http {
    /// Whether this status is a good one.
    #[must_use]
    pub fn is_good(&self, status: u16) -> bool {
        match &*self.status {
            [] => (200..400).contains(&status),
            good => good.contains(&status),
        }
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addresses) => {
                for (place, address) in addresses.iter().enumerate() {
                    write!(f, "{}{address}", if place > 0 { " or " } else { "" })?;
                }
                Ok(())
            }
            Self::Names(places) => {
                for (number, place) in places.iter().enumerate() {
                    write!(f, "{}{place}", if number > 0 { " or " } else { "" })?;
                }
                Ok(())
            }
            Self::Unix(path) | Self::File(path) => f.write_str(path),
            Self::Http(http) => write!(f, "{http}"),
            Self::Exec(command) => write!(f, "{command}"),
            Self::Bus(name) => write!(f, "{name} on D-Bus"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Its URL.
impl fmt::Display for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("http://")?;
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        if self.port != 80 {
            write!(f, ":{}", self.port)?;
        }
        f.write_str(&self.path)
    }
}

/// Its program; of a string for the shell, the string.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = self.words.iter();
        let program = words.next().unwrap_or_default();
        let shown = match (program, words.next(), words.next()) {
            (b"/bin/sh", Some(b"-c"), Some(script)) => script,
            _ => program,
        };
        f.write_str(&String::from_utf8_lossy(shown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_says_what_it_asks() {
        let http = |host: &str, port| Http {
            host: host.into(),
            port,
            path: "/health?x=1".into(),
            status: Box::default(),
            body: None,
        };
        assert_eq!(
            http("localhost", 80).to_string(),
            "http://localhost/health?x=1"
        );
        assert_eq!(
            http("::1", 8080).to_string(),
            "http://[::1]:8080/health?x=1"
        );
        let command = |words: &[&str]| Command {
            words: Words::new(words),
            manner: Manner::default(),
        };
        assert_eq!(command(&["pg_isready", "-q"]).to_string(), "pg_isready");
        let shell = command(&["/bin/sh", "-c", "test -e /x"]);
        assert_eq!(shell.to_string(), "test -e /x");
    }

    #[test]
    fn who_waits_in_vain_says_for_what_and_why_without_saying_it_twice() {
        let after = Duration::from_secs(60);
        let place = Place {
            host: "db".into(),
            port: 5432,
        };
        let command = Command {
            words: Words::new(["pg_isready"]),
            manner: Manner::default(),
        };
        for (probe, answer, line) in [
            (
                Probe::Names([place].into()),
                "connect db:5432: connection refused",
                "tcp db:5432 did not answer in 1m: connection refused",
            ),
            (
                Probe::Unix("/run/x".into()),
                "connect /run/x: no such file or directory",
                "unix /run/x did not answer in 1m: no such file or directory",
            ),
            (
                Probe::Exec(command),
                "exec pg_isready: no such file or directory",
                "pg_isready did not succeed in 1m: exec pg_isready: no such file or directory",
            ),
        ] {
            let wait_for = WaitFor {
                probe,
                timeout: None,
            };
            assert_eq!(wait_for.gave_up(after, Some(answer)), line);
        }
    }

    #[test]
    fn without_a_list_every_success_and_every_redirection_is_good() {
        let mut http = Http {
            host: "x".into(),
            port: 80,
            path: "/".into(),
            status: Box::default(),
            body: None,
        };
        let good = |http: &Http| [199, 200, 302, 399, 400, 503].map(|code| http.is_good(code));
        assert_eq!(good(&http), [false, true, true, true, false, false]);
        http.status = Box::new([503]);
        assert_eq!(good(&http), [false, false, false, false, false, true]);
    }
}
