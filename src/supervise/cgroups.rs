//! A cgroup of its own for each run of a service: nothing can leave it that isn't let out,
//! so the tree is known exactly, and the kernel says when it is gone.
//!
//! ```text
//! our own at the start/         nobody is in it any more
//!   rinit/                      another rinit there: rinit-2, and so on
//!     init/                     rinit and its helpers
//!     web.service/              a run of web
//!     web.service-17/           run 17, while something of an earlier one is there still
//! ```

use std::fmt::Write;

use crate::core::apply::places::Places;
use crate::core::id::{RunId, ServiceId};
use crate::sys::cgroup::{Cgroup, Own, own};
use crate::sys::error::{Errno, OsError};
use crate::sys::process::own_pid;

/// How many rinits may be side by side.
const MOST: u32 = 64;

/// All that rinit has made.
pub(crate) struct Cgroups {
    /// Where we were.
    home: Cgroup,
    base: Cgroup,
    init: Cgroup,
    /// What a forgotten run left something in.
    left: Vec<(ServiceId, Cgroup)>,
}

impl Cgroups {
    /// Makes the base below our own cgroup and goes into a leaf of it: where controllers
    /// are enabled, a cgroup has either processes or others below.
    ///
    /// # Errors
    /// Where the kernel doesn't let us.
    pub(crate) fn open() -> Result<Self, OsError> {
        const ENOENT: Errno = Errno(2);
        let Some(Own { group: home, .. }) = own() else {
            return Err(OsError::new("write", "cgroup.procs", ENOENT));
        };
        let mut last = ENOENT;
        for number in 1..=MOST {
            let base = match number {
                1 => home.below("rinit"),
                _ => home.below(&format!("rinit-{number}")),
            };
            // One that a dead rinit left; with a process in it, it stays.
            if base.path().exists() && base.remove().is_err() {
                continue;
            }
            let init = base.below("init");
            let made = base.make().and_then(|()| init.make());
            match made.and_then(|()| init.take(own_pid())) {
                Ok(()) => {
                    let left = Vec::new();
                    return Ok(Self {
                        home,
                        base,
                        init,
                        left,
                    });
                }
                Err(errno) => {
                    let _ = base.remove();
                    last = errno;
                }
            }
        }
        let base = home.below("rinit");
        Err(OsError::new(
            "make cgroup",
            &base.path().to_string_lossy(),
            last,
        ))
    }

    /// One for a run.
    ///
    /// # Errors
    /// As `Cgroup::make`.
    pub(crate) fn make(
        &mut self,
        service: ServiceId,
        name: &str,
        run: RunId,
    ) -> Result<Cgroup, Errno> {
        self.left
            .retain(|(of, cgroup)| *of != service || cgroup.remove().is_err());
        let name = escape(name);
        let usual = self.base.below(&format!("{name}.service"));
        match usual.make() {
            Ok(()) => Ok(usual),
            Err(_) => {
                let other = self.base.below(&format!("{name}.service-{}", run.0));
                other.make().map(|()| other)
            }
        }
    }

    /// A run is over. What is left in its cgroup keeps that until the service's next run.
    pub(crate) fn discard(&mut self, service: ServiceId, cgroup: Cgroup) {
        if cgroup.remove().is_err() {
            self.left.push((service, cgroup));
        }
    }

    /// Services have other numbers now. What is left of those that are no more stays with
    /// the kernel.
    pub(crate) fn take_over(&mut self, places: &Places) {
        let moved = self.left.drain(..).filter_map(|(service, cgroup)| {
            let place = places.of(service);
            if place.is_none() {
                let _ = cgroup.remove();
            }
            Some((place?, cgroup))
        });
        self.left = moved.collect();
    }

    /// Leaves no trace, but where something runs on.
    pub(crate) fn leave(&self) {
        for pid in self.init.members() {
            let _ = self.home.take(pid);
        }
        let _ = self.base.remove();
    }
}

/// A folder's name that no file of the kernel's has, since those have a known first part.
fn escape(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'_' | b'.' | b'@' | b':' | b'-' => escaped.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => escaped.push(char::from(byte)),
            // Writing to a text can't fail.
            _ => drop(write!(escaped, "\\x{byte:02x}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_folder_and_its_own() {
        assert_eq!(escape("web@1.a:b_c-d"), "web@1.a:b_c-d");
        assert_eq!(escape("../é\\"), "..\\x2f\\xc3\\xa9\\x5c");
    }
}
