//! A service while its tables are read: what the keys said, and where.

use super::commands;
use super::directive::Directive;
use super::directive_notify;
use super::forking;
use super::schedule;
use super::source::At;
use super::unit;
use super::unit::FromUnit;
use super::value::{Context, Value};
use crate::core::commands::{CommandId, Commands, List};
use crate::core::exec::{Identity, Words};
use crate::core::listen::Listen;
use crate::core::output::{Log, Output};
use crate::core::setup::{Base, Setup};
use crate::core::spec::{
    Kind, Ready, Restart, RestartByExit, RestartPolicy, ServiceSpec, Terms, Tracking,
};

/// What `cpu-affinity` is among the words of a sandbox.
pub(super) const AFFINITY: &str = "CPUAffinity";

/// `tracking`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TrackingChoice {
    /// What is exact and at hand.
    Auto,
    Written(Tracking),
}

/// A name in an edge.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) name: Box<str>,
    pub(super) at: At,
    /// A unit says so: what isn't there is done without.
    pub(super) lenient: bool,
}

/// The kinds of edges, by the names that were written.
#[derive(Clone, Debug, Default)]
pub(super) struct Targets {
    pub(super) requires: Vec<Target>,
    pub(super) wants: Vec<Target>,
    pub(super) after: Vec<Target>,
    pub(super) before: Vec<Target>,
    pub(super) part_of: Vec<Target>,
    pub(super) binds_to: Vec<Target>,
    pub(super) conflicts: Vec<Target>,
    pub(super) on_failure: Vec<Target>,
    pub(super) on_success: Vec<Target>,
    pub(super) stops_with: Vec<Target>,
    pub(super) reloads_with: Vec<Target>,
    /// What doesn't start by itself, but with it.
    pub(super) starts: Vec<Target>,
    /// What its sockets' units require.
    pub(super) opens_with: Vec<Target>,
    /// Of what stops without them those that need it.
    pub(super) needed_by: Vec<Target>,
    /// Units say of others that those are stopped and reloaded with them.
    pub(super) stops: Vec<Target>,
    pub(super) reloads: Vec<Target>,
}

impl Targets {
    /// Each with its key.
    pub(super) fn lists(&mut self) -> [(&'static str, &mut Vec<Target>); 4] {
        [
            ("requires", &mut self.requires),
            ("wants", &mut self.wants),
            ("after", &mut self.after),
            ("before", &mut self.before),
        ]
    }
}

/// A service that is being read. What depends on other keys is an `Option` until `finish`.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// The name in the table's header.
    pub(super) at: At,
    pub(super) spec: ServiceSpec,
    pub(super) targets: Targets,
    pub(super) environment: Vec<(Box<str>, Vec<u8>)>,
    pub(super) restart: Option<RestartPolicy>,
    pub(super) start_timeout: Option<Option<std::time::Duration>>,
    pub(super) restart_delay_max: Option<std::time::Duration>,
    pub(super) times: schedule::Written,
    pub(super) ready: Option<Ready>,
    pub(super) notify_by_type: bool,
    pub(super) forking: forking::Written,
    pub(super) tracking: TrackingChoice,
    pub(super) folder_modes: Vec<(Base, u32)>,
    /// What a unit said of it.
    pub(super) unit: Option<Box<FromUnit>>,
    /// Where each command around it stands.
    pub(super) command_places: Vec<(CommandId, At)>,
    /// The place of each key's value.
    places: Vec<(&'static str, At)>,
}

impl Draft {
    pub(super) fn new(name: &str, at: At) -> Self {
        Self {
            at,
            spec: ServiceSpec::new(name),
            targets: Targets::default(),
            environment: Vec::new(),
            restart: None,
            start_timeout: None,
            restart_delay_max: None,
            times: schedule::Written::default(),
            ready: None,
            notify_by_type: false,
            forking: forking::Written::default(),
            tracking: TrackingChoice::Auto,
            folder_modes: Vec::new(),
            unit: None,
            command_places: Vec::new(),
            places: Vec::new(),
        }
    }

    /// The same for another service: what `[defaults]` gives.
    pub(super) fn named(&self, name: &str, at: At) -> Self {
        let mut draft = self.clone();
        draft.spec.name = name.into();
        draft.at = at;
        draft
    }

