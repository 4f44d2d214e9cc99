//! What a process sets for itself in a call or two (`CPUAffinity=` and kin of
//! systemd.exec(5)): what the words of `sandbox` say of it, in numbers.

/// Numbers of processors, or of nodes of memory, a bit each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbers(pub [u64; 128]);

impl Default for Numbers {
    fn default() -> Self {
        Self([0; 128])
    }
}

impl Numbers {
    /// Adds those of a list such as `0-3 7,9`; `None` where it is no such list.
    pub fn add(&mut self, list: &str) -> Option<()> {
        let is_between = |c: char| c == ',' || c.is_ascii_whitespace();
        for word in list.split(is_between).filter(|word| !word.is_empty()) {
            let (first, last) = word.split_once('-').unwrap_or((word, word));
            let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
            if first > last {
                return None;
            }
            for number in first..=last {
                *self.0.get_mut(number / 64)? |= 1 << (number % 64);
            }
        }
        Some(())
    }

    /// All of these lists together, if there is any.
    #[must_use]
    pub fn of(lists: &[&str]) -> Option<Self> {
        let mut all = Self::default();
        lists.first()?;
        for list in lists {
            all.add(list)?;
        }
        Some(all)
    }

    /// Whether any is in both.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        let mut pairs = self.0.iter().zip(&other.0);
        pairs.any(|(own, other)| own & other != 0)
    }
}

/// Each at the place of its number (`set_mempolicy(2)`).
pub const MEMORY_POLICIES: [&str; 5] = ["default", "preferred", "bind", "interleave", "local"];

/// The kernel's own and the one beside it that it may have (`personality(2)`).
pub const PERSONALITIES: [&str; 2] = if cfg!(target_arch = "aarch64") {
    ["arm64", "arm"]
} else {
    ["x86-64", "x86"]
};

/// Each at the place of its bit (`core(5)`).
const DUMPED: [&str; 9] = [
    "private-anonymous",
    "shared-anonymous",
    "private-file-backed",
    "shared-file-backed",
    "elf-headers",
    "private-huge",
    "shared-huge",
    "private-dax",
    "shared-dax",
];

/// Each at the place of its bit (`capabilities(7)`).
const SECURE_BITS: [&str; 6] = [
    "noroot",
    "noroot-locked",
    "no-setuid-fixup",
    "no-setuid-fixup-locked",
    "keep-caps",
    "keep-caps-locked",
];

/// SECBIT_KEEP_CAPS, and what locks it.
pub const KEEP_CAPS: u32 = 1 << 4;
/// SECBIT_KEEP_CAPS_LOCKED.
pub const KEEP_CAPS_LOCKED: u32 = 1 << 5;

fn bit(names: &[&str], name: &str) -> Option<u32> {
    let place = names.iter().position(|known| *known == name)?;
    Some(1 << place)
}

/// What is in a core dump: names of kinds, or bits in hexadecimal.
#[must_use]
pub fn dumped(text: &str) -> Option<u32> {
    let one = |name: &str| match name {
        "default" => Some(0x33),
        "all" => Some(u32::MAX),
        name => bit(&DUMPED, name).or_else(|| {
            let digits = name.strip_prefix("0x").unwrap_or(name);
            u32::from_str_radix(digits, 16).ok()
        }),
    };
    let mut words = text.split_whitespace();
    words.try_fold(0, |all, name| Some(all | one(name)?))
}

/// What the kernel doesn't do for root, or over a change of user.
#[must_use]
pub fn secure_bits(text: &str) -> u32 {
    let bits = text.split_whitespace().filter_map(secure_bit);
    bits.fold(0, |all, bit| all | bit)
}

/// One of them by its name.
#[must_use]
pub fn secure_bit(name: &str) -> Option<u32> {
    bit(&SECURE_BITS, name)
}

/// What is to be written instead of a directive's value that makes no sense.
#[must_use]
pub fn objection(directive: &str, text: &str) -> Option<&'static str> {
    let (is_good, help) = match directive {
        "CPUAffinity" => (
            Numbers::default().add(text).is_some(),
            "numbers of processors such as 0-3 7 (numa is not supported)",
        ),
        "NUMAMask" => (
            text == "all" || Numbers::default().add(text).is_some(),
            "numbers of nodes such as 0-1, or all",
        ),
        "CoredumpFilter" => (
            dumped(text).is_some(),
            "default, all, bits in hexadecimal, or kinds such as private-anonymous elf-headers",
        ),
        _ => return None,
    };
    (!is_good).then_some(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_numbers_and_ranges_that_add_up() {
        let found = Numbers::of(&["0-3 7,9", "64\t66-66"]).unwrap();
        assert_eq!(found.0[..3], [0b10_1000_1111, 0b101, 0]);
        assert_eq!(Numbers::of(&[]), None);
        assert!(Numbers::default().add("8191").is_some());
        for wrong in ["8192", "0-8192", "3-1", "numa", "-1", "1-", "0 x"] {
            assert_eq!(Numbers::default().add(wrong), None, "{wrong}");
        }
        let of = |list| Numbers::of(&[list]).unwrap();
        assert!(of("0-70").meets(&of("70")) && !of("0-69").meets(&of("70")));
    }

    #[test]
    fn a_dump_holds_kinds_by_name_and_by_their_bits() {
        for (text, bits) in [
            ("default", Some(0x33)),
            ("private-anonymous shared-dax", Some(0x101)),
            ("elf-headers 0x3 40", Some(0x53)),
            ("all", Some(u32::MAX)),
            ("default bogus", None),
        ] {
            assert_eq!(dumped(text), bits, "{text}");
        }
    }

    #[test]
    fn secure_bits_are_names_alone() {
        assert_eq!(secure_bits("noroot keep-caps-locked"), 0x21);
        assert_eq!(secure_bits("keep-caps 4"), KEEP_CAPS);
    }
}
