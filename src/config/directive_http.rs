//! `[http]`: where health, metrics and the status page are served.

use super::directive::Directive;
use super::listen;
use super::value::Value;
use crate::core::listen::SocketKind;
use crate::core::spec::InitSpec;

pub(super) const TABLE: &[Directive<InitSpec>] = &[Directive {
    key: "listen",
    form: "address, false, or { stream = address, mode? = octal, user? = name, group? = name, backlog? = number, reuse-port? = boolean, ipv6-only? = boolean }",
    default: "false",
    doc: "Where /livez, /readyz, /startupz, /metrics, /status.json and a status page are served by HTTP.",
    shared: false,
    merges: false,
    set,
}];

fn set(init: &mut InitSpec, value: Value<'_>) -> Option<()> {
    let is_off = |text: &str| matches!(text, "false" | "no" | "off" | "0" | "");
    let text = match value.as_str() {
        Some(_) => Some(value.text()?),
        None => None,
    };
    if value.as_bool() == Some(false) || text.is_some_and(|text| is_off(&text)) {
        init.http = None;
        return Some(());
    }
    let socket = listen::socket("rinit-http", value)?;
    if socket.kind != SocketKind::Stream {
        let what = format!("HTTP can't be served at {socket}");
        return value.wrong(
            what,
            "write \"0.0.0.0:9180\", or a path such as \"/run/rinit/http.sock\"",
        );
    }
    init.http = Some(Box::new(socket));
    Some(())
}
