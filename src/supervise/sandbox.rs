//! What a child on the full road does for `Setup::sandbox`, as far as it may: namespaces and
//! mounts now, capabilities and the filter of system calls as the last steps before the
//! exec. What isn't permitted is left out; the reader of the configuration has told of it.

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};

use super::full::failed;
use super::mounts;
use crate::core::capability::{Capabilities, Confinement};
use crate::core::exec::Words;
use crate::core::sandbox::{all, dropped, has, root};
use crate::core::seccomp;
use crate::core::setup::Setup;
use crate::core::tuning::{KEEP_CAPS, KEEP_CAPS_LOCKED, secure_bits};
use crate::sys::sandbox::{DROP, may, may_filter_root, raise_loopback};
use crate::sys::spawn::{Failure, Step};
use crate::sys::tuning::set_secure_bits;

/// Sets up what is to be there now; gives the filter for later. `uid`: who it becomes; `more`:
/// what it is to find in another root too.
pub(super) fn set_up(
    setup: &Setup,
    service: &str,
    uid: u32,
    more: &[String],
    confinement: &mut Confinement,
) -> Result<Vec<u64>, Failure> {
    let words = &setup.sandbox;
    if words.is_empty() {
        return Ok(Vec::new());
    }
    for (directive, flag) in [
        ("PrivateIPC", CloneFlags::CLONE_NEWIPC),
        ("ProtectHostname", CloneFlags::CLONE_NEWUTS),
        ("PrivateNetwork", CloneFlags::CLONE_NEWNET),
    ] {
        let is_new = has(words, directive) && unshare(flag).is_ok();
        if is_new && flag == CloneFlags::CLONE_NEWNET {
            raise_loopback();
        }
    }
    mounts::set_up(setup, service, more).map_err(|errno| without_root(words, errno))?;
    let dropped = dropped(words);
    if dropped != Capabilities::NONE && may(DROP) {
        let bounding = confinement.bounding.unwrap_or(Capabilities::NONE.others());
        confinement.bounding = Some(Capabilities(bounding.0 & !dropped.0));
    }
    let bits = all(words, "SecureBits").into_iter().map(secure_bits);
    let mut bits = bits.fold(0, |all, some| all | some);
    if bits != 0 {
        if confinement.ambient != Capabilities::NONE {
            bits &= !KEEP_CAPS_LOCKED;
        }
        // As systemd has it: no exec keeps this one.
        set_secure_bits(bits | KEEP_CAPS);
    }
    let mut filter = seccomp::program(words);
    if !filter.is_empty() && !confinement.no_new_privileges {
        if uid != 0 {
            // As with systemd: there is no filter without it for whoever isn't root.
            confinement.no_new_privileges = true;
        } else if !may_filter_root() {
            // What root starts may have to become others by their files: cron's jobs, logins.
            filter.clear();
        }
    }
    Ok(filter)
}

/// It has no root to run in.
pub(super) fn without_root(words: &Words, errno: Errno) -> Failure {
    let path = root(words).map_or("", |(path, _)| path);
    failed(Step::Folder, errno as i32, &format!("RootDirectory {path}"))
}
