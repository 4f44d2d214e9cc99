use std::net::SocketAddr;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::core::calendar::{Calendar, Change, Day, Rule, Summer, Times, Transition, Zone};
use crate::core::capability::{Capabilities, Confinement};
use crate::core::commands::{Commands, ControlCommand};
use crate::core::exec::{
    EnvironmentFile, Exec, Expansion, Identity, Limit, Manner, Privileges, Resource, Words,
};
use crate::core::exit::Exit;
use crate::core::group_limit::{GroupLimit, GroupResource};
use crate::core::id::ServiceId;
use crate::core::listen::{
    Accept, Address, Listen, Socket, SocketFile, SocketKind, SocketOptions, Streams, Watch,
};
use crate::core::output::{Log, LogFile, Output, OwnLines};
use crate::core::probe::{Command, Health, Http, OnUnhealthy, Place, Probe, WaitFor};
use crate::core::schedule::{Schedule, Stamp, Timer, When};
use crate::core::setup::{Base, FileVariables, Folder, Preserve, Secret, Setup};
use crate::core::signal::Signal;
use crate::core::spec::{
    Cgroups, ControlAccess, ControlSocket, Forking, InitSpec, KillMode, Kind, Notify, NotifyAccess,
    Ready, Restart, RestartByExit, RestartPolicy, ServiceSpec, StartLimit, Stop, TerminationLog,
    Terms, Ties, Tracking,
};

fn text() -> impl Strategy<Value = Box<str>> {
    "[a-zé\n]{0,12}".prop_map(String::into_boxed_str)
}

fn duration() -> impl Strategy<Value = Duration> {
    (any::<u64>(), 0..1_000_000_000u32).prop_map(|(secs, nanos)| Duration::new(secs, nanos))
}

fn signal() -> impl Strategy<Value = Signal> {
    (1..=64i32).prop_map(|number| Signal::new(number).unwrap())
}

fn exit() -> impl Strategy<Value = Exit> {
    prop_oneof![
        any::<u8>().prop_map(Exit::Code),
        signal().prop_map(Exit::Signal)
    ]
}

fn words(least: usize) -> impl Strategy<Value = Words> {
    vec(vec(1..=255u8, 0..6), least..5).prop_map(Words::new)
}

fn ready() -> impl Strategy<Value = Ready> {
    prop_oneof![
        Just(Ready::Exec),
        Just(Ready::Notify),
        any::<u32>().prop_map(Ready::Fd),
        duration().prop_map(Ready::Delay),
        text().prop_map(Ready::Log),
        probe().prop_map(Ready::Probe),
    ]
}

fn health() -> impl Strategy<Value = Health> {
    let times = [duration(), duration(), duration()];
    (probe(), times, any::<u32>(), 0..3usize).prop_map(|(probe, times, retries, then)| {
        let [interval, timeout, start_period] = times;
        let all = [
            OnUnhealthy::None,
            OnUnhealthy::Restart,
            OnUnhealthy::Shutdown,
        ];
        Health {
            probe,
            interval,
            timeout,
            retries,
            start_period,
            on_unhealthy: all[then],
        }
    })
}

fn notify() -> impl Strategy<Value = Notify> {
    let access = proptest::sample::select(vec![
        NotifyAccess::All,
        NotifyAccess::Exec,
        NotifyAccess::Main,
        NotifyAccess::None,
    ]);
    let parts = (access, option::of(duration()), signal(), any::<u32>());
    parts.prop_map(|(access, watchdog, watchdog_signal, store_max)| Notify {
        access,
        watchdog,
        watchdog_signal,
        store_max,
    })
}

