//! `[service.NAME]`: when it runs, if not at once and for ever.

use super::directive::Directive;
use super::directive_service::{NONE, own};
use super::draft::Draft;
use super::schedule;

pub(super) const TABLE: &[Directive<Draft>] = &[
    own(
        "schedule",
        "calendar expression, or array of calendar expressions",
        NONE,
        schedule::calendars,
        "Runs at these times: systemd's calendar (\"Mon..Fri 03:00\", \"daily\") or cron's five fields, either with a time zone behind it; else that of TZ or /etc/localtime.",
    ),
    own(
        "every",
        "duration",
        NONE,
        schedule::every,
        "Runs again and again at this interval, first one interval after the start.",
    ),
    own(
        "randomized-delay",
        "duration",
        "\"0s\"",
        schedule::jitter,
        "Each time of schedule or every comes later by chance, by up to so much.",
    ),
];
