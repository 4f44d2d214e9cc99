//! Commands around a service.

use super::*;
use crate::core::commands::{Commands, ControlCommand, List};
use crate::core::exec::{Manner, Words};
use crate::core::probe::Command;

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
    fn control_ends(&mut self, code: u8) {
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
