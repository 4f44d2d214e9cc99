//! Capabilities of a child on its way to exec: cut down before it becomes somebody else,
//! kept over that where they are ambient. Raw calls alone.
#![allow(unsafe_code)]

use nix::libc;

use super::error::Errno;
use super::raw;
use crate::core::capability::{Capabilities, Confinement};

const VERSION_3: u32 = 0x2008_0522;

/// The bits of a set have places for no more.
const MOST: u32 = 64;

/// Cuts down what this process can ever have, and keeps what it has over a change of user
/// where some of it is to be ambient.
///
/// # Errors
/// EPERM without CAP_SETPCAP.
pub fn bound(confinement: Confinement) -> Result<(), Errno> {
    if let Some(bounding) = confinement.bounding {
        drop_all_but(bounding)?;
        // What is inheritable would come back with a program that root executes.
        change_inheritable(|inheritable| inheritable & bounding.0)?;
    }
    if confinement.ambient != Capabilities::NONE {
        prctl(libc::PR_SET_KEEPCAPS, [1, 0, 0, 0])?;
    }
    Ok(())
}

/// Gives the next program what is ambient. The user has changed by now.
///
/// # Errors
/// EPERM for what this process itself hasn't; EINVAL where the kernel is too old.
pub fn raise(confinement: Confinement) -> Result<(), Errno> {
    // What it can't have isn't asked for: AmbientCapabilities= may name more.
    let most = confinement.bounding.unwrap_or(Capabilities(u64::MAX));
    let ambient = Capabilities(confinement.ambient.0 & most.0);
    if ambient == Capabilities::NONE {
        return Ok(());
    }
    change_inheritable(|inheritable| inheritable | ambient.0)?;
    let raise = libc::PR_CAP_AMBIENT_RAISE.cast_unsigned() as usize;
    for number in (0..MOST).filter(|number| ambient.has(*number)) {
        prctl(libc::PR_CAP_AMBIENT, [raise, number as usize, 0, 0])?;
    }
    Ok(())
}

/// From here on no program gives this process more than it has.
///
/// # Errors
/// EINVAL before Linux 3.5.
pub fn lock(confinement: Confinement) -> Result<(), Errno> {
    if !confinement.no_new_privileges {
        return Ok(());
    }
    prctl(libc::PR_SET_NO_NEW_PRIVS, [1, 0, 0, 0]).map(drop)
}

/// No program that this process could execute would have a capability. For helpers, as
/// root still; what is refused was not to be had.
pub fn bound_to_nothing() {
    let _ = drop_all_but(Capabilities::NONE);
}

/// Gives up all capabilities for ever. For helpers.
pub fn surrender() {
    let header = [VERSION_3, 0];
    let sets = [0_u32; 6];
    let given = [header.as_ptr().addr(), sets.as_ptr().addr()];
    // SAFETY: a header of two words and six of sets, which live through the call.
    let _ = unsafe { raw::call(libc::SYS_capset, given) };
    let _ = prctl(libc::PR_SET_NO_NEW_PRIVS, [1, 0, 0, 0]);
}

/// What is out of the bounding set already needs no right to be dropped.
fn drop_all_but(kept: Capabilities) -> Result<(), Errno> {
    for number in (0..MOST).filter(|number| !kept.has(*number)) {
        let place = number as usize;
        match prctl(libc::PR_CAPBSET_READ, [place, 0, 0, 0]) {
            Ok(0) => {}
            Ok(_) => {
                prctl(libc::PR_CAPBSET_DROP, [place, 0, 0, 0])?;
            }
            // The kernel's last one is behind us.
            Err(Errno(libc::EINVAL)) => break,
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Changes the inheritable set, if that changes anything.
fn change_inheritable(change: impl FnOnce(u64) -> u64) -> Result<(), Errno> {
    let header = [VERSION_3, 0];
    // Effective, permitted, inheritable: their low halves, then their high ones.
    let mut sets = [0_u32; 6];
    let given = [header.as_ptr().addr(), sets.as_mut_ptr().addr()];
    // SAFETY: a header of two words and room for six, which live through the call.
    unsafe { raw::call(libc::SYS_capget, given) }?;
    let [.., low, _, _, high] = sets;
    let old = u64::from(high) << 32 | u64::from(low);
    let new = change(old);
    if new == old {
        return Ok(());
    }
    let [_, _, low, _, _, high] = &mut sets;
    *low = u32::try_from(new & u64::from(u32::MAX)).unwrap_or(0);
    *high = u32::try_from(new >> 32).unwrap_or(0);
    let given = [header.as_ptr().addr(), sets.as_ptr().addr()];
    // SAFETY: as above, all of it read only.
    unsafe { raw::call(libc::SYS_capset, given) }.map(drop)
}

fn prctl(option: libc::c_int, arguments: [usize; 4]) -> Result<usize, Errno> {
    let [a, b, c, d] = arguments;
    let given = [option.cast_unsigned() as usize, a, b, c, d];
    // SAFETY: the options above take numbers.
    unsafe { raw::call(libc::SYS_prctl, given) }
}
