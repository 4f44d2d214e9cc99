use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn occurs(pattern: &str, line: &str) -> bool {
    let pattern = Pattern::new(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    pattern.occurs_in(line.as_bytes())
}

#[test]
fn it_finds_what_people_write() {
    for (pattern, yes, no) in [
        ("ready", "now ready!", "Ready"),
        ("(?i)ready for", "READY For work", "ready"),
        (
            "database system is ready to accept connections$",
            "LOG:  database system is ready to accept connections\r",
            "database system is ready to accept connections soon",
        ),
        (
            "^Listening on .*:\\d+$",
            "Listening on [::]:80",
            "x Listening on a:80",
        ),
        ("^$", "", " "),
        ("started in [0-9.]+ ?s", "started in 2.5s", "started in  s"),
        ("{\"msg\":\"up\"", "{\"msg\":\"up\"}", "{msg}"),
        ("a{2,3}b", "xaab", "ab"),
        ("^a{2}$", "aa", "aaa"),
        ("^(ab|c)*d?$", "abcabd", "abx"),
        ("^(?:a|)b", "b", "ac"),
        ("\\bcat\\b", "a cat.", "concat"),
        ("\\Bcat", "concat", "cat"),
        ("[^a-c\\s]", "abd", "ab c"),
        ("[]x-]", "-", "a"),
        ("^\\w+\\W\\S\\D$", "ab-c.", "ab-c1"),
        ("gr.n", "grün", "grn"),
        ("^[à-ü]$", "ü", "z"),
        ("\\[info\\]", "[info]", "info"),
        ("x*", "", "\0"),
        ("a+?b", "aab", "b"),
        ("(?i)[A-C]z", "bZ", "dz"),
    ] {
        assert!(occurs(pattern, yes), "{pattern} in {yes:?}");
        assert!(
            pattern == "x*" || !occurs(pattern, no),
            "{pattern} in {no:?}"
        );
    }
}

#[test]
fn bytes_that_are_no_text_are_characters_too() {
    let pattern = Pattern::new("^a.b$").unwrap();
    assert!(pattern.occurs_in(b"a\xffb"));
    assert!(!pattern.occurs_in(b"a\xff\xffb"));
}

#[test]
fn what_is_no_expression_is_named_with_its_place() {
    for (pattern, at, what) in [
        ("a(b", 1..2, "this group is never closed"),
        ("ab)", 2..3, "this group was never opened"),
        ("x[a-", 1..2, "this class is never closed"),
        ("[z-a]", 1..4, "this is no range"),
        ("[[:alpha:]]", 1..2, "named classes are not known here"),
        ("*a", 0..1, "there is nothing to repeat"),
        ("a|+", 2..3, "there is nothing to repeat"),
        ("a**", 2..3, "this is repeated already"),
        ("a{3,2}", 1..6, "this can't be how often"),
        ("a{1001}", 1..7, "this can't be how often"),
        ("a{99999999999}", 1..14, "this can't be how often"),
        ("a(?=b)", 1..3, "this kind of group is not known here"),
        ("(a)\\1", 3..5, "\\1 is not known here"),
        ("é\\q", 2..4, "\\q is not known here"),
        ("a\\", 1..2, "nothing follows the backslash"),
    ] {
        let error = Pattern::new(pattern).unwrap_err();
        assert_eq!((error.at.clone(), &*error.what), (at, what), "{pattern}");
    }
}

#[test]
fn what_would_be_large_is_refused_and_what_would_be_slow_is_not() {
    for pattern in [
        "((a{1000}){1000}){1000}",
        "((){1000}){1000}x{1000}x{1000}x{1000}",
        &"x".repeat(1001),
        &"(".repeat(60),
    ] {
        assert!(Pattern::new(pattern).is_err(), "{pattern}");
    }
    assert!(Pattern::new("((((){1000}){1000}){1000}){1000}").is_ok());
    let line = "a".repeat(20_000);
    for pattern in ["(a*)*b", "(a|a)*b", "(a?){500}b", "(a|aa)+$b"] {
        assert!(!occurs(pattern, &line), "{pattern}");
    }
}

/// A second one, said the slow way: all places where a tree can end that begins there.
fn ends(tree: &Tree, line: &[char], from: usize) -> BTreeSet<usize> {
    let each = |starts: BTreeSet<usize>, tree: &Tree| {
        let ends = starts.into_iter().flat_map(|from| ends(tree, line, from));
        ends.collect::<BTreeSet<usize>>()
    };
    match tree {
        Tree::One(Step::Start) => (from == 0).then_some(from).into_iter().collect(),
        Tree::One(Step::End) => (from == line.len()).then_some(from).into_iter().collect(),
        Tree::One(step) => {
            let taken = line.get(from).filter(|char| step.takes(**char, false));
            taken.map(|_| from + 1).into_iter().collect()
        }
        Tree::All(parts) => parts.iter().fold(BTreeSet::from([from]), each),
        Tree::Either(ways) => ways.iter().flat_map(|way| ends(way, line, from)).collect(),
        Tree::Repeated { what, least, most } => {
            let mut now = BTreeSet::from([from]);
            for _ in 0..*least {
                now = each(now, what);
            }
            let mut all = now.clone();
            for _ in *least..most.unwrap_or(least + line.len() as u32 + 1) {
                now = each(now, what);
                all.extend(&now);
            }
            all
        }
    }
}

proptest! {
    #[test]
    fn it_finds_what_a_second_naive_one_finds(
        pattern in r"(\^?([ab.]|\[ab\]|\[\^a\]|\((a|b|ab)?\|(b|a\*)\)|\((a|b)\))(\*|\+|\?|\{1,2\}|\{2\})?){0,5}\$?",
        line in "[abc]{0,8}",
    ) {
        let (tree, _) = parse::parse(&pattern).unwrap();
        let chars: Vec<char> = line.chars().collect();
        let naive = (0..=chars.len()).any(|from| !ends(&tree, &chars, from).is_empty());
        prop_assert_eq!(occurs(&pattern, &line), naive, "{} in {}", pattern, line);
    }

    #[test]
    fn whatever_is_written_is_an_expression_or_an_error_inside_it(
        pattern in r"[ab(){}\[\]*+?|\\^$.,12\-:édw]{0,20}", line in ".{0,20}",
    ) {
        match Pattern::new(&pattern) {
            Ok(pattern) => {
                let _ = pattern.occurs_in(line.as_bytes());
            }
            Err(error) => prop_assert!(pattern.get(error.at.clone()).is_some(), "{:?}", error),
        }
    }
}
