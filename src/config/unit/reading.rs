//! A unit while its lines are read, and what they make of a draft once all are known.

use std::path::Path;
use std::time::Duration;

use super::commands::{Lines, command};
use super::dynamic::Dynamic;
use super::streams;
use super::target;
use crate::config::draft::Draft;
use crate::config::needs::Accounts;
use crate::config::source::At;
use crate::config::value::Context;
use crate::core::accounts::find_user;
use crate::core::commands::{CommandId, List};
use crate::core::exec::Words;
use crate::core::exit::Exit;
use crate::core::probe::Probe;
use crate::core::sandbox;
use crate::core::signal::Signal;
use crate::core::sorted::sort;
use crate::core::spec::{KillMode, Kind, Notify, NotifyAccess, Ready, RestartPolicy, StartLimit};
use crate::units::{BUS_SOCKET, ExecLine};

/// Type=.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Simple,
    Forking,
    Oneshot,
    Notify,
    Bus,
}

/// TimeoutStartSec= and TimeoutStopSec= when nobody says.
const TIMEOUT: Duration = Duration::from_secs(90);
/// StartLimitIntervalSec= and StartLimitBurst=.
const LIMIT: (Duration, u32) = (Duration::from_secs(10), 5);

/// What doesn't fit into the draft line by line.
pub(super) struct Reading<'a> {
    pub(super) draft: &'a mut Draft,
    asked: At,
    pub(super) kind: Option<(Type, At)>,
    pub(super) bus_name: Option<Box<str>>,
    pub(super) start: Lines,
    pub(super) condition: Lines,
    pub(super) start_pre: Lines,
    pub(super) start_post: Lines,
    pub(super) reload: Lines,
    pub(super) stop: Lines,
    pub(super) stop_post: Lines,
    pub(super) environment: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) restart: Option<RestartPolicy>,
    pub(super) start_timeout: Option<Option<Duration>>,
    pub(super) stop_timeout: Option<Option<Duration>>,
    /// StartLimitIntervalSec=, of which none is no limit.
    pub(super) limit_within: Option<Option<Duration>>,
    pub(super) limit_count: Option<u32>,
    pub(super) access: Option<NotifyAccess>,
    pub(super) watchdog: Option<Duration>,
    pub(super) watchdog_signal: Signal,
    pub(super) store_max: u32,
    pub(super) success: Vec<Exit>,
    pub(super) prevent: Vec<Exit>,
    pub(super) force: Vec<Exit>,
    pub(super) send_kill: bool,
    pub(super) remain: bool,
    /// PermissionsStartOnly=.
    pub(super) others_as_root: bool,
    pub(super) directory: Option<String>,
    pub(super) kill_mode: Option<KillMode>,
    pub(super) dynamic_user: bool,
    /// PAMName= and ExitType=cgroup, which not all else goes with.
    pub(super) pam: bool,
    pub(super) by_group: bool,
    pub(super) ignore_pipe: bool,
    /// Condition*= and Assert*=, each a word.
    pub(super) conditions: Vec<Vec<u8>>,
    /// Where the standard streams go, if that was said (`streams`).
    pub(super) input: String,
    /// StandardInputText= and StandardInputData=, one behind the other.
    pub(super) typed: Vec<u8>,
    pub(super) output: Option<String>,
    pub(super) error: Option<String>,
    /// What its processes are to be kept from, a word a line.
    pub(super) sandbox: Vec<String>,
    /// Directives that are known and not applied: hardening, resources.
    pub(super) left_out: Vec<String>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(draft: &'a mut Draft, asked: At) -> Self {
        Self {
            draft,
            asked,
            kind: None,
            bus_name: None,
            start: Lines::default(),
            condition: Lines::default(),
            start_pre: Lines::default(),
            start_post: Lines::default(),
            reload: Lines::default(),
            stop: Lines::default(),
            stop_post: Lines::default(),
            environment: Vec::new(),
            restart: None,
            start_timeout: None,
            stop_timeout: None,
            limit_within: None,
            limit_count: None,
            access: None,
            watchdog: None,
            watchdog_signal: Signal::ABRT,
            store_max: 0,
            success: Vec::new(),
            prevent: Vec::new(),
            force: Vec::new(),
            send_kill: true,
            remain: false,
            others_as_root: false,
            directory: None,
            kill_mode: None,
            dynamic_user: false,
            pam: false,
            by_group: false,
            ignore_pipe: true,
            conditions: Vec::new(),
            input: String::new(),
            typed: Vec::new(),
            output: None,
            error: None,
            sandbox: Vec::new(),
            left_out: Vec::new(),
        }
    }

    /// Lays all of it into the draft, with systemd's defaults.
    pub(super) fn finish(mut self, accounts: &Accounts, context: &Context<'_>) {
        // Who only says what it is called on the bus is ready when it is.
        let named = match self.bus_name {
            Some(_) => Type::Bus,
            None if self.start.0.is_empty() => Type::Oneshot,
            None => Type::Simple,
        };
        let kind = self.kind.map_or(named, |(kind, _)| kind);
        if kind == Type::Oneshot {
            self.draft.spec.kind = Kind::Oneshot;
        }
        self.draft.forking.forks = kind == Type::Forking;
        streams::finish(&mut self);
        self.check(kind, context);
        self.finish_commands(kind, context);
        self.finish_restart(kind);
        self.finish_notify(kind);
        if kind == Type::Bus {
            self.finish_bus();
        }
        super::sandbox::finish(&mut self);
        self.finish_execution(accounts);
        if !self.conditions.is_empty() {
            self.draft.setup().conditions = Words::new(&self.conditions);
        }
        if !self.left_out.is_empty() {
            sort(&mut self.left_out);
            self.left_out.dedup();
            let place = context.file_and_line(self.asked);
            let text = format!(
                "{place}: {}: not applied, and not needed to run: {}",
                self.draft.name(),
                self.left_out.join(", ")
            );
            context.findings.borrow_mut().note(text);
        }
    }

    /// What doesn't go together.
    fn check(&self, kind: Type, context: &Context<'_>) {
        let oneshot = kind == Type::Oneshot;
        let restarts = matches!(
            self.restart,
            Some(RestartPolicy::Always | RestartPolicy::OnSuccess)
        );
        let follows_group = self
            .kill_mode
            .is_none_or(|mode| matches!(mode, KillMode::ControlGroup | KillMode::Mixed));
        for (wrong, what, help) in [
            (
                oneshot && restarts,
                "Restart=always and on-success don't go with Type=oneshot",
                "write Restart=on-failure, or another Type=",
            ),
            (
                oneshot && !self.force.is_empty(),
                "RestartForceExitStatus= doesn't go with Type=oneshot",
                "take it out, or write another Type=",
            ),
            (
                oneshot && self.by_group,
                "ExitType=cgroup doesn't go with Type=oneshot",
                "take it out, or write another Type=",
            ),
            (
                kind == Type::Bus && self.bus_name.is_none(),
                "Type=dbus needs BusName=",
                "write the name that it takes on the bus",
            ),
            (
                self.pam && !follows_group,
                "PAMName= doesn't go with this KillMode=",
                "write KillMode=control-group or mixed",
            ),
        ] {
            if wrong {
                let at = self.kind.map_or(self.asked, |(_, at)| at);
                context.error(at, format!("{}: {what}", self.draft.name()), help);
            }
        }
    }

    fn finish_commands(&mut self, kind: Type, context: &Context<'_>) {
        let as_root = self.others_as_root;
        let mut pre = self.start_pre.controls(as_root);
        // What only has an end begins with nothing.
        let nothing = || ExecLine {
            program: b"/bin/true".to_vec(),
            ..ExecLine::default()
        };
        let main = self.start.0.pop().map(|(main, _)| main);
        let acts = self.draft.spec.terms.as_ref();
        let acts = acts.is_some_and(|terms| terms.success_ends_all);
        let ends = acts || self.remain && !self.stop.0.is_empty();
        let ends = ends && kind == Type::Oneshot;
        let Some(main) = main.or_else(|| ends.then(nothing)) else {
            let what = format!("{}: the unit has no ExecStart", self.draft.name());
            let help = "write command into the service's table";
            context.error(self.asked, what, help);
            return;
        };
        if kind == Type::Oneshot {
            // Several commands are executed one after the other; the last one is the main one.
            pre.extend(self.start.controls(false));
        } else if let Some((_, at)) = self.start.0.first() {
            let what = "several ExecStart belong to Type=oneshot alone";
            context.error(*at, what, "leave one, or write Type=oneshot");
        }
        let command = command(&main);
        self.draft.spec.exec.command = command.words;
        self.draft.spec.exec.manner = command.manner;
        if kind == Type::Forking {
            self.draft.forking.starts_anyhow = main.ignore_failure;
        } else if main.ignore_failure {
            self.success.extend((1..=u8::MAX).map(Exit::Code));
            self.success
                .extend((1..=64).filter_map(Signal::new).map(Exit::Signal));
        }
        if self.remain {
            self.draft.terms().remains = true;
        }
        self.draft.commands().stop_at_end = !self.stop.0.is_empty();
        for (list, controls) in [
            (List::Condition, self.condition.controls(as_root)),
            (List::StartPre, pre),
            (List::StartPost, self.start_post.controls(as_root)),
            (List::Reload, self.reload.controls(as_root)),
            (List::Stop, self.stop.controls(as_root)),
            (List::StopPost, self.stop_post.controls(as_root)),
        ] {
            let (controls, places): (Vec<_>, Vec<_>) = controls.into_iter().unzip();
            *self.draft.commands().list_mut(list) = controls.into();
            let places = (0..)
                .zip(places)
                .map(|(index, at)| (CommandId { list, index }, at));
            self.draft.command_places.extend(places);
        }
    }

    fn finish_restart(&mut self, kind: Type) {
        let oneshot = kind == Type::Oneshot;
        let draft = &mut *self.draft;
        let unwritten = |key: &str| draft.written(key).is_none();
        let (stop, restart, start, limit) = (
            unwritten("stop-timeout"),
            unwritten("restart") || oneshot,
            unwritten("start-timeout"),
            unwritten("start-limit"),
        );
        if let Some(timeout) = self.start_timeout {
            draft.start_timeout = Some(timeout);
        } else if start {
            draft.start_timeout = Some((!oneshot).then_some(TIMEOUT));
        }
        if let Some(timeout) = self.stop_timeout {
            draft.spec.stop.timeout = timeout;
        } else if stop {
            draft.spec.stop.timeout = Some(TIMEOUT);
        }
        if self.restart.is_some() || restart {
            draft.restart = Some(self.restart.unwrap_or(RestartPolicy::No));
        }
        // Who is never to be killed is waited for.
        if !self.send_kill {
            draft.spec.stop.timeout = None;
        }
        let by_exit = draft.restart_by_exit();
        by_exit.prevent = std::mem::take(&mut self.prevent).into();
        by_exit.force = std::mem::take(&mut self.force).into();
        let within = self.limit_within.unwrap_or(Some(LIMIT.0));
        let count = self.limit_count.unwrap_or(LIMIT.1);
        if self.limit_within.is_some() || self.limit_count.is_some() || limit {
            draft.spec.restart.limit = within
                .filter(|within| !within.is_zero() && count > 0)
                .map(|within| StartLimit { count, within });
        }
        draft.spec.stop.kill_mode = self.kill_mode.unwrap_or(KillMode::ControlGroup);
        // What asks a service to end is no failure.
        let polite = [Signal::HUP, Signal::INT, Signal::TERM, Signal::PIPE];
        let polite = polite.into_iter().map(Exit::Signal).filter(|_| !oneshot);
        self.success.extend(polite);
        sort(&mut self.success);
        self.success.dedup();
        draft.spec.success = std::mem::take(&mut self.success).into();
    }

    fn finish_notify(&mut self, kind: Type) {
        let draft = &mut *self.draft;
        if kind == Type::Notify {
            draft.ready = Some(Ready::Notify);
        }
        let needed = kind == Type::Notify || self.watchdog.is_some() || self.store_max > 0;
        let access = match self.access {
            Some(NotifyAccess::None) | None if needed => NotifyAccess::Main,
            Some(access) => access,
            None => return,
        };
        if access != NotifyAccess::None {
            draft.spec.notify = Some(Box::new(Notify {
                access,
                watchdog: self.watchdog.filter(|_| kind != Type::Oneshot),
                watchdog_signal: self.watchdog_signal,
                store_max: self.store_max,
            }));
        }
    }

    /// It needs the bus, and is ready when its name has an owner there.
    fn finish_bus(&mut self) {
        let at = self.kind.map_or(self.asked, |(_, at)| at);
        let socket = || target(BUS_SOCKET, at);
        self.draft.targets.requires.push(socket());
        self.draft.targets.after.push(socket());
        let name = self.bus_name.take();
        self.draft.ready = name.map(|name| Ready::Probe(Probe::Bus(name)));
    }

    fn finish_execution(&mut self, accounts: &Accounts) {
        let exec = &mut self.draft.spec.exec;
        let words = self
            .environment
            .iter()
            .map(|(name, value)| [name.as_slice(), value].join(&b'='));
        exec.environment_below = Words::new(words);
        exec.ignore_pipe = self.ignore_pipe;
        exec.exec_pid = true;
        exec.umask.get_or_insert(0o022);
        let user = exec
            .identity
            .as_ref()
            .and_then(|identity| identity.user.as_deref());
        if let Some(unit) = self.draft.unit.as_mut().filter(|_| self.dynamic_user) {
            let group = exec
                .identity
                .as_ref()
                .and_then(|identity| identity.group.as_deref());
            unit.dynamic = Some(Dynamic::find(unit.prefix(), user, group, accounts));
        }
        let home = || {
            let user = find_user(&accounts.passwd, user.unwrap_or("root"));
            user.map(|user| String::from_utf8_lossy(user.home).into_owned())
        };
        let directory = self.directory.take().unwrap_or_else(|| "/".to_owned());
        let (directory, optional) = match directory.strip_prefix('-') {
            Some(directory) => (directory.to_owned(), true),
            None => (directory, false),
        };
        let directory = if directory == "~" {
            home().unwrap_or_else(|| "/".to_owned())
        } else {
            directory
        };
        let setup = exec.setup.as_deref();
        let root = setup.and_then(|setup| sandbox::root(&setup.sandbox));
        let place = root.map_or(String::new(), |(root, _)| root.to_owned()) + &directory;
        let there = !optional || Path::new(&place).is_dir();
        exec.directory = Some(if there { directory.into() } else { "/".into() });
    }
}
