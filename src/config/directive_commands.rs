//! `[service.NAME]`: the commands around a service.

use super::commands;
use super::directive::Directive;
use super::directive_service::{NONE, own};
use super::draft::Draft;
use crate::core::commands::List;

const COMMANDS: &str = "array of commands or { command = command, ignore-failure? = boolean }";

pub(super) const TABLE: &[Directive<Draft>] = &[
    own(
        List::Condition.key(),
        COMMANDS,
        NONE,
        |draft, value| commands::set(draft, List::Condition, value),
        "Executed first of all: an exit status from 1 to 254 skips the start, which is no failure; 255 or a signal fails it.",
    ),
    own(
        List::StartPre.key(),
        COMMANDS,
        NONE,
        |draft, value| commands::set(draft, List::StartPre, value),
        "Executed one after the other before command; the first that fails is a failed start.",
    ),
    own(
        List::StartPost.key(),
        COMMANDS,
        NONE,
        |draft, value| commands::set(draft, List::StartPost, value),
        "Executed once it is ready (a oneshot's once it has ended well); until then it isn't active, and a failure is a failed start.",
    ),
    own(
        List::Reload.key(),
        COMMANDS,
        NONE,
        |draft, value| commands::set(draft, List::Reload, value),
        "Executed by rinitctl reload, before reload-signal, with MAINPID, within start-timeout; the first that fails is a failed reload, and the service runs on.",
    ),
    own(
        List::Stop.key(),
        COMMANDS,
        NONE,
        |draft, value| commands::set(draft, List::Stop, value),
        "Executed before the stop signal, with MAINPID, within three quarters of stop-timeout.",
    ),
    own(
        List::StopPost.key(),
        COMMANDS,
        NONE,
        |draft, value| commands::set(draft, List::StopPost, value),
        "Executed after each run, however it ended, when nothing of it is left, with SERVICE_RESULT, EXIT_CODE and EXIT_STATUS; within another stop-timeout.",
    ),
];
