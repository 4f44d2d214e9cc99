//! From a finished specification to a supervisor that is ready to boot.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use super::clearing::Clearing;
use super::configuration::Configuration;
use super::environment;
use super::farewell::Farewell;
use super::grouping::cgroups_for;
use super::hands::Hands;
use super::http::Http;
use super::launch::Launcher;
use super::memory_events::MemoryEvents;
use super::notify::{Barriers, Place, Sockets};
use super::output::Outputs;
use super::paths::Watchers;
use super::runs::Runs;
use super::sockets::Listeners;
use super::source::Source;
use super::stamps::Stamps;
use super::store::Stores;
use super::strays::Strays;
use super::syslog::Syslog;
use super::tellings::Tellings;
use super::trees::Trees;
use super::upward::Upward;
use crate::config::{GroupLimits, HardLimits, Offer, Request, Rights};
use crate::control::context::Own;
use crate::control::{Server, address};
use crate::core::exit::Codes;
use crate::core::id::ServiceId;
use crate::core::schedule::When;
use crate::core::signal::Signal;
use crate::core::sorted::{Map, Set};
use crate::core::spec::{ControlSocket, ServiceSpec, Spec};
use crate::core::system::{Surroundings, System};
use crate::single::Rewrite;
use crate::sys::clock_change::ClockChange;
use crate::sys::controllers::hierarchies;
use crate::sys::error::OsError;
use crate::sys::fd::{self, Standard, standard};
use crate::sys::inherited::Inherited;
use crate::sys::poll::{Interest, Poll};
use crate::sys::signal_pipe::SignalPipe;
use crate::sys::{clock, fork, limits, process, random, signal, tty};

/// What rinit needs of its own process before anything else: nothing of its own on
/// descriptors 0 to 2, nothing inherited in its services, orphans that come to it.
#[must_use]
pub fn prepare_process() -> Surrounded {
    fd::occupy_standard();
    fd::cloexec_inherited();
    let pid1 = process::own_pid().0 == 1;
    if !pid1 && let Err(errno) = process::become_subreaper() {
        log::warn!("orphans will not be adopted: {errno}");
    }
    let (mut cgroups, mut group_limits) = (Offer::None, GroupLimits::default());
    for hierarchy in hierarchies() {
        let alone = hierarchy.alone && pid1;
        if !hierarchy.first {
            cgroups = if alone { Offer::Own } else { Offer::Shared };
        }
        let limits = match alone {
            true => &mut group_limits.own,
            false => &mut group_limits.shared,
        };
        *limits = limits.or(hierarchy.resources);
    }
    let capabilities = process::capabilities();
    let has = |wanted| capabilities & wanted == wanted;
    Surrounded {
        pid1,
        uid: process::effective_uid(),
        time: clock::wall_nanos().div_euclid(1_000_000_000),
        rights: Rights {
            change_user: has(process::CHANGE_USER),
            raise_limits: has(process::RAISE_LIMITS),
            lowest_nice: match has(process::RAISE_PRIORITY) {
                true => i32::MIN,
                false => process::nice(),
            },
            lowest_oom_score: match has(process::RAISE_LIMITS) {
                true => i32::MIN,
                false => process::oom_score(),
            },
        },
        hard_limits: HardLimits(limits::hard()),
        descriptors: limits::descriptors(),
        cgroups,
        group_limits,
    }
}

/// What rinit is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Surrounded {
    /// PID 1 of its namespace.
    pub pid1: bool,
    /// Its user.
    pub uid: u32,
    /// The wall clock, in seconds since 1970.
    pub time: i64,
    /// What else it may.
    pub rights: Rights,
    /// Its hard limits.
    pub hard_limits: HardLimits,
    /// Its soft limit of descriptors, before it raises that for itself.
    pub descriptors: u64,
    /// Whether it may make cgroups.
    pub cgroups: Offer,
    /// Which limits it may set for these.
    pub group_limits: GroupLimits,
}

/// Whether a rinit supervises as PID 1 of this namespace already.
#[must_use]
pub fn pid1_supervises() -> bool {
    address::pid1_supervises()
}

