//! Descriptors that services have left for their next run (FDSTORE=1, `sd_notify(3)`):
//! kept while the service may come back, and as long as they are of use.

use std::os::fd::{AsFd, OwnedFd};

use super::passed::Passed;
use super::source::Source;
use crate::core::apply::places::Places;
use crate::core::id::ServiceId;
use crate::core::sorted::Map;
use crate::sys::fd;
use crate::sys::poll::{Interest, Poll, is_over};

/// What descriptors without a name are called.
const UNNAMED: &str = "stored";
/// The longest name.
const NAME_MAX: usize = 255;

/// A message about the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Deposit {
    /// FDSTORE=1: what came along is to be kept.
    pub(super) keep: bool,
    /// FDSTOREREMOVE=1: what has this name isn't any longer.
    pub(super) remove: bool,
    /// FDNAME=, if it can be one.
    pub(super) name: Option<Box<str>>,
    /// FDPOLL=0: kept even when its other end is gone.
    pub(super) unwatched: bool,
}

/// A name as `sd_notify(3)` allows it.
pub(super) fn name(bytes: &[u8]) -> Option<Box<str>> {
    let good = |byte: &u8| (b' '..0x7f).contains(byte) && *byte != b':';
    if bytes.is_empty() || bytes.len() > NAME_MAX || !bytes.iter().all(good) {
        return None;
    }
    std::str::from_utf8(bytes).ok().map(Into::into)
}

/// All names of a service together: the kernel takes no longer variable than twice that.
const NAMES_MAX: usize = 64 * 1024;

struct Stored {
    fd: OwnedFd,
    name: Box<str>,
    watched: bool,
}

impl Stored {
    fn forget(&self, poll: &Poll<Source>) {
        // A run may hold a copy, so closing alone would not do.
        if self.watched {
            poll.remove(&self.fd);
        }
    }
}

/// Every service's.
#[derive(Default)]
pub(crate) struct Stores(Map<ServiceId, Vec<Stored>>);

impl Stores {
    /// Does what a message says. Gives whether there was room for all.
    pub(super) fn take(
        &mut self,
        service: ServiceId,
        max: u32,
        deposit: &Deposit,
        descriptors: Vec<OwnedFd>,
        poll: &Poll<Source>,
    ) -> bool {
        if deposit.remove {
            if let Some(name) = &deposit.name {
                self.retain(service, poll, |stored| stored.name != *name);
            }
            return true;
        }
        if !deposit.keep {
            return true;
        }
        for fd in descriptors {
            let all = self.0.entry(service).or_default();
            if all.iter().any(|stored| fd::is_same(&stored.fd, &fd)) {
                continue;
            }
            let names: usize = all.iter().map(|stored| stored.name.len() + 1).sum();
            if all.len() >= max as usize || names > NAMES_MAX {
                return false;
            }
            let watched = !deposit.unwatched
                && match poll.add(&fd, Interest::HangUp, Source::Stored(service)) {
                    Ok(()) => true,
                    // A regular file has no other end.
                    Err(nix::errno::Errno::EPERM) => false,
                    Err(_) => continue,
                };
            let name = deposit.name.clone().unwrap_or_else(|| UNNAMED.into());
            all.push(Stored { fd, name, watched });
        }
        true
    }

    /// One of the service's may have lost its other end.
    pub(super) fn look(&mut self, service: ServiceId, poll: &Poll<Source>) {
        self.retain(service, poll, |stored| {
            !stored.watched || !is_over(stored.fd.as_fd())
        });
    }

    /// It will have no other run.
    pub(super) fn drop_all(&mut self, service: ServiceId, poll: &Poll<Source>) {
        self.retain(service, poll, |_| false);
    }

    fn retain(&mut self, service: ServiceId, poll: &Poll<Source>, stays: impl Fn(&Stored) -> bool) {
        let Some(all) = self.0.get_mut(&service) else {
            return;
        };
        all.iter()
            .filter(|stored| !stays(stored))
            .for_each(|stored| stored.forget(poll));
        all.retain(stays);
        if all.is_empty() {
            self.0.remove(&service);
        }
    }

    /// Services have other numbers now; nobody comes for what those left that are no more.
    pub(super) fn take_over(&mut self, places: &Places, poll: &Poll<Source>) {
        for (_, all) in places.rearrange(&mut self.0) {
            all.iter().for_each(|stored| stored.forget(poll));
        }
        for (service, all) in &self.0 {
            for stored in all.iter().filter(|stored| stored.watched) {
                let _ = poll.change(&stored.fd, Interest::HangUp, Source::Stored(*service));
            }
        }
    }

    /// What the service's next run gets.
    pub(super) fn of(&self, service: ServiceId) -> Vec<Passed<'_>> {
        let all = self.0.get(&service).into_iter().flatten();
        all.map(|stored| Passed {
            fd: stored.fd.as_fd(),
            name: &stored.name,
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_printable_and_has_no_colon() {
        assert_eq!(name(b"db-1").as_deref(), Some("db-1"));
        for bad in [&b""[..], b"a:b", b"a\nb", "é".as_bytes(), &[b'x'; 256]] {
            assert_eq!(name(bad), None);
        }
    }
}
