//! Whether something is there, without the C library.
#![allow(unsafe_code)]

use std::ffi::CStr;

use nix::libc;

use super::raw;

/// Whether there is something of this name.
#[must_use]
pub fn exists(path: &CStr) -> bool {
    // SAFETY: the path is a C string.
    let result = unsafe {
        raw::call(
            libc::SYS_faccessat,
            [
                (libc::AT_FDCWD as isize).cast_unsigned(),
                path.as_ptr().addr(),
                libc::F_OK as usize,
            ],
        )
    };
    result.is_ok()
}
