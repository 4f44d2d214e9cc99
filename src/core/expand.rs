//! `${NAME}`, `${NAME:-default}`, `${NAME:?message}` and `$${` in a value (MEANING §2):
//! expanded once, never split again. `$NAME` and a lone `$` are never touched.
//!
//! Pure, so that the configuration uses it at the load and the spawning child at the spawn.

use std::fmt;
use std::ops::Range;

/// Why a text can't be expanded, and which bytes of it are to blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpandError {
    /// Where in the text, from `$` to `}`.
    pub at: Range<usize>,
    /// What is wrong there.
    pub kind: ExpandErrorKind,
}

/// What can be wrong with a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpandErrorKind {
    /// It isn't set and has no default.
    Unset(Box<str>),
    /// `${NAME:?message}`, and NAME is unset or empty.
    Required {
        /// NAME.
        name: Box<str>,
        /// The message.
        message: Box<str>,
    },
    /// `${` without `}`.
    Unclosed,
    /// What stands in the braces is none of the three forms.
    Form,
}

impl fmt::Display for ExpandErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unset(name) => write!(f, "variable {name} is not set"),
            Self::Required { name, message } if message.is_empty() => {
                write!(f, "variable {name} is not set or empty")
            }
            Self::Required { name, message } => write!(f, "variable {name}: {message}"),
            Self::Unclosed => f.write_str("\"${\" without \"}\""),
            Self::Form => f.write_str("no variable in these braces"),
        }
    }
}

impl ExpandErrorKind {
    /// What to write instead.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Unset(name) => format!(
                "write ${{{name}:-}} for an empty default, or $${{{name}}} if no variable is meant"
            ),
            Self::Required { name, .. } => {
                format!("set {name} in the container's environment")
            }
            Self::Unclosed => "close it with }, or write $${ if no variable is meant".to_owned(),
            Self::Form => {
                "the forms are ${NAME}, ${NAME:-default} and ${NAME:?message}; $${ is a literal ${"
                    .to_owned()
            }
        }
    }
}

/// One piece of a text.
enum Piece<'a> {
    Literal(&'a [u8]),
    Variable {
        at: Range<usize>,
        name: &'a [u8],
        otherwise: Otherwise<'a>,
    },
}