fn probe() -> impl Strategy<Value = Probe> {
    let status = vec(any::<u16>(), 0..3);
    let http = (text(), any::<u16>(), text(), status, option::of(text())).prop_map(
        |(host, port, path, status, body)| Http {
            host,
            port,
            path,
            status: status.into(),
            body,
        },
    );
    prop_oneof![
        vec(any::<SocketAddr>(), 0..3).prop_map(|list| {
            // Scope and flow of a v6 address can't be written in a configuration.
            Probe::Tcp(
                list.iter()
                    .map(|a| SocketAddr::new(a.ip(), a.port()))
                    .collect(),
            )
        }),
        vec((text(), any::<u16>()), 0..3).prop_map(|list| {
            let place = |(host, port)| Place { host, port };
            Probe::Names(list.into_iter().map(place).collect())
        }),
        text().prop_map(Probe::Unix),
        text().prop_map(Probe::File),
        text().prop_map(Probe::Bus),
        http.prop_map(|http| Probe::Http(Box::new(http))),
        (words(1), manner()).prop_map(|(words, manner)| Probe::Exec(Command { words, manner })),
    ]
}

fn manner() -> impl Strategy<Value = Manner> {
    let expansion =
        proptest::sample::select(vec![Expansion::None, Expansion::Forms, Expansion::Unit]);
    let privileges = proptest::sample::select(vec![
        Privileges::Service,
        Privileges::KeepUser,
        Privileges::Full,
    ]);
    (expansion, any::<bool>(), privileges).prop_map(|(expansion, renamed, privileges)| Manner {
        expansion,
        renamed,
        privileges,
    })
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let calendar = (
        any::<u128>(),
        any::<[u32; 3]>(),
        any::<[u64; 2]>(),
        any::<(u16, u8, bool)>(),
    );
    let calendar = calendar.prop_map(
        |(years, [days, last_days, hours], [minutes, seconds], (months, weekdays, either))| {
            Calendar {
                years,
                months,
                days,
                last_days,
                weekdays,
                either,
                hours,
                minutes,
                seconds,
            }
        },
    );
    let offset = || -50_000..50_000_i32;
    let day = prop_oneof![
        (1..366_u16).prop_map(Day::Julian),
        (0..366_u16).prop_map(Day::Ordinal),
        (1..13_u8, 1..6_u8, 0..7_u8).prop_map(|(month, week, weekday)| Day::Weekday {
            month,
            week,
            weekday
        }),
    ];
    let change = (day, -600_000..600_000_i32).prop_map(|(day, time)| Change { day, time });
    let summer = (offset(), change.clone(), change).prop_map(|(offset, begins, ends)| Summer {
        offset,
        begins,
        ends,
    });
    let rule = (offset(), option::of(summer))
        .prop_map(|(offset, summer)| Box::new(Rule { offset, summer }));
    let transitions = proptest::collection::btree_map(any::<i64>(), offset(), 0..4);
    let zone = (offset(), transitions, option::of(rule)).prop_map(|(offset, transitions, rule)| {
        let transitions = transitions.into_iter();
        Zone {
            offset,
            transitions: transitions
                .map(|(at, offset)| Transition { at, offset })
                .collect(),
            rule,
        }
    });
    let times = (calendar, zone)
        .prop_map(|(calendar, zone)| Times { calendar, zone })
        .boxed();
    let again = || {
        let some = duration().prop_filter("some time", |time| !time.is_zero());
        option::of(some)
    };
    let timer = (
        vec(times.clone(), 0..3),
        vec(duration(), 0..3),
        again(),
        again(),
    );
    let timer = timer.prop_map(|(calendars, after_boot, after_start, after_end)| Timer {
        calendars: calendars.into(),
        after_boot: after_boot.into(),
        persistent: after_start.map(|after| Stamp {
            name: "x.timer".into(),
            last: after_end.map(|_| after.as_secs().cast_signed()),
        }),
        after_start,
        after_end,
    });
    let when = prop_oneof![
        vec(times, 0..3).prop_map(|times| When::Calendar(times.into())),
        duration()
            .prop_filter("some time", |interval| !interval.is_zero())
            .prop_map(When::Every),
        timer.prop_map(|timer| When::Timer(Box::new(timer))),
    ];
    (when, duration()).prop_map(|(when, jitter)| Schedule { when, jitter })
}

