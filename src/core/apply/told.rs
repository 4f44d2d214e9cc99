//! The warnings that have been said of the configuration, so that each is said once and not
//! with every `daemon-reload` of a package's script; one that was mended, and comes back, is
//! said again.

use crate::core::system::System;

/// What stands for each of the last reading's.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Told(Vec<u64>);

impl Told {
    /// These are said now, or were by the last reading. Gives those that are new.
    pub(super) fn renew(&mut self, warnings: &[Box<str>]) -> Box<[Box<str>]> {
        let known = std::mem::take(&mut self.0);
        self.0 = warnings.iter().map(|text| mark(text)).collect();
        let new = warnings.iter().filter(|text| !known.contains(&mark(text)));
        new.cloned().collect()
    }
}

/// FNV-1a, but for colours: only the start's have any.
fn mark(text: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut in_colour = false;
    for byte in text.bytes() {
        in_colour |= byte == 0x1b;
        if !in_colour {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        in_colour &= byte != b'm';
    }
    hash
}

impl System {
    /// These were said at the start.
    pub fn have_told(&mut self, warnings: &[Box<str>]) {
        self.apply.told.renew(warnings);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_new_until_it_was_said_and_again_after_it_was_gone() {
        let mut told = Told::default();
        let [one, two] = ["one", "two"].map(Box::<str>::from);
        let both = [one.clone(), two.clone()];
        assert_eq!(
            *told.renew(&["\x1b[1mo\x1b[0mne".into()]),
            ["\x1b[1mo\x1b[0mne".into()]
        );
        let new = told.renew(&both);
        assert_eq!((new.len(), &*new[0]), (1, "two"));
        assert_eq!(*told.renew(&both), []);
        assert_eq!(*told.renew(&[two]), []);
        assert_eq!(*told.renew(&both), [one]);
    }
}
