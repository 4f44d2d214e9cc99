//! A control process: spawned as the main process is, with the service's whole context and
//! output, in a run of its own.

use std::os::fd::AsFd;

use super::act::Results;
use super::hands::Hands;
use super::launch::{Beside, Wires};
use super::marks;
use super::notify::NotifySocket;
use crate::core::action::Action;
use crate::core::commands::{CommandId, List, ServiceResult};
use crate::core::event::Event;
use crate::core::id::{RunId, ServiceId};
use crate::core::spec::ServiceSpec;
use crate::core::system::System;
use crate::sys::clock;
use crate::sys::error::Errno;

/// What `Action::SpawnControl` says.
struct Order {
    service: ServiceId,
    life: RunId,
    run: RunId,
    command: CommandId,
    result: Option<ServiceResult>,
}

impl Hands {
    /// Carries out `Action::SpawnControl`.
    pub(crate) fn spawn_control(
        &mut self,
        system: &System,
        action: &Action,
        results: &mut Results,
    ) {
        let Action::SpawnControl {
            service,
            life,
            run,
            command,
            result,
        } = *action
        else {
            return;
        };
        let Some(spec) = system.service(service) else {
            return;
        };
        // The subreaper may have said already who the main process is.
        self.hear_subreaper(system, life, results);
        let order = Order {
            service,
            life,
            run,
            command,
            result,
        };
        results.push_back(match self.try_spawn_control(spec, &order) {
            Ok(pid) => Event::Spawned { run, pid },
            Err(errno) => Event::ForkRefused {
                run,
                errno: errno.0,
            },
        });
    }

    fn try_spawn_control(
        &mut self,
        spec: &ServiceSpec,
        order: &Order,
    ) -> Result<crate::core::id::Pid, Errno> {
        let CommandId { list, index } = order.command;
        // The life begins with its first process; what it leaves goes when the life does.
        let life = self.runs.entry(order.life, order.service);
        let main = life.main;
        life.extra().controlled_by = Some(order.run);
        self.prepare_notify(order.service, order.life, spec)?;
        let commands = spec.commands.as_deref();
        let Some(own) = commands.and_then(|commands| commands.get(order.command)) else {
            return Err(Errno(nix::errno::Errno::ENOENT as i32));
        };
        let main = main.map(|pid| format!("MAINPID={}", pid.0).into_bytes());
        let mark = self.launcher.invocation(order.run);
        let mark = format!("{}={mark}", marks::CONTROL).into_bytes();
        let result = order.result.into_iter().flat_map(ServiceResult::variables);
        let beside = Beside {
            command: &own.command,
            variables: [mark].into_iter().chain(main).chain(result).collect(),
        };
        let grouped = self.group(order.service, order.run, spec, true);
        let notify = self.notify.get(&order.service);
        let [out, err] = self.outputs.of(order.service, spec.exec.output, &self.null);
        let wires = Wires {
            standard: [self.null.as_fd(), out, err],
            ready: None,
            notify: notify.map(NotifySocket::address),
            entrances: &grouped.entrances,
            is_tracked: false,
            cleared: self.clearing.of(order.service),
            // What the last run left is for the main process.
            passed: &[],
        };
        let first = index == 0
            && match list {
                List::Condition => true,
                List::StartPre => commands.is_some_and(|commands| commands.condition.is_empty()),
                List::StartPost | List::Reload | List::Stop | List::StopPost => false,
            };
        let invocation = self.launcher.invocation(order.life);
        let spawned_nanos = clock::file_nanos();
        let launched = self
            .launcher
            .launch(spec, Some(&beside), first, invocation, &wires);
        let launched = match launched {
            Ok(launched) => launched,
            Err(errno) => {
                self.ungroup(order.service, grouped.groups);
                return Err(errno);
            }
        };
        let pid = self.take(order.run, order.service, launched, spawned_nanos);
        if let Some(entry) = self.runs.get_mut(order.run) {
            entry.extra().control = Some((order.command, order.life));
            entry.belongs_to(grouped, &spec.exec.group_limits);
        }
        Ok(pid)
    }
}
