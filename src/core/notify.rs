//! What is heard of a service's `sd_notify(3)` messages, as its definition says.

use std::time::Duration;

use super::signal::Signal;

/// What a service's processes may say by `sd_notify(3)`, and what is made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notify {
    /// `notify-access`: who is heard.
    pub access: NotifyAccess,
    /// `watchdog`: so often it has to say that it lives, while it is active.
    pub watchdog: Option<Duration>,
    /// `watchdog-signal`: what it gets when it didn't.
    pub watchdog_signal: Signal,
    /// `file-descriptor-store-max`: so many descriptors are kept for its next run.
    pub store_max: u32,
}

impl Default for Notify {
    fn default() -> Self {
        Self {
            access: NotifyAccess::All,
            watchdog: None,
            watchdog_signal: Signal::ABRT,
            store_max: 0,
        }
    }
}

/// `notify-access` (`systemd.service(5)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotifyAccess {
    /// Every process of its tree.
    All,
    /// What rinit has started for it.
    Exec,
    /// The main process alone.
    Main,
    /// Nobody: it has no notify socket.
    None,
}
