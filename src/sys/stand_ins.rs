//! What every static program brings along and this one never runs.
//!
//! The standard library draws a backtrace: behind that door lie the unwinder, and all that
//! reads debug information. These take the places of such doors. They are the binary's
//! alone: whoever embeds the library keeps what their program was given.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};

/// Functions that only what never runs would call.
macro_rules! never {
    ($($name:ident)*) => { $(
        #[unsafe(no_mangle)]
        extern "C" fn $name() -> ! {
            std::process::abort()
        }
    )* };
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