fn listen() -> impl Strategy<Value = Box<Listen>> {
    let kind = proptest::sample::select(vec![
        SocketKind::Stream,
        SocketKind::Datagram,
        SocketKind::Seqpacket,
        SocketKind::Fifo,
    ]);
    let address = prop_oneof![
        any::<u16>().prop_map(Address::Port),
        any::<SocketAddr>().prop_map(|a| Address::Ip(SocketAddr::new(a.ip(), a.port()))),
        text().prop_map(Address::Unix),
    ];
    let file = (any::<u32>(), option::of(text()), option::of(text()))
        .prop_map(|(mode, user, group)| SocketFile { mode, user, group });
    let options = (any::<u16>(), any::<bool>(), option::of(any::<bool>()));
    let numbers = || option::of(any::<u32>());
    let more = (numbers(), numbers(), numbers(), any::<[bool; 4]>());
    let more = (more, vec(text(), 0..3)).prop_map(|(more, symlinks)| {
        let (directory_mode, receive_buffer, send_buffer, flags) = more;
        let [no_delay, keep_alive, free_bind, pass_credentials] = flags;
        Box::new(SocketOptions {
            directory_mode,
            symlinks: symlinks.into(),
            receive_buffer,
            send_buffer,
            no_delay,
            keep_alive,
            free_bind,
            pass_credentials,
        })
    });
    let options = (options, option::of(more));
    let socket = (kind, address, text(), options, file).prop_map(
        |(kind, address, name, ((backlog, reuse_port, ipv6_only), options), file)| Socket {
            kind,
            address,
            name,
            backlog,
            reuse_port,
            ipv6_only,
            file,
            options,
        },
    );
    let accept = (any::<u32>(), any::<u32>(), any::<[bool; 3]>());
    let accept = accept.prop_map(|(most, most_per_source, [input, output, error])| {
        Box::new(Accept {
            most,
            most_per_source,
            streams: Streams {
                input,
                output,
                error,
            },
        })
    });
    let listen = (vec(socket, 1..4), any::<bool>(), option::of(accept));
    listen.prop_map(|(sockets, on_demand, accept)| {
        Box::new(Listen {
            sockets: sockets.into(),
            on_demand,
            accept,
            watch: on_demand.then(|| {
                Box::new(Watch {
                    paths: Words::new(["PathExists=/x"]),
                    make: Some(0o755),
                })
            }),
        })
    })
}

fn setup() -> impl Strategy<Value = Box<Setup>> {
    let texts = || vec(text(), 0..3).prop_map(Vec::into_boxed_slice);
    let folder = (0..Base::ALL.len(), text(), any::<u32>(), texts()).prop_map(
        |(base, name, mode, links)| Folder {
            base: Base::ALL[base],
            name,
            mode,
            links,
        },
    );
    let confinement = (any::<bool>(), option::of(any::<u64>()), any::<u64>()).prop_map(
        |(no_new_privileges, bounding, ambient)| Confinement {
            no_new_privileges,
            bounding: bounding.map(Capabilities),
            ambient: Capabilities(ambient),
        },
    );
    let secret = (text(), text(), any::<bool>()).prop_map(|(name, path, optional)| Secret {
        name,
        path,
        optional,
    });
    let file_variables = prop_oneof![
        Just(FileVariables::None),
        Just(FileVariables::All),
        texts().prop_map(FileVariables::Of)
    ];
    let preserve = prop_oneof![
        Just(Preserve::No),
        Just(Preserve::Restart),
        Just(Preserve::Yes)
    ];
    (
        (vec(folder, 0..3), preserve, texts(), confinement),
        (
            option::of(texts()),
            texts(),
            vec(secret, 0..3),
            file_variables,
            words(0),
            words(0),
        ),
    )
        .prop_map(
            |(
                (folders, preserve, remove, confinement),
                (pass, unset, secrets, file_variables, conditions, sandbox),
            )| {
                Box::new(Setup {
                    folders: folders.into(),
                    preserve,
                    remove,
                    confinement,
                    pass,
                    unset,
                    secrets: secrets.into(),
                    file_variables,
                    conditions,
                    sandbox,
                })
            },
        )
}

