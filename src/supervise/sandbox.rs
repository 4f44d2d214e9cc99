//! What a child on the full road does for `Setup::sandbox`, as far as it may: namespaces and
//! mounts now, capabilities and the filter of system calls as the last steps before the
//! exec. What isn't permitted is left out; the reader of the configuration has told of it.

use nix::sched::{CloneFlags, unshare};

use super::mounts;
use crate::core::capability::{Capabilities, Confinement};
use crate::core::sandbox::{all, dropped, has};
use crate::core::seccomp;
use crate::core::setup::Setup;
use crate::core::tuning::{KEEP_CAPS, KEEP_CAPS_LOCKED, secure_bits};
use crate::sys::sandbox::{DROP, may, may_filter_root, raise_loopback};
use crate::sys::tuning::set_secure_bits;

/// Sets up what is to be there now; gives the filter for later. `uid`: who it becomes.
pub(super) fn set_up(
    setup: &Setup,
    service: &str,
    uid: u32,
    confinement: &mut Confinement,
) -> Vec<u64> {
    let words = &setup.sandbox;
    if words.is_empty() {
        return Vec::new();
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
    mounts::set_up(setup, service);
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
    filter
}
