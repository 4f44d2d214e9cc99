//! `--completions`: for bash, zsh and fish, each for rinit and rinitctl in one text. The
//! names of services are asked of the running rinit when they are wanted.

mod bash;
mod fish;
mod zsh;

use super::Named;
use crate::cli::getopt::OptionText;
use crate::core::signal::Signal;
use crate::core::state::Standing;

/// The shells, and what makes each one's.
pub(super) const SHELLS: &[Named] = &[
    ("bash", bash::text),
    ("zsh", zsh::text),
    ("fish", fish::text),
];

/// What an option's argument is, by what the help calls it.
enum Fill {
    /// It takes none.
    Nothing,
    /// One of these.
    Words(String),
    /// A path.
    Files,
    /// What nobody can guess.
    Anything,
}

fn fill(option: &OptionText) -> Fill {
    let words = |names: &mut dyn Iterator<Item = &str>| {
        let mut out = String::new();
        for name in names {
            let gap = if out.is_empty() { "" } else { " " };
            out.push_str(gap);
            out.push_str(name);
        }
        Fill::Words(out)
    };
    match option.argument {
        "" => Fill::Nothing,
        "PATH" => Fill::Files,
        "SIGNAL" | "S" => words(&mut Signal::names()),
        "STATE" => words(&mut Standing::ALL.into_iter().map(Standing::word)),
        "SHELL" => words(&mut SHELLS.iter().map(|(name, _)| *name)),
        "[=PAGE]" => words(&mut super::manual::PAGES.iter().map(|(name, _)| *name)),
        _ => Fill::Anything,
    }
}

/// Between single quotes, which bash and zsh end for one of them.
fn quoted(text: &str) -> String {
    text.replace('\'', "'\\''")
}
