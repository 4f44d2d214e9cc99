//! Limits of our own process.
#![allow(unsafe_code)]

use nix::libc;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::error::Errno;
use super::raw;
use crate::core::exec::{self, Limit};

/// Raises the number of descriptors to what we may have; the limit as it was, if that
/// changed anything.
#[must_use]
pub fn raise_descriptors() -> Option<Limit> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    if soft >= hard {
        return None;
    }
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).ok()?;
    Some(Limit {
        resource: exec::Resource::Nofile,
        soft,
        hard,
    })
}

/// How many descriptors we may have before anybody raises that.
#[must_use]
pub fn descriptors() -> u64 {
    getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft)
}

/// Sets limits of ours.
///
/// # Errors
/// EPERM above what we may have.
pub fn set(limits: &[Limit]) -> Result<(), Errno> {
    for limit in limits {
        let pair = [limit.soft, limit.hard];
        let given = [0, limit.resource as usize, pair.as_ptr().addr(), 0];
        // SAFETY: two numbers, which live through the call; nothing is asked for.
        unsafe { raw::call(libc::SYS_prlimit64, given) }?;
    }
    Ok(())
}

/// Our hard limits by their numbers; `u64::MAX` is infinity, and what the kernel doesn't know.
#[must_use]
pub fn hard() -> [u64; exec::Resource::ALL.len()] {
    let mut all = [u64::MAX; exec::Resource::ALL.len()];
    for (number, hard) in all.iter_mut().enumerate() {
        let mut pair = [u64::MAX; 2];
        let given = [0, number, 0, pair.as_mut_ptr().addr()];
        // SAFETY: room for two numbers, which lives through the call; nothing is set.
        if unsafe { raw::call(libc::SYS_prlimit64, given) }.is_ok() {
            [_, *hard] = pair;
        }
    }
    all
}

/// From now on this process can do little but serve: so many descriptors, no file that
/// grows, no other process, and memory within reason. For helpers.
pub fn serve(descriptors: u64) {
    const MEMORY: u64 = 128 << 20;
    for (resource, most) in [
        (Resource::RLIMIT_NOFILE, descriptors),
        (Resource::RLIMIT_DATA, MEMORY),
        (Resource::RLIMIT_FSIZE, 0),
        (Resource::RLIMIT_NPROC, 0),
        (Resource::RLIMIT_CORE, 0),
    ] {
        // Where it can't be set it is lower already.
        let _ = setrlimit(resource, most, most);
    }
}

/// From now on this process gets no more memory than that. For helpers.
pub fn memory(bytes: u64) {
    // Where it can't be set there is none.
    let _ = setrlimit(Resource::RLIMIT_AS, bytes, bytes);
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
}
