//! Regular expressions over lines of output: whether one occurs in a line, no more.
//!
//! The program that an expression becomes is walked with all its threads at once
//! (Thompson, Pike), so the time for a line is its length times the program's, whatever
//! either says, and memory is bounded by the program. Both are bounded in turn.
//!
//! It knows literals, `.`, classes, `\d \w \s` and their opposites, `\b`, `^`, `$`, groups,
//! `|`, `* + ? {n,m}`, and `(?i)` in front for letters of ASCII in either case. What it
//! doesn't know is an error with its place, never taken for something else.

mod parse;

use std::fmt;
use std::ops::Range;

/// No expression is longer, in bytes.
const MOST_BYTES: usize = 1000;
/// No program is longer.
const MOST_STEPS: usize = 2000;

/// An expression, ready to be looked for.
#[derive(Clone, Debug)]
pub struct Pattern {
    program: Box<[Step]>,
    any_case: bool,
}

/// What is wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    /// Where, in bytes.
    pub at: Range<usize>,
    /// What.
    pub what: Box<str>,
    /// What to write instead.
    pub help: &'static str,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// One step of a program. Those that take a character are followed by what comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// This character.
    Char(char),
    /// Any one.
    Any,
    /// One of these; or one of no others.
    Class {
        ranges: Box<[(char, char)]>,
        negated: bool,
    },
    /// Nothing, but only at the line's start.
    Start,
    /// Nothing, but only at the line's end.
    End,
    /// Nothing, but only between a word and something else; or only not there.
    Boundary { negated: bool },
    /// On to both.
    Split(usize, usize),
    /// On to this.
    Jump(usize),
    /// It occurs.
    Found,
}

impl Pattern {
    /// # Errors
    /// What is no expression, or too large a one.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        if text.len() > MOST_BYTES {
            return Err(PatternError {
                at: 0..text.len(),
                what: format!("an expression has at most {MOST_BYTES} bytes").into(),
                help: "a part of the line that can't be mistaken is enough",
            });
        }
        let (tree, any_case) = parse::parse(text)?;
        let mut program = Program(Vec::new());
        program
            .put(&tree)
            .and_then(|()| program.push(Step::Found))
            .map_err(|TooLarge| PatternError {
                at: 0..text.len(),
                what: "the expression is too large once its repetitions are written out".into(),
                help: "repeat less: a part of the line that can't be mistaken is enough",
            })?;
        Ok(Self {
            program: program.0.into(),
            any_case,
        })
    }

    /// Whether it occurs in a line, which has no newline. Bytes that are no UTF-8 are
    /// characters that no one can write.
    #[must_use]
    pub fn occurs_in(&self, line: &[u8]) -> bool {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = String::from_utf8_lossy(line);
        let mut chars = line.chars();
        let mut before = None;
        let mut threads = Threads::new(self.program.len());
        loop {
            let here = chars.next();
            // A match may begin anywhere.
            threads.waiting.push(0);
            if threads.expand(&self.program, before, here) {
                return true;
            }
            let Some(char) = here else { return false };
            let takes = |step: &usize| {
                let step = self.program.get(*step);
                step.is_some_and(|step| step.takes(char, self.any_case))
            };
            let taken = threads.standing.iter().filter(|step| takes(step));
            threads
                .waiting
                .extend(taken.map(|step| step.saturating_add(1)));
            before = here;
        }
    }
}

/// Where the walk through a program stands.
struct Threads {
    /// To be gone on with at the next character.
    waiting: Vec<usize>,
    /// At steps that take a character.
    standing: Vec<usize>,
    /// Each step once a character.
    seen: Vec<bool>,
}

impl Threads {
    fn new(length: usize) -> Self {
        Self {
            waiting: Vec::new(),
            standing: Vec::new(),
            seen: vec![false; length],
        }
    }

