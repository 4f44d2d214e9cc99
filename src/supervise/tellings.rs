//! Clients who read what services print: each is handed to a process of its own, so that
//! none of them costs PID 1 more than a fork, whatever it does.

use std::os::fd::{AsFd, OwnedFd};

use super::output::Outputs;
use crate::control::Logs;
use crate::core::id::Pid;
use crate::core::output::Output;
use crate::core::signal::Signal;
use crate::core::sorted::Map;
use crate::core::spec::ServiceSpec;
use crate::core::system::System;
use crate::logger::{Teller, Telling};
use crate::sys::fork::helper;
use crate::sys::signal::kill;

/// No more at once.
const MOST: usize = 16;

/// The processes that tell, and whether they follow.
#[derive(Default)]
pub(crate) struct Tellings(Map<Pid, bool>);

impl Tellings {
    /// Hands a client over; gives the process that has it now, or why there is none.
    pub(super) fn begin(
        &mut self,
        logs: &Logs,
        client: &OwnedFd,
        system: &System,
        outputs: &Outputs,
    ) -> Result<Pid, String> {
        if self.0.len() >= MOST {
            return Err(format!("{MOST} clients read output already"));
        }
        let telling = telling(logs, client, system, outputs);
        let keep = telling.descriptors();
        // Before it looks for the first time: from then on it is to be told.
        let followers = self.followers().saturating_add(usize::from(logs.follow));
        outputs.set_followers(followers);
        match helper(c"rinit-logs", &keep, || telling.run()) {
            Ok(pid) => {
                self.0.insert(pid, logs.follow);
                Ok(pid)
            }
            Err(errno) => {
                outputs.set_followers(self.followers());
                Err(format!("no process to read it: {errno}"))
            }
        }
    }

    /// Ends them all, since what they read is another's now, or elsewhere. Their clients
    /// come again, and go on where they were.
    pub(super) fn end(&self) {
        for pid in self.0.keys() {
            let _ = kill(*pid, Signal::KILL);
        }
    }

    fn followers(&self) -> usize {
        self.0.values().filter(|follows| **follows).count()
    }

    /// A helper has ended.
    pub(super) fn child_ended(&mut self, pid: Pid, outputs: &Outputs) {
        if self.0.remove(&pid).is_some() {
            outputs.set_followers(self.followers());
        }
    }
}

fn telling<'a>(
    logs: &Logs,
    client: &'a OwnedFd,
    system: &'a System,
    outputs: &'a Outputs,
) -> Telling<'a> {
    let (mut tellers, mut notes) = (Vec::new(), Vec::new());
    for id in &logs.services {
        let Some(spec) = system.service(*id) else {
            continue;
        };
        match outputs.ring_of(*id) {
            Some(writer) => tellers.push(Teller {
                name: &spec.name,
                writer,
            }),
            None => notes.push(why_nothing(spec)),
        }
    }
    Telling {
        memory: outputs.memory(),
        client: client.as_fd(),
        tellers,
        notes,
        past: logs.past,
        follow: logs.follow,
    }
}

/// Why nothing is kept of a service.
fn why_nothing(spec: &ServiceSpec) -> String {
    let name = &spec.name;
    match spec.exec.output {
        Output::Inherit => format!(
            "{name} writes to the container's own output, where rinit doesn't see it (output = \"inherit\")"
        ),
        Output::Null => format!("what {name} prints goes nowhere (output = \"null\")"),
        Output::Prefix | Output::Raw | Output::Json | Output::File => {
            format!("nothing is kept of what {name} prints (log-ring = 0)")
        }
    }
}
