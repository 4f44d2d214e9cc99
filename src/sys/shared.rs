//! Memory that a process shares with its forks.
#![allow(unsafe_code)]

use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::AtomicU32;

use nix::libc::c_void;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};

/// `count` words, all zero, that stay the same memory in every later fork and for as
/// long as the process lives.
///
/// # Errors
/// ENOMEM, or EINVAL for a count that no memory has room for.
pub fn words(count: usize) -> nix::Result<&'static [AtomicU32]> {
    let length = count
        .checked_mul(size_of::<AtomicU32>())
        .and_then(|bytes| NonZeroUsize::new(bytes.max(1)))
        .filter(|bytes| isize::try_from(bytes.get()).is_ok())
        .ok_or(nix::errno::Errno::EINVAL)?;
    // SAFETY: a new mapping at a place that the kernel chooses overlaps nothing.
    let start: NonNull<c_void> = unsafe {
        mmap_anonymous(
            None,
            length,
            ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
            MapFlags::MAP_SHARED,
        )
    }?;
    let first = start.cast::<AtomicU32>();
    // SAFETY: the mapping has room for `count` words (checked above), is page-aligned and
    // zeroed by the kernel, zero is a valid AtomicU32, all access is atomic, and nothing
    // ever unmaps it.
    Ok(unsafe { slice::from_raw_parts(first.as_ptr(), count) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    #[test]
    fn the_words_begin_as_zero_and_keep_what_is_stored() {
        let words = words(3000).unwrap();
        assert_eq!(words.len(), 3000);
        for (word, value) in words.iter().zip(1..) {
            assert_eq!(word.swap(value, Ordering::Relaxed), 0);
        }
        assert_eq!(words[2999].load(Ordering::Relaxed), 3000);
    }

    #[test]
    fn no_words_and_too_many_are_no_crash() {
        assert!(words(0).unwrap().is_empty());
        assert!(words(usize::MAX).is_err());
        assert!(words(usize::MAX / 4).is_err());
    }
}