    /// Goes on from `waiting` to all steps that take a character; whether one has found it.
    fn expand(&mut self, program: &[Step], before: Option<char>, here: Option<char>) -> bool {
        self.standing.clear();
        self.seen.fill(false);
        while let Some(at) = self.waiting.pop() {
            let (Some(step), Some(seen)) = (program.get(at), self.seen.get_mut(at)) else {
                continue;
            };
            if std::mem::replace(seen, true) {
                continue;
            }
            let next = at.saturating_add(1);
            let is_word = |char: Option<char>| char.is_some_and(is_word);
            match step {
                Step::Found => return true,
                Step::Jump(to) => self.waiting.push(*to),
                Step::Split(one, other) => self.waiting.extend([*one, *other]),
                Step::Start if before.is_none() => self.waiting.push(next),
                Step::End if here.is_none() => self.waiting.push(next),
                Step::Boundary { negated } if (is_word(before) != is_word(here)) != *negated => {
                    self.waiting.push(next);
                }
                Step::Start | Step::End | Step::Boundary { .. } => {}
                Step::Char(_) | Step::Any | Step::Class { .. } => self.standing.push(at),
            }
        }
        false
    }
}

const fn is_word(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '_'
}

/// The other case of a letter of ASCII; else the character itself.
const fn other_case(char: char) -> char {
    if char.is_ascii_lowercase() {
        char.to_ascii_uppercase()
    } else {
        char.to_ascii_lowercase()
    }
}

impl Step {
    fn takes(&self, char: char, any_case: bool) -> bool {
        let other = if any_case { other_case(char) } else { char };
        match self {
            Self::Char(wanted) => *wanted == char || *wanted == other,
            Self::Any => true,
            Self::Class { ranges, negated } => {
                let holds = |char| {
                    ranges
                        .iter()
                        .any(|(from, to)| (*from..=*to).contains(&char))
                };
                (holds(char) || holds(other)) != *negated
            }
            Self::Start
            | Self::End
            | Self::Boundary { .. }
            | Self::Split(..)
            | Self::Jump(_)
            | Self::Found => false,
        }
    }
}

/// What an expression says.
#[derive(Clone, Debug)]
enum Tree {
    One(Step),
    /// One after the other; none is nothing.
    All(Vec<Tree>),
    /// One of them.
    Either(Vec<Tree>),
    /// So often, or more often without a most.
    Repeated {
        what: Box<Tree>,
        least: u32,
        most: Option<u32>,
    },
}

struct TooLarge;

/// A program in the making.
struct Program(Vec<Step>);

impl Program {
    fn push(&mut self, step: Step) -> Result<(), TooLarge> {
        if self.0.len() >= MOST_STEPS {
            return Err(TooLarge);
        }
        self.0.push(step);
        Ok(())
    }

    fn set(&mut self, at: usize, step: Step) {
        if let Some(slot) = self.0.get_mut(at) {
            *slot = step;
        }
    }

    fn put(&mut self, tree: &Tree) -> Result<(), TooLarge> {
        match tree {
            Tree::One(step) => self.push(step.clone()),
            Tree::All(parts) => parts.iter().try_for_each(|part| self.put(part)),
            Tree::Either(ways) => {
                let mut ends = Vec::new();
                for (number, way) in ways.iter().enumerate() {
                    if number.saturating_add(1) == ways.len() {
                        self.put(way)?;
                        break;
                    }
                    let split = self.0.len();
                    self.push(Step::Found)?;
                    self.put(way)?;
                    ends.push(self.0.len());
                    self.push(Step::Found)?;
                    let next = self.0.len();
                    self.set(split, Step::Split(split.saturating_add(1), next));
                }
                let end = self.0.len();
                ends.iter().for_each(|at| self.set(*at, Step::Jump(end)));
                Ok(())
            }
            Tree::Repeated { what, least, most } => self.put_repeated(what, *least, *most),
        }
    }

    fn put_repeated(&mut self, what: &Tree, least: u32, most: Option<u32>) -> Result<(), TooLarge> {
        for _ in 0..least {
            let before = self.0.len();
            self.put(what)?;
            // Of nothing once is as good as often.
            if self.0.len() == before {
                break;
            }
        }
        let Some(most) = most else {
            let split = self.0.len();
            self.push(Step::Found)?;
            self.put(what)?;
            self.push(Step::Jump(split))?;
            let end = self.0.len();
            self.set(split, Step::Split(split.saturating_add(1), end));
            return Ok(());
        };
        let mut splits = Vec::new();
        for _ in least..most {
            splits.push(self.0.len());
            self.push(Step::Found)?;
            self.put(what)?;
        }
        let end = self.0.len();
        for split in splits {
            self.set(split, Step::Split(split.saturating_add(1), end));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
