//! The manual pages have all that the tables have, and are roff that can be read.

use rinit::cli::init::FLAGS;

fn page(name: &str) -> String {
    crate::printed(&["--man", name])
}

/// As roff has it.
fn bold(text: &str) -> String {
    format!("\\fB{}\\fR", text.replace('-', "\\-"))
}

#[test]
fn each_page_begins_as_a_page_and_holds_lines_that_roff_takes() {
    for (name, head) in [
        ("rinit", ".TH \"rinit\" 1"),
        ("rinitctl", ".TH \"rinitctl\" 1"),
        ("rinit.toml", ".TH \"rinit.toml\" 5"),
    ] {
        let page = page(name);
        assert!(page.starts_with(head), "{page}");
        assert!(page.contains("\n.SH \"NAME\"\n"), "{page}");
        for line in page.lines() {
            assert!(line.is_ascii(), "{name}: {line:?}");
            let request = line
                .strip_prefix('.')
                .map(|it| it.split(' ').next().unwrap());
            let known = ["TH", "SH", "PP", "TP", "RS", "RE", "nf", "fi", "br"];
            assert!(
                request.is_none_or(|it| known.contains(&it)),
                "{name}: {line}"
            );
        }
    }
    assert_eq!(crate::printed(&["--man"]), page("rinit"));
    assert_eq!(crate::printed(&["ctl", "--man"]), page("rinitctl"));
    assert_eq!(
        crate::printed(&["ctl", "--man=rinit.toml"]),
        page("rinit.toml")
    );
}

#[test]
fn the_manual_names_every_key_with_its_meaning() {
    let page = page("rinit.toml");
    let plain = page.replace("\\-", "-").replace("\\(aq", "'");
    let plain = plain.replace("\\(ti", "~").replace("\\(ha", "^");
    for line in rinit::config::reference() {
        let entry = format!(".TP\n{}", bold(line.key));
        let meaning = line.doc.replace('…', "...");
        assert!(page.contains(&entry), "rinit.toml(5) lacks {}", line.key);
        assert!(plain.contains(&meaning), "rinit.toml(5) lacks {}", line.doc);
    }
}

#[test]
fn the_manual_names_every_option_and_variable() {
    let page = page("rinit");
    for flag in FLAGS {
        for name in flag.text().each() {
            let name = name.replace('-', "\\-");
            assert!(page.contains(&name), "rinit(1) lacks {name}");
        }
    }
    for line in rinit::config::reference().filter(|line| line.table == "init") {
        let variable = bold(&rinit::config::variable(line.key));
        assert!(page.contains(&variable), "rinit(1) lacks {variable}");
    }
}

#[test]
fn the_manual_names_every_verb_and_option_of_the_help() {
    let page = page("rinitctl").replace("\\-", "-");
    let words = crate::words_of_help();
    assert!(words.len() > 20, "{words:?}");
    for word in words {
        let is_there = page.contains(&format!("\\fB{word}")) || page.contains(&format!(", {word}"));
        assert!(is_there, "rinitctl(1) lacks {word}");
    }
}

#[test]
fn an_unknown_page_is_refused() {
    for words in [["--man", "sausage"], ["--completions", "csh"]] {
        let output = crate::run(&words);
        assert_eq!(output.status.code(), Some(125), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        let output = crate::run(&["ctl", words[0], words[1]]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
    }
}
