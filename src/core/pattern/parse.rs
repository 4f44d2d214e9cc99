//! The text of an expression → what it says.

use std::ops::Range;

use super::{PatternError, Step, Tree};

/// Groups in groups.
const DEEPEST: usize = 50;
/// `{n,m}` says no more.
const MOST_TIMES: u32 = 1000;

const DIGITS: &[(char, char)] = &[('0', '9')];
const WORD: &[(char, char)] = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];
const BLANKS: &[(char, char)] = &[('\t', '\r'), (' ', ' ')];

/// The tree, and whether case counts for nothing.
pub(super) fn parse(text: &str) -> Result<(Tree, bool), PatternError> {
    let (at, any_case) = match text.strip_prefix("(?i)") {
        Some(_) => (4, true),
        None => (0, false),
    };
    let mut parser = Parser { text, at, depth: 0 };
    let tree = parser.either()?;
    match parser.peek() {
        None => Ok((tree, any_case)),
        // Only that ends an alternative early.
        Some(_) => parser.wrong_here("this group was never opened", "write \\) for the character"),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let char = self.peek()?;
        self.at = self.at.saturating_add(char.len_utf8());
        Some(char)
    }

    fn eat(&mut self, text: &str) -> bool {
        let eaten = self.rest().starts_with(text);
        if eaten {
            self.at = self.at.saturating_add(text.len());
        }
        eaten
    }

    fn wrong<T>(
        at: Range<usize>,
        what: impl Into<Box<str>>,
        help: &'static str,
    ) -> Result<T, PatternError> {
        let what = what.into();
        Err(PatternError { at, what, help })
    }

    fn wrong_here<T>(&self, what: &str, help: &'static str) -> Result<T, PatternError> {
        let length = self.peek().map_or(0, char::len_utf8);
        Self::wrong(self.at..self.at.saturating_add(length), what, help)
    }

    fn either(&mut self) -> Result<Tree, PatternError> {
        let mut ways = vec![self.all()?];
        while self.eat("|") {
            ways.push(self.all()?);
        }
        Ok(match ways.pop() {
            Some(only) if ways.is_empty() => only,
            last => {
                ways.extend(last);
                Tree::Either(ways)
            }
        })
    }

    fn all(&mut self) -> Result<Tree, PatternError> {
        let mut parts = Vec::new();
        while let Some(char) = self.peek() {
            if matches!(char, '|' | ')') {
                break;
            }
            let part = self.one()?;
            parts.push(self.repeated(part)?);
        }
        Ok(Tree::All(parts))
    }

    fn one(&mut self) -> Result<Tree, PatternError> {
        let start = self.at;
        if self.is_times() || matches!(self.peek(), Some('*' | '+' | '?')) {
            return self.wrong_here(
                "there is nothing to repeat",
                "put a backslash before it for the character itself",
            );
        }
        Ok(Tree::One(match self.next() {
            Some('(') => return self.group(start),
            Some('[') => self.class(start)?,
            Some('\\') => self.escape(start)?,
            Some('.') => Step::Any,
            Some('^') => Step::Start,
            Some('$') => Step::End,
            Some(char) => Step::Char(char),
            None => return Ok(Tree::All(Vec::new())),
        }))
    }

    /// Behind its `(`.
    fn group(&mut self, start: usize) -> Result<Tree, PatternError> {
        if !self.eat("?:") && self.peek() == Some('?') {
            let at = start..self.at.saturating_add(1);
            let help =
                "groups are (…) and (?:…); (?i) stands in front of all; there is no look-around";
            return Self::wrong(at, "this kind of group is not known here", help);
        }
        self.depth = self.depth.saturating_add(1);
        if self.depth > DEEPEST {
            return Self::wrong(start..self.at, "groups are nested too deeply", "nest less");
        }
        let tree = self.either()?;
        self.depth = self.depth.saturating_sub(1);
        if !self.eat(")") {
            let at = start..start.saturating_add(1);
            return Self::wrong(at, "this group is never closed", "close it with )");
        }
        Ok(tree)
    }

    fn repeated(&mut self, what: Tree) -> Result<Tree, PatternError> {
        let start = self.at;
        let (least, most) = if self.eat("*") {
            (0, None)
        } else if self.eat("+") {
            (1, None)
        } else if self.eat("?") {
            (0, Some(1))
        } else if let Some((length, least, most)) = times(self.rest()) {
            self.at = self.at.saturating_add(length);
            let many = least.max(most.unwrap_or(0));
            if many > MOST_TIMES || most.is_some_and(|most| most < least) {
                let help = "{n,m} is n to m times, 1000 at most";
                return Self::wrong(start..self.at, "this can't be how often", help);
            }
            (least, most)
        } else {
            return Ok(what);
        };
        // Whether it takes much or little makes no difference here.
        let _ = self.eat("?");
        if self.is_times() || matches!(self.peek(), Some('*' | '+' | '?')) {
            return self.wrong_here(
                "this is repeated already",
                "put a backslash before it for the character itself",
            );
        }
        let what = Box::new(what);
        Ok(Tree::Repeated { what, least, most })
    }

    fn is_times(&self) -> bool {
        times(self.rest()).is_some()
    }

    /// Behind its backslash.
    fn escape(&mut self, start: usize) -> Result<Step, PatternError> {
        let class = |ranges: &[(char, char)], negated| Step::Class {
            ranges: ranges.into(),
            negated,
        };
        Ok(match self.next() {
            Some('d') => class(DIGITS, false),
            Some('D') => class(DIGITS, true),
            Some('w') => class(WORD, false),
            Some('W') => class(WORD, true),
            Some('s') => class(BLANKS, false),
            Some('S') => class(BLANKS, true),
            Some('b') => Step::Boundary { negated: false },
            Some('B') => Step::Boundary { negated: true },
            Some('A') => Step::Start,
            Some('z') => Step::End,
            other => Step::Char(self.escaped(other, start)?),
        })
    }

    /// A character that was written with a backslash.
    fn escaped(&self, char: Option<char>, start: usize) -> Result<char, PatternError> {
        const HELP: &str = "known are \\d \\w \\s \\b, their opposites in capitals, \\t, \\r and \\e; \\\\ is a backslash";
        match char {
            Some('t') => Ok('\t'),
            Some('r') => Ok('\r'),
            Some('e') => Ok('\x1b'),
            Some(char) if !char.is_ascii_alphanumeric() => Ok(char),
            Some(char) => Self::wrong(start..self.at, format!("\\{char} is not known here"), HELP),
            None => Self::wrong(start..self.at, "nothing follows the backslash", HELP),
        }
    }

    /// Behind its `[`.
    fn class(&mut self, start: usize) -> Result<Step, PatternError> {
        let negated = self.eat("^");
        let mut ranges = Vec::new();
        let mut is_first = true;
        loop {
            let from_at = self.at;
            let from = match self.next() {
                None => {
                    let at = start..start.saturating_add(1);
                    return Self::wrong(at, "this class is never closed", "close it with ]");
                }
                Some(']') if !is_first => break,
                Some('[') if matches!(self.peek(), Some(':' | '.' | '=')) => {
                    let help = "write the characters: [a-z], [0-9], \\w";
                    return Self::wrong(from_at..self.at, "named classes are not known here", help);
                }
                Some('\\') => match self.in_class(from_at)? {
                    Ok(char) => char,
                    Err(class) => {
                        ranges.extend_from_slice(class);
                        is_first = false;
                        continue;
                    }
                },
                Some(char) => char,
            };
            is_first = false;
            let is_range = self.rest().starts_with('-') && !self.rest().starts_with("-]");
            if !is_range || self.rest().len() < 2 {
                ranges.push((from, from));
                continue;
            }
            self.next();
            let to_at = self.at;
            let to = match self.next() {
                Some('\\') => self.in_class(to_at)?.ok(),
                other => other,
            };
            match to.filter(|to| from <= *to) {
                Some(to) => ranges.push((from, to)),
                None => {
                    let help = "a range goes upwards: [a-z]; a hyphen itself stands last: [a-]";
                    return Self::wrong(from_at..self.at, "this is no range", help);
                }
            }
        }
        let ranges = ranges.into();
        Ok(Step::Class { ranges, negated })
    }

    /// Behind a backslash in a class: a character, or a class itself.
    #[allow(clippy::type_complexity, reason = "one of two things, or an error")]
    fn in_class(
        &mut self,
        start: usize,
    ) -> Result<Result<char, &'static [(char, char)]>, PatternError> {
        Ok(match self.next() {
            Some('d') => Err(DIGITS),
            Some('w') => Err(WORD),
            Some('s') => Err(BLANKS),
            other => Ok(self.escaped(other, start)?),
        })
    }
}

/// `{n}`, `{n,}` or `{n,m}` at the head: its length, the least and the most. Anything else
/// is a brace: lines of JSON have many.
fn times(text: &str) -> Option<(usize, u32, Option<u32>)> {
    let inner = text.strip_prefix('{')?.split_once('}')?.0;
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // What is too large for a number is too large for all.
        is_number.then(|| text.parse().unwrap_or(u32::MAX))
    };
    let (least, most) = match inner.split_once(',') {
        None => (number(inner)?, Some(number(inner)?)),
        Some((least, "")) => (number(least)?, None),
        Some((least, most)) => (number(least)?, Some(number(most)?)),
    };
    Some((inner.len().saturating_add(2), least, most))
}