/// What a supervisor is started with.
pub struct Start<'a> {
    /// What is to be supervised.
    pub spec: Spec,
    /// Some of it comes from packages' units, which count on what tmpfiles.d makes.
    pub has_units: bool,
    /// What was said to be doubtful in it.
    pub warnings: Vec<Box<str>>,
    /// What rinit itself was started with.
    pub inherited: &'a Inherited,
    /// What the command line says of `main`.
    pub main: MainOptions,
    /// Where that was read, for when it is read again.
    pub request: Request,
}

/// `systemd-folder`. Programs that find the folder call systemctl, which has to work then.
fn wants_systemd_folder(told: Option<bool>, has_units: bool) -> bool {
    use std::os::unix::fs::MetadataExt;
    let file = |path: &str| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.dev(), metadata.ino()))
    };
    told.unwrap_or_else(|| {
        let own = file("/proc/self/exe");
        let ours = |path| own.is_some() && file(path) == own;
        has_units && (ours("/usr/local/bin/systemctl") || ours("/usr/bin/systemctl"))
    })
}

/// The minimal init's options, as far as they mean `main` as well.
#[derive(Clone, Copy, Debug)]
pub struct MainOptions {
    /// `-g`: signals go to its whole group.
    pub to_group: bool,
    /// `-e`: statuses that are reported as 0.
    pub codes: Codes,
    /// `--rewrite`: what forwarded signals become.
    pub rewrite: Rewrite,
    /// `-p`: the signal that rinit wants when its parent dies.
    pub parent_death: Option<Signal>,
}

/// The kernel refuses what rinit cannot do without.
pub type Trouble = OsError;

impl Start<'_> {
    pub(super) fn prepare(mut self) -> Result<(System, Hands), Trouble> {
        let refused = |what| move |errno: nix::errno::Errno| OsError::new(what, "", errno);
        let pid1 = process::own_pid().0 == 1;
        if wants_systemd_folder(self.spec.init.systemd_folder, self.has_units) {
            if let Err(error) = std::fs::create_dir_all("/run/systemd/system") {
                log::warn!("/run/systemd/system was not made: {error}");
            }
            if pid1 {
                // Puppet and Chef look no further than this, nor does Ansible's `service`.
                process::set_name(c"systemd");
            }
        }
        let syslog = Syslog::open(&self.spec, self.has_units, pid1);
        for service in self
            .spec
            .services
            .iter_mut()
            .filter(|service| service.is_main)
        {
            service.stop.to_group |= self.main.to_group;
        }
        if let Some(signal) = self.main.parent_death
            && let Err(errno) = process::set_parent_death(signal)
        {
            log::warn!("the parent's death will go unnoticed: {errno}");
        }
        let ignored = signal::ignored();
        let forwards = self.spec.services.iter().any(|service| service.is_main);
        let signals = SignalPipe::open(forwards).map_err(refused("pipe"))?;
        fork::ignore(Signal::TTOU);
        let nofile = limits::raise_descriptors();
        let poll = Poll::new().map_err(refused("epoll"))?;
        poll.add(signals.fd(), Interest::Read, Source::Signals)
            .map_err(refused("epoll"))?;
        poll.add(signals.children(), Interest::Read, Source::Children)
            .map_err(refused("epoll"))?;
        let null: OwnedFd = fd::null().map_err(refused("open /dev/null"))?;
        let terminal = [Standard::Input, Standard::Output, Standard::Error]
            .into_iter()
            .find(|fd| tty::is_one(standard(*fd)));
        let no_color = self
            .inherited
            .variable("NO_COLOR")
            .is_some_and(|value| !value.is_empty());
        let colour = !no_color && tty::is_one(standard(Standard::Output));
        let services = (0..).map(ServiceId).zip(&self.spec.services);
        let outputs = Outputs::new(services, self.spec.init.own_lines, syslog.is_open(), colour)
            .map_err(refused("pipes for the services' output"))?;
        let cgroups = cgroups_for(&self.spec, pid1, None);
        let base = environment::base(self.inherited.environment.iter());
        let seed = random::number();
        let runtime_dir = self.inherited.variable("XDG_RUNTIME_DIR");
        let folder = address::folder(process::effective_uid(), runtime_dir);
        let instance = address::instance(process::own_pid().0);
        let mut hands = Hands {
            poll,
            signals,
            launcher: Launcher::new(base, nofile, ignored, random::number()),
            runs: Runs::default(),
            helpers: Set::new(),
            keepers: Map::new(),
            probes: Map::new(),
            probe_deadlines: Set::new(),
            notify_place: Place::new(folder, instance),
            notify: Sockets::new(),
            barriers: Barriers::default(),
            stores: Stores::default(),
            outputs,
            tellings: Tellings::default(),
            trees: Trees::default(),
            cgroups,
            strays: Strays::default(),
            memory_events: MemoryEvents::default(),
            upward: Upward::open(self.inherited.variable("NOTIFY_SOCKET")),
            farewell: Farewell::new(&self.spec.init.termination_log),
            clearing: Clearing::default(),
            stamps: Stamps::default(),
            watchers: Watchers::default(),
            configuration: Configuration::new(self.request),
            clock_change: None,
            listeners: Listeners::default(),
            to_continue: Vec::new(),
            launching: VecDeque::new(),
            rewrite: self.main.rewrite,
            control: None,
            history: crate::control::History::default(),
            http: Http::new(self.spec.init.http.as_deref()),
            syslog,
            null,
            pid1,
            terminal,
            exit: None,
        };
        let surroundings = Surroundings {
            pid1,
            terminal: terminal.is_some(),
            seed,
            as_zero: self.main.codes,
        };
        hands.watch_clock(&self.spec);
        // Services are to know of a socket that they could not guess.
        if let ControlSocket::Path(path) = &self.spec.init.control_socket {
            hands.launcher.set_control_socket(path.as_bytes());
        }
        let mut system = System::new(self.spec, surroundings);
        system.have_told(&self.warnings);
        Ok((system, hands))
    }
}

