//! One line of `sysusers.d(5)`: type, name, ID, description, home, shell.

use std::path::PathBuf;

use crate::core::quoting::{Backslash, quoted};
use crate::units::specifier::Machine;

/// Which number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Id {
    /// Any that is free.
    #[default]
    Any,
    Number(u32),
    /// The owner's of this file.
    Of(PathBuf),
}

/// A user's main group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Main {
    Number(u32),
    Name(String),
}

/// A line, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    User(User),
    Group { name: String, id: Id },
    Member { user: String, group: String },
    Range(u32, u32),
}

/// A user that is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) id: Id,
    /// The one of the same name if it isn't said.
    pub(super) main: Option<Main>,
    pub(super) description: String,
    pub(super) home: String,
    pub(super) shell: String,
    /// `u!`: it can't be used at all.
    pub(super) locked: bool,
}

/// Numbers that mean something else.
const RESERVED: [u32; 2] = [65_535, u32::MAX];
/// No name is longer.
const MOST_LETTERS: usize = 31;

/// Reads a line that is neither empty nor a comment.
pub(super) fn read(text: &[u8], machine: &Machine) -> Result<Line, String> {
    let mut fields = Vec::new();
    for word in quoted(text, Backslash::Escapes) {
        let word = word.map_err(|_| "a quote has no end".to_owned())?;
        let field = if word == b"-" {
            String::new()
        } else {
            expand(&word, machine)?
        };
        fields.push(field);
    }
    if fields.len() > 6 {
        return Err("it has more than six fields: quote the description".to_owned());
    }
    let mut fields = fields.into_iter();
    let mut next = || fields.next().unwrap_or_default();
    let (kind, name, id) = (next(), next(), next());
    let (description, home, shell) = (next(), next(), next());
    let bare = description.is_empty() && home.is_empty() && shell.is_empty();
    match &*kind {
        "r" if name.is_empty() && bare => range(&id).ok_or(format!("\"{id}\" is no range")),
        "m" if bare => Ok(Line::Member {
            user: valid(name)?,
            group: valid(id)?,
        }),
        "g" if bare => {
            let name = valid(name)?;
            Ok(Line::Group {
                name,
                id: number(&id)?,
            })
        }
        "u" | "u!" => {
            let fields = [&description, &home, &shell];
            if fields.iter().any(|field| field.contains([':', '\n', '\0'])) {
                return Err("no field may hold a colon".to_owned());
            }
            if [&home, &shell]
                .iter()
                .any(|path| !path.is_empty() && !path.starts_with('/'))
            {
                return Err("home and shell are absolute paths".to_owned());
            }
            let (id, main) = match id.split_once(':').filter(|_| !id.starts_with('/')) {
                Some((id, main)) => (id.to_owned(), Some(main.to_owned())),
                None => (id, None),
            };
            let id = if id == "-" { String::new() } else { id };
            let main = match main {
                None => None,
                Some(main) => Some(match main.parse() {
                    Ok(number) => Main::Number(number),
                    Err(_) => Main::Name(valid(main)?),
                }),
            };
            Ok(Line::User(User {
                name: valid(name)?,
                id: number(&id)?,
                main,
                description,
                home,
                shell,
                locked: kind == "u!",
            }))
        }
        "r" | "m" | "g" => Err(format!("\"{kind}\" takes fewer fields")),
        _ => Err(format!("there is no type \"{kind}\"")),
    }
}

fn expand(word: &[u8], machine: &Machine) -> Result<String, String> {
    let expanded = machine.expand(word);
    if let Some(letter) = expanded.unknown {
        return Err(format!("there is no specifier %{letter} here"));
    }
    String::from_utf8(expanded.text).map_err(|_| "it isn't UTF-8".to_owned())
}

fn valid(name: String) -> Result<String, String> {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if begins && name.len() <= MOST_LETTERS && name.chars().all(letter) {
        return Ok(name);
    }
    Err(format!("\"{name}\" can't be the name of a user or group"))
}

fn number(text: &str) -> Result<Id, String> {
    if text.is_empty() {
        return Ok(Id::Any);
    }
    if text.starts_with('/') {
        return Ok(Id::Of(text.into()));
    }
    let number = text.parse().ok().filter(|id| !RESERVED.contains(id));
    number.map(Id::Number).ok_or(format!("\"{text}\" is no ID"))
}

fn range(text: &str) -> Option<Line> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let (low, high): (u32, u32) = (low.parse().ok()?, high.parse().ok()?);
    (low <= high && high < 65_535).then_some(Line::Range(low, high))
}
