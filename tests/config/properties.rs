//! Texts that nobody would write: whatever they are, the answer is a diagnostic.

use std::fmt::Write;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::collection::vec;
use proptest::prelude::*;

use rinit::config::{Outcome, load, reference};
use rinit::core::graph::cycles;
use rinit::plan;

use super::files::Scratch;
use super::request;

/// Loads the text; what comes out must be presentable and go through the plan.
fn check(text: &str) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let scratch = Scratch::new(&format!("property-{number}"));
    let outcome = load(&request(&[&scratch.write("a.toml", text)]));
    if let Outcome::Refused { errors, .. } = &outcome {
        assert!(!errors.is_empty(), "refused without a reason: {text}");
        for error in errors {
            let presentable = error.contains("help: ") || error.starts_with("and ");
            assert!(presentable, "no help for {text}:\n{error}");
            assert!(
                !error.contains('\r') && !error.contains('\x1b'),
                "{error:?}"
            );
        }
    }
    assert_eq!(plan::decode(&plan::encode(&outcome)), Ok(outcome));
}

/// A value of any kind, most of them wrong for most keys.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{1,25}",
        "-?[0-9]{1,3}",
        "\"[a-zé${}:=.0-9\\\\ -]{0,12}\"",
        "\"[0-9]{1,4}(s|ms|m|h|K|M|G|)\"",
        "\"[0-9*,/?-]{1,4} [0-9*,/-]{1,3} \\\\* \\\\* [0-7a-z*-]{1,3}\"",
        "\"(Mon|Tue..Sat|) ?[0-9*]{1,4}-[0-9*~.]{1,4}-?[0-9*]{0,2} [0-9*]{1,2}:[0-9*/]{1,4}( UTC|)\"",
        Just("true".to_owned()),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
        Just("[\"sh\", \"${A:-b}\"]".to_owned()),
        Just("[\"a\", \"b\", \"c\"]".to_owned()),
        Just("{ tcp = [\"localhost:80\", 5] }".to_owned()),
        Just("{ count = 5, within = \"1m\" }".to_owned()),
        Just("1979-05-27T07:32:00Z".to_owned()),
        Just("nan".to_owned()),
        Just("[[1], { a = 2 }]".to_owned()),
    ]
}

/// Tables and keys that exist, with such values.
fn document() -> impl Strategy<Value = String> {
    let keys: Vec<&str> = reference().map(|line| line.key).collect();
    let line = (proptest::sample::select(keys), value());
    let lines = vec(
        line.prop_map(|(key, value)| format!("{key} = {value}\n")),
        0..8,
    );
    let header = prop_oneof![
        "\\[service\\.[abc]\\]\n",
        Just("[init]\n".to_owned()),
        Just("[defaults]\n".to_owned())
    ];
    vec((header, lines.prop_map(|lines| lines.concat())), 0..5).prop_map(|tables| {
        tables
            .iter()
            .map(|(header, lines)| format!("{header}{lines}"))
            .collect()
    })
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "(\\PC|[\\n\\r\\t\x1b\"'\\[\\]{}=.#,]){0,80}") {
        check(&text);
    }

    #[test]
    fn what_is_accepted_has_no_circle_and_what_has_one_is_refused(
        edges in vec((0..6usize, 0..5usize, 0..6usize), 0..9)
    ) {
        let mut text = String::new();
        for service in 0..6 {
            writeln!(text, "[service.s{service}]\ncommand = 'x'").unwrap();
            for (kind, key) in ["after", "before", "requires", "wants", "binds-to"].iter().enumerate() {
                let here = edges.iter().filter(|(from, k, to)| *from == service && *k == kind && to != from);
                let names: Vec<_> = here.map(|(_, _, to)| format!("'s{to}'")).collect();
                writeln!(text, "{key} = [{}]", names.join(", ")).unwrap();
            }
        }
        let scratch = Scratch::new("circles");
        match load(&request(&[&scratch.write("a.toml", &text)])) {
            Outcome::Ready { spec, .. } => prop_assert_eq!(cycles(&spec), Vec::<Vec<_>>::new()),
            Outcome::Refused { errors, .. } => {
                prop_assert!(errors.iter().all(|error| error.contains("in a circle: ")), "{:?}", errors);
            }
            Outcome::Nothing => prop_assert!(false, "nothing: {}", text),
        }
    }

    #[test]
    fn any_values_of_known_keys_are_answered(text in document()) {
        check(&text);
    }
}
