//! Limits of our own process.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

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

/// From now on this process gets no more memory than that. For helpers.
pub fn memory(bytes: u64) {
    // Where it can't be set there is none.
    let _ = setrlimit(Resource::RLIMIT_AS, bytes, bytes);
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
}
