//! One table of options a face; the parser and the help read it. What was typed becomes
//! pairs of kind and argument, by the rules of getopt(3) that the face's model has.

use std::fmt;

use super::print::Text;
use crate::single::Words;

/// An option.
#[derive(Debug)]
pub struct Flag<K: 'static> {
    /// Which.
    pub kind: K,
    /// `--NAME`; empty for none.
    pub long: &'static str,
    /// `-X`.
    pub short: Option<char>,
    /// What the help calls its argument; empty if it takes none; `[=X]` if it may have one,
    /// behind an equals sign or a letter; a number also as the next word.
    pub argument: &'static str,
    /// One line for the help.
    pub doc: &'static str,
}

/// An option without its kind, as documentation has it.
#[derive(Clone, Copy, Debug)]
pub struct OptionText {
    /// As `Flag::short`.
    pub short: Option<char>,
    /// As `Flag::long`.
    pub long: &'static str,
    /// As `Flag::argument`.
    pub argument: &'static str,
    /// As `Flag::doc`.
    pub doc: &'static str,
}

impl OptionText {
    /// `-s` and `--long`, as far as it has them.
    pub fn each(self) -> impl Iterator<Item = String> {
        let short = self.short.map(|letter| format!("-{letter}"));
        let long = (!self.long.is_empty()).then(|| format!("--{}", self.long));
        short.into_iter().chain(long)
    }
}

impl<K> Flag<K> {
    /// Its text.
    #[must_use]
    pub const fn text(&self) -> OptionText {
        OptionText {
            short: self.short,
            long: self.long,
            argument: self.argument,
            doc: self.doc,
        }
    }
}

/// `--long`.
pub const fn long<K>(
    kind: K,
    long: &'static str,
    argument: &'static str,
    doc: &'static str,
) -> Flag<K> {
    Flag {
        kind,
        long,
        short: None,
        argument,
        doc,
    }
}

/// `-s`.
pub const fn short<K>(kind: K, short: char, argument: &'static str, doc: &'static str) -> Flag<K> {
    both(kind, short, "", argument, doc)
}

/// `-s`, `--long`.
pub const fn both<K>(
    kind: K,
    short: char,
    long: &'static str,
    argument: &'static str,
    doc: &'static str,
) -> Flag<K> {
    Flag {
        kind,
        long,
        short: Some(short),
        argument,
        doc,
    }
}

/// How words are read.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Options may follow operands; these are moved to the end. Else the first operand
    /// ends the options.
    pub permute: bool,
    /// `--vers` is `--version` if nothing else begins so.
    pub abbreviate: bool,
}

/// What is wrong with a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is no such long option.
    UnknownLong(Vec<u8>),
    /// There is no such letter.
    UnknownShort(u8),
    /// `--name` lacks its argument.
    LongNeedsArgument(&'static str),
    /// `-x` lacks its argument.
    ShortNeedsArgument(u8),
    /// `--name=x`, but it takes none.
    TakesNoArgument(&'static str),
    /// The beginning of several.
    Ambiguous(Vec<u8>, Vec<&'static str>),
}

impl fmt::Display for Fault {
    /// As getopt(3) says it, since scripts know its words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownLong(name) => write!(f, "unrecognized option '--{}'", Text(name)),
            Self::UnknownShort(letter) => {
                write!(f, "invalid option -- '{}'", Text(&[*letter]))
            }
            Self::LongNeedsArgument(name) => {
                write!(f, "option '--{name}' requires an argument")
            }
            Self::ShortNeedsArgument(letter) => {
                write!(f, "option requires an argument -- '{}'", Text(&[*letter]))
            }
            Self::TakesNoArgument(name) => {
                write!(f, "option '--{name}' doesn't allow an argument")
            }
            Self::Ambiguous(typed, names) => {
                write!(f, "option '--{}' is ambiguous; possibilities:", Text(typed))?;
                names.iter().try_for_each(|name| write!(f, " '--{name}'"))
            }
        }
    }
}