/// What follows the name.
enum Otherwise<'a> {
    Error,
    Default(&'a [u8]),
    Message(&'a [u8]),
}

/// Whether `text` holds anything that `expand` would change.
#[must_use]
pub fn has_variables(text: &[u8]) -> bool {
    text.windows(2).any(|pair| pair == b"${")
}

/// `text` with its variables' values.
///
/// # Errors
/// A variable without value and default, a broken form.
pub fn expand(
    text: &[u8],
    lookup: &dyn Fn(&[u8]) -> Option<Vec<u8>>,
) -> Result<Vec<u8>, ExpandError> {
    let mut out = Vec::with_capacity(text.len());
    let mut from = 0;
    while let Some((piece, next)) = piece(text, from)? {
        from = next;
        match piece {
            Piece::Literal(literal) => out.extend_from_slice(literal),
            Piece::Variable {
                at,
                name,
                otherwise,
            } => {
                let value = lookup(name);
                match otherwise {
                    Otherwise::Error => match value {
                        Some(value) => out.extend_from_slice(&value),
                        None => {
                            let kind = ExpandErrorKind::Unset(boxed(name));
                            return Err(ExpandError { at, kind });
                        }
                    },
                    Otherwise::Default(default) => match value {
                        Some(value) if !value.is_empty() => out.extend_from_slice(&value),
                        Some(_) | None => out.extend_from_slice(default),
                    },
                    Otherwise::Message(message) => match value {
                        Some(value) if !value.is_empty() => out.extend_from_slice(&value),
                        Some(_) | None => {
                            let kind = ExpandErrorKind::Required {
                                name: boxed(name),
                                message: boxed(message),
                            };
                            return Err(ExpandError { at, kind });
                        }
                    },
                }
            }
        }
    }
    Ok(out)
}

/// The forms alone, where the values aren't known yet.
///
/// # Errors
/// A broken form.
pub fn check(text: &[u8]) -> Result<(), ExpandError> {
    let mut from = 0;
    while let Some((_, next)) = piece(text, from)? {
        from = next;
    }
    Ok(())
}

/// `text` with one variable's value, whatever form it is written in; all else stays as it
/// is, for a later `expand`. A broken form stays from its place on.
#[must_use]
pub fn replace(text: &[u8], variable: &[u8], value: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut from = 0;
    while let Ok(Some((piece, next))) = piece(text, from) {
        match piece {
            Piece::Variable { name, .. } if name == variable => {
                out.extend_from_slice(value.as_bytes());
            }
            Piece::Variable { .. } | Piece::Literal(_) => {
                out.extend_from_slice(text.get(from..next).unwrap_or_default());
            }
        }
        from = next;
    }
    out.extend_from_slice(text.get(from..).unwrap_or_default());
    out
}

/// The piece that begins at `from`, and where the next one does; `None` at the end.
fn piece(text: &[u8], from: usize) -> Result<Option<(Piece<'_>, usize)>, ExpandError> {
    let Some(rest) = text.get(from..).filter(|rest| !rest.is_empty()) else {
        return Ok(None);
    };
    if rest.starts_with(b"$${") {
        return Ok(Some((Piece::Literal(b"${"), from + 3)));
    }
    let Some(inside) = rest.strip_prefix(b"${") else {
        // Up to the next `$`, this one (which is none of ours) included.
        let length = rest
            .iter()
            .skip(1)
            .position(|byte| *byte == b'$')
            .map_or(rest.len(), |offset| offset + 1);
        let literal = rest.get(..length).unwrap_or(rest);
        return Ok(Some((Piece::Literal(literal), from + length)));
    };
    let Some(length) = inside.iter().position(|byte| *byte == b'}') else {
        return Err(ExpandError {
            at: from..text.len(),
            kind: ExpandErrorKind::Unclosed,
        });
    };
    let inside = inside.get(..length).unwrap_or(inside);
    let next = from + length + 3;
    let at = from..next;
    let name_length = inside
        .iter()
        .position(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_'))
        .unwrap_or(inside.len());
    let (name, tail) = inside.split_at_checked(name_length).unwrap_or_default();
    let starts_well = name.first().is_some_and(|byte| !byte.is_ascii_digit());
    let otherwise = match (tail.get(..2), tail.get(2..)) {
        (Some(b":-"), Some(default)) if !has_variables(default) => Otherwise::Default(default),
        (Some(b":?"), Some(message)) => Otherwise::Message(message),
        _ if tail.is_empty() => Otherwise::Error,
        _ => {
            let kind = ExpandErrorKind::Form;
            return Err(ExpandError { at, kind });
        }
    };
    if !starts_well {
        let kind = ExpandErrorKind::Form;
        return Err(ExpandError { at, kind });
    }
    let piece = Piece::Variable {
        at,
        name,
        otherwise,
    };
    Ok(Some((piece, next)))
}

fn boxed(bytes: &[u8]) -> Box<str> {
    String::from_utf8_lossy(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String, ExpandErrorKind> {
        let lookup = |name: &[u8]| match name {
            b"A" => Some(b"one".to_vec()),
            b"EMPTY" => Some(Vec::new()),
            b"D" => Some(b"${A}".to_vec()),
            _ => None,
        };
        expand(text.as_bytes(), &lookup)
            .map(|bytes| String::from_utf8(bytes).unwrap())
            .map_err(|error| error.kind)
    }

    #[test]
    fn the_three_forms_and_the_literal_are_expanded() {
        for (text, wanted) in [
            ("", ""),
            ("x${A}y${A}", "xoneyone"),
            ("${B:-two}", "two"),
            ("${B:-}", ""),
            ("${EMPTY:-two}", "two"),
            ("${EMPTY}", ""),
            ("${A:-two}", "one"),
            ("${A:?needed}", "one"),
            ("$${A}", "${A}"),
            ("$$${A}", "$${A}"),
            ("$A $ $$ $(x) $", "$A $ $$ $(x) $"),
            ("${B:-a:b-c}", "a:b-c"),
            ("{a}", "{a}"),
        ] {
            assert_eq!(expanded(text).as_deref(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn a_value_is_not_expanded_again() {
        assert_eq!(expanded("${D}").as_deref(), Ok("${A}"));
    }

    #[test]
    fn what_has_no_value_or_no_form_is_an_error_with_its_place() {
        let lookup = |_: &[u8]| None;
        let error = expand(b"ab${NAME}c", &lookup).unwrap_err();
        assert_eq!(error.at, 2..9);
        assert_eq!(error.kind, ExpandErrorKind::Unset("NAME".into()));
        assert_eq!(
            expanded("${EMPTY:?say why}"),
            Err(ExpandErrorKind::Required {
                name: "EMPTY".into(),
                message: "say why".into()
            })
        );
        assert_eq!(expanded("${A"), Err(ExpandErrorKind::Unclosed));
        for text in [
            "${}",
            "${1A}",
            "${A-b}",
            "${A:+b}",
            "${A b}",
            "${:-x}",
            "${B:-${A}}",
        ] {
            assert_eq!(expanded(text), Err(ExpandErrorKind::Form), "{text}");
        }
    }

    #[test]
    fn one_variable_can_be_replaced_and_the_rest_left_for_later() {
        let replaced = |text: &str| String::from_utf8(replace(text.as_bytes(), b"N", "3")).unwrap();
        assert_eq!(replaced("a${N}b${N:-x}${M}$${N}$N"), "a3b3${M}$${N}$N");
        assert_eq!(replaced("${N}${broken"), "3${broken");
        assert_eq!(replaced(""), "");
    }
}
