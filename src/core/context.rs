//! All that a command needs to be executed as a service would be: what PID 1 knows, for
//! whoever executes it beside the service. Files are named, not read.

use super::exec::{Exec, Words};

/// How a service is executed, and what rinit itself adds to that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The service's name.
    pub service: Box<str>,
    /// Its own definition.
    pub exec: Exec,
    /// The container's environment, as services get it.
    pub base: Words,
    /// The folder that rinit is in; `None` where it has none any more.
    pub folder: Option<Box<str>>,
    /// rinit's umask.
    pub umask: u32,
    /// rinit's user, for a service that has none of its own.
    pub uid: u32,
    /// rinit's group.
    pub gid: u32,
    /// rinit's other groups.
    pub groups: Box<[u32]>,
    /// The control socket, where services are told of it.
    pub control_socket: Option<Box<str>>,
}
