//! A command that somebody executes as a service would be: by the service's full road, in
//! the caller's own process, where it stands and with its descriptors. Not for PID 1.

use std::fmt;
use std::os::fd::AsFd;

use super::environment;
use super::explain::explain;
use super::extras::Extras;
use super::full::{Full, Role, failed};
use super::launch::Wires;
use crate::core::context::Context;
use crate::core::event::SpawnFailure;
use crate::core::exec::{Identity, Words};
use crate::core::spec::ServiceSpec;
use crate::sys::fd::{self, Standard, standard};
use crate::sys::process;
use crate::sys::signal::{self, SignalSet};
use crate::sys::spawn::{Failure, Place, Step};

/// The variable that says what a terminal can do.
const TERMINAL: &[u8] = b"TERM";

/// Why the command isn't executed.
pub(crate) struct NotExecuted(SpawnFailure);

impl NotExecuted {
    /// The exit status that it gives.
    pub(crate) fn code(&self) -> u8 {
        self.0.code()
    }
}

impl fmt::Display for NotExecuted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.step)?;
        match &*self.0.reason {
            "" => Ok(()),
            reason => write!(f, ": {reason}"),
        }
    }
}

/// Becomes the command; comes back only with the reason why not. `terminal` is the
/// caller's TERM.
pub(crate) fn become_command(
    context: Context,
    command: &[&[u8]],
    terminal: Option<&[u8]>,
) -> NotExecuted {
    let mut spec = ServiceSpec::new(&context.service);
    let mut exec = context.exec;
    exec.command = Words::new(command);
    exec.umask = exec.umask.or(Some(context.umask));
    // Whoever isn't who rinit is becomes that first.
    if exec.identity.is_none() && process::effective_uid() != context.uid {
        let numbers = context.groups.iter().map(|group| group.to_string().into());
        exec.identity = Some(Box::new(Identity {
            user: Some(context.uid.to_string().into()),
            group: Some(context.gid.to_string().into()),
            supplementary: numbers.collect(),
        }));
    }
    // It is people's, who look at what the service is kept from.
    if let Some(setup) = exec.setup.as_deref_mut() {
        setup.sandbox = Words::default();
    }
    spec.exec = exec;
    // What the container's terminal can do is nothing to the caller's.
    let terminal = terminal.map(|value| [TERMINAL, value].join(&b'='));
    let mut base: Vec<&[u8]> = context.base.iter().collect();
    if let Some(word) = &terminal {
        environment::put(&mut base, word);
    }
    let base = Words::new(base);
    let control = context.control_socket.as_deref();
    let extras = Extras::of_nobody(&context.service, control);
    let failure = try_command(&spec, &base, &extras, context.folder.as_deref());
    NotExecuted(explain(&spec, &failure))
}

fn try_command(spec: &ServiceSpec, base: &Words, extras: &Extras, folder: Option<&str>) -> Failure {
    let errno_of = |errno: nix::errno::Errno| errno as i32;
    // What a service's relative paths begin at.
    if let Some(folder) = folder
        && let Err(errno) = nix::unistd::chdir(folder)
    {
        let what = format!("chdir {folder}");
        return failed(Step::Folder, errno_of(errno), &what);
    }
    let report = match fd::null() {
        Ok(fd) => fd,
        Err(errno) => return failed(Step::Files, errno_of(errno), ""),
    };
    let standard = [Standard::Input, Standard::Output, Standard::Error].map(standard);
    let wires = Wires {
        standard,
        ready: None,
        notify: None,
        entrances: &[],
        is_tracked: false,
        cleared: None,
        passed: &[],
    };
    let full = Full {
        role: Role::Beside,
        spec,
        base,
        extras,
        wires: &wires,
        first: false,
        is_main: false,
        limits: &spec.exec.limits,
        ignored: signal::ignored(),
        place: Place::Here,
        report: report.as_fd(),
    };
    signal::set_mask(SignalSet::ALL);
    match full.prepare() {
        Ok(slot) => slot.try_program(),
        Err(failure) => failure,
    }
}
