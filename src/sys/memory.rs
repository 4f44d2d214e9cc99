//! Giving back pages that are not needed any more.
#![allow(unsafe_code)]

use nix::libc;

use super::raw;

unsafe extern "C" {
    // Set by the linker: the first byte of the program, and the one after its code.
    static __executable_start: u8;
    static etext: u8;
}

const PAGE: usize = 4096;

/// The size of a page, in bytes.
#[must_use]
pub fn page_size() -> u64 {
    // SAFETY: no pointers.
    unsafe { libc::getauxval(libc::AT_PAGESZ) }
}

/// Gives back what the heap has kept of what was freed.
pub fn give_back_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it touches only memory that nobody has.
    let _ = unsafe { libc::malloc_trim(0) };
}

/// Drops the pages of our own code that are mapped but not used: the kernel maps sixteen
/// around each that is. What is needed comes back one by one, from the page cache.
pub fn drop_unused_code() {
    let start = (&raw const __executable_start).addr();
    let end = (&raw const etext).addr();
    let first = start & !(PAGE - 1);
    let Some(length) = end.checked_sub(first) else {
        return;
    };
    for advice in [libc::MADV_RANDOM, libc::MADV_DONTNEED] {
        // SAFETY: code is never written, so dropping it loses nothing: it is read from
        // the file again. A failure changes nothing.
        let _ = unsafe {
            raw::call(
                libc::SYS_madvise,
                [first, length, advice.cast_unsigned() as usize],
            )
        };
    }
}
