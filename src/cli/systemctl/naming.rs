//! What words mean: units' names as people type them.

use crate::cli::print::{self, Text};
use crate::units::UnitName;

pub(super) fn is_pattern(word: &str) -> bool {
    word.contains(['*', '?', '['])
}

/// A pattern without a suffix means services.
pub(super) fn with_suffix(pattern: &str) -> String {
    if pattern.contains('.') || pattern.ends_with('*') {
        pattern.to_owned()
    } else {
        format!("{pattern}.service")
    }
}

/// An absolute path means the unit that mounts it (`systemd.unit(5)`).
pub(super) fn by_path(word: &str) -> Option<UnitName> {
    let path = word.strip_prefix('/')?;
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let name = match parts.join("-") {
        root if root.is_empty() => "-".to_owned(),
        name => name,
    };
    UnitName::parse(&format!("{name}.mount"))
}

/// The unit's name that a word is; what can't stand in one is escaped, with a word of it.
pub(super) fn mangled(word: &str) -> Option<UnitName> {
    mangled_as(word, "service")
}

/// The same, where a word without a suffix has this one.
pub(super) fn mangled_as(word: &str, suffix: &str) -> Option<UnitName> {
    let named = |word: &str| {
        let as_is = UnitName::parse(word)?;
        if as_is.as_str() == word {
            Some(as_is)
        } else {
            UnitName::parse(&format!("{word}.{suffix}"))
        }
    };
    if let Some(name) = named(word) {
        return Some(name);
    }
    if word.is_empty() {
        return None;
    }
    let mut escaped = String::new();
    for byte in word.bytes() {
        let allowed = byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
        match byte {
            b'/' => escaped.push('-'),
            _ if allowed => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("\\x{byte:02x}")),
        }
    }
    let hint = if is_pattern(word) {
        "."
    } else {
        " (maybe you should use systemd-escape?)."
    };
    print::err(format_args!(
        "Invalid unit name \"{}\" escaped as \"{escaped}\"{hint}\n",
        Text(word.as_bytes())
    ));
    named(&escaped)
}
