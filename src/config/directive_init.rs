//! `[init]`: each key and its `RINIT_` override.

use super::directive::Directive;
use super::value::Value;
use crate::core::spec::{Cgroups, ControlAccess, ControlSocket, InitSpec, TerminationLog};

const fn key(
    key: &'static str,
    form: &'static str,
    default: &'static str,
    set: fn(&mut InitSpec, Value<'_>) -> Option<()>,
    doc: &'static str,
) -> Directive<InitSpec> {
    Directive {
        key,
        form,
        default,
        doc,
        shared: false,
        merges: false,
        set,
    }
}

pub(super) const TABLE: &[Directive<InitSpec>] = &[
    key(
        "shutdown-timeout",
        "duration or \"infinity\"",
        "\"9s\"",
        |init, value| {
            init.shutdown_timeout = value.timeout()?;
            Some(())
        },
        "The whole shutdown takes no longer; keep it below the engine's own (docker stop: 10 s).",
    ),
    key(
        "shutdown-delay",
        "duration",
        "\"0s\"",
        |init, value| {
            init.shutdown_delay = value.duration()?;
            Some(())
        },
        "After a stop signal all runs on for so long, inside the timeout, while load balancers drain.",
    ),
    key(
        "keep-running",
        "boolean",
        "false",
        |init, value| {
            init.keep_running = value.boolean()?;
            Some(())
        },
        "rinit stays when nothing is left to supervise.",
    ),
    key(
        "nested",
        "boolean",
        "false",
        |init, value| {
            init.nested = value.boolean()?;
            Some(())
        },
        "Allows a supervisor below another rinit that supervises as PID 1.",
    ),
    key(
        "control-socket",
        "path, or false",
        "\"/run/rinit/control.sock\"",
        control_socket,
        "Where the control socket is bound; a leading @ is the abstract namespace; false binds none.",
    ),
    key(
        "control-access",
        "\"owner\" or \"status\"",
        "\"owner\"",
        |init, value| {
            init.control_access = value.choice(&[
                ("owner", ControlAccess::Owner),
                ("status", ControlAccess::Status),
            ])?;
            Some(())
        },
        "Who may speak to it: root and rinit's user alone, or others as well for the status.",
    ),
    key(
        "termination-log",
        "path, or false",
        "\"/dev/termination-log\"",
        termination_log,
        "The file that the last words are left in, where Kubernetes finds them; false for none.",
    ),
    key(
        "units",
        "\"enabled\", \"none\" or array of names",
        "\"none\"",
        // Read before the services.
        |_, value| {
            super::unit::wanted(value);
            Some(())
        },
        "Which packages' units are services besides: those that the packages have enabled, or these; with what they require and want. Where there is neither a file nor a COMMAND it is enabled.",
    ),
    key(
        "units-skip",
        "array of names",
        "[]",
        |_, value| {
            super::unit::names_in(value);
            Some(())
        },
        "Units that are left out even though they are enabled, * for any text; upkeep of a machine (apt-daily*, getty*, udev*, …) is anyway.",
    ),
    key(
        "unit-environment",
        "\"container\" or \"clean\"",
        "\"container\"",
        // Read before the services.
        |_, value| value.choice(&[("container", ()), ("clean", ())]),
        "What reaches the services of units of the container's variables: all, or as with systemd those of PassEnvironment= alone.",
    ),
    key(
        "cgroups",
        "\"auto\" or boolean",
        "\"auto\"",
        |init, value| {
            init.cgroups = if value.as_str() == Some("auto") {
                Cgroups::Auto
            } else if value.boolean()? {
                Cgroups::Yes
            } else {
                Cgroups::No
            };
            Some(())
        },
        "Services get cgroups of their own: as PID 1 with a tree of its own (auto), wherever rinit may (true), or nowhere.",
    ),
    key(
        "systemd-folder",
        "\"auto\" or boolean",
        "\"auto\"",
        |init, value| {
            init.systemd_folder = if value.as_str() == Some("auto") {
                None
            } else {
                Some(value.boolean()?)
            };
            Some(())
        },
        "Makes /run/systemd/system, by which package scripts, Ansible and programs know systemd: auto is with units, and a systemctl that is rinit.",
    ),
    key(
        "syslog",
        "\"auto\" or boolean",
        "\"auto\"",
        |init, value| {
            init.syslog = if value.as_str() == Some("auto") {
                None
            } else {
                Some(value.boolean()?)
            };
            Some(())
        },
        "What programs send to /dev/log and the journal goes into their services' output: auto is as PID 1, with units, unless a syslog daemon is among the services.",
    ),
];

fn control_socket(init: &mut InitSpec, value: Value<'_>) -> Option<()> {
    if value.as_bool() == Some(true) {
        init.control_socket = ControlSocket::Default;
        return Some(());
    }
    if value.as_bool() == Some(false) {
        init.control_socket = ControlSocket::None;
        return Some(());
    }
    let path = value.text()?;
    init.control_socket = match path.as_str() {
        "false" | "no" | "off" | "0" => ControlSocket::None,
        "true" | "yes" | "on" | "1" => ControlSocket::Default,
        _ if !path.starts_with(['/', '@', '.']) => {
            return value.wrong(
                format!("control-socket can't be \"{path}\""),
                "write an absolute path, @NAME for an abstract socket, or false for none",
            );
        }
        _ => {
            super::probe::check_socket_path(&path, value)?;
            ControlSocket::Path(path.into())
        }
    };
    Some(())
}

fn termination_log(init: &mut InitSpec, value: Value<'_>) -> Option<()> {
    init.termination_log = match value.as_bool() {
        Some(true) => TerminationLog::Default,
        Some(false) => TerminationLog::None,
        None => {
            let path = value.text()?;
            match path.as_str() {
                "false" | "no" | "off" | "0" => TerminationLog::None,
                "true" | "yes" | "on" | "1" => TerminationLog::Default,
                _ if !path.starts_with(['/', '.']) => {
                    return value.wrong(
                        format!("termination-log can't be \"{path}\""),
                        "write an absolute path, or false for none",
                    );
                }
                _ => TerminationLog::Path(path.into()),
            }
        }
    };
    Some(())
}
