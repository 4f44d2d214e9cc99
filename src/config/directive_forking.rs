//! `[service.NAME]`: how the main process of a service that forks is known.

use super::directive::Directive;
use super::directive_service::{NONE, own};
use super::draft::Draft;
use super::forking;

pub(super) const TABLE: &[Directive<Draft>] = &[
    own(
        "pid-file",
        "path",
        NONE,
        forking::pid_file,
        "With type = \"forking\": the file in which it writes its main process's number. It is waited for within start-timeout, counts only if it names a process of this service, and is removed before each start and after each run.",
    ),
    own(
        "guess-main-pid",
        "boolean",
        "true",
        forking::guess,
        "With type = \"forking\" and no pid-file: the only process that the first one leaves behind is the main one. With several, or with false, there is none, and the service runs for as long as any of its processes does.",
    ),
];
