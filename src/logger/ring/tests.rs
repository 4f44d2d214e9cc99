//! Rings that are written, overwritten and read.

use super::*;
use proptest::prelude::*;

/// All that a ring holds: each entry's bytes, and whether its beginning is lost.
fn all(rings: &Rings, number: usize) -> Vec<(Entry, Vec<u8>)> {
    let mut place = rings.first(number);
    let mut found = Vec::new();
    while let Some(head) = rings.peek(number, &mut place) {
        let mut bytes = Vec::new();
        assert!(rings.read(number, &mut place, &head, &mut bytes));
        found.push((head.entry, bytes));
    }
    found
}

fn text(rings: &Rings, number: usize) -> Vec<u8> {
    let parts = all(rings, number).into_iter().map(|(_, bytes)| bytes);
    parts.collect::<Vec<_>>().concat()
}

const NOTE: Note = Note {
    time: -5,
    pid: u32::MAX,
    error: true,
    begun: true,
    unended: true,
};

#[test]
fn what_is_noted_of_an_entry_comes_back() {
    let rings = Rings::new(&[0, 4096]).unwrap();
    rings.keep(1, Note::default(), [b"", b"one\n", b""]);
    rings.keep(1, NOTE, [b"be", b"gun", b""]);
    for nowhere in [0, 2, usize::MAX] {
        rings.keep(nowhere, NOTE, [b"", b"lost\n", b""]);
        assert!(all(&rings, nowhere).is_empty() && !rings.has(nowhere));
    }
    let entry = |number, note| Entry {
        note,
        number,
        torn: false,
    };
    let one = (entry(0, Note::default()), b"one\n".to_vec());
    let two = (entry(4, NOTE), b"begun".to_vec());
    assert_eq!(all(&rings, 1), [one, two]);
    assert_eq!(rings.done(), 9);
}

#[test]
fn a_line_longer_than_the_ring_leaves_its_end_and_says_so() {
    let rings = Rings::new(&[4096]).unwrap();
    let long = "x".repeat(9000);
    rings.keep(0, Note::default(), [b"begin ", long.as_bytes(), b"\n"]);
    let found = all(&rings, 0);
    assert_eq!(found.len(), 1);
    assert!(found[0].0.torn && found[0].1.ends_with(b"xx\n"));
    rings.keep(0, Note::default(), [b"", b"next\n", b""]);
    assert_eq!(text(&rings, 0), b"next\n");
}

#[test]
fn a_burst_is_kept_up_to_its_end_and_what_follows_pushes_out_little() {
    let rings = Rings::new(&[16384]).unwrap();
    let burst: String = (0..6000).map(|number| format!("line {number}\n")).collect();
    rings.keep(0, Note::default(), [b"", burst.as_bytes(), b""]);
    rings.keep(0, Note::default(), [b"", b"the last\n", b""]);
    let kept = text(&rings, 0);
    assert!(kept.len() > 16384 * 3 / 4, "{}", kept.len());
    let all = burst + "the last\n";
    assert!(all.as_bytes().ends_with(&kept));
    assert!(kept.starts_with(b"line "));
}

#[test]
fn a_reader_that_was_overtaken_is_told() {
    let rings = Rings::new(&[4096]).unwrap();
    let mut place = rings.first(0);
    rings.keep(0, Note::default(), [b"", b"first\n", b""]);
    let head = rings.peek(0, &mut place).unwrap();
    for _ in 0..1000 {
        rings.keep(0, Note::default(), [b"", b"more\n", b""]);
    }
    let mut bytes = Vec::new();
    assert!(!rings.read(0, &mut place, &head, &mut bytes));
    let head = rings.peek(0, &mut place).unwrap();
    assert!(place.lost && rings.read(0, &mut place, &head, &mut bytes));
    assert_eq!(bytes, b"more\n");
}

#[test]
fn what_a_killed_logger_began_never_was_and_its_number_is_not_given_twice() {
    let rings = Rings::new(&[4096]).unwrap();
    rings.keep(0, Note::default(), [b"", b"one\n", b""]);
    rings.next.store(20, Ordering::SeqCst);
    assert_eq!(rings.done(), 4);
    rings.recover();
    rings.keep(0, Note::default(), [b"", b"two\n", b""]);
    let numbers = all(&rings, 0).into_iter().map(|(entry, _)| entry.number);
    assert_eq!(numbers.collect::<Vec<_>>(), [0, 20]);
}

proptest! {
    /// Whatever is kept in whatever pieces, the ring holds the end of it, whole lines.
    #[test]
    fn a_ring_holds_the_end_of_what_was_kept(
        size in prop_oneof![Just(4096usize), Just(4104), Just(6000)],
        pieces in prop::collection::vec(
            (prop::collection::vec(0usize..300, 0..60), prop::collection::vec(any::<u8>(), 0..20)),
            1..20,
        ),
    ) {
        let rings = Rings::new(&[size, 64]).unwrap();
        let mut whole = Vec::new();
        for (lines, begin) in pieces {
            let begin: Vec<u8> = begin.into_iter().filter(|byte| *byte != b'\n').collect();
            let bytes = lines.into_iter().flat_map(|length| {
                let mut line = vec![b'a'; length];
                line.push(b'\n');
                line
            });
            let bytes: Vec<u8> = bytes.collect();
            let newline: &[u8] = if bytes.is_empty() { b"\n" } else { b"" };
            whole.extend([&begin, bytes.as_slice(), newline].concat());
            rings.keep(0, Note::default(), [&begin, &bytes, newline]);
            let kept = text(&rings, 0);
            prop_assert!(whole.ends_with(&kept));
            // The head of entries, and the entry that had to go for the last one.
            prop_assert!(kept.len() + 2600 > whole.len().min(size) || kept.len() == whole.len());
            let before = whole.len() - kept.len();
            prop_assert!(before == 0 || whole[before - 1] == b'\n');
        }
        prop_assert!(all(&rings, 1).is_empty());
    }
}
