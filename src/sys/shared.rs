//! Memory that a process shares with its later forks: all zero at first, kept for as
//! long as the process lives, and touched by the kernel only as it is used.
#![allow(unsafe_code)]

use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};

use nix::libc::c_void;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};

use super::error::Errno;

/// `count` words.
///
/// # Errors
/// ENOMEM, or EINVAL for more than there can be.
pub fn words(count: usize) -> Result<&'static [AtomicU32], Errno> {
    let first = zeroed(count, size_of::<AtomicU32>())?.cast::<AtomicU32>();
    // SAFETY: the mapping has room for `count` words, is page-aligned and zeroed by the
    // kernel, zero is a valid AtomicU32, all access is atomic, and nothing ever unmaps it.
    Ok(unsafe { slice::from_raw_parts(first.as_ptr(), count) })
}

/// `count` words of 64 bits.
///
/// # Errors
/// ENOMEM, or EINVAL for more than there can be.
pub fn longs(count: usize) -> Result<&'static [AtomicU64], Errno> {
    let first = zeroed(count, size_of::<AtomicU64>())?.cast::<AtomicU64>();
    // SAFETY: as in `words`.
    Ok(unsafe { slice::from_raw_parts(first.as_ptr(), count) })
}

/// `count` bytes.
///
/// # Errors
/// ENOMEM, or EINVAL for more than there can be.
pub fn bytes(count: usize) -> Result<&'static [AtomicU8], Errno> {
    let first = zeroed(count, size_of::<AtomicU8>())?.cast::<AtomicU8>();
    // SAFETY: as in `words`.
    Ok(unsafe { slice::from_raw_parts(first.as_ptr(), count) })
}

/// A new shared mapping with room for `count` things of `size` bytes, or one byte if
/// that is none.
fn zeroed(count: usize, size: usize) -> Result<NonNull<c_void>, Errno> {
    let length = count
        .checked_mul(size)
        .filter(|bytes| isize::try_from(*bytes).is_ok())
        .and_then(|bytes| NonZeroUsize::new(bytes.max(1)))
        .ok_or(nix::errno::Errno::EINVAL)?;
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    let flags = MapFlags::MAP_SHARED | MapFlags::MAP_NORESERVE;
    // SAFETY: a new mapping at a place that the kernel chooses overlaps nothing.
    Ok(unsafe { mmap_anonymous(None, length, access, flags) }?)
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
    fn nothing_and_too_much_are_no_crash() {
        assert!(words(0).unwrap().is_empty());
        assert!(bytes(0).unwrap().is_empty());
        for count in [usize::MAX, usize::MAX / 4, usize::MAX / 2] {
            assert!(words(count).is_err());
        }
    }
}
