//! What rinit tells its own manager (`sd_notify(3)`), where it was started with a
//! NOTIFY_SOCKET: by systemd on a host, by podman, by a rinit around this one.
//!
//! One descriptor, connected before anything starts; a manager that takes nothing, or is
//! gone, costs a word and never a wait.

use std::fmt::Write as _;
use std::os::fd::OwnedFd;

use crate::core::report::Report;
use crate::core::system::System;
use crate::sys::socket;

/// No status is longer.
const STATUS_MAX: usize = 1024;

/// The way to the manager, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Upward(Option<OwnedFd>);

impl Upward {
    /// To the socket that NOTIFY_SOCKET names.
    pub(crate) fn open(address: Option<&[u8]>) -> Self {
        let Some(address) = address.filter(|address| !address.is_empty()) else {
            return Self(None);
        };
        let connected = socket::connect_datagram(address);
        if let Err(errno) = &connected {
            let address = String::from_utf8_lossy(address);
            log::warn!("the manager at {address} (NOTIFY_SOCKET) will not be told: {errno}");
        }
        Self(connected.ok())
    }

    /// What a manager wants to know of what people are told.
    pub(crate) fn report(&self, report: &Report, system: &System) {
        let state = if matches!(report, Report::Up { .. }) {
            "READY=1\n"
        } else if matches!(report, Report::Shutdown { .. }) {
            "STOPPING=1\n"
        } else {
            ""
        };
        let tells = matches!(
            report,
            Report::Failed { .. }
                | Report::Unhealthy { .. }
                | Report::Healthy { .. }
                | Report::KillingAll { .. }
        );
        if self.0.is_none() || (state.is_empty() && !tells) {
            return;
        }
        let mut message = format!("{state}STATUS=");
        let status = report.display(system).to_string();
        let printable = status.chars().filter(|each| !each.is_control());
        message.extend(printable.take(STATUS_MAX));
        self.send(&message);
    }

    /// The end, and the status that it has.
    pub(crate) fn exit(&self, code: u8) {
        let mut message = String::new();
        let _ = write!(message, "EXIT_STATUS={code}");
        self.send(&message);
    }

    fn send(&self, message: &str) {
        if let Some(fd) = &self.0 {
            let _ = socket::send_now(fd, message.as_bytes());
        }
    }
}
