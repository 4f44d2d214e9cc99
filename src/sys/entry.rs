//! Before the C library: the program's first instructions, on x86_64 and glibc.
//!
//! glibc's start asks the processor for its features, which costs a virtual machine a
//! third of a millisecond: more than a small command takes altogether. The minimal init
//! needs none of what it sets up (no heap, no thread-local variable, no `errno`), so it
//! is entered from here; whatever needs more goes on to glibc's own start.
#![allow(unsafe_code)]

use super::inherited::{Inherited, Vector};

/// The stack as the kernel laid it out: the number of arguments, they, NULL, the
/// environment, NULL. Only the program's entry gets one.
#[repr(transparent)]
pub struct Stack(*mut usize);

/// An entry of the table of functions that glibc chooses by the processor.
#[repr(C)]
struct Indirect {
    slot: *mut usize,
    kind: usize,
    choose: extern "C" fn() -> usize,
}

const R_X86_64_IRELATIVE: usize = 37;

unsafe extern "C" {
    // Set by the linker.
    static __rela_iplt_start: [Indirect; 0];
    static __rela_iplt_end: [Indirect; 0];
}

impl Stack {
    /// Makes `memcpy` and its like callable: they are chosen by the processor's features,
    /// of which nothing is known yet, so the ones for every processor are taken. glibc's
    /// start chooses again. To be called before anything that might copy or compare.
    pub fn make_ready(&self) {
        let mut entry = (&raw const __rela_iplt_start).cast::<Indirect>();
        let end = (&raw const __rela_iplt_end).cast::<Indirect>();
        while entry < end {
            // SAFETY: between the linker's two symbols there are such entries.
            let indirect = unsafe { &*entry };
            if indirect.kind == R_X86_64_IRELATIVE {
                let function = (indirect.choose)();
                // SAFETY: the slot is a word of the table that calls go through; it
                // becomes read-only only in glibc's start.
                unsafe { indirect.slot.write(function) };
            }
            entry = entry.wrapping_add(1);
        }
    }

    /// Looks at arguments and environment without changing or blocking anything.
    #[must_use]
    pub fn look(&self) -> Inherited {
        let (argv, envp) = self.vectors();
        Inherited::look(argv, envp)
    }

    /// Blocks every signal and takes stock: from here on we are `main`.
    #[must_use]
    pub fn capture(self) -> Inherited {
        let (argv, envp) = self.vectors();
        Inherited::capture(argv, envp)
    }

    fn vectors(&self) -> (Vector, Vector) {
        // SAFETY: the first word is the number of arguments.
        let count = unsafe { self.0.read() };
        let argv = self.0.wrapping_add(1);
        let envp = argv.wrapping_add(count).wrapping_add(1);
        // SAFETY: both are the kernel's, valid for ever.
        (unsafe { Vector::from_kernel(argv.cast()) }, unsafe {
            Vector::from_kernel(envp.cast())
        })
    }
}