fn commands() -> impl Strategy<Value = Box<Commands>> {
    let list = || {
        let command = (words(1), manner(), any::<bool>());
        let command = command.prop_map(|(words, manner, ignore_failure)| ControlCommand {
            command: Command { words, manner },
            ignore_failure,
        });
        vec(command, 0..3).prop_map(Vec::into_boxed_slice)
    };
    let lists = (list(), list(), list(), list(), list(), list());
    lists.prop_map(
        |(condition, start_pre, start_post, reload, stop, stop_post)| {
            Box::new(Commands {
                condition,
                start_pre,
                start_post,
                reload,
                stop_at_end: !stop.is_empty(),
                stop,
                stop_post,
            })
        },
    )
}

fn exec() -> impl Strategy<Value = Exec> {
    let identity = (option::of(text()), option::of(text()), vec(text(), 0..3)).prop_map(
        |(user, group, supplementary)| {
            Box::new(Identity {
                user,
                group,
                supplementary: supplementary.into(),
            })
        },
    );
    let files = vec((text(), any::<bool>()), 0..3).prop_map(|files| {
        files
            .into_iter()
            .map(|(path, optional)| EnvironmentFile { path, optional })
            .collect::<Box<[_]>>()
    });
    let limits = vec((0..16usize, any::<u64>(), any::<u64>()), 0..4).prop_map(|limits| {
        limits
            .into_iter()
            .map(|(resource, soft, hard)| Limit {
                resource: Resource::ALL[resource],
                soft,
                hard,
            })
            .collect::<Box<[_]>>()
    });
    let group_limits = vec((0..GroupResource::ALL.len(), any::<u64>()), 0..4).prop_map(|all| {
        let of = |(of, amount): (usize, u64)| GroupLimit {
            of: GroupResource::ALL[of],
            amount,
        };
        all.into_iter().map(of).collect::<Box<[_]>>()
    });
    let output = proptest::sample::select(vec![
        Output::Prefix,
        Output::Raw,
        Output::Inherit,
        Output::Null,
        Output::Json,
        Output::File,
    ]);
    let file = (text(), any::<u64>(), any::<u32>()).prop_map(|(path, rotate_size, keep)| LogFile {
        path,
        rotate_size,
        keep,
    });
    let ring = option::of(any::<u32>());
    let follow = vec(text(), 0..3);
    let log = (any::<bool>(), ring, option::of(file), any::<bool>(), follow).prop_map(
        |(timestamps, ring, file, drops, follow)| {
            Box::new(Log {
                timestamps,
                ring,
                file,
                drops,
                follow: follow.into(),
            })
        },
    );
    let log = option::of(log);
    (
        (
            words(1),
            manner(),
            words(0),
            words(0),
            files,
            option::of(text()),
        ),
        (
            option::of(identity),
            option::of(any::<u32>()),
            (limits, group_limits),
            option::of(any::<i8>()),
            option::of(any::<i16>()),
            any::<[bool; 2]>(),
            output,
            log,
            option::of(setup()),
        ),
    )
        .prop_map(
            |(
                (command, manner, environment_below, environment, environment_files, directory),
                (
                    identity,
                    umask,
                    (limits, group_limits),
                    nice,
                    oom_score_adjust,
                    [ignore_pipe, exec_pid],
                    output,
                    log,
                    setup,
                ),
            )| Exec {
                command,
                manner,
                environment_below,
                environment,
                environment_files,
                directory,
                identity,
                umask,
                limits,
                group_limits,
                nice,
                oom_score_adjust,
                ignore_pipe,
                exec_pid,
                output,
                log,
                setup,
            },
        )
}

