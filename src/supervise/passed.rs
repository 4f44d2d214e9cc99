//! Descriptors that a spawn passes on to its program from number 3 on, and the variables
//! that tell of them (`sd_listen_fds(3)`).

use std::os::fd::{BorrowedFd, OwnedFd, RawFd};

use crate::core::listen::FIRST_DESCRIPTOR;
use crate::sys::error::Errno;
use crate::sys::fd;

/// What is passed, in the order of the numbers.
#[derive(Default)]
pub(crate) struct Passed<'a>(Vec<(BorrowedFd<'a>, &'a str)>);

impl<'a> Passed<'a> {
    /// Adds one, with its name.
    pub(crate) fn push(&mut self, fd: BorrowedFd<'a>, name: &'a str) {
        self.0.push((fd, name));
    }

    /// One above the last number; what the child needs on its way must stand there or above.
    pub(crate) fn floor(&self) -> RawFd {
        let count = RawFd::try_from(self.0.len()).unwrap_or(RawFd::MAX);
        let first = RawFd::try_from(FIRST_DESCRIPTOR).unwrap_or(RawFd::MAX);
        first.saturating_add(count)
    }

    /// Copies where none stands on another's number. They close with the exec.
    ///
    /// # Errors
    /// EMFILE.
    pub(crate) fn lift(&self) -> Result<Vec<OwnedFd>, Errno> {
        let lift = |(fd, _): &(BorrowedFd<'a>, _)| fd::duplicate_above(fd, self.floor());
        Ok(self.0.iter().map(lift).collect::<nix::Result<_>>()?)
    }

    /// The variables, if anything is passed. Who the program is, its process says itself.
    pub(crate) fn words(&self) -> Vec<Vec<u8>> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let names: Vec<&str> = self.0.iter().map(|(_, name)| *name).collect();
        vec![
            format!("LISTEN_FDS={}", names.len()).into(),
            format!("LISTEN_FDNAMES={}", names.join(":")).into(),
            "LISTEN_PID=".into(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn who_gets_nothing_is_told_nothing() {
        assert!(Passed::default().words().is_empty());
        assert_eq!(Passed::default().floor(), 3);
    }

    #[test]
    fn names_stand_in_the_order_of_the_numbers_and_copies_above_them() {
        let null = fd::null().unwrap();
        let mut passed = Passed::default();
        passed.push(null.as_fd(), "http");
        passed.push(null.as_fd(), "admin");
        assert_eq!(passed.floor(), 5);
        let words = passed.words();
        assert_eq!(words[0], b"LISTEN_FDS=2");
        assert_eq!(words[1], b"LISTEN_FDNAMES=http:admin");
        let lifted = passed.lift().unwrap();
        assert!(
            lifted
                .iter()
                .all(|fd| std::os::fd::AsRawFd::as_raw_fd(fd) >= 5)
        );
    }
}
