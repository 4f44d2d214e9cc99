//! The dice of the simulation (xorshift64*), and random systems.

use std::time::Duration;

use rinit::core::calendar::{Calendar, Change, Day, Rule, Summer, Times, Zone};
use rinit::core::commands::{Commands, ControlCommand, List};
use rinit::core::exec::{Manner, Words};
use rinit::core::exit::Exit;
use rinit::core::id::ServiceId;
use rinit::core::listen::{Address, Listen, Socket, SocketFile, SocketKind, Watch};
use rinit::core::probe::{Command, Health, OnUnhealthy, Probe, WaitFor};
use rinit::core::schedule::{Schedule, Stamp, Timer, When};
use rinit::core::signal::Signal;
use rinit::core::spec::{
    Forking, KillMode, Kind, Notify, NotifyAccess, Ready, RestartByExit, RestartPolicy,
    ServiceSpec, Spec, StartLimit, Terms, Tracking,
};

#[derive(Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }

    /// 0 to `below` - 1.
    pub(crate) fn roll(&mut self, below: u64) -> u64 {
        self.next() % below.max(1)
    }

    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.roll(100) < percent
    }

    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len() as u64) as usize].clone()
    }

    /// Mostly a few milliseconds, sometimes seconds.
    pub(crate) fn moment(&mut self) -> Duration {
        let micros = match self.roll(10) {
            0 => 0,
            1..=6 => self.roll(5_000),
            7 | 8 => self.roll(500_000),
            _ => self.roll(20_000_000),
        };
        Duration::from_micros(micros)
    }
}

pub(crate) fn terms(dice: &mut Dice) -> Terms {
    Terms {
        restart_signal: dice.percent(50).then_some(Signal::INT),
        final_signal: dice.percent(50).then_some(Signal::QUIT),
        longest: dice.percent(50).then(|| dice.moment() * 4),
        extra: dice.moment(),
        stops_unneeded: dice.percent(30),
        success_ends_all: dice.percent(10),
        failure_ends_all: dice.percent(10),
        limit_ends_all: dice.percent(10),
        refuses_start: dice.percent(10),
        refuses_stop: dice.percent(10),
        success_code: dice.percent(30).then_some(17),
        failure_code: dice.percent(30).then_some(18),
        abort_timeout: dice.percent(50).then(|| dice.moment()),
        remains: dice.percent(20),
    }
}

fn health(dice: &mut Dice) -> Health {
    Health {
        probe: Probe::Unix("/run/x".into()),
        interval: Duration::from_millis(dice.pick(&[5, 300, 10_000])),
        timeout: Duration::from_secs(5),
        retries: 1 + dice.roll(3) as u32,
        start_period: dice.pick(&[0, 0, 100, 5_000]).pipe(Duration::from_millis),
        on_unhealthy: dice.pick(&[
            OnUnhealthy::None,
            OnUnhealthy::Restart,
            OnUnhealthy::Restart,
            OnUnhealthy::Shutdown,
        ]),
    }
}

/// Intervals, and times of a clock in UTC or in Berlin.
fn schedule(dice: &mut Dice) -> Schedule {
    let minutely = Calendar {
        seconds: 1,
        ..Calendar::ALWAYS
    };
    let calendars = [
        Calendar::ALWAYS,
        minutely,
        // In the hour that summer takes away.
        Calendar {
            hours: 1 << 2,
            minutes: 1 | 1 << 30,
            ..minutely
        },
        Calendar {
            hours: 1 << 3,
            minutes: 1,
            ..minutely
        },
    ];
    let change = |month, hour| Change {
        day: Day::Weekday {
            month,
            week: 5,
            weekday: 0,
        },
        time: hour * 3600,
    };
    let berlin = Zone {
        rule: Some(Box::new(Rule {
            offset: 3600,
            summer: Some(Summer {
                offset: 7200,
                begins: change(3, 2),
                ends: change(10, 3),
            }),
        })),
        ..Zone::default()
    };
    let mut times = || Times {
        calendar: dice.pick(&calendars),
        zone: dice.pick(&[Zone::default(), berlin.clone()]),
    };
    let (one, two, third) = (times(), [times(), times()], times());
    let when = [
        When::Calendar(Box::new([one])),
        When::Calendar(Box::new(two)),
        When::Every(Duration::from_millis(dice.pick(&[300, 5_000, 60_000]))),
        When::Timer(Box::new(Timer {
            calendars: Box::new([]),
            after_boot: [Duration::from_millis(dice.pick(&[0, 700, 60_000]))].into(),
            after_start: dice.pick(&[None, Some(Duration::from_secs(5))]),
            after_end: dice.pick(&[None, Some(Duration::from_millis(300))]),
            persistent: None,
        })),
        When::Timer(Box::new(Timer {
            calendars: Box::new([third]),
            after_end: dice.pick(&[None, Some(Duration::from_secs(60))]),
            persistent: dice.percent(60).then(|| Stamp {
                name: "x.timer".into(),
                last: dice.pick(&[None, Some(-100_000), Some(0), Some(1 << 40)]),
            }),
            ..Timer::default()
        })),
    ];
    Schedule {
        when: dice.pick(&when),
        jitter: dice.pick(&[0, 0, 700, 30_000]).pipe(Duration::from_millis),
    }
}

