//! `status --watch`: the table or the page again and again, on a screen of its own, until
//! somebody has seen enough.

use std::time::Duration;

use super::Options;
use crate::cli::print;
use crate::control::{Heard, HeldSignals, terminal_height, terminal_width};

/// So often it is looked again.
const EVERY: Duration = Duration::from_secs(1);
/// The terminal's other screen, without a cursor, where long lines are cut.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l";
/// And back.
const LEAVE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";

/// Shows what `look` gives, each second and whenever the terminal has another size. ^C
/// ends it, and so does a failure; the terminal is then as it was, with the last look on
/// it, and behind that what `tell` says of the failure. Gives the exit status.
pub(super) fn run<E>(
    mut options: Options,
    mut look: impl FnMut(&Options) -> Result<String, E>,
    tell: impl FnOnce(&E, &Options) -> i32,
) -> i32 {
    let mut last = match look(&options) {
        Ok(text) => text,
        Err(failure) => return tell(&failure, &options),
    };
    let signals = HeldSignals::hold();
    print::out(ENTER);
    let failure = loop {
        print::out(screen(&last, terminal_height()));
        match signals.wait(EVERY) {
            Heard::Nothing => {}
            Heard::Resized => options.width = terminal_width(),
            Heard::End => break None,
        }
        match look(&options) {
            Ok(text) => last = text,
            Err(failure) => break Some(failure),
        }
    };
    print::out(format_args!("{LEAVE}{last}"));
    failure.map_or(0, |failure| tell(&failure, &options))
}

/// From the first line on, over what stands there; no more than the terminal has.
fn screen(text: &str, height: Option<usize>) -> String {
    let mut out = "\x1b[H".to_owned();
    let lines = text.lines().take(height.unwrap_or(usize::MAX));
    for (place, line) in lines.enumerate() {
        if place > 0 {
            out.push_str("\r\n");
        }
        out.push_str(line);
        out.push_str("\x1b[K");
    }
    out.push_str("\x1b[J");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_takes_as_many_lines_as_there_are_and_leaves_nothing_behind() {
        assert_eq!(
            screen("a\nb\nc\n", Some(2)),
            "\x1b[Ha\x1b[K\r\nb\x1b[K\x1b[J"
        );
        assert_eq!(screen("", None), "\x1b[H\x1b[J");
    }
}
