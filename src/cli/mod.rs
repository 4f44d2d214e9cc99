//! Faces: which program this is, chosen by the name it is called by or by its first
//! argument; its options; its texts. The only writer to stdout.

mod compat;
pub mod ctl;
pub mod duration;
pub mod getopt;
pub mod init;
pub mod print;
pub mod supervisor;

use crate::single::Inherited;

/// Picks the face, runs it, gives the exit status.
pub fn run(mut inherited: Inherited) -> i32 {
    let called = inherited.arguments.get(0).map_or(&b""[..], basename);
    match called {
        b"tini" | b"tini-static" | b"docker-init" => compat::tini::run(&mut inherited),
        b"catatonit" | b"podman-init" => compat::catatonit::run(&mut inherited),
        b"dumb-init" => compat::dumb_init::run(&mut inherited),
        b"rinitctl" => ctl::run(&mut inherited, 1),
        _ => match inherited.arguments.get(1) {
            Some(b"ctl") => ctl::run(&mut inherited, 2),
            Some(b"import" | b"rehearse") => {
                print::error("rinit: this word is not in this version yet");
                print::USAGE
            }
            _ => init::run(&mut inherited),
        },
    }
}

/// What follows the last slash.
#[must_use]
pub fn basename(path: &'static [u8]) -> &'static [u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}
