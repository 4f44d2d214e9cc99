//! What must hold of commands around a service: which comes when, and that each comes.

use std::collections::BTreeMap;

use rinit::core::action::{Action, Question};
use rinit::core::apply::places::Places;
use rinit::core::commands::{CommandId, Commands, List};
use rinit::core::event::Event;
use rinit::core::exit::Exit;
use rinit::core::id::{RunId, ServiceId};
use rinit::core::report::Report;
use rinit::core::spec::{KillMode, Kind, ServiceSpec};
use rinit::core::state::{Standing, State};
use rinit::core::system::System;

use crate::kernel::Kernel;

/// One life of a service with commands.
struct Life {
    service: ServiceId,
    /// The last command that was begun.
    last: Option<CommandId>,
    /// Its run, and whether it ended well or needn't have; `None` while it runs.
    control: Option<(RunId, Option<bool>)>,
    executed: bool,
    main_exit: Option<Exit>,
    active: bool,
    /// It wasn't to be: nothing comes after it.
    unmet: bool,
}

#[derive(Default)]
pub(crate) struct Stages {
    lives: BTreeMap<RunId, Life>,
    life_of: BTreeMap<RunId, RunId>,
}

impl Stages {
    /// After `event`, before `actions` are carried out. `forced`: all is killed.
    pub(crate) fn check(
        &mut self,
        system: &System,
        kernel: &Kernel,
        event: &Event,
        actions: &[Action],
        forced: bool,
    ) -> Result<(), String> {
        self.hear(system, event);
        // Reports stand behind orders.
        for action in actions {
            if let Action::Report(Report::Changed {
                service,
                to: Standing::Active,
                ..
            }) = action
            {
                self.becomes_active(system, *service)?;
            }
        }
        for action in actions {
            if let Action::Spawn { service, run }
            | Action::Probe {
                service,
                run,
                // Nothing of it has begun while it waits for what lives elsewhere.
                of: Question::Readiness | Question::Health | Question::MainProcess,
            }
            | Action::SpawnControl {
                service, life: run, ..
            } = action
            {
                self.lives.entry(*run).or_insert(Life {
                    service: *service,
                    last: None,
                    control: None,
                    executed: false,
                    main_exit: None,
                    active: false,
                    unmet: false,
                });
            }
            match action {
                Action::SpawnControl {
                    service,
                    life,
                    run,
                    command,
                    ..
                } => {
                    let twins = kernel.runs.iter().filter(|(other, known)| {
                        known.control && known.service == *service && *other != run
                    });
                    if twins.clone().any(|(_, twin)| twin.main_lives()) {
                        return Err(format!("{action:?}: two at once"));
                    }
                    let spec = system.service(*service).unwrap();
                    self.begins(spec, kernel, *life, *run, *command)
                        .map_err(|why| format!("{action:?}: {why}"))?;
                }
                Action::Spawn { service, run } => {
                    let spec = system.service(*service).unwrap();
                    if let Some(commands) = &spec.commands
                        && !self.lives[run].is_through(commands, List::StartPre)
                    {
                        return Err(format!("{action:?} before exec-start-pre was over"));
                    }
                }
                Action::Forget { run } => self.is_forgotten(system, *run, forced)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Services have other numbers now; what is no more has no life.
    pub(crate) fn take_over(&mut self, places: &Places) {
        for life in self.lives.values_mut() {
            life.service = places.of(life.service).unwrap_or(crate::applying::GONE);
        }
    }

    fn hear(&mut self, system: &System, event: &Event) {
        let (run, exit) = match event {
            Event::Exited { run, exit } => (run, Some(*exit)),
            Event::SpawnFailed { run, .. } => (run, None),
            Event::Unmet { run, .. } => {
                let life = self.life_of.get(run).unwrap_or(run);
                if let Some(life) = self.lives.get_mut(life) {
                    life.unmet = true;
                }
                (run, None)
            }
            Event::Executed { run } => {
                if let Some(life) = self.lives.get_mut(run) {
                    life.executed = true;
                }
                return;
            }
            _ => return,
        };
        let Some(life) = self.life_of.get(run) else {
            if let Some(life) = self.lives.get_mut(run) {
                life.main_exit = exit;
            }
            return;
        };
        let life = self.lives.get_mut(life).unwrap();
        let command = life.last.unwrap();
        let commands = system.service(life.service).unwrap().commands.as_ref();
        let command = commands.unwrap().get(command).unwrap();
        let ignored = command.ignore_failure;
        if let Some((known, well)) = &mut life.control
            && known == run
        {
            *well = Some(ignored || exit == Some(Exit::Code(0)));
        }
    }

    fn begins(
        &mut self,
        spec: &ServiceSpec,
        kernel: &Kernel,
        life_run: RunId,
        run: RunId,
        command: CommandId,
    ) -> Result<(), String> {
        let commands = spec.commands.as_ref().unwrap();
        let life = self.lives.get_mut(&life_run).unwrap();
        if let Some((known, None)) = life.control
            && known == run
            && life.last == Some(command)
        {
            // The kernel had no process to give.
            return Ok(());
        }
        if let Some((known, None)) = life.control
            && known != run
        {
            return Err("the last one hasn't ended".into());
        }
        let again = command.list == List::Reload && command.index == 0;
        let in_order = match life.last {
            Some(last) if last.list == command.list && !again => {
                command.index == last.index + 1
                    && life.control.is_some_and(|(_, well)| well == Some(true))
            }
            // A list of reload may come again and again.
            Some(last) => {
                (last.list < command.list || again && last.list == List::Reload)
                    && command.index == 0
            }
            None => command.index == 0,
        };
        if !in_order {
            return Err(format!("after {:?}", life.last));
        }
        let main_lives = kernel
            .runs
            .get(&life_run)
            .is_some_and(|run| run.main_lives());
        let rest_lives = kernel
            .runs
            .get(&life_run)
            .is_some_and(|run| run.anything_lives());
        let stays = spec.kind == Kind::Oneshot || spec.stop.kill_mode == KillMode::Process;
        let may = match command.list {
            List::Condition | List::StartPre => !life.executed && !main_lives,
            List::StartPost => match spec.kind {
                Kind::Simple => life.executed,
                Kind::Oneshot => life.main_exit.is_some() && !main_lives,
            },
            List::Stop => {
                // After an end of the main process by itself a unit's alone, and not after a failure.
                let may_follow = |exit| {
                    spec.remains()
                        || spec.forking.is_some()
                        || commands.stop_at_end && spec.is_well(exit)
                };
                (life.active || spec.kind == Kind::Oneshot)
                    && (command.index > 0 || life.main_exit.is_none_or(may_follow))
            }
            List::Reload => life.active && (main_lives || spec.forking.is_some()),
            // With `kill-mode = "none"` what runs is nobody's from now on.
            List::StopPost if spec.stop.kill_mode == KillMode::None => true,
            List::StopPost => !main_lives && (stays || !rest_lives),
        };
        if !may {
            return Err("not at this time".into());
        }
        if command.list == List::StartPost && !life.is_through(commands, List::StartPre) {
            return Err("before exec-start-pre was over".into());
        }
        life.last = Some(command);
        life.control = Some((run, None));
        self.life_of.insert(run, life_run);
        Ok(())
    }

    fn becomes_active(&mut self, system: &System, id: ServiceId) -> Result<(), String> {
        let spec = system.service(id).unwrap();
        let Some(commands) = &spec.commands else {
            return Ok(());
        };
        let run = system.state(id).and_then(State::run).map(|run| run.id);
        let Some(life) = run.and_then(|run| self.lives.get_mut(&run)) else {
            return Ok(());
        };
        life.active = true;
        if !life.is_through(commands, List::StartPre) || !life.is_through(commands, List::StartPost)
        {
            return Err(format!("{id:?} is active with {:?}", life.last));
        }
        Ok(())
    }

    fn is_forgotten(&mut self, system: &System, run: RunId, forced: bool) -> Result<(), String> {
        if let Some(life) = self.life_of.remove(&run) {
            // The kernel never had a process for it, and it isn't wanted any more.
            if let Some(Life {
                control: Some((known, well @ None)),
                ..
            }) = self.lives.get_mut(&life)
                && *known == run
            {
                *well = Some(false);
            }
            return Ok(());
        }
        let Some(life) = self.lives.remove(&run) else {
            return Ok(());
        };
        if let Some((control, _)) = life.control
            && self.life_of.contains_key(&control)
        {
            return Err(format!("{run:?} is over, but {control:?} isn't"));
        }
        let commands = system.service(life.service).unwrap().commands.as_ref();
        let farewell = commands.is_some_and(|commands| !commands.stop_post.is_empty());
        if farewell
            && !forced
            && !life.unmet
            && life.last.is_none_or(|last| last.list != List::StopPost)
        {
            return Err(format!("{run:?} is over without exec-stop-post"));
        }
        Ok(())
    }
}

impl Life {
    /// Every command of the list ended well, or needn't have.
    fn is_through(&self, commands: &Commands, list: List) -> bool {
        if list > List::Condition && !self.is_through(commands, List::Condition) {
            return false;
        }
        let count = commands.list(list).len();
        let Some(last) = self.last.filter(|last| last.list >= list) else {
            return count == 0;
        };
        let well = self.control.is_some_and(|(_, well)| well == Some(true));
        count == 0 || last.list > list || (well && last.index as usize + 1 == count)
    }
}
