//! `rinit import`: what another manager reads, as a rinit.toml: units, a supervisord.conf, a
//! source folder of s6-rc, a table of cron. It starts nothing and changes nothing. What has
//! no equivalent becomes a comment that says what to write instead.

mod cron;
mod draft;
mod s6;
mod supervisord;
mod unit;
mod words;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use self::draft::Draft;
use super::print;
use crate::config::import::{Page, Rendered, trouble};
use crate::single::Inherited;

/// What the help and the manual page say.
pub(super) const USAGE: &str = "rinit import PATH…";
/// The same, of what it takes.
pub(super) const DOC: &str = "Prints as a rinit.toml what another manager reads: a unit (a file, or the name of one that is installed), a supervisord.conf, a source folder of s6-rc, a file of cron.d.";

/// Nothing was printed.
const FAILED: i32 = 1;

/// The face; its own words begin with this one.
pub(super) fn run(inherited: &Inherited, from: usize) -> i32 {
    let colour =
        print::err_is_terminal() && inherited.variable("NO_COLOR").is_none_or(<[u8]>::is_empty);
    let mut draft = Draft::default();
    let mut code = print::USAGE;
    for word in inherited.arguments.iter().skip(from) {
        if word.starts_with(b"-") {
            let is_help = matches!(word, b"-h" | b"--help");
            print::out(["usage: ", USAGE, "\n\n", DOC, "\n"].concat());
            return if is_help { 0 } else { print::USAGE };
        }
        let told = one(&mut draft, Path::new(OsStr::from_bytes(word)), colour);
        for words in [&told.warnings, &told.errors].into_iter().flatten() {
            print::err(words);
            print::err("\n");
        }
        if code != FAILED {
            code = 0;
        }
        if !told.errors.is_empty() {
            code = FAILED;
        }
    }
    match code {
        0 => print::out(draft.text()),
        print::USAGE => print::error(
            [
                "rinit: import wants a PATH
help: ",
                USAGE,
                " >rinit.toml",
            ]
            .concat(),
        ),
        _ => {}
    }
    code
}

fn one(draft: &mut Draft, path: &Path, colour: bool) -> Rendered {
    if path.is_dir() {
        return s6::read(draft, path);
    }
    let name = path.to_str().unwrap_or_default();
    let end = name.rsplit('.').next().unwrap_or_default();
    if matches!(end, "service" | "socket" | "timer" | "path") {
        return unit::read(draft, path, colour);
    }
    let page = Page::read(path);
    let text = page.text();
    let (mut sections, mut jobs) = (false, false);
    for line in text.lines() {
        let line = line.trim_start();
        if supervisord::SECTIONS
            .iter()
            .any(|own| line.starts_with(own))
        {
            return supervisord::read(draft, page, path, colour);
        }
        sections |= line.starts_with('[');
        jobs |= cron::is_line(line);
    }
    if jobs && !sections {
        return cron::read(draft, page, path, colour);
    }
    let told = page.tell(colour);
    if !told.errors.is_empty() {
        return told;
    }
    trouble(format!("{name}: this is nothing that import knows"), DOC)
}

/// Where a piece of a text stands in it.
fn place(text: &str, piece: &str) -> std::ops::Range<usize> {
    let from = piece.as_ptr().addr().saturating_sub(text.as_ptr().addr());
    from..from.saturating_add(piece.len())
}
