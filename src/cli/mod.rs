//! Faces: which program this is, chosen by the name it is called by or by its first
//! argument; its options; its texts. The only writer to stdout.

mod compat;
pub mod ctl;
mod documents;
mod environment;
pub mod getopt;
mod import;
pub mod init;
mod init_flags;
mod journalctl;
pub mod print;
pub mod supervisor;
mod systemctl;
mod systemd_notify;

use crate::single::Inherited;

/// Picks the face, runs it, gives the exit status.
pub fn run(mut inherited: Inherited) -> i32 {
    let called = inherited.arguments.get(0).map_or(&b""[..], basename);
    match called {
        b"tini" | b"tini-static" | b"docker-init" => compat::tini::run(&mut inherited),
        b"catatonit" | b"podman-init" => compat::catatonit::run(&mut inherited),
        b"dumb-init" => compat::dumb_init::run(&mut inherited),
        b"systemd-notify" => systemd_notify::run(&mut inherited),
        b"journalctl" => journalctl::run(&mut inherited),
        b"systemctl" => systemctl::run(&mut inherited),
        b"rinitctl" => ctl::run(&mut inherited, 1),
        _ => match inherited.arguments.get(1) {
            Some(b"ctl") => ctl::run(&mut inherited, 2),
            Some(b"import") => import::run(&inherited, 2),
            Some(b"rehearse") => {
                print::error("rinit: this word is not in this version yet");
                print::USAGE
            }
            _ => init::run(&mut inherited),
        },
    }
}

/// Whether this needs neither heap nor C library as long as all goes well: one command,
/// no options. What `run` does then allocates nothing and fails without a word that
/// would; usage errors are not among it.
#[must_use]
pub fn is_plain(inherited: &Inherited) -> bool {
    let words = &inherited.arguments;
    let (Some(called), Some(first)) = (words.get(0).map(basename), words.get(1)) else {
        return false;
    };
    let has_command = first == b"--" && words.get(2).is_some();
    match called {
        b"tini" | b"tini-static" | b"docker-init" | b"podman-init" | b"catatonit"
        | b"dumb-init" => has_command,
        b"rinit" => {
            let is_word =
                !first.starts_with(b"-") && !matches!(first, b"ctl" | b"import" | b"rehearse");
            (has_command || is_word) && init::no_files(inherited)
        }
        _ => false,
    }
}

/// What follows the last slash.
#[must_use]
pub fn basename(path: &'static [u8]) -> &'static [u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}
