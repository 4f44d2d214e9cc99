//! `[service.NAME]`: the sockets that a service is given.

use super::directive::Directive;
use super::directive_service::{NONE, own};
use super::draft::Draft;
use super::listen;

pub(super) const TABLE: &[Directive<Draft>] = &[
    own(
        "listen",
        "array of addresses or { stream = address | datagram = address | seqpacket = address, name? = name, mode? = octal, user? = name, group? = name, backlog? = number, reuse-port? = boolean, ipv6-only? = boolean }",
        NONE,
        listen::set,
        "Sockets that are opened before anything starts, kept over restarts, and passed from descriptor 3 on (LISTEN_FDS).",
    ),
    own(
        "on-demand",
        "boolean",
        "false",
        |draft, value| {
            draft.listen().on_demand = value.boolean()?;
            Some(())
        },
        "It starts with the first connection, and again with the next one after it has ended.",
    ),
];