/// A socket; where it is, the core doesn't ask.
pub(crate) fn listen(on_demand: bool) -> Option<Box<Listen>> {
    let socket = Socket {
        options: None,
        kind: SocketKind::Stream,
        address: Address::Unix("/run/s".into()),
        name: "s".into(),
        backlog: 16,
        reuse_port: false,
        ipv6_only: None,
        file: SocketFile::default(),
    };
    Some(Box::new(Listen {
        sockets: [socket].into(),
        on_demand,
        accept: None,
        watch: None,
    }))
}

/// A path; which, the core doesn't ask.
fn watched() -> Option<Box<Listen>> {
    Some(Box::new(Listen {
        on_demand: true,
        watch: Some(Box::new(Watch::default())),
        ..Listen::default()
    }))
}

pub(crate) fn command(ignore_failure: bool) -> ControlCommand {
    ControlCommand {
        command: Command {
            words: Words::new(["x"]),
            manner: Manner::default(),
        },
        ignore_failure,
    }
}

fn commands(dice: &mut Dice) -> Commands {
    let mut commands = Commands::default();
    for list in List::ALL {
        let count = dice.pick(&[0, 0, 1, 2]);
        let list = commands.list_mut(list);
        *list = (0..count).map(|_| command(dice.percent(25))).collect();
    }
    commands.stop_at_end = dice.percent(50);
    commands
}

