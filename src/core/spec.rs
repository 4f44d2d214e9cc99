//! What is to be supervised: the finished, checked description that both front ends
//! produce and the core reads. Nothing here knows where it was written.
//!
//! A thousand of these live in PID 1, so they hold boxed slices and NUL-terminated
//! blocks that can be handed to the kernel as they are.

use std::time::Duration;

use super::commands::Commands;
use super::exec::Exec;
use super::exit::Exit;
use super::id::ServiceId;
use super::listen::{Listen, Socket};
pub use super::notify::{Notify, NotifyAccess};
use super::output::OwnLines;
use super::probe::{Health, Probe, WaitFor};
use super::schedule::Schedule;
use super::signal::Signal;
pub use super::terms::Terms;
pub use super::ties::Ties;

/// The whole system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spec {
    /// The `[init]` table.
    pub init: InitSpec,
    /// In declared order; a `ServiceId` is an index into it.
    pub services: Vec<ServiceSpec>,
}

/// The `[init]` table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitSpec {
    /// The whole shutdown takes no longer than this; `None` is `"infinity"`.
    pub shutdown_timeout: Option<Duration>,
    /// All runs on for this long after the first stop signal, inside the timeout.
    pub shutdown_delay: Duration,
    /// rinit stays when nothing is left to supervise.
    pub keep_running: bool,
    /// A supervisor below another supervisor is allowed.
    pub nested: bool,
    /// Where the control socket is bound.
    pub control_socket: ControlSocket,
    /// Who may speak to it.
    pub control_access: ControlAccess,
    /// Where the last line is left for the platform.
    pub termination_log: TerminationLog,
    /// Whether services get cgroups of their own.
    pub cgroups: Cgroups,
    /// Whether /run/systemd/system is there, by which programs know that systemd runs;
    /// `None` is: with units, and a systemctl that is rinit.
    pub systemd_folder: Option<bool>,
    /// Whether /dev/log and the journal's sockets are rinit's; `None` is: with units, unless
    /// somebody else has or will have them.
    pub syslog: Option<bool>,
    /// How rinit's own lines look: `[defaults]` says.
    pub own_lines: OwnLines,
    /// `[http]`: where health, metrics and the status page are served, if anywhere.
    pub http: Option<Box<Socket>>,
}

impl Default for InitSpec {
    fn default() -> Self {
        Self {
            shutdown_timeout: Some(Duration::from_secs(9)),
            shutdown_delay: Duration::ZERO,
            keep_running: false,
            nested: false,
            control_socket: ControlSocket::Default,
            control_access: ControlAccess::Owner,
            termination_log: TerminationLog::Default,
            cgroups: Cgroups::Auto,
            systemd_folder: None,
            syslog: None,
            own_lines: OwnLines::default(),
            http: None,
        }
    }
}

/// `control-socket`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlSocket {
    /// The default places: /run/rinit, $XDG_RUNTIME_DIR/rinit, abstract.
    Default,
    /// `false`.
    None,
    /// This path; a leading `@` is the abstract namespace.
    Path(Box<str>),
}

/// `control-access`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlAccess {
    /// Root and rinit's own user (mode 0600).
    Owner,
    /// Others may ask for the status (mode 0666).
    Status,
}

/// `termination-log`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TerminationLog {
    /// /dev/termination-log, if it is there.
    Default,
    /// `false`.
    None,
    /// This file, made if it isn't there.
    Path(Box<str>),
}

/// `cgroups`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cgroups {
    /// Where the tree of cgroups is rinit's own.
    Auto,
    /// Wherever rinit may make them.
    Yes,
    /// Nowhere.
    No,
}

impl Cgroups {
    /// Whether a tree is used: one of rinit's own, or one that others may be in as well.
    #[must_use]
    pub const fn allows(self, own: bool) -> bool {
        match self {
            Self::Auto => own,
            Self::Yes => true,
            Self::No => false,
        }
    }
}

