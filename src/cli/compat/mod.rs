//! Faces of other inits: their options, environment, streams, exit codes and the
//! messages that scripts match on. What rinit does better under its own name stays:
//! no signal is lost, and nothing that a terminal or the kernel refuses is fatal.

pub(super) mod catatonit;
pub(super) mod dumb_init;
pub(super) mod tini;

use std::fmt::{self, Write as _};

use crate::single::Errno;

/// rinit's own licence.
const LICENSE: &str = include_str!("../../../LICENSE");

/// The kernel's words with a capital, as the C library has them.
struct Capital(Errno);

impl fmt::Display for Capital {
    /// Without a heap: the plain road to an exec has none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Begin<'a, 'b> {
            f: &'a mut fmt::Formatter<'b>,
            first: bool,
        }
        impl fmt::Write for Begin<'_, '_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                text.chars().try_for_each(|letter| {
                    let first = std::mem::take(&mut self.first);
                    self.f.write_char(if first {
                        letter.to_ascii_uppercase()
                    } else {
                        letter
                    })
                })
            }
        }
        write!(Begin { f, first: true }, "{}", self.0)
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
