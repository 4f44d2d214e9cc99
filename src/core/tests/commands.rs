//! Commands around a service.

use super::*;
use crate::core::commands::{Commands, ControlCommand, List};
use crate::core::exec::{Manner, Words};
use crate::core::probe::Command;
use crate::core::request::Verb;

fn command(program: &str) -> ControlCommand {
    ControlCommand {
        command: Command {
            words: Words::new([program]),
            manner: Manner::default(),
        },
        ignore_failure: false,
    }
}

pub(super) fn with(lists: &[List]) -> ServiceSpec {
    let mut commands = Commands::default();
    for list in lists {
        *commands.list_mut(*list) = Box::new([command("one"), command("two")]);
    }
    let mut service = ServiceSpec::new("web");
    service.commands = Some(Box::new(commands));
    service
}

impl Table {
    /// The control process that the last event ordered: its run, list and place there.
    pub(super) fn control(&self) -> (RunId, List, u32) {
        let order = self.orders.iter().find_map(|action| match action {
            Action::SpawnControl { run, command, .. } => Some((*run, command.list, command.index)),
            _ => None,
        });
        order.unwrap_or_else(|| panic!("{:?}", self.orders))
    }

    /// It ends like this, and nothing of it is left.
    pub(super) fn control_ends(&mut self, code: u8) {
        let (run, _, _) = self.control();
        let exit = Exit::Code(code);
        self.event(Event::Spawned { run, pid: Pid(8) });
        self.event(Event::Executed { run });
        self.event(Event::Exited { run, exit });
        assert!(self.orders.contains(&Action::WatchTree { run }));
        self.event(Event::TreeGone { run });
    }

    pub(super) fn signals(&self) -> Vec<Signal> {
        let signal = |action: &Action| match action {
            Action::SignalMain { signal, .. } => Some(*signal),
            _ => None,
        };
        self.orders.iter().filter_map(signal).collect()
    }
}

#[test]
fn one_command_after_the_other_and_then_the_main_process() {
    let mut table = Table::new(vec![with(&[List::StartPre, List::StartPost])]);
    assert_eq!(table.control().1, List::StartPre);
    table.control_ends(0);
    assert_eq!(table.control().2, 1);
    assert!(table.spawned().is_empty());
    table.control_ends(0);
    assert_eq!(table.spawned(), [A]);
    table.up(A);
    assert_eq!(table.standing(A), Standing::Starting);
    assert_eq!(table.control().1, List::StartPost);
    table.control_ends(0);
    table.control_ends(0);
    assert_eq!(table.standing(A), Standing::Active);
}

#[test]
fn a_failed_start_is_told_with_its_command_and_restarted_after_the_last_command() {
    let mut table = Table::new(vec![with(&[List::StartPre, List::StopPost])]);
    table.control_ends(2);
    assert_eq!(table.control().1, List::StopPost);
    assert_eq!(table.standing(A), Standing::Stopping);
    table.control_ends(0);
    table.control_ends(0);
    assert_eq!(table.standing(A), Standing::Backoff);
    let reason = "web exec-start-pre: one: exit 2; ";
    let is_told = table.told.iter().any(|line| line.starts_with(reason));
    assert!(is_told, "{:?}", table.told);
}

#[test]
fn the_stop_signal_comes_after_the_commands_or_after_three_quarters_of_the_grace() {
    let mut table = Table::new(vec![with(&[List::Stop])]);
    table.up(A);
    let signal = Signal::TERM;
    let hung_up = false;
    let mut late = Table {
        wall: 0,
        system: table.system.clone(),
        now: table.now,
        orders: Vec::new(),
        told: Vec::new(),
    };
    table.event(Event::Signalled { signal, hung_up });
    assert!(table.signals().is_empty());
    table.control_ends(0);
    table.control_ends(0);
    assert_eq!(table.signals(), [Signal::TERM, Signal::CONT]);

    late.event(Event::Signalled { signal, hung_up });
    let grace = Duration::from_millis(8_750);
    assert_eq!(late.wait_for_deadline(), grace * 3 / 4);
    assert_eq!(late.signals(), [Signal::TERM, Signal::CONT]);
}