/// An option that was given, with its argument (empty if it takes none).
pub type Given<K> = (K, &'static [u8]);

/// Walks through the words after the program's name.
pub struct Parser<'a, K: 'static> {
    flags: &'static [Flag<K>],
    rules: Rules,
    words: &'a mut Words,
    /// All before this are options and their arguments.
    next: usize,
    /// The rest of a word of several letters.
    letters: &'static [u8],
    /// Where the word behind the current one lies, until it is brought forward.
    behind: usize,
    done: bool,
}

impl<'a, K: Copy> Parser<'a, K> {
    /// At the word behind the program's name.
    pub fn new(flags: &'static [Flag<K>], rules: Rules, words: &'a mut Words) -> Self {
        Self::new_at(flags, rules, words, 1)
    }

    /// At this word.
    pub fn new_at(
        flags: &'static [Flag<K>],
        rules: Rules,
        words: &'a mut Words,
        first: usize,
    ) -> Self {
        Self {
            flags,
            rules,
            words,
            next: first,
            letters: &[],
            behind: first,
            done: false,
        }
    }

    /// Where the operands begin, once `next` has said `None`: the number of a word, or
    /// of the end.
    #[must_use]
    pub fn operands(&self) -> usize {
        self.next
    }

    /// The next option.
    pub fn next_option(&mut self) -> Option<Result<Given<K>, Fault>> {
        if let Some((letter, rest)) = self.letters.split_first() {
            return Some(self.short(*letter, rest));
        }
        if self.done {
            return None;
        }
        let word = self.next_word()?;
        if word == b"--" {
            self.done = true;
            return None;
        }
        if let Some(long) = word.strip_prefix(b"--")
            && self.flags.iter().any(|flag| !flag.long.is_empty())
        {
            return Some(self.long(long));
        }
        let (letter, rest) = word.strip_prefix(b"-")?.split_first()?;
        Some(self.short(*letter, rest))
    }

    /// Brings the next word that is an option to the front of the operands.
    fn next_word(&mut self) -> Option<&'static [u8]> {
        let is_option = |word: &&'static [u8]| word.len() > 1 && word.starts_with(b"-");
        let place = if self.rules.permute {
            (self.next..self.words.len())
                .find(|index| self.words.get(*index).as_ref().is_some_and(is_option))?
        } else {
            self.next
        };
        let word = self.words.get(place).filter(is_option)?;
        self.words.bring_forward(place, self.next);
        self.next = self.next.saturating_add(1);
        self.behind = place.saturating_add(1);
        Some(word)
    }

    /// The word behind an option that needs none, if it can be meant as its argument.
    fn number(&mut self) -> Option<&'static [u8]> {
        let word = self.words.get(self.behind)?;
        let digits = word.strip_prefix(b"-").unwrap_or(word);
        let is_number = digits.first().is_some_and(u8::is_ascii_digit) || word == b"all";
        is_number.then(|| self.argument())?
    }

    /// The word behind the current option.
    fn argument(&mut self) -> Option<&'static [u8]> {
        let word = self.words.get(self.behind)?;
        self.words.bring_forward(self.behind, self.next);
        self.next = self.next.saturating_add(1);
        self.behind = self.behind.saturating_add(1);
        Some(word)
    }

    fn short(&mut self, letter: u8, rest: &'static [u8]) -> Result<Given<K>, Fault> {
        self.letters = rest;
        let known = self
            .flags
            .iter()
            .find(|flag| flag.short.is_some_and(|short| short == char::from(letter)));
        let flag = known.ok_or(Fault::UnknownShort(letter))?;
        if flag.argument.is_empty() {
            return Ok((flag.kind, b""));
        }
        self.letters = &[];
        if !rest.is_empty() {
            return Ok((flag.kind, rest));
        }
        if flag.argument.starts_with('[') {
            return Ok((flag.kind, self.number().unwrap_or(b"")));
        }
        match self.argument() {
            Some(word) => Ok((flag.kind, word)),
            None => Err(Fault::ShortNeedsArgument(letter)),
        }
    }

    fn long(&mut self, word: &'static [u8]) -> Result<Given<K>, Fault> {
        let mut parts = word.splitn(2, |byte| *byte == b'=');
        let name = parts.next().unwrap_or_default();
        let value = parts.next();
        let flag = self.find(name)?;
        match (flag.argument.is_empty(), value) {
            (true, None) => Ok((flag.kind, b"")),
            (false, None) if flag.argument.starts_with('[') => {
                Ok((flag.kind, self.number().unwrap_or(b"")))
            }
            (true, Some(_)) => Err(Fault::TakesNoArgument(flag.long)),
            (false, Some(value)) => Ok((flag.kind, value)),
            (false, None) => match self.argument() {
                Some(word) => Ok((flag.kind, word)),
                None => Err(Fault::LongNeedsArgument(flag.long)),
            },
        }
    }

    fn find(&self, name: &[u8]) -> Result<&'static Flag<K>, Fault> {
        let named = || self.flags.iter().filter(|flag| !flag.long.is_empty());
        if let Some(flag) = named().find(|flag| flag.long.as_bytes() == name) {
            return Ok(flag);
        }
        let unknown = || Fault::UnknownLong(name.to_vec());
        if !self.rules.abbreviate {
            return Err(unknown());
        }
        let mut candidates = named().filter(|flag| flag.long.as_bytes().starts_with(name));
        let first = candidates.next().ok_or_else(unknown)?;
        let others: Vec<_> = candidates.map(|flag| flag.long).collect();
        if others.is_empty() {
            return Ok(first);
        }
        let names = std::iter::once(first.long).chain(others).collect();
        Err(Fault::Ambiguous(name.to_vec(), names))
    }
}

/// The table as a help text prints it.
pub struct Help<K: 'static>(pub &'static [Flag<K>]);

impl<K> fmt::Display for Help<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for flag in self.0 {
            let short = match flag.short {
                Some(short) => format!("-{short}"),
                None => "  ".to_owned(),
            };
            let long = match flag.long {
                "" => String::new(),
                name => format!("--{name}"),
            };
            let comma = if flag.short.is_some() && !flag.long.is_empty() {
                ", "
            } else {
                "  "
            };
            let blank = if flag.argument.starts_with('[') {
                ""
            } else {
                " "
            };
            let left = format!("{short}{comma}{long}{blank}{}", flag.argument);
            writeln!(f, "  {left:<24} {}", flag.doc)?;
        }
        Ok(())
    }
}
