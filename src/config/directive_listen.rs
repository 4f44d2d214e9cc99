//! `[service.NAME]`: the sockets that a service is given.

use super::directive::Directive;
use super::directive_service::{NONE, own};
use super::draft::Draft;
use super::listen;

pub(super) const TABLE: &[Directive<Draft>] = &[
    own(
        "listen",
        "array of addresses, or of { stream | datagram | seqpacket = address, name, mode, user, group, backlog, reuse-port, ipv6-only }",
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
