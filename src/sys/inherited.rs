//! What whoever started us gave us, taken before anything here could change it: the
//! signal mask, the arguments, the environment. A child is owed exactly that.
//!
//! `capture` is the first call of `main`; it blocks every signal, and from then on none
//! is lost. Dispositions need no copy: Rust's runtime, which would change them, is not
//! entered; `signal::ignored` reads them.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char};
use std::ptr;
use std::slice;

use super::signal::{self, SignalSet};

/// A pointer to words and a NULL behind the last, as the kernel lays out arguments and
/// environment. Only `main` gets one, so one that exists is valid, for ever.
#[repr(transparent)]
pub struct Vector(*mut Word);

impl Vector {
    /// One out of the initial stack.
    ///
    /// # Safety
    /// `words` is where the kernel laid it, and nobody else owns its slots.
    pub(super) const unsafe fn from_kernel(words: *mut Word) -> Self {
        Self(words)
    }
}

/// One word of them.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Word(*const c_char);

impl Word {
    /// Its bytes, without the NUL.
    #[must_use]
    pub fn bytes(self) -> &'static [u8] {
        self.c_str().to_bytes()
    }

    /// As a C string.
    #[must_use]
    pub fn c_str(self) -> &'static CStr {
        // SAFETY: a Word comes out of a Vector, whose words end in NUL and are never freed.
        unsafe { CStr::from_ptr(self.0) }
    }
}

/// A Vector whose words have been counted; the one owner of its slots.
pub struct Words(&'static mut [Word]);

impl Words {
    fn new(vector: Vector) -> Self {
        let start = vector.0;
        if start.is_null() {
            return Self(&mut []);
        }
        let mut count = 0;
        loop {
            // SAFETY: no slot up to the NULL is beyond the end, and we are not past it.
            let slot = unsafe { start.add(count) };
            // SAFETY: the slot is readable, see above.
            let word = unsafe { slot.read() };
            if word.0.is_null() {
                break;
            }
            count += 1;
        }
        // SAFETY: `count` slots are there, writable, ours alone: the Vector was given away.
        Self(unsafe { slice::from_raw_parts_mut(start, count) })
    }

    /// The words.
    #[must_use]
    pub fn as_slice(&self) -> &[Word] {
        self.0
    }

    /// Each word's bytes.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &'static [u8]> {
        self.0.iter().map(|word| word.bytes())
    }

    /// The bytes of the word at this place.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&'static [u8]> {
        self.0.get(index).map(|word| word.bytes())
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Moves the word at `from` forward to `to`, those between one back (what getopt
    /// calls permuting). Out of range or backwards: nothing happens.
    pub fn bring_forward(&mut self, from: usize, to: usize) {
        if let Some(span) = self.0.get_mut(to..=from) {
            span.rotate_right(1);
        }
    }

    /// All slots, up to and with the NULL, for the kernel.
    #[must_use]
    pub fn vector(&self) -> *const *const c_char {
        const NOTHING: &[usize] = &[0];
        if self.0.is_empty() {
            return NOTHING.as_ptr().cast();
        }
        self.0.as_ptr().cast()
    }

    /// The slots from `index` on, up to and with the NULL, for the kernel.
    #[must_use]
    pub(super) fn pointer(&mut self, index: usize) -> Option<*mut *const c_char> {
        if index >= self.0.len() {
            return None;
        }
        // Word is transparent, and the NULL stands behind the last slot.
        Some(self.0.as_mut_ptr().wrapping_add(index).cast())
    }
}

/// Arguments, environment and mask as they were.
pub struct Inherited {
    /// The signal mask.
    pub mask: SignalSet,
    /// The arguments, the program's own name first (or none at all).
    pub arguments: Words,
    /// `NAME=value` words.
    pub environment: Words,
}

impl Inherited {
    /// Takes stock and leaves the signals alone. Whoever calls this drops it before
    /// anybody else looks at the same words.
    pub(super) fn look(argv: Vector, envp: Vector) -> Self {
        Self {
            mask: SignalSet::EMPTY,
            arguments: Words::new(argv),
            environment: Words::new(envp),
        }
    }

    /// Blocks every signal and takes stock. `main` calls it before anything else.
    #[must_use]
    pub fn capture(argv: Vector, envp: Vector) -> Self {
        let mask = signal::set_mask(SignalSet::ALL);
        Self {
            mask,
            arguments: Words::new(argv),
            environment: Words::new(envp),
        }
    }

    /// The value of an environment variable: the first of that name.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&'static [u8]> {
        variable(&self.environment, name)
    }
}

/// The value of a variable in these words: the first of that name.
#[must_use]
pub fn variable(environment: &Words, name: &str) -> Option<&'static [u8]> {
    environment.iter().find_map(|word| {
        word.strip_prefix(name.as_bytes())
            .and_then(|rest| rest.strip_prefix(b"="))
    })
}

impl Default for Words {
    /// No words, and no slots.
    fn default() -> Self {
        Self::new(Vector(ptr::null_mut()))
    }
}
