//! What a static glibc says of itself without its translations.
//!
//! Its failed assertions and the texts of its errors go through message catalogues in the
//! user's language, whose character sets are converted by shared libraries: the printing,
//! the catalogues, the converters and the loader of those libraries, a hundred kilobytes
//! that nothing here ever runs. These take the places of the doors that lead there; rinit
//! sets no locale, so that each answers what glibc's own would.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int, c_uint};

use nix::libc;

/// `assert(3)`, which glibc's own code uses too: says what didn't hold, and aborts.
#[unsafe(no_mangle)]
extern "C" fn __assert_fail(
    what: *const c_char,
    _file: *const c_char,
    _line: c_uint,
    _function: *const c_char,
) -> ! {
    // SAFETY: the compiler made it of the assertion's own text.
    let what = unsafe { CStr::from_ptr(what) };
    for text in [c"rinit: the C library asserts in vain: ", what, c"\n"] {
        // SAFETY: as many bytes as there are; whether it succeeds changes nothing.
        unsafe {
            libc::write(
                libc::STDERR_FILENO,
                text.as_ptr().cast(),
                text.count_bytes(),
            )
        };
    }
    std::process::abort()
}

/// `dcgettext(3)`: without a locale a message is its own translation.
#[unsafe(no_mangle)]
extern "C" fn __dcgettext(
    _domain: *const c_char,
    message: *const c_char,
    _category: c_int,
) -> *const c_char {
    message
}

/// A character set's library: there is none in a static program.
#[unsafe(no_mangle)]
extern "C" fn __gconv_find_shlib(_name: *const c_char) -> *const u8 {
    std::ptr::null()
}

/// Gives back what the function above never gave.
#[unsafe(no_mangle)]
extern "C" fn __gconv_release_shlib(_handle: *const u8) {}

/// `strerror_r(3)` as POSIX has it, which the standard library asks. glibc's own prints the
/// number of an error that it doesn't know, and brings all that prints.
#[unsafe(no_mangle)]
extern "C" fn __xpg_strerror_r(errno: c_int, buffer: *mut c_char, length: usize) -> c_int {
    unsafe extern "C" {
        // `strerrordesc_np(3)`.
        safe fn strerrordesc_np(errno: c_int) -> *const c_char;
    }
    let known = strerrordesc_np(errno);
    let text = if known.is_null() {
        c"Unknown error"
    } else {
        // SAFETY: one of glibc's own constant texts.
        unsafe { CStr::from_ptr(known) }
    };
    let Some(most) = length.checked_sub(1) else {
        return libc::ERANGE;
    };
    let count = text.count_bytes().min(most);
    // SAFETY: the caller's buffer has `length` bytes, of which these are fewer.
    unsafe { std::ptr::copy_nonoverlapping(text.as_ptr(), buffer, count) };
    let end = buffer.wrapping_add(count);
    // SAFETY: as above: the last one that is used.
    unsafe { end.write(0) };
    if count < text.count_bytes() {
        libc::ERANGE
    } else {
        0
    }
}

/// Where shared libraries are looked for: a static program has none to load.
#[unsafe(no_mangle)]
extern "C" fn _dl_init_paths() {}

/// Counts calls for a profile of a shared library.
#[unsafe(no_mangle)]
extern "C" fn _dl_mcount_wrapper_check(_function: *const u8) {}
