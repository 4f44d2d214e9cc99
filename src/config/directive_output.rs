//! `[service.NAME]`: what becomes of the lines that it writes.

use super::directive::Directive;
use super::directive_service::shared;
use super::draft::Draft;
use super::output;

pub(super) const TABLE: &[Directive<Draft>] = &[
    shared(
        "output",
        "\"prefix\", \"json\", \"raw\", \"inherit\", \"null\" or { file = path, rotate-size? = size or \"infinity\", keep? = 0 to 1000 }",
        "\"prefix\"",
        output::set,
        "Its lines with its name in front, each as a JSON object, unchanged, on the container's own descriptors, nowhere, or into a file that is rotated.",
    ),
    shared(
        "timestamps",
        "boolean",
        "false",
        |draft, value| {
            draft.log().timestamps = value.boolean()?;
            Some(())
        },
        "The time in front of each line (JSON has it anyway).",
    ),
    shared(
        "when-full",
        "\"block\" or \"drop\"",
        "\"block\"",
        output::when_full,
        "While nobody takes its lines: the service waits, or they are dropped and counted.",
    ),
    shared(
        "log-files",
        "path, or array of paths",
        "none",
        output::follow,
        "Files that it writes by itself (* and ? may stand in the last part), followed into its output from where they end at the start, through rotation and truncation. Links aren't followed.",
    ),
    shared(
        "log-ring",
        "size",
        "\"16K\"",
        output::ring,
        "How much of its latest output rinitctl logs can tell: 4K to 16M, touched as it is used, or 0 for none.",
    ),
];