fn service(count: u32) -> impl Strategy<Value = ServiceSpec> {
    let ids = || vec((0..count).prop_map(ServiceId), 0..3).prop_map(Vec::into_boxed_slice);
    let ties = [(); 9].map(|()| ids());
    let ties = ties.prop_map(|all| Box::new(Ties::from(all)));
    let edges = (ids(), ids(), ids(), ids(), option::of(ties)).prop_map(
        |(requires, wants, after, before, ties)| Edges {
            requires,
            wants,
            after,
            before,
            ties,
        },
    );
    let restart = (
        proptest::sample::select(vec![
            RestartPolicy::Always,
            RestartPolicy::OnFailure,
            RestartPolicy::No,
            RestartPolicy::OnSuccess,
            RestartPolicy::OnAbnormal,
            RestartPolicy::OnAbort,
            RestartPolicy::OnWatchdog,
        ]),
        duration(),
        duration(),
        duration(),
        option::of((any::<u32>(), duration())),
        option::of((vec(exit(), 0..3), vec(exit(), 0..3))),
    )
        .prop_map(
            |(policy, delay, delay_max, reset, limit, by_exit)| Restart {
                policy,
                delay,
                delay_max,
                reset,
                limit: limit.map(|(count, within)| StartLimit { count, within }),
                by_exit: by_exit.map(|(prevent, force)| {
                    let (prevent, force) = (prevent.into(), force.into());
                    Box::new(RestartByExit { prevent, force })
                }),
            },
        );
    let stop = (signal(), option::of(duration()), kill_mode(), any::<bool>()).prop_map(
        |(signal, timeout, kill_mode, to_group)| Stop {
            signal,
            timeout,
            kill_mode,
            to_group,
        },
    );
    (
        (
            text(),
            any::<[bool; 5]>(),
            edges,
            option::of((probe(), option::of(duration()))),
            option::of(listen()),
            ready(),
            (option::of(health()), option::of(notify())),
            option::of(duration()),
        ),
        (
            restart,
            vec(exit(), 0..3),
            (option::of(signal()), stop),
            (option::of(commands()), tracking(), option::of(forking())),
            exec(),
            text(),
            option::of(schedule()),
        ),
    )
        .prop_map(
            |(
                (name, flags, edges, wait_for, listen, ready, (health, notify), start_timeout),
                (
                    restart,
                    success,
                    (reload_signal, stop),
                    (commands, tracking, forking),
                    exec,
                    source,
                    schedule,
                ),
            )| {
                let [oneshot, enabled, essential, is_main, readiness_gate] = flags;
                ServiceSpec {
                    name,
                    kind: if oneshot { Kind::Oneshot } else { Kind::Simple },
                    enabled,
                    pulled: essential,
                    essential,
                    readiness_gate,
                    is_main,
                    edges,
                    wait_for: wait_for.map(|(probe, timeout)| Box::new(WaitFor { probe, timeout })),
                    listen,
                    ready,
                    health: health.map(Box::new),
                    schedule: schedule.map(Box::new),
                    notify: notify.map(Box::new),
                    start_timeout,
                    restart,
                    success: success.into(),
                    reload_signal,
                    stop,
                    forking: forking.map(Box::new),
                    commands,
                    tracking,
                    exec,
                    terms: enabled.then(|| {
                        Box::new(Terms {
                            restart_signal: reload_signal,
                            final_signal: reload_signal,
                            abort_timeout: start_timeout,
                            longest: start_timeout,
                            extra: start_timeout.unwrap_or_default(),
                            success_ends_all: essential,
                            failure_ends_all: is_main,
                            limit_ends_all: readiness_gate,
                            refuses_start: oneshot,
                            refuses_stop: is_main,
                            stops_unneeded: is_main,
                            remains: oneshot,
                            success_code: reload_signal.map(Signal::number),
                            failure_code: None,
                        })
                    }),
                    unit: enabled.then(|| source.clone()),
                    source,
                }
            },
        )
}

fn kill_mode() -> impl Strategy<Value = KillMode> {
    prop_oneof![
        Just(KillMode::Tree),
        Just(KillMode::Process),
        Just(KillMode::ControlGroup),
        Just(KillMode::Mixed),
        Just(KillMode::None),
    ]
}

fn forking() -> impl Strategy<Value = Forking> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (option::of(text()), flags).prop_map(|(pid_file, (never_guess, starts_anyhow, by_script))| {
        Forking {
            pid_file,
            never_guess,
            starts_anyhow,
            by_script,
        }
    })
}

