//! From a child to its program, as `execvp(3)` goes: PATH, and /bin/sh for a script
//! without `#!` (which musl's execvp lacks). No allocation, no `errno`: for children
//! that share our memory too.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;

use nix::libc;

use super::error::Errno;
use super::raw;

/// Where a program without a slash is sought when there is no PATH.
pub const DEFAULT_PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const SHELL: &CStr = c"/bin/sh";
const PATH_MAX: usize = libc::PATH_MAX as usize;

/// What is to be executed.
#[derive(Clone, Copy)]
pub struct Program<'a> {
    /// A free slot, in which a script's shell is put; then the argument vector, NULL at
    /// its end.
    pub words: *mut *const c_char,
    /// The environment, NULL at its end.
    pub environment: *const *const c_char,
    /// What to seek: the vector's first word, as a rule.
    pub file: &'a CStr,
    /// The folders to seek it in, with colons between; empty ones are the current folder.
    pub path: &'a [u8],
}

impl Program<'_> {
    /// Becomes the program; comes back only with the reason why not.
    ///
    /// # Safety
    /// `words` and `environment` are as `Program` says, and writable in the case of
    /// `words`; nobody else uses them at this time.
    pub unsafe fn exec(&self) -> Errno {
        if self.file.is_empty() {
            return Errno(libc::ENOENT);
        }
        if self.file.to_bytes().contains(&b'/') {
            // SAFETY: passed on.
            return unsafe { self.try_file(self.file) };
        }
        // SAFETY: passed on.
        unsafe { self.search() }
    }

    /// The walk along PATH: not found, not a folder or a dead mount goes on to the next;
    /// EACCES goes on too, and is the answer if nothing better comes.
    #[inline(never)]
    unsafe fn search(&self) -> Errno {
        let mut denied = false;
        let mut last = Errno(libc::ENOENT);
        let mut buffer = [MaybeUninit::<u8>::uninit(); PATH_MAX];
        for folder in self.path.split(|byte| *byte == b':') {
            let Some(file) = join(&mut buffer, folder, self.file) else {
                last = Errno(libc::ENAMETOOLONG);
                continue;
            };
            // SAFETY: passed on.
            last = unsafe { self.try_file(file) };
            match last.0 {
                libc::EACCES => denied = true,
                libc::ENOENT | libc::ENOTDIR | libc::ESTALE | libc::ENODEV | libc::ETIMEDOUT => {}
                _ => return last,
            }
        }
        if denied { Errno(libc::EACCES) } else { last }
    }

    unsafe fn try_file(&self, file: &CStr) -> Errno {
        let words = self.words.wrapping_add(1);
        // SAFETY: passed on.
        let errno = unsafe { execve(file, words, self.environment) };
        if errno.0 != libc::ENOEXEC {
            return errno;
        }
        // SAFETY: the slot in front is there and writable, so promises `Program`.
        unsafe { self.words.write(SHELL.as_ptr()) };
        // SAFETY: the vector's first slot is readable, so promises `Program`.
        let name = unsafe { words.read() };
        // SAFETY: and writable.
        unsafe { words.write(file.as_ptr()) };
        // SAFETY: passed on.
        let errno = unsafe { execve(SHELL, self.words, self.environment) };
        // SAFETY: as above; our parent may share this memory and name the command.
        unsafe { words.write(name) };
        errno
    }
}

/// `execve(2)`.
///
/// # Safety
/// Both vectors hold C strings and end in NULL.
unsafe fn execve(
    file: &CStr,
    words: *mut *const c_char,
    environment: *const *const c_char,
) -> Errno {
    // SAFETY: the caller vouches for the vectors; `file` is a C string.
    let result = unsafe {
        raw::call(
            libc::SYS_execve,
            [file.as_ptr().addr(), words.addr(), environment.addr()],
        )
    };
    match result {
        Err(errno) => errno,
        Ok(_) => Errno(libc::EINVAL),
    }
}

/// `folder/file` in the buffer, if it fits.
fn join<'a>(buffer: &'a mut [MaybeUninit<u8>], folder: &[u8], file: &CStr) -> Option<&'a CStr> {
    let slash: &[u8] = if folder.is_empty() { b"" } else { b"/" };
    let mut length = 0usize;
    for part in [folder, slash, file.to_bytes_with_nul()] {
        let end = length.checked_add(part.len())?;
        buffer.get_mut(length..end)?.write_copy_of_slice(part);
        length = end;
    }
    let written = buffer.get(..length)?;
    // SAFETY: all `length` bytes have just been written.
    let written = unsafe { written.assume_init_ref() };
    CStr::from_bytes_with_nul(written).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_and_a_file_are_joined_if_they_fit() {
        let mut buffer = [MaybeUninit::uninit(); 12];
        assert_eq!(join(&mut buffer, b"/usr/bin", c"ls"), Some(c"/usr/bin/ls"));
        assert_eq!(join(&mut buffer, b"", c"ls"), Some(c"ls"));
        assert_eq!(join(&mut buffer, b"/usr/bin", c"lsx"), None);
    }
}
