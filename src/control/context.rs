//! The answer to `exec`: all that whoever asks needs to execute a command as the service
//! would be. PID 1 reads no file for it, and executes nothing.

use super::protocol::{REFUSED, refusal};
use crate::core::context::Context;
use crate::core::exec::{Exec, Manner, Words};
use crate::core::id::ServiceId;
use crate::core::json::Json;
use crate::core::spec::ControlSocket;
use crate::core::system::System;
use crate::plan;
use crate::supervise::Base;
use crate::sys::process;

/// What rinit gives every service, and the core doesn't know.
pub(crate) struct Own {
    /// Our own number.
    pub(crate) pid: i32,
    /// The container's environment, as services get it.
    base: Base,
    /// The folder that services start in.
    folder: Option<Box<str>>,
    umask: u32,
}

impl Own {
    /// As it is now; only the environment changes later.
    pub(crate) fn new(base: Base) -> Self {
        Self {
            pid: process::own_pid().0,
            base,
            folder: process::folder().map(Into::into),
            umask: process::umask(),
        }
    }
}

/// The context of the one service that was asked for, as a line.
pub(super) fn answer(ids: &[ServiceId], system: &System, own: &Own) -> Vec<u8> {
    let [id] = ids else {
        let error = "that names several services: exec takes one";
        return refusal(REFUSED, error);
    };
    let Some(spec) = system.service(*id) else {
        return refusal(REFUSED, "there is no such service");
    };
    let control_socket = match &system.spec().init.control_socket {
        ControlSocket::Path(path) => Some(path.clone()),
        ControlSocket::Default | ControlSocket::None => None,
    };
    let context = Context {
        service: spec.name.clone(),
        exec: Exec {
            command: Words::default(),
            manner: Manner::default(),
            ..spec.exec.clone()
        },
        base: (*own.base.words()).clone(),
        folder: own.folder.clone(),
        umask: own.umask,
        uid: process::effective_uid(),
        gid: process::effective_gid(),
        groups: process::groups().into(),
        control_socket,
    };
    let mut out = Vec::new();
    let mut json = Json::object(&mut out);
    json.plain("ok", true)
        .text("build", env!("CARGO_PKG_VERSION"))
        .text("name", &spec.name)
        .text("context", &hex(&plan::encode_context(&context)));
    json.end();
    out.push(b'\n');
    out
}

/// The environment of what starts from now on, with these changes, as a line.
pub(super) fn environment(changes: &[Box<str>], own: &Own) -> Vec<u8> {
    if !own.base.change(changes) {
        return refusal(REFUSED, "the environment would be larger than 128 KiB");
    }
    let mut out = Vec::new();
    let mut json = Json::object(&mut out);
    let words = own.base.words();
    json.texts("environment", words.iter().map(String::from_utf8_lossy));
    json.end();
    out.push(b'\n');
    out
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
    let digits = bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    digits.collect()
}

/// The context in an answer; `None` where another version of rinit wrote it.
pub(crate) fn read(build: &str, context: &str) -> Option<Context> {
    let nibble = |digit: u8| char::from(digit).to_digit(16);
    let byte = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(nibble(*high)? << 4 | nibble(*low)?).ok(),
        _ => None,
    };
    let pairs = context.as_bytes().chunks(2);
    let bytes: Vec<u8> = pairs.map(byte).collect::<Option<_>>()?;
    plan::decode_context(&bytes)
        .ok()
        .filter(|_| build == env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_comes_back_as_it_was_sent_and_rubbish_is_none() {
        let context = Context {
            service: "web".into(),
            base: Words::new(["A=\u{e9}", "B=2"]),
            folder: Some("/srv".into()),
            umask: 0o27,
            groups: [7, 8].into(),
            ..Context::default()
        };
        let build = env!("CARGO_PKG_VERSION");
        let sent = hex(&plan::encode_context(&context));
        assert_eq!(read(build, &sent), Some(context));
        assert_eq!(read("0.0", &sent), None);
        for wrong in ["", "0", "zz", &sent[2..], &format!("{sent}00")] {
            assert_eq!(read(build, wrong), None, "{wrong}");
        }
    }
}