fn tracking() -> impl Strategy<Value = Tracking> {
    prop_oneof![
        Just(Tracking::Marks),
        Just(Tracking::Subreaper),
        Just(Tracking::Cgroup),
    ]
}

fn init() -> impl Strategy<Value = InitSpec> {
    let socket = prop_oneof![
        Just(ControlSocket::Default),
        Just(ControlSocket::None),
        text().prop_map(ControlSocket::Path)
    ];
    let log = prop_oneof![
        Just(TerminationLog::Default),
        Just(TerminationLog::None),
        text().prop_map(TerminationLog::Path)
    ];
    (
        option::of(duration()),
        duration(),
        any::<[bool; 5]>(),
        socket,
        log,
        prop_oneof![Just(Cgroups::Auto), Just(Cgroups::Yes), Just(Cgroups::No)],
        option::of(listen()),
    )
        .prop_map(
            |(
                timeout,
                shutdown_delay,
                [keep_running, nested, open, json, timestamps],
                control_socket,
                log,
                cgroups,
                listen,
            )| {
                let http = listen.and_then(|listen| listen.sockets.into_iter().next());
                InitSpec {
                    shutdown_timeout: timeout,
                    shutdown_delay,
                    keep_running,
                    nested,
                    control_socket,
                    control_access: if open {
                        ControlAccess::Status
                    } else {
                        ControlAccess::Owner
                    },
                    termination_log: log,
                    cgroups,
                    systemd_folder: json.then_some(open),
                    syslog: open.then_some(json),
                    own_lines: OwnLines { json, timestamps },
                    http: http.map(Box::new),
                }
            },
        )
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let lines = || vec(text(), 0..3);
    let spec = (init(), vec(service(3), 3..5)).prop_map(|(init, services)| Spec { init, services });
    prop_oneof![
        1 => Just(Outcome::Nothing),
        2 => (lines(), lines()).prop_map(|(errors, warnings)| Outcome::Refused { errors, warnings }),
        9 => (spec, lines(), lines(), any::<bool>()).prop_map(|(spec, warnings, notes, has_units)| Outcome::Ready { spec, warnings, notes, has_units }),
    ]
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded_the_same(outcome in outcome()) {
        prop_assert_eq!(decode(&encode(&outcome)), Ok(outcome));
    }

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn a_plan_with_one_byte_changed_never_panics(
        outcome in outcome(), at in any::<prop::sample::Index>(), byte in any::<u8>()
    ) {
        let mut bytes = encode(&outcome);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(Outcome::Ready { spec, .. }) = decode(&bytes) {
            prop_assert!(is_sound(&spec));
            let schedules = spec.services.iter().filter_map(|s| s.schedule.as_ref());
            for schedule in schedules {
                let _ = schedule.next(1_795_543_200);
            }
        }
    }

    #[test]
    fn a_plan_cut_short_is_malformed(outcome in outcome(), at in any::<prop::sample::Index>()) {
        let bytes = encode(&outcome);
        prop_assert_eq!(decode(&bytes[..at.index(bytes.len())]), Err(Malformed));
    }
}

#[test]
fn an_edge_to_nowhere_is_malformed() {
    let mut service = ServiceSpec::new("web");
    service.exec.command = Words::new(["true"]);
    service.edges.after = [ServiceId(1)].into();
    let outcome = Outcome::Ready {
        spec: Spec {
            init: InitSpec::default(),
            services: vec![service],
        },
        warnings: Vec::new(),
        notes: Vec::new(),
        has_units: false,
    };
    assert_eq!(decode(&encode(&outcome)), Err(Malformed));
}

#[test]
fn a_plan_beyond_the_limit_becomes_a_refusal() {
    let outcome = Outcome::Refused {
        errors: vec!["x".repeat(MAX_BYTES).into()],
        warnings: Vec::new(),
    };
    let decoded = decode(&encode(&outcome)).unwrap();
    assert!(matches!(decoded, Outcome::Refused { errors, .. } if errors[0].contains("too large")));
}