#[test]
fn the_end_of_a_chain_leaves_time_for_the_last_commands_of_each() {
    let mut base = with(&[List::StopPost]);
    base.name = "base".into();
    let mut web = with(&[List::StopPost]);
    web.edges.requires = Box::new([A]);
    let mut table = Table::new(vec![base, web]);
    table.up(A);
    table.up(B);
    let begun = table.now;
    table.event(Event::Signalled {
        signal: Signal::TERM,
        hung_up: false,
    });
    // Four times ten seconds are to share 8.75: nobody ends by himself.
    let share = Duration::from_millis(8_750) / 4;
    assert_eq!(table.wait_for_deadline(), share);
    table.exit(B, Exit::Signal(Signal::KILL));
    table.tree_gone(B);
    let (run, list, _) = table.control();
    assert_eq!(
        (table.system.service_of(run), list),
        (Some(B), List::StopPost)
    );
    table.event(Event::Spawned { run, pid: Pid(9) });
    assert_eq!(table.wait_for_deadline(), share);
    table.event(Event::Exited {
        run,
        exit: Exit::Signal(Signal::KILL),
    });
    table.event(Event::TreeGone { run });
    assert_eq!(table.standing(B), Standing::Inactive);
    assert_eq!(table.signals(), [Signal::TERM, Signal::CONT]);
    assert_eq!(table.wait_for_deadline(), share);
    assert_eq!(table.now.since(begun), share * 3);
}

/// A unit's, once it has been active or its oneshot has ended well.
#[test]
fn what_ends_well_by_itself_is_followed_by_a_units_stop_commands() {
    let unit = |kind, stop_at_end| {
        let mut service = with(&[List::Stop, List::StopPost]);
        service.kind = kind;
        service.restart.policy = RestartPolicy::No;
        service.stop.kill_mode = KillMode::ControlGroup;
        service.commands.as_mut().unwrap().stop_at_end = stop_at_end;
        let mut table = Table::new(vec![service]);
        let run = table.run(A);
        table.event(Event::Spawned { run, pid: Pid(7) });
        table.event(Event::Executed { run });
        table
    };
    for kind in [Kind::Simple, Kind::Oneshot] {
        let mut table = unit(kind, true);
        let mut failed = unit(kind, true);
        let mut toml = unit(kind, false);
        let run = table.run(A);
        table.exit(A, Exit::Code(0));
        assert_eq!(table.standing(A), Standing::Stopping);
        assert_eq!(table.control().1, List::Stop);
        assert!(!table.orders.iter().any(|order| is_signal(order, run)));
        table.control_ends(0);
        table.control_ends(0);
        if kind == Kind::Simple {
            // What it left is told to end only now.
            assert!(table.orders.iter().any(|order| is_signal(order, run)));
            table.tree_gone(A);
        }
        assert_eq!(table.control().1, List::StopPost);
        table.control_ends(0);
        table.control_ends(0);
        assert_eq!(table.standing(A), Standing::Exited);

        for (table, code) in [(&mut failed, 1), (&mut toml, 0)] {
            table.exit(A, Exit::Code(code));
            if kind == Kind::Simple {
                table.tree_gone(A);
            }
            assert_eq!(table.control().1, List::StopPost, "{kind:?} {code}");
        }
    }
}

fn is_signal(order: &Action, of: RunId) -> bool {
    matches!(order, Action::SignalTree { run, .. } if *run == of)
}

/// A command of a reload is ended before.
#[test]
fn the_stop_commands_of_one_that_has_ended_wait_for_the_end_of_a_reload() {
    let mut service = with(&[List::Reload, List::Stop]);
    service.restart.policy = RestartPolicy::No;
    service.commands.as_mut().unwrap().stop_at_end = true;
    let mut table = Table::new(vec![service]);
    table.up(A);
    table.ask(1, Verb::Reload, &[A]);
    let (reload, list, _) = table.control();
    assert_eq!(list, List::Reload);
    table.event(Event::Spawned {
        run: reload,
        pid: Pid(8),
    });
    table.exit(A, Exit::Code(0));
    table.event(Event::Exited {
        run: reload,
        exit: Exit::Signal(Signal::KILL),
    });
    table.event(Event::TreeGone { run: reload });
    assert_eq!(table.control().1, List::Stop);
}