    /// Lets a key's directive fill in what its value says; a bad value leaves no trace that
    /// a later check could trip over.
    pub(super) fn apply(&mut self, directive: &'static Directive<Self>, value: Value<'_>) {
        let key = directive.key;
        if (directive.set)(self, value).is_none() {
            return;
        }
        match self.places.iter_mut().find(|(known, _)| *known == key) {
            Some((_, place)) => *place = value.at,
            None => self.places.push((key, value.at)),
        }
    }

    /// Where the key's value stands, if it was written.
    pub(super) fn written(&self, key: &str) -> Option<At> {
        self.places
            .iter()
            .find(|(known, _)| *known == key)
            .map(|(_, at)| *at)
    }

    /// Where the key's value stands, else the service itself.
    pub(super) fn place(&self, key: &str) -> At {
        self.written(key).unwrap_or(self.at)
    }

    pub(super) fn identity(&mut self) -> &mut Identity {
        self.spec.exec.identity.get_or_insert_default()
    }

    pub(super) fn restart_by_exit(&mut self) -> &mut RestartByExit {
        self.spec.restart.by_exit.get_or_insert_default()
    }

    pub(super) fn terms(&mut self) -> &mut Terms {
        self.spec.terms.get_or_insert_default()
    }

    pub(super) fn setup(&mut self) -> &mut Setup {
        self.spec.exec.setup.get_or_insert_default()
    }

    /// Sets one of `sandbox`'s words in the place of those that the directive has.
    pub(super) fn put_word(&mut self, directive: &str, value: Option<&str>) {
        if value.is_none() && self.spec.exec.setup.is_none() {
            return;
        }
        let sandbox = &mut self.setup().sandbox;
        let start = [directive, "="].concat();
        let word = value.map(|value| [&start, value].concat());
        let mut all: Vec<&[u8]> = sandbox.iter().collect();
        all.retain(|word| !word.starts_with(start.as_bytes()));
        all.extend(word.as_deref().map(str::as_bytes));
        *sandbox = Words::new(all);
    }

    pub(super) fn log(&mut self) -> &mut Log {
        self.spec.exec.log.get_or_insert_default()
    }

    pub(super) fn listen(&mut self) -> &mut Listen {
        self.spec.listen.get_or_insert_default()
    }

    pub(super) fn commands(&mut self) -> &mut Commands {
        self.spec.commands.get_or_insert_default()
    }

    pub(super) fn name(&self) -> &str {
        &self.spec.name
    }

    /// Whether it is started by itself, so that all it needs must be there.
    pub(super) fn is_enabled(&self) -> bool {
        self.spec.enabled
    }

    /// Whether anything starts it but people.
    pub(super) fn may_start(&self) -> bool {
        self.spec.enabled || self.spec.pulled
    }

    /// It starts at its times, or when somebody comes.
    pub(super) fn is_triggered(&self) -> bool {
        self.is_scheduled() || self.spec.is_on_demand()
    }

    /// `[defaults] restart` is not for oneshots.
    pub(super) fn drop_restart(&mut self) {
        self.restart = None;
        self.forget("restart");
    }

    /// As if the key had not been written.
    pub(super) fn forget(&mut self, key: &str) {
        self.places.retain(|(known, _)| *known != key);
    }

    /// Fills in what follows from other keys, and reports keys that contradict each other.
    pub(super) fn finish(&mut self, context: &Context<'_>) {
        self.finish_schedule(context);
        let oneshot = self.spec.kind == Kind::Oneshot;
        self.spec.restart.policy = self.restart.unwrap_or({
            if oneshot || self.spec.essential {
                RestartPolicy::No
            } else {
                RestartPolicy::Always
            }
        });
        if let Some(timeout) = self.start_timeout {
            self.spec.start_timeout = timeout;
        } else if oneshot {
            self.spec.start_timeout = None;
        }
        let by_exit = &mut self.spec.restart.by_exit;
        by_exit.take_if(|own| **own == RestartByExit::default());
        let terms = &mut self.spec.terms;
        terms.take_if(|own| **own == Terms::default());
        self.finish_delays(context);
        self.finish_ready(context);
        directive_notify::finish(self, context);
        unit::finish(self, context);
        forking::finish(self, context);
        self.finish_setup();
        super::listen::finish(self, context);
        self.finish_commands(context);
        self.spec.exec.environment = Words::new(self.environment.iter().map(|(name, value)| {
            let mut word = name.as_bytes().to_vec();
            word.push(b'=');
            word.extend_from_slice(value);
            word
        }));
        self.spec.source = context.file_and_line(self.at).into();
        self.spec.unit = self.other_unit();
    }

