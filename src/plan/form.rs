//! What the plan is made of, field by field.

use super::Malformed;
use super::wire::{Input, Wire, enums, put_bytes, structs};
use crate::config::Outcome;
use crate::core::calendar::{Calendar, Change, Day, Rule, Summer, Times, Transition, Zone};
use crate::core::capability::{Capabilities, Confinement};
use crate::core::commands::{Commands, ControlCommand};
use crate::core::context::Context;
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
    Cgroups, ControlAccess, ControlSocket, Edges, Forking, InitSpec, KillMode, Kind, Notify,
    NotifyAccess, Ready, Restart, RestartByExit, RestartPolicy, ServiceSpec, Spec, StartLimit,
    Stop, TerminationLog, Terms, Ties, Tracking,
};

structs! {
    Spec { init, services }
    Context { service, exec, base, folder, umask, uid, gid, groups, control_socket }
    InitSpec {
        shutdown_timeout, shutdown_delay, keep_running, nested, control_socket, control_access,
        termination_log, cgroups, systemd_folder, syslog, own_lines, http,
    }
    ServiceSpec {
        name, kind, enabled, pulled, essential, readiness_gate, is_main, edges, wait_for, listen, ready, health,
        schedule, notify, start_timeout, restart, success, reload_signal, stop, forking, commands, tracking, exec, terms,
        source, unit,
    }
    Listen { sockets, on_demand, accept, watch }
    Watch { paths, make }
    Accept { most, most_per_source, streams }
    Streams { input, output, error }
    Socket { kind, address, name, backlog, reuse_port, ipv6_only, file, options }
    SocketOptions {
        directory_mode, symlinks, receive_buffer, send_buffer, no_delay, keep_alive, free_bind,
        pass_credentials,
    }
    SocketFile { mode, user, group }
    Edges { requires, wants, after, before, ties }
    Ties { part_of, binds_to, conflicts, on_failure, on_success, stops_with, reloads_with, starts, needed_by }
    Restart { policy, delay, delay_max, reset, limit, by_exit }
    RestartByExit { prevent, force }
    StartLimit { count, within }
    Forking { pid_file, never_guess, starts_anyhow, by_script }
    Stop { signal, timeout, kill_mode, to_group }
    Terms {
        restart_signal, final_signal, abort_timeout, longest, extra, success_ends_all, failure_ends_all,
        limit_ends_all, refuses_start, refuses_stop, stops_unneeded, remains, success_code, failure_code,
    }
    Exec {
        command, manner, environment_below, environment, environment_files, directory, identity, umask,
        limits, group_limits, nice, oom_score_adjust, ignore_pipe, exec_pid, output, log,
        setup,
    }
    Log { timestamps, ring, file, drops, follow }
    LogFile { path, rotate_size, keep }
    OwnLines { json, timestamps }
    Commands { condition, start_pre, start_post, reload, stop, stop_at_end, stop_post }
    ControlCommand { command, ignore_failure }
    Setup { folders, preserve, remove, confinement, pass, unset, secrets, file_variables, conditions, sandbox }
    Folder { base, name, mode, links }
    Confinement { no_new_privileges, bounding, ambient }
    Secret { name, path, optional }
    EnvironmentFile { path, optional }
    Identity { user, group, supplementary }
    Limit { resource, soft, hard }
    GroupLimit { of, amount }
    Http { host, port, path, status, body }
    Command { words, manner }
    Manner { expansion, renamed, privileges }
    Place { host, port }
    WaitFor { probe, timeout }
    Schedule { when, jitter }
    Timer { calendars, after_boot, after_start, after_end, persistent }
    Stamp { name, last }
    Times { calendar, zone }
    Calendar { years, months, days, last_days, weekdays, either, hours, minutes, seconds }
    Zone { offset, transitions, rule }
    Transition { at, offset }
    Rule { offset, summer }
    Summer { offset, begins, ends }
    Change { day, time }
    Notify { access, watchdog, watchdog_signal, store_max }
    Health { probe, interval, timeout, retries, start_period, on_unhealthy }
}

enums! {
    Outcome {
        0 = Nothing,
        1 = Ready { spec, warnings, notes, has_units },
        2 = Refused { errors, warnings },
    }
    ControlSocket { 0 = Default, 1 = None, 2 = Path(path) }
    TerminationLog { 0 = Default, 1 = None, 2 = Path(path) }
    ControlAccess { 0 = Owner, 1 = Status }
    SocketKind { 0 = Stream, 1 = Datagram, 2 = Seqpacket, 3 = Fifo }
    Address { 0 = Port(port), 1 = Ip(address), 2 = Unix(path) }
    Kind { 0 = Simple, 1 = Oneshot }
    Ready { 0 = Exec, 1 = Notify, 2 = Fd(fd), 3 = Probe(probe), 4 = Delay(delay), 5 = Log(pattern) }
    Probe {
        0 = Tcp(addresses), 1 = Unix(path), 2 = File(path), 3 = Http(http), 4 = Exec(command),
        5 = Names(places), 6 = Bus(name),
    }
    NotifyAccess { 0 = All, 1 = Exec, 2 = Main, 3 = None }
    OnUnhealthy { 0 = None, 1 = Restart, 2 = Shutdown }
    When { 0 = Calendar(times), 1 = Every(interval), 2 = Timer(timer) }
    Day { 0 = Julian(day), 1 = Ordinal(day), 2 = Weekday { month, week, weekday } }
    RestartPolicy {
        0 = Always, 1 = OnFailure, 2 = No, 3 = OnSuccess, 4 = OnAbnormal, 5 = OnAbort, 6 = OnWatchdog,
    }
    KillMode { 0 = Tree, 1 = Process, 2 = ControlGroup, 3 = Mixed, 4 = None }
    Tracking { 0 = Marks, 1 = Subreaper, 2 = Cgroup }
    Cgroups { 0 = Auto, 1 = Yes, 2 = No }
    Base { 0 = Runtime, 1 = State, 2 = Cache, 3 = Logs, 4 = Configuration }
    Preserve { 0 = No, 1 = Restart, 2 = Yes }
    FileVariables { 0 = None, 1 = All, 2 = Of(names) }
    Expansion { 0 = None, 1 = Forms, 2 = Unit }
    Privileges { 0 = Service, 1 = KeepUser, 2 = Full }
    Output { 0 = Prefix, 1 = Raw, 2 = Inherit, 3 = Null, 4 = Json, 5 = File }
    Exit { 0 = Code(code), 1 = Signal(signal), 2 = OutOfMemory, 3 = Unknown }
}

impl Wire for Capabilities {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        u64::get(input).map(Self)
    }
}

impl Wire for ServiceId {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        u32::get(input).map(Self)
    }
}

impl Wire for Signal {
    fn put(&self, out: &mut Vec<u8>) {
        self.number().put(out);
    }
    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Self::new(u8::get(input)?.into()).ok_or(Malformed)
    }
}

impl Wire for Resource {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }
    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let number = u8::get(input)?;
        Self::ALL.get(usize::from(number)).copied().ok_or(Malformed)
    }
}

impl Wire for GroupResource {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }
    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let number = u8::get(input)?;
        Self::ALL.get(usize::from(number)).copied().ok_or(Malformed)
    }
}

impl Wire for Words {
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(self.block(), out);
    }
    fn get(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Self::from_block(input.bytes()?.into()).ok_or(Malformed)
    }
}
