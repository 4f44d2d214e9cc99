//! What a file has beside owner and mode: the kernel's flags (`ioctl_iflags(2)`) and
//! extended attributes (`xattr(7)`).
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::libc;

use super::error::Errno;
use super::raw;

/// Changes the flags: those of `mask` become as they are in `flags`.
///
/// # Errors
/// What `ioctl(2)` says: ENOTTY, EOPNOTSUPP where the file system has none.
pub fn change_flags(file: &OwnedFd, flags: u32, mask: u32) -> Result<(), Errno> {
    let mut now: libc::c_ulong = 0;
    let number = file.as_raw_fd().cast_unsigned() as usize;
    let mut ask = |request: libc::Ioctl| {
        // SAFETY: the kernel reads or writes one word, which lives through the call.
        unsafe {
            raw::call(
                libc::SYS_ioctl,
                [number, request as usize, (&raw mut now).addr()],
            )
        }
    };
    ask(libc::FS_IOC_GETFLAGS)?;
    let known = u32::try_from(now & libc::c_ulong::from(u32::MAX)).unwrap_or(0);
    let wanted = known & !mask | flags & mask;
    if wanted != known {
        now = libc::c_ulong::from(wanted);
        let given = [
            number,
            libc::FS_IOC_SETFLAGS as usize,
            (&raw mut now).addr(),
        ];
        // SAFETY: as above.
        unsafe { raw::call(libc::SYS_ioctl, given) }?;
    }
    Ok(())
}

/// Sets an attribute of what stands at the path, or behind the link there.
///
/// # Errors
/// What `setxattr(2)` says.
pub fn set(path: &CStr, name: &CStr, value: &[u8]) -> Result<(), Errno> {
    let given = [
        path.as_ptr().addr(),
        name.as_ptr().addr(),
        value.as_ptr().addr(),
        value.len(),
        0,
    ];
    // SAFETY: two C strings, and as many bytes as are said.
    unsafe { raw::call(libc::SYS_setxattr, given) }.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;

    fn value(path: &CStr, name: &CStr) -> Vec<u8> {
        let mut value = [0u8; 64];
        let given = [
            path.as_ptr().addr(),
            name.as_ptr().addr(),
            value.as_mut_ptr().addr(),
            value.len(),
        ];
        // SAFETY: two C strings, and as much room as is said.
        let length = unsafe { raw::call(libc::SYS_getxattr, given) }.unwrap();
        value[..length].to_vec()
    }

    #[test]
    fn what_is_set_is_there_where_the_file_system_has_it() {
        let path = std::env::temp_dir().join(format!("rinit-attributes-{}", std::process::id()));
        let file = OwnedFd::from(std::fs::File::create(&path).unwrap());
        let name = CString::new(path.to_str().unwrap()).unwrap();
        match set(&name, c"user.rinit", b"a b") {
            Ok(()) => assert_eq!(value(&name, c"user.rinit"), b"a b"),
            Err(errno) => assert_eq!(errno.0, libc::EOPNOTSUPP),
        }
        assert!(set(&name, c"nonsense", b"").is_err());
        const NO_DUMP: u32 = 0x40;
        for flags in [NO_DUMP, 0] {
            let changed = change_flags(&file, flags, NO_DUMP);
            let is_none = |errno: Errno| [libc::ENOTTY, libc::EOPNOTSUPP].contains(&errno.0);
            assert!(changed.is_ok() || changed.is_err_and(is_none));
        }
        std::fs::remove_file(path).unwrap();
    }
}
