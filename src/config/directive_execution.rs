//! `[service.NAME]`: how a service is executed.

use super::directive::Directive;
use super::directive_service::{NONE, shared};
use super::draft::{Draft, TrackingChoice};
use super::{execution, limits};
use crate::core::spec::Tracking;

const fn limit(key: &'static str, doc: &'static str) -> Directive<Draft> {
    shared(
        key,
        "number, size, \"infinity\" or soft:hard",
        "rinit's own",
        limits::set,
        doc,
    )
}

pub(super) const TABLE: &[Directive<Draft>] = &[
    shared(
        "working-directory",
        "path",
        "rinit's own",
        |draft, value| {
            draft.spec.exec.directory = Some(value.text()?.into());
            Some(())
        },
        "The folder that it starts in.",
    ),
    Directive {
        merges: true,
        ..shared(
            "environment",
            "table of NAME = value",
            NONE,
            execution::environment,
            "Variables over the container's; tables add up name by name.",
        )
    },
    shared(
        "environment-file",
        "path, or array of paths",
        NONE,
        execution::environment_file,
        "Files of NAME=value, read at each start; a leading - makes one optional.",
    ),
    shared(
        "user",
        "name or number",
        "rinit's own",
        |draft, value| {
            draft.identity().user = Some(execution::account(value)?);
            Some(())
        },
        "The user that it runs as; HOME, USER, LOGNAME and SHELL follow.",
    ),
    shared(
        "group",
        "name or number",
        "the user's own",
        |draft, value| {
            draft.identity().group = Some(execution::account(value)?);
            Some(())
        },
        "The group that it runs as.",
    ),
    shared(
        "supplementary-groups",
        "array of names or numbers",
        "those of the user",
        execution::supplementary,
        "More groups beside those that /etc/group gives the user.",
    ),
    shared(
        "umask",
        "octal",
        "rinit's own",
        execution::umask,
        "The permissions that new files don't get.",
    ),
    shared(
        "nice",
        "-20 to 19",
        "rinit's own",
        |draft, value| {
            draft.spec.exec.nice = i8::try_from(value.integer(-20..=19)?).ok();
            Some(())
        },
        "Its priority: lower is more.",
    ),
    shared(
        "cpu-affinity",
        "array of numbers or texts",
        "rinit's own",
        execution::cpu_affinity,
        "The processors that it runs on: numbers, and lists such as 0-3 7.",
    ),
    shared(
        "oom-score-adjust",
        "-1000 to 1000",
        "rinit's own",
        |draft, value| {
            draft.spec.exec.oom_score_adjust = i16::try_from(value.integer(-1000..=1000)?).ok();
            Some(())
        },
        "How readily the kernel kills it when memory is short.",
    ),
    shared(
        "tracking",
        "\"auto\", \"cgroup\", \"subreaper\" or \"marks\"",
        "\"auto\"",
        |draft, value| {
            draft.tracking = value.choice(&[
                ("auto", TrackingChoice::Auto),
                ("cgroup", TrackingChoice::Written(Tracking::Cgroup)),
                ("subreaper", TrackingChoice::Written(Tracking::Subreaper)),
                ("marks", TrackingChoice::Written(Tracking::Marks)),
            ])?;
            Some(())
        },
        "How its processes are found again: auto takes a cgroup where rinit may (cgroups), else a subreaper for another user's, else marks.",
    ),
    limit("limit-nofile", "Open descriptors."),
    limit("limit-nproc", "Processes of its user."),
    limit("limit-core", "Size of a core dump."),
    limit("limit-memlock", "Locked memory."),
    limit("limit-stack", "Size of the stack."),
    limit("limit-as", "Address space."),
    limit("limit-data", "Data segment."),
    limit("limit-fsize", "Size of a file that it writes."),
    limit("limit-rss", "Resident memory; the kernel ignores it."),
    limit("limit-cpu", "Seconds of processor time."),
    limit(
        "limit-nice",
        "20 minus the lowest nice value that it may take.",
    ),
    limit("limit-rtprio", "Real-time priority."),
    limit(
        "limit-rttime",
        "Microseconds of real-time work without a pause.",
    ),
    limit("limit-sigpending", "Queued signals."),
    limit("limit-msgqueue", "Bytes in POSIX message queues."),
    limit("limit-locks", "File locks; the kernel ignores it."),
];