    fn finish_delays(&mut self, context: &Context<'_>) {
        let Restart {
            delay, delay_max, ..
        } = &mut self.spec.restart;
        match self.restart_delay_max {
            Some(max)
                if max < *delay && self.places.iter().any(|(key, _)| *key == "restart-delay") =>
            {
                context.error(
                    self.place("restart-delay-max"),
                    "restart-delay-max is shorter than restart-delay",
                    "the delay begins with restart-delay and is doubled up to restart-delay-max",
                );
            }
            Some(max) => {
                *delay_max = max;
                *delay = (*delay).min(max);
            }
            None => *delay_max = (*delay_max).max(*delay),
        }
    }

    /// Its unit's name, where that can't be told from its own.
    fn other_unit(&self) -> Option<Box<str>> {
        let unit = self.unit.as_ref()?.name();
        (unit.strip_suffix(".service") != Some(&*self.spec.name)).then(|| unit.into())
    }

    /// The last mode of each kind counts; who said nothing has no setup.
    fn finish_setup(&mut self) {
        let modes = &self.folder_modes;
        for folder in self
            .spec
            .exec
            .setup
            .iter_mut()
            .flat_map(|setup| &mut setup.folders)
        {
            let own = modes.iter().rev().find(|(base, _)| *base == folder.base);
            folder.mode = own.map_or(folder.mode, |(_, mode)| *mode);
        }
        self.spec
            .exec
            .setup
            .take_if(|setup| **setup == Setup::default());
    }

    fn finish_commands(&mut self, context: &Context<'_>) {
        commands::tidy(&mut self.spec.commands);
        let reload = [List::Reload.key(), "reload-signal"];
        for (key, at) in reload
            .into_iter()
            .filter_map(|key| Some((key, self.written(key)?)))
        {
            if self.spec.kind == Kind::Oneshot {
                let what = format!("a oneshot is never active; {key} would never be used");
                context.error(at, what, "a oneshot reads its configuration when it runs");
            }
        }
        if let Some(at) = self.written(List::Stop.key())
            && self.spec.kind == Kind::Oneshot
        {
            let what = "a oneshot is never active; its exec-stop would never be executed";
            let help = "exec-stop-post is executed after each run, however it ended";
            context.error(at, what, help);
        }
    }

    fn finish_ready(&mut self, context: &Context<'_>) {
        if let Some(at) = self.written("health")
            && self.spec.kind == Kind::Oneshot
        {
            let what = "a oneshot is never active; it can't have health";
            context.error(
                at,
                what,
                "leave health out, or leave out type = \"oneshot\"",
            );
        }
        let at = self.written("ready").unwrap_or_else(|| self.place("type"));
        match (&self.ready, self.notify_by_type) {
            (Some(Ready::Notify) | None, true) => self.spec.ready = Ready::Notify,
            (Some(_), true) => context.error(
                at,
                "type = \"notify\" and another ready contradict each other",
                "leave type out: ready alone says when the service is ready",
            ),
            (None, false) => {}
            (Some(_), false) if self.spec.kind == Kind::Oneshot => context.error(
                at,
                "a oneshot is ready when it has ended well; it can't have ready",
                "leave ready out, or leave out type = \"oneshot\"",
            ),
            (Some(ready), false) => self.spec.ready = ready.clone(),
        }
        if matches!(self.spec.ready, Ready::Log(_)) && !self.spec.exec.output.is_read() {
            context.error(
                at,
                "ready = { log = … } looks at the output, which rinit doesn't read here",
                "write output = \"raw\" for output that is passed on unchanged",
            );
        }
    }

    /// The COMMAND beside the services (MEANING §8).
    pub(super) fn main(command: &[Vec<u8>], at: At) -> Self {
        let mut draft = Self::new("main", at);
        draft.spec.is_main = true;
        draft.spec.essential = true;
        draft.restart = Some(RestartPolicy::No);
        draft.spec.exec.output = Output::Inherit;
        draft.spec.exec.command = Words::new(command);
        draft
    }
}
