//! What packages' tmpfiles.d ask for is made before the first service, by a child.

use std::os::fd::AsFd;

use super::hands::Hands;
use crate::maker::{End, Maker};
use crate::sys::error::Errno;

impl Hands {
    /// Waits for the child, but neither for ever nor longer than until a stop request
    /// comes, which is served by the loop alone.
    pub(super) fn wait_for_maker(&mut self, maker: Result<Maker, Errno>) {
        let mut maker = match maker {
            Ok(maker) => maker,
            Err(errno) => {
                log::warn!("nothing of tmpfiles.d is made: no process for it: {errno}");
                return;
            }
        };
        self.helpers.insert(maker.pid());
        let signals = &self.signals;
        let end = maker.wait(signals.fd().as_fd(), || signals.stop_waits());
        for line in maker.complaints() {
            log::warn!("{line}");
        }
        match end {
            End::Done => {}
            End::Died => log::warn!("not all of tmpfiles.d is made: the child that makes it died"),
            End::Late => log::warn!(
                "not all of tmpfiles.d is made: it took too long; is a file system of it one that hangs?"
            ),
            End::Interrupted => log::warn!("not all of tmpfiles.d is made: a signal came first"),
        }
    }
}