/// One service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceSpec {
    /// Its name, unique.
    pub name: Box<str>,
    /// `type`.
    pub kind: Kind,
    /// Started by itself.
    pub enabled: bool,
    /// Not started by itself, but with those that need it: a trigger, or people, start those.
    pub pulled: bool,
    /// The container ends when it has ended for good.
    pub essential: bool,
    /// The whole is ready only when it is.
    pub readiness_gate: bool,
    /// The COMMAND beside the services: starts last, stops first, owns the terminal.
    pub is_main: bool,
    /// What it waits for and pulls in.
    pub edges: Edges,
    /// What lives elsewhere and has to answer before each start.
    pub wait_for: Option<Box<WaitFor>>,
    /// The sockets that it is given.
    pub listen: Option<Box<Listen>>,
    /// When it counts as ready.
    pub ready: Ready,
    /// Whether it is well once it is ready.
    pub health: Option<Box<Health>>,
    /// Runs at its times instead of at once and for ever; then it is a oneshot.
    pub schedule: Option<Box<Schedule>>,
    /// What its processes may say by `sd_notify(3)`, beside being ready.
    pub notify: Option<Box<Notify>>,
    /// How long a start may take; `None` is `"infinity"`.
    pub start_timeout: Option<Duration>,
    /// What happens after it ended.
    pub restart: Restart,
    /// `success-exit-status`: what counts as well besides 0.
    pub success: Box<[Exit]>,
    /// `reload-signal`: what makes it read its own configuration again.
    pub reload_signal: Option<Signal>,
    /// How it is stopped.
    pub stop: Stop,
    /// `type = "forking"`: its first process starts it and ends.
    pub forking: Option<Box<Forking>>,
    /// What is executed before, after and beside its main process.
    pub commands: Option<Box<Commands>>,
    /// How its processes are kept together.
    pub tracking: Tracking,
    /// How it is executed.
    pub exec: Exec,
    /// What few services say of how they end.
    pub terms: Option<Box<Terms>>,
    /// `FILE:LINE` of its definition.
    pub source: Box<str>,
    /// The unit that it was made of, where that isn't NAME.service.
    pub unit: Option<Box<str>>,
}

impl ServiceSpec {
    /// A simple service with every default of MEANING §§3 to 5.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            kind: Kind::Simple,
            enabled: true,
            pulled: false,
            essential: false,
            readiness_gate: true,
            is_main: false,
            edges: Edges::default(),
            wait_for: None,
            listen: None,
            ready: Ready::Exec,
            health: None,
            schedule: None,
            notify: None,
            start_timeout: Some(Duration::from_secs(90)),
            restart: Restart::default(),
            success: Box::default(),
            reload_signal: None,
            stop: Stop::default(),
            forking: None,
            commands: None,
            tracking: Tracking::Marks,
            exec: Exec::default(),
            terms: None,
            source: "".into(),
            unit: None,
        }
    }

    /// Whether its unit is called so.
    #[must_use]
    pub fn is_unit(&self, name: &str) -> bool {
        match &self.unit {
            Some(unit) => **unit == *name,
            None => name.strip_suffix(".service") == Some(&*self.name),
        }
    }
}

impl ServiceSpec {
    /// Whose notifications are heard; without a socket nobody's are.
    #[must_use]
    pub fn notify_access(&self) -> NotifyAccess {
        match &self.notify {
            Some(notify) => notify.access,
            None if self.ready == Ready::Notify => NotifyAccess::All,
            None => NotifyAccess::None,
        }
    }

    /// Whether an end is as it should be.
    #[must_use]
    pub fn is_well(&self, exit: Exit) -> bool {
        exit.is_success() || self.success.contains(&exit)
    }

    /// How often it has to say that it lives.
    #[must_use]
    pub fn watchdog(&self) -> Option<Duration> {
        self.notify.as_ref()?.watchdog
    }

    /// What it gets when it didn't.
    #[must_use]
    pub fn watchdog_signal(&self) -> Signal {
        let notify = self.notify.as_ref();
        notify.map_or(Signal::ABRT, |notify| notify.watchdog_signal)
    }

    /// How many descriptors are kept for its next run.
    #[must_use]
    pub fn store_max(&self) -> u32 {
        self.notify.as_ref().map_or(0, |notify| notify.store_max)
    }
}

/// `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Its main process is what was executed, and stays.
    Simple,
    /// It does something once and ends.
    Oneshot,
}

/// How the main process of a service that forks is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forking {
    /// `pid-file`: where it writes its number.
    pub pid_file: Option<Box<str>>,
    /// Without a file nobody guesses which it is (`GuessMainPID=no`).
    pub never_guess: bool,
    /// However the first process ends, the main one is looked for (`ExecStart=-…`).
    pub starts_anyhow: bool,
    /// An init script starts it, whose status says little: what counts is what it leaves
    /// running. Its file may not come, or name somebody else.
    pub by_script: bool,
}

/// Dependencies, as written; the graph makes them one order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edges {
    /// Pulls in, orders, and shares its fate.
    pub requires: Box<[ServiceId]>,
    /// Pulls in and orders.
    pub wants: Box<[ServiceId]>,
    /// Only orders: this one after those.
    pub after: Box<[ServiceId]>,
    /// Only orders: this one before those.
    pub before: Box<[ServiceId]>,
    /// What few services have.
    pub ties: Option<Box<Ties>>,
}

