//! `rinitctl`, the same as `rinit ctl`.

use super::print;
use crate::single::Inherited;

/// The words from number `first` on are its own.
pub fn run(_inherited: &Inherited, _first: usize) -> i32 {
    print::error("rinitctl: not in this version yet");
    print::USAGE
}