impl Hands {
    /// Only a calendar cares for the wall clock.
    pub(super) fn watch_clock(&mut self, spec: &Spec) {
        let asks = |service: &ServiceSpec| match service.schedule.as_deref() {
            Some(schedule) => match &schedule.when {
                When::Calendar(_) => true,
                When::Timer(timer) => !timer.calendars.is_empty(),
                When::Every(_) => false,
            },
            None => false,
        };
        if !spec.services.iter().any(asks) {
            return;
        }
        match ClockChange::open() {
            Ok(clock) => {
                let _ = self.poll.add(&clock, Interest::Read, Source::Clock);
                self.clock_change = Some(clock);
            }
            Err(errno) => log::warn!("schedules won't notice when the clock is set: {errno}"),
        }
    }
}

/// systemd's own systemctl, which scripts with a PATH of theirs find in /usr/bin where that
/// package is installed, asks here first, and then D-Bus, which keeps it waiting. The control
/// socket hangs up on it, so that it fails at once.
fn answer_systemds_own(control: &str) {
    const FOLDER: &str = "/run/systemd/system";
    const PRIVATE: &str = "/run/systemd/private";
    if control.starts_with('/') && std::fs::exists(FOLDER).unwrap_or(false) {
        if std::fs::read_link(PRIVATE).is_ok() {
            let _ = std::fs::remove_file(PRIVATE);
        }
        // Without it they wait as they did.
        let _ = std::os::unix::fs::symlink(control, PRIVATE);
    }
}

/// Binds the control socket.
pub(super) fn bind_control(system: &System, hands: &mut Hands) {
    let init = &system.spec().init;
    let place = &hands.notify_place;
    let places = address::to_bind(&init.control_socket, place.root.as_deref(), &place.instance);
    if places.is_empty() {
        return;
    }
    let own = Own::new(hands.launcher.base());
    match Server::bind(&places, init.control_access, own) {
        Ok(server) => {
            let _ = hands
                .poll
                .add(server.listener(), Interest::Read, Source::Control);
            log::debug!("control socket at {}", server.address());
            if hands.pid1 {
                answer_systemds_own(server.address());
            }
            hands.control = Some(server);
        }
        Err(errno) => {
            let places = places.join(" and ");
            log::warn!(
                "no control socket: {}",
                OsError::new("bind", &places, errno)
            );
        }
    }
}