/// A small system with every kind of edge, circles now and then.
pub(crate) fn system(dice: &mut Dice) -> Spec {
    let mut spec = Spec::default();
    let count = 1 + dice.roll(6);
    let secs = |s: f64| Some(Duration::from_secs_f64(s));
    spec.init.shutdown_timeout =
        dice.pick(&[secs(9.0), secs(9.0), secs(1.0), secs(0.1), secs(0.0), None]);
    spec.init.shutdown_delay = dice
        .pick(&[0, 0, 0, 300, 20_000])
        .pipe(Duration::from_millis);
    spec.init.keep_running = dice.percent(20);
    for id in 0..count {
        let mut service = ServiceSpec::new(&format!("s{id}"));
        for other in 0..count {
            let other_id = ServiceId(other as u32);
            // Mostly to what was declared before; the rest makes circles.
            if other == id || (other > id && !dice.percent(4)) || dice.percent(60) {
                continue;
            }
            let edges = &mut service.edges;
            let list = match dice.roll(16) {
                0..=2 => &mut edges.requires,
                3 => &mut edges.wants,
                4 => &mut edges.after,
                5 => &mut edges.before,
                6 => &mut edges.ties.get_or_insert_default().binds_to,
                7 => &mut edges.ties.get_or_insert_default().part_of,
                8 => &mut edges.ties.get_or_insert_default().on_failure,
                9 => &mut edges.ties.get_or_insert_default().on_success,
                10 => &mut edges.ties.get_or_insert_default().stops_with,
                11 => &mut edges.ties.get_or_insert_default().reloads_with,
                12 | 13 => &mut edges.ties.get_or_insert_default().starts,
                14 => &mut edges.ties.get_or_insert_default().needed_by,
                _ => &mut edges.ties.get_or_insert_default().conflicts,
            };
            *list = list.iter().copied().chain([other_id]).collect();
        }
        if dice.percent(30) {
            service.kind = Kind::Oneshot;
            service.start_timeout = None;
        }
        let ties = service.edges.ties.as_ref();
        let has_rivals = ties.is_some_and(|ties| !ties.conflicts.is_empty());
        service.enabled = !dice.percent(if has_rivals { 70 } else { 8 });
        if dice.percent(12) {
            service.enabled = false;
            service.pulled = true;
        }
        service.essential = dice.percent(15);
        service.restart.policy = dice.pick(&[
            RestartPolicy::Always,
            RestartPolicy::Always,
            RestartPolicy::OnFailure,
            RestartPolicy::No,
            RestartPolicy::OnSuccess,
            RestartPolicy::OnAbnormal,
            RestartPolicy::OnAbort,
            RestartPolicy::OnWatchdog,
        ]);
        if dice.percent(15) {
            service.restart.by_exit = Some(Box::new(RestartByExit {
                prevent: Box::new([Exit::Code(3)]),
                force: Box::new([Exit::Code(0), Exit::Code(1)]),
            }));
            service.restart.delay = Duration::from_secs(1);
        }
        service.restart.delay = Duration::from_millis(dice.pick(&[0, 100, 100, 3_000]));
        if dice.percent(40) || service.restart.delay.is_zero() {
            service.restart.limit = Some(StartLimit {
                count: 1 + dice.roll(4) as u32,
                within: Duration::from_secs(dice.pick(&[5, 60, 3600])),
            });
        }
        if dice.percent(30) {
            service.success = Box::new([Exit::Code(3), Exit::Signal(Signal::TERM)]);
        }
        service.ready = match dice.roll(10) {
            0 => Ready::Notify,
            1 => Ready::Fd(3),
            2 => Ready::Probe(Probe::Tcp(Box::new(["127.0.0.1:80".parse().unwrap()]))),
            3 => Ready::Probe(Probe::Unix("/run/x".into())),
            4 => Ready::Probe(Probe::File("/run/y".into())),
            5 => Ready::Delay(dice.moment()),
            6 => Ready::Log("ready".into()),
            _ => Ready::Exec,
        };
        if dice.percent(20) {
            service.wait_for = Some(Box::new(WaitFor {
                probe: Probe::File("/run/z".into()),
                timeout: dice.pick(&[secs(60.0), secs(0.5), None]),
            }));
        }
        if dice.percent(30) {
            service.listen = listen(service.kind == Kind::Simple && dice.percent(60));
        }
        if service.listen.is_none() && dice.percent(15) {
            service.listen = watched();
        }
        if service.kind == Kind::Simple && dice.percent(30) {
            service.health = Some(Box::new(health(dice)));
        }
        if dice.percent(30) {
            let watchdog = service.kind == Kind::Simple && dice.percent(70);
            service.notify = Some(Box::new(Notify {
                access: NotifyAccess::All,
                watchdog: watchdog.then(|| dice.moment().max(Duration::from_millis(1))),
                store_max: dice.roll(2) as u32,
                ..Notify::default()
            }));
        }
        service.start_timeout = dice.pick(&[service.start_timeout, secs(1.0), secs(30.0)]);
        service.stop.timeout = dice.pick(&[secs(10.0), secs(10.0), secs(0.5), secs(0.0), None]);
        service.stop.signal = dice.pick(&[Signal::TERM, Signal::QUIT, Signal::INT]);
        service.stop.to_group = dice.percent(30);
        service.stop.kill_mode = dice.pick(&[
            KillMode::Tree,
            KillMode::Tree,
            KillMode::Tree,
            KillMode::Process,
            KillMode::ControlGroup,
            KillMode::Mixed,
            KillMode::None,
        ]);
        service.terms = dice.percent(20).then(|| Box::new(terms(dice)));
        service.reload_signal = dice.percent(30).then_some(Signal::HUP);
        service.tracking = dice.pick(&[Tracking::Marks, Tracking::Subreaper, Tracking::Cgroup]);
        if service.kind == Kind::Simple && dice.percent(20) {
            let pid_file = dice.percent(60).then(|| "/run/x.pid".into());
            service.forking = Some(Box::new(Forking {
                pid_file,
                never_guess: false,
                starts_anyhow: dice.percent(20),
                by_script: id % 2 == 1,
            }));
            service.tracking = dice.pick(&[Tracking::Subreaper, Tracking::Cgroup]);
        }
        if dice.percent(35) {
            service.commands = Some(Box::new(commands(dice)));
        }
        if id + 1 == count && dice.percent(25) {
            service.is_main = true;
            service.listen = None;
            service.essential = true;
            service.enabled = true;
            service.pulled = false;
            service.restart.policy = RestartPolicy::No;
            service.restart.by_exit = None;
            service.commands = None;
            service.forking = None;
        }
        if !service.is_main && dice.percent(25) {
            service.schedule = Some(Box::new(schedule(dice)));
            service.listen = service.listen.and_then(|_| listen(false));
            service.kind = Kind::Oneshot;
            service.forking = None;
            service.essential = false;
            service.health = None;
            service.restart.policy = RestartPolicy::No;
            service.restart.by_exit = None;
        }
        spec.services.push(service);
    }
    spec
}

trait Pipe: Sized {
    fn pipe<T>(self, f: impl FnOnce(Self) -> T) -> T {
        f(self)
    }
}

impl Pipe for u64 {}
