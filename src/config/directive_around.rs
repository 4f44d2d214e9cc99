//! `[service.NAME]`: what is set up around a service before it is executed.

use super::around;
use super::directive::Directive;
use super::directive_service::{NONE, shared};
use super::draft::Draft;
use crate::core::setup::Base;

const FOLDERS: &str = "name, or array of names";
const MODE: &str = "octal";
const USUAL_MODE: &str = "\"0755\"";
const LIST: &str = "array of names";
const CAPABILITIES: &str = "array of capabilities";

pub(super) const TABLE: &[Directive<Draft>] = &[
    shared(
        "runtime-directory",
        FOLDERS,
        NONE,
        |draft, value| around::folders(draft, Base::Runtime, value),
        "Folders in /run, its user's own, made at each start and removed after the run; RUNTIME_DIRECTORY tells it.",
    ),
    shared(
        "runtime-directory-mode",
        MODE,
        USUAL_MODE,
        |draft, value| around::mode(draft, Base::Runtime, value),
        "Their permissions.",
    ),
    shared(
        "state-directory",
        FOLDERS,
        NONE,
        |draft, value| around::folders(draft, Base::State, value),
        "Folders in /var/lib, its user's own, made at each start; STATE_DIRECTORY tells it.",
    ),
    shared(
        "state-directory-mode",
        MODE,
        USUAL_MODE,
        |draft, value| around::mode(draft, Base::State, value),
        "Their permissions.",
    ),
    shared(
        "cache-directory",
        FOLDERS,
        NONE,
        |draft, value| around::folders(draft, Base::Cache, value),
        "The same in /var/cache; CACHE_DIRECTORY.",
    ),
    shared(
        "cache-directory-mode",
        MODE,
        USUAL_MODE,
        |draft, value| around::mode(draft, Base::Cache, value),
        "Their permissions.",
    ),
    shared(
        "logs-directory",
        FOLDERS,
        NONE,
        |draft, value| around::folders(draft, Base::Logs, value),
        "The same in /var/log; LOGS_DIRECTORY.",
    ),
    shared(
        "logs-directory-mode",
        MODE,
        USUAL_MODE,
        |draft, value| around::mode(draft, Base::Logs, value),
        "Their permissions.",
    ),
    shared(
        "configuration-directory",
        FOLDERS,
        NONE,
        |draft, value| around::folders(draft, Base::Configuration, value),
        "Folders in /etc, which stay root's, made at each start; CONFIGURATION_DIRECTORY tells it.",
    ),
    shared(
        "configuration-directory-mode",
        MODE,
        USUAL_MODE,
        |draft, value| around::mode(draft, Base::Configuration, value),
        "Their permissions.",
    ),
    shared(
        "runtime-directory-preserve",
        "boolean or \"restart\"",
        "false",
        around::preserve,
        "The runtime-directory stays after a run: always, or while the service is to come back by itself.",
    ),
    shared(
        "remove-before-start",
        "path, or array of paths",
        NONE,
        around::remove,
        "Files, or folders with all in them, that are removed before each start.",
    ),
    shared(
        "no-new-privileges",
        "boolean",
        "false",
        |draft, value| {
            draft.setup().confinement.no_new_privileges = value.boolean()?;
            Some(())
        },
        "No program that it executes gains rights: no setuid bit, no file capabilities.",
    ),
    shared(
        "capability-bounding-set",
        CAPABILITIES,
        "rinit's own",
        |draft, value| {
            draft.setup().confinement.bounding = Some(around::capabilities(value)?);
            Some(())
        },
        "All capabilities that it can ever have; [] is none, a ~ before each name is all but these.",
    ),
    shared(
        "ambient-capabilities",
        CAPABILITIES,
        NONE,
        |draft, value| {
            draft.setup().confinement.ambient = around::capabilities(value)?;
            Some(())
        },
        "Capabilities that it has although its user isn't root.",
    ),
    shared(
        "pass-environment",
        LIST,
        "all",
        |draft, value| {
            draft.setup().pass = Some(around::variables(value, false)?);
            Some(())
        },
        "Of the container's variables it gets these alone, and PATH and HOME.",
    ),
    shared(
        "unset-environment",
        "array of NAME or NAME=value",
        NONE,
        |draft, value| {
            draft.setup().unset = around::variables(value, true)?;
            Some(())
        },
        "Variables that it doesn't get, wherever they come from.",
    ),
    Directive {
        merges: true,
        ..shared(
            "environment-from",
            "table of NAME = path",
            NONE,
            around::secrets,
            "Variables with what a file says, read at each start and told to nobody else; a leading - makes one optional.",
        )
    },
    shared(
        "expand-file-variables",
        "boolean, or array of names",
        "false",
        around::file_variables,
        "X_FILE = path becomes X with what the file says: every one that names a file by its whole path, or these X alone, whose files must be there.",
    ),
];