impl Edges {
    /// What has to be ready, all the time.
    pub fn required(&self) -> impl Iterator<Item = ServiceId> + '_ {
        let bound = self.ties.iter().flat_map(|ties| &ties.binds_to);
        self.requires.iter().chain(bound).copied()
    }
}

/// `ready`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ready {
    /// Not written: a simple service when exec succeeded, a oneshot when it ended well.
    Exec,
    /// READY=1 on the notify socket (`sd_notify(3)`).
    Notify,
    /// The first newline on this descriptor (s6).
    Fd(u32),
    /// It is asked for.
    Probe(Probe),
    /// It has run for so long.
    Delay(Duration),
    /// A line of its output in which this expression (`Pattern`) occurs.
    Log(Box<str>),
}

/// What happens after a service ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restart {
    /// `restart`.
    pub policy: RestartPolicy,
    /// `restart-delay`: the first delay; doubled each time.
    pub delay: Duration,
    /// `restart-delay-max`.
    pub delay_max: Duration,
    /// `restart-reset`: so long active, and the delay begins anew.
    pub reset: Duration,
    /// `start-limit`; none by default.
    pub limit: Option<StartLimit>,
    /// Ends that decide by themselves, if there are any.
    pub by_exit: Option<Box<RestartByExit>>,
}

impl Default for Restart {
    fn default() -> Self {
        Self {
            policy: RestartPolicy::Always,
            delay: Duration::from_millis(100),
            delay_max: Duration::from_secs(30),
            reset: Duration::from_secs(10),
            limit: None,
            by_exit: None,
        }
    }
}

/// `restart`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RestartPolicy {
    /// However it ended.
    Always,
    /// After a failure.
    OnFailure,
    /// Never.
    No,
    /// When it ended as it should.
    OnSuccess,
    /// After a failure that is no exit status: a signal, a timeout, a watchdog.
    OnAbnormal,
    /// When a signal ended it.
    OnAbort,
    /// When it didn't say that it lives, or was unhealthy.
    OnWatchdog,
}

impl RestartPolicy {
    /// Each by its word, in TOML as in units.
    pub const WORDS: [(&str, Self); 7] = [
        ("always", Self::Always),
        ("on-failure", Self::OnFailure),
        ("on-success", Self::OnSuccess),
        ("on-abnormal", Self::OnAbnormal),
        ("on-abort", Self::OnAbort),
        ("on-watchdog", Self::OnWatchdog),
        ("no", Self::No),
    ];

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        let mut all = Self::WORDS.iter();
        all.find(|(_, policy)| *policy == self)
            .map_or("", |(word, _)| word)
    }
}

/// Ends of the main process that decide about a restart, whatever `restart` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestartByExit {
    /// `restart-prevent-exit-status`: none after these.
    pub prevent: Box<[Exit]>,
    /// `restart-force-exit-status`: one after these.
    pub force: Box<[Exit]>,
}

/// `start-limit`: at most `count` starts within `within`, then `failed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartLimit {
    /// How many starts; at least 1.
    pub count: u32,
    /// In which time.
    pub within: Duration,
}

/// How a service is stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// `stop-signal`.
    pub signal: Signal,
    /// `stop-timeout`; `None` is `"infinity"`.
    pub timeout: Option<Duration>,
    /// `kill-mode`.
    pub kill_mode: KillMode,
    /// The stop signal goes to the main process's group: `command` is a string.
    pub to_group: bool,
}

impl Default for Stop {
    fn default() -> Self {
        Self {
            signal: Signal::TERM,
            timeout: Some(Duration::from_secs(10)),
            kill_mode: KillMode::Tree,
            to_group: false,
        }
    }
}

/// `kill-mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KillMode {
    /// The main process first, then what is left of its tree.
    Tree,
    /// The main process alone.
    Process,
    /// The whole tree at once (`systemd.kill(5)`).
    ControlGroup,
    /// The main process first; what is left of its tree gets SIGKILL.
    Mixed,
    /// Nobody: what runs goes on as a stray.
    None,
}

impl KillMode {
    /// Whether a stop is over only when nothing of the tree is left.
    #[must_use]
    pub const fn ends_tree(self) -> bool {
        match self {
            Self::Tree | Self::ControlGroup | Self::Mixed => true,
            Self::Process | Self::None => false,
        }
    }
}

/// How a service's processes are kept together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tracking {
    /// Session, group, descent and INVOCATION_ID.
    Marks,
    /// A small process between PID 1 and the service, under which all stays: exact.
    Subreaper,
    /// A cgroup of its own: exact.
    Cgroup,
}

impl Tracking {
    /// Whether nothing of a tree can escape it.
    #[must_use]
    pub const fn is_exact(self) -> bool {
        match self {
            Self::Marks => false,
            Self::Subreaper | Self::Cgroup => true,
        }
    }
}
