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
