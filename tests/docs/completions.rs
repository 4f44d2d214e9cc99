//! The completions, as bash itself takes them; the words of the other shells.

use std::path::PathBuf;
use std::process::Command;

use rinit::cli::init::FLAGS;

/// A folder with the completion and a rinitctl that knows some services.
struct Shell(PathBuf);

impl Shell {
    fn new(test: &str) -> Self {
        let name = format!("rinit-completions-{test}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(
            folder.join("rinit.bash"),
            crate::printed(&["--completions", "bash"]),
        )
        .unwrap();
        Self(folder)
    }

    /// What bash offers behind this line, in order.
    fn offers(&self, line: &str) -> Vec<String> {
        let script = r#"
            rinitctl() { [[ "$*" == *list ]] && printf '%s\n' db web worker@1 worker@2 "$*"; }
            rinit() { shift; rinitctl "$@"; }
            source "$1" || exit
            COMP_LINE=$2 COMP_POINT=${#2}
            name=${2%% *}
            name=$(complete -p "$name") && [[ $name == *" -F "* ]] || exit
            name=${name##* -F }
            ${name%% *}
            printf '%s\n' "${COMPREPLY[@]}"
        "#;
        let output = Command::new("bash")
            .args(["--norc", "--noprofile", "-uc", script, "bash"])
            .arg(self.0.join("rinit.bash"))
            .arg(line)
            .current_dir(&self.0)
            .output()
            .expect("bash is there");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && said.is_empty(), "{line}: {said}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.split_terminator('\n').map(str::to_owned).collect()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

#[test]
fn bash_offers_verbs_options_and_names() {
    let bash = Shell::new("names");
    for (line, offered) in [
        ("rinitctl sta", &["status", "start"][..]),
        ("rinit ctl sta", &["status", "start"]),
        ("rinitctl restart w", &["web", "worker@1", "worker@2"]),
        ("rinitctl restart db worker@", &["1", "2"]),
        ("rinit ctl restart d", &["db"]),
        (
            "rinitctl --socket /x restart -",
            &[
                "--socket",
                "--json",
                "-h",
                "--help",
                "--man",
                "--completions",
            ],
        ),
        ("rinitctl --socket /x stop --s", &["--socket"]),
        ("rinitctl --socket /x stop --socket", &["--socket"]),
        (
            "rinitctl --socket /x stop --",
            &["--socket", "--json", "--help", "--man", "--completions"],
        ),
        ("rinitctl --socket /x stop -- --socket", &["--socket"]),
        ("rinitctl kill --sig", &["--signal"]),
        ("rinitctl kill --signal HU", &["HUP"]),
        ("rinitctl kill --signal=HU", &["HUP"]),
        ("rinitctl kill --signal HUP d", &["db"]),
        ("rinitctl wait db --for act", &["active"]),
        ("rinitctl version d", &[]),
        ("rinitctl sausage d", &[]),
        ("rinit --comp", &["--completions"]),
        ("rinit --completions ", &["bash", "zsh", "fish"]),
        ("rinit --man rinit.", &["rinit.toml"]),
        ("rinit -c rinit.", &["rinit.bash"]),
        ("rinit ct", &["ctl"]),
        ("rinit -v -- cat rinit.", &["rinit.bash"]),
        ("rinit -c x cat rinit.", &["rinit.bash"]),
    ] {
        let found = bash.offers(line);
        let missing: Vec<_> = offered
            .iter()
            .filter(|it| !found.iter().any(|f| f == *it))
            .collect();
        assert!(missing.is_empty(), "behind {line:?} bash offers {found:?}");
        if offered.is_empty() {
            assert!(found.iter().all(String::is_empty), "{line:?}: {found:?}");
        }
    }
    // Asked where the line says.
    let found = bash.offers("rinitctl --socket /x start -");
    assert!(!found.contains(&"db".to_owned()), "{found:?}");
    let found = bash.offers("rinitctl --socket /x start ");
    assert!(found.contains(&"--socket /x list".to_owned()), "{found:?}");
}

#[test]
fn every_shell_has_every_option_and_verb() {
    for shell in ["bash", "zsh", "fish"] {
        let text = crate::printed(&["--completions", shell]);
        assert_eq!(text, crate::printed(&["ctl", "--completions", shell]));
        let is_word = |c: char| c.is_alphanumeric() || c == '-';
        let has = |word: &str| {
            text.match_indices(word).any(|(at, _)| {
                !text[..at].ends_with(is_word) && !text[at + word.len()..].starts_with(is_word)
            })
        };
        let names = FLAGS.iter().flat_map(|flag| flag.text().each());
        for name in names.chain(crate::words_of_help()) {
            let long = name.strip_prefix("--").filter(|_| shell == "fish");
            let short = name
                .strip_prefix('-')
                .filter(|it| shell == "fish" && it.len() == 1);
            let word = match (long, short) {
                (Some(long), _) => format!("-l {long}"),
                (None, Some(short)) => format!("-s {short}"),
                (None, None) => name,
            };
            assert!(has(&word), "{shell}'s completion lacks {word}");
        }
    }
}

#[test]
fn the_shells_that_are_here_read_their_completion() {
    for (shell, options) in [("bash", "-n"), ("zsh", "-fn"), ("fish", "-n")] {
        let file = std::env::temp_dir().join(format!("rinit-{shell}-{}", std::process::id()));
        std::fs::write(&file, crate::printed(&["--completions", shell])).unwrap();
        let output = Command::new(shell).arg(options).arg(&file).output();
        std::fs::remove_file(&file).unwrap();
        // Only bash is everywhere; .ci/run has all three.
        match output {
            Ok(output) => assert!(output.status.success(), "{shell}: {output:?}"),
            Err(error) => assert!(shell != "bash", "{error}"),
        }
    }
}
