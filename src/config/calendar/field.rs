//! One field of an expression: a list of values, ranges and steps, as a set of bits.

use super::Wrong;

/// A field and what it may hold.
pub(super) struct Field {
    /// `hour`.
    pub(super) name: &'static str,
    pub(super) low: u32,
    pub(super) high: u32,
    /// Between the ends of a range, as people write it here: `..` or `-`.
    pub(super) range: &'static str,
    /// A value in words.
    pub(super) word: fn(&str) -> Option<u32>,
}

/// A range and its step.
#[derive(Clone, Copy)]
pub(super) struct Item {
    pub(super) from: u32,
    pub(super) to: u32,
    /// A range was written, not a start alone.
    pub(super) closed: bool,
    pub(super) step: u32,
}

impl Item {
    /// Goes through its values.
    #[inline(never)]
    pub(super) fn each(self, take: &mut dyn FnMut(u32)) {
        let mut value = self.from;
        while value <= self.to {
            take(value);
            value = value.saturating_add(self.step);
        }
    }

    /// The bits of weekdays, 0 is Monday. The range may go over Sunday.
    pub(super) fn weekdays(mut self) -> u8 {
        if self.from > self.to {
            self.to += 7;
        }
        let mut bits = 0;
        self.each(&mut |day| bits |= 1 << ((day + 6) % 7));
        bits
    }
}

impl Field {
    /// Every value of the list, ends included.
    #[inline(never)]
    pub(super) fn items(&self, text: &str) -> Result<Vec<Item>, Box<Wrong>> {
        let mut items = Vec::new();
        let mut rest = Some(text);
        while let Some(list) = rest {
            let (item, more) = match cut(list, b',') {
                Some((item, more)) => (item, Some(more)),
                None => (list, None),
            };
            items.push(self.item(item)?);
            rest = more;
        }
        Ok(items)
    }

    /// The values as bits.
    pub(super) fn bits(&self, text: &str) -> Result<u64, Box<Wrong>> {
        let mut bits = 0;
        for item in self.items(text)? {
            if item.from > item.to {
                let (from, to) = (item.from, item.to);
                return Err(Wrong::new(
                    format!("{} {from}{}{to} runs backwards", self.name, self.range),
                    format!(
                        "write two ranges: {from}{0}{1},{2}{0}{to}",
                        self.range, self.high, self.low
                    ),
                ));
            }
            item.each(&mut |value| bits |= 1 << value);
        }
        Ok(bits)
    }

    fn item(&self, text: &str) -> Result<Item, Box<Wrong>> {
        let (range, step) = match cut(text, b'/') {
            Some((range, step)) => (range, Some(self.step(step)?)),
            None => (text, None),
        };
        let (from, to, closed) = if matches!(range, "*" | "?") {
            (self.low, self.high, true)
        } else if let Some((from, to)) = split_range(range) {
            (self.value(from)?, self.value(to)?, true)
        } else {
            let from = self.value(range)?;
            // A start with a step goes on to the end.
            let to = if step.is_some() { self.high } else { from };
            (from, to, false)
        };
        Ok(Item {
            from,
            to,
            closed,
            step: step.unwrap_or(1),
        })
    }

    fn step(&self, text: &str) -> Result<u32, Box<Wrong>> {
        match number(text) {
            Some(0) => Err(Wrong::new(
                format!("a step of 0 never leaves the first {}", self.name),
                "write how many to go on by, 1 or more",
            )),
            Some(step) => Ok(step),
            None => Err(self.unknown(text)),
        }
    }

    fn value(&self, text: &str) -> Result<u32, Box<Wrong>> {
        let Some(value) = number(text).or_else(|| (self.word)(text)) else {
            return Err(self.unknown(text));
        };
        let Self {
            name, low, high, ..
        } = self;
        let bound = if value < *low {
            format!("less than {low}")
        } else if value > *high {
            format!("more than {high}")
        } else {
            return Ok(value);
        };
        Err(Wrong::new(
            format!("{name} {value} is {bound}"),
            format!("{name}s are {low} to {high}"),
        ))
    }

    #[inline(never)]
    fn unknown(&self, text: &str) -> Box<Wrong> {
        let Self {
            name,
            low,
            high,
            range,
            ..
        } = self;
        Wrong::new(
            format!("\"{text}\" is no {name}"),
            format!(
                "a number from {low} to {high}, a range {low}{range}{high}, a list of them, a step {low}/2, or *"
            ),
        )
    }
}

/// What is before a byte of ASCII, and after it.
#[inline(never)]
pub(super) fn cut(text: &str, at: u8) -> Option<(&str, &str)> {
    let place = text.bytes().position(|byte| byte == at)?;
    Some((text.get(..place)?, text.get(place + 1..)?))
}

/// The ends of `a-b` or `a..b`.
fn split_range(text: &str) -> Option<(&str, &str)> {
    let dots = || {
        let (from, to) = cut(text, b'.')?;
        Some((from, to.strip_prefix('.')?))
    };
    cut(text, b'-').or_else(dots)
}

/// No value in words.
pub(super) const fn no_word(_: &str) -> Option<u32> {
    None
}

fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u32::MAX))
}

const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// 1 is Monday.
pub(super) fn weekday(text: &str) -> Option<u32> {
    named(&WEEKDAYS, text)
}

/// 1 is January.
pub(super) fn month(text: &str) -> Option<u32> {
    named(&MONTHS, text)
}

/// Three letters of a name, or more.
fn named(names: &[&str], text: &str) -> Option<u32> {
    let begins = |name: &str| {
        let begin = name.get(..text.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(text))
    };
    let is_it = |name: &&str| text.len() >= 3 && begins(name);
    (1..)
        .zip(names)
        .find(|(_, name)| is_it(name))
        .map(|(n, _)| n)
}
