//! Faces of other inits: their options, environment, streams, exit codes and the
//! messages that scripts match on. What rinit does better under its own name stays:
//! no signal is lost, and nothing that a terminal or the kernel refuses is fatal.

pub(super) mod catatonit;
pub(super) mod dumb_init;
pub(super) mod tini;

use std::fmt;

use crate::single::Errno;

/// rinit's own licence.
const LICENSE: &str = include_str!("../../../LICENSE");

/// The kernel's words with a capital, as the C library has them.
struct Capital(Errno);

impl fmt::Display for Capital {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let mut letters = text.chars();
        if let Some(first) = letters.next() {
            write!(f, "{}", first.to_ascii_uppercase())?;
        }
        f.write_str(letters.as_str())
    }
}

/// The number at the beginning, after blanks, as atoi(3) reads it; what follows comes along.
fn leading_number(text: &[u8]) -> (Option<i32>, &[u8]) {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let length = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let (digits, rest) = digits.split_at_checked(length).unwrap_or((digits, &[]));
    let number = std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| digits.parse::<i32>().ok())
        .map(|number| if negative { -number } else { number });
    (number, rest)
}
