//! What every static program brings along and this one never runs.
//!
//! glibc's heap can print statistics, its fork knows of files that are open for printing,
//! its start prepares for shared libraries, and the standard library draws a backtrace:
//! behind these few doors lie all that prints, character sets, the relocation of libraries
//! and the reading of debug information, half a megabyte. These take the places of the
//! doors; one that is left open lets nearly all of it in. They are the binary's alone:
//! whoever embeds the library may well print.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_int, c_void};
use std::{ptr, slice};

use nix::libc;

/// Functions that only what never runs would call.
macro_rules! never {
    ($($name:ident)*) => { $(
        #[unsafe(no_mangle)]
        extern "C" fn $name() -> ! {
            std::process::abort()
        }
    )* };
}

// The heap's statistics, for which `malloc_stats(3)` and its like would have to be called.
never! { fprintf _IO_fputs fwrite }

/// Where they would go.
#[allow(non_upper_case_globals, reason = "C's name")]
#[unsafe(no_mangle)]
static stderr: usize = 0;

/// `snprintf(3)`, by which glibc names an error that it doesn't know, and a broken array.
#[unsafe(no_mangle)]
extern "C" fn __snprintf(buffer: *mut c_char, size: usize) -> c_int {
    if size > 0 {
        // SAFETY: the caller's buffer has that size.
        unsafe { buffer.write(0) };
    }
    0
}

// The files that are open for printing, whose locks `fork(2)` takes if there are threads:
// none.
#[unsafe(no_mangle)]
extern "C" fn _IO_list_lock() {}
#[unsafe(no_mangle)]
extern "C" fn _IO_list_unlock() {}
#[unsafe(no_mangle)]
extern "C" fn _IO_list_resetlock() {}
#[unsafe(no_mangle)]
extern "C" fn _IO_iter_begin() -> *const c_void {
    ptr::null()
}
#[unsafe(no_mangle)]
extern "C" fn _IO_iter_end() -> *const c_void {
    ptr::null()
}
never! { _IO_iter_next _IO_iter_file }

/// Which characters are letters in the user's language: nothing asks.
#[unsafe(no_mangle)]
extern "C" fn __ctype_init() {}

/// `sysconf(3)` as glibc itself uses it: for how many symbolic links `realpath(3)` follows,
/// which has no limit of its own.
#[unsafe(no_mangle)]
extern "C" fn __sysconf(_name: c_int) -> libc::c_long {
    -1
}

/// The number of processors, which bounds the heaps of many threads.
#[unsafe(no_mangle)]
extern "C" fn __get_nprocs() -> c_int {
    1
}

/// Makes read-only what only the start writes. glibc's own is of one piece with what
/// relocates shared libraries.
#[unsafe(no_mangle)]
extern "C" fn _dl_protect_relro(_program: *const c_void) {
    // SAFETY: no pointers.
    let first = unsafe { libc::getauxval(libc::AT_PHDR) } as *const libc::Elf64_Phdr;
    // SAFETY: no pointers.
    let count = unsafe { libc::getauxval(libc::AT_PHNUM) } as usize;
    // SAFETY: the kernel says where it mapped the program's headers, and how many.
    let headers = unsafe { slice::from_raw_parts(first, count) };
    for header in headers {
        if header.p_type == libc::PT_GNU_RELRO {
            // In whole pages, as glibc's: the linker leaves none half filled.
            let start = header.p_vaddr & !0xfff;
            let end = (header.p_vaddr + header.p_memsz) & !0xfff;
            // SAFETY: nobody writes there any more.
            let _ = unsafe {
                libc::mprotect(
                    start as *mut c_void,
                    (end - start) as usize,
                    libc::PROT_READ,
                )
            };
        }
    }
}

/// `strcmp(3)`. glibc has it and the next one eight times each, for as many kinds of
/// processors; here they see a few short words.
#[unsafe(no_mangle)]
extern "C" fn strcmp(left: *const u8, right: *const u8) -> c_int {
    compare(left, right, usize::MAX)
}

/// `strncmp(3)`.
#[unsafe(no_mangle)]
extern "C" fn strncmp(left: *const u8, right: *const u8, most: usize) -> c_int {
    compare(left, right, most)
}

fn compare(left: *const u8, right: *const u8, most: usize) -> c_int {
    for at in 0..most {
        // SAFETY: the caller's text goes on: no NUL was met so far.
        let one = unsafe { left.wrapping_add(at).read() };
        // SAFETY: as above; it was the same so far.
        let other = unsafe { right.wrapping_add(at).read() };
        if one != other || one == 0 {
            return c_int::from(one) - c_int::from(other);
        }
    }
    0
}

/// A release has no tables for unwinding: what is needed to read them, and to name the
/// places in a backtrace, isn't either.
#[cfg(panic = "abort")]
mod unwinding {
    use super::{c_int, c_void};

    const END_OF_STACK: c_int = 5;

    /// Goes up the stack, for a backtrace.
    #[unsafe(no_mangle)]
    extern "C" fn _Unwind_Backtrace(_each: *const c_void, _state: *const c_void) -> c_int {
        END_OF_STACK
    }

    never! {
        _Unwind_GetDataRelBase _Unwind_GetIPInfo _Unwind_GetLanguageSpecificData
        _Unwind_GetRegionStart _Unwind_GetTextRelBase _Unwind_Resume _Unwind_SetGR
        _Unwind_SetIP
    }
}
