//! The variables that rinit itself gives a service's processes, over all others.

use super::credentials;
use super::launch::{Beside, Wires};
use super::marks::{Invocation, VARIABLE};
use super::passed;
use crate::core::spec::ServiceSpec;

/// By which a process knows that it is the one that was executed (`systemd.exec(5)`).
const EXEC_PID: &[u8] = b"SYSTEMD_EXEC_PID";

/// The variables that name a run.
pub(crate) struct Extras {
    service: Vec<u8>,
    invocation: Option<Vec<u8>>,
    control: Option<Vec<u8>>,
    /// What belongs to `sd_notify(3)` and `sd_listen_fds(3)`, or is for a control process.
    more: Vec<Vec<u8>>,
    /// Those among them that hold the process's own number.
    of_own_pid: Vec<&'static [u8]>,
}

impl Extras {
    /// Of a process of this run.
    pub(super) fn new(
        spec: &ServiceSpec,
        invocation: Invocation,
        wires: &Wires<'_>,
        beside: Option<&Beside<'_>>,
        control: Option<&[u8]>,
    ) -> Self {
        let mut more = passed::variables(wires.passed);
        let mut of_own_pid = Vec::new();
        if spec.exec.exec_pid {
            of_own_pid.push(EXEC_PID);
        }
        if !wires.passed.is_empty() {
            of_own_pid.push(passed::OF_PID);
        }
        if let Some(address) = wires.notify {
            more.push([b"NOTIFY_SOCKET=", address].concat());
        }
        if let Some(folder) = credentials::folder(spec) {
            more.push(format!("CREDENTIALS_DIRECTORY={folder}").into());
        }
        match beside {
            Some(beside) => more.extend_from_slice(&beside.variables),
            // Only the main process has to live, and gets back what it leaves.
            None if wires.notify.is_some() => {
                if let Some(period) = spec.watchdog() {
                    more.push(format!("WATCHDOG_USEC={}", period.as_micros()).into());
                    of_own_pid.push(b"WATCHDOG_PID");
                }
                if spec.store_max() > 0 {
                    more.push(format!("FDSTORE={}", spec.store_max()).into());
                }
            }
            None => {}
        }
        Self {
            service: format!("RINIT_SERVICE={}", spec.name).into(),
            invocation: Some(format!("{VARIABLE}={invocation}").into()),
            control: control.map(|address| [b"RINIT_CONTROL_SOCKET=", address].concat()),
            more,
            of_own_pid,
        }
    }

    /// Of a command that somebody executes as the service would: it belongs to no run.
    pub(super) fn of_nobody(service: &str, control: Option<&str>) -> Self {
        let control = control.map(|address| format!("RINIT_CONTROL_SOCKET={address}").into());
        Self {
            service: format!("RINIT_SERVICE={service}").into(),
            invocation: None,
            control,
            more: Vec::new(),
            of_own_pid: Vec::new(),
        }
    }

    /// One more, `NAME=value`.
    pub(super) fn add(&mut self, word: String) {
        self.more.push(word.into());
    }

    /// Each as a word.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        [&self.service]
            .into_iter()
            .chain(&self.invocation)
            .chain(&self.control)
            .chain(&self.more)
            .map(Vec::as_slice)
    }

    /// The names of those that the process itself fills in.
    pub(crate) fn of_own_pid(&self) -> &[&'static [u8]] {
        &self.of_own_pid
    }
}
