//! The notation in which the table of directives says what a value looks like: read by
//! people as it stands, and by the schema through `Form`.
//!
//! Alternatives stand behind commas and "or"; a text in quotes is itself; `1 to 5` is a
//! range; `array of names or numbers` takes both, and one alone without its brackets;
//! `table of NAME = path` has keys of one's own; `{ tcp = address | unix = path, mode? = octal }`
//! has one of the keys with `|` between them, and those with `?` may be left out. All
//! else is one of `TERMS`, or its plural.

/// What a value looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form<'a> {
    /// One of these.
    Any(Vec<Form<'a>>),
    /// This text.
    Word(&'a str),
    /// A number from the first to the second.
    Range(i64, i64),
    /// One of `TERMS`.
    Term(&'static Term),
    /// An array of such, or one.
    Array(Box<Form<'a>>),
    /// A table of names that the user chooses.
    Map(Box<Form<'a>>),
    /// A table of these keys.
    Record(Vec<Field<'a>>),
}

/// A key of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name.
    pub key: &'a str,
    /// Its value.
    pub form: Form<'a>,
    /// Whether it must be there.
    pub needed: Needed,
}

/// Whether a key must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needed {
    /// It must.
    Yes,
    /// It may be left out.
    No,
    /// One of those that say so must.
    OneOf,
}

/// A word of the notation.
#[derive(Debug, PartialEq, Eq)]
pub struct Term {
    /// The word.
    pub name: &'static str,
    /// What it means, for those who write one; empty if the word says it.
    pub doc: &'static str,
    /// How JSON Schema says it. A text may be a variable wherever it stands.
    pub schema: &'static str,
}

const fn term(name: &'static str, schema: &'static str, doc: &'static str) -> Term {
    Term { name, doc, schema }
}

const TEXT: &str = r#""type":"string""#;
const SCALAR: &str = r#""type":["string","number","boolean"]"#;
const NAME: &str = r#""type":["string","integer"]"#;

/// Every word that a form may hold.
pub const TERMS: &[Term] = &[
    term(
        "boolean",
        r#""anyOf":[{"type":"boolean"},{"enum":[0,1]},{"type":"string","pattern":"\\$\\{|^([Tt][Rr][Uu][Ee]|[Yy][Ee][Ss]|[Oo][Nn]|1|[Ff][Aa][Ll][Ss][Ee]|[Nn][Oo]|[Oo][Ff][Ff]|0|)$"}]"#,
        "true or false, also as the texts true, yes, on, 1, false, no, off, 0 and the empty one.",
    ),
    term(
        "duration",
        r#""type":"string","pattern":"\\$\\{|^\\s*([0-9]+(\\.[0-9]+)?(us|\u00b5s|ms|s|sec|m|min|h|d)\\s*)+$""#,
        "A text with units: \"500ms\", \"5s\", \"1m30s\", \"2h\", \"1d\".",
    ),
    term(
        "size",
        r#""anyOf":[{"type":"integer","minimum":0},{"type":"string","pattern":"\\$\\{|^\\s*[0-9]+\\s*([KkMGT]i?B?|B|)\\s*$"}]"#,
        "Bytes: a number, or a text with K, M, G or T (1024 each).",
    ),
    term(
        "percent",
        r#""type":"string","pattern":"\\$\\{|^\\s*[0-9]+(\\.[0-9]+)?\\s*%\\s*$""#,
        "A text with a percent sign: \"50%\", \"12.5%\".",
    ),
    term(
        "number",
        r#""anyOf":[{"type":"integer"},{"type":"string","pattern":"\\$\\{|^\\s*-?[0-9]+\\s*$"}]"#,
        "",
    ),
    term("false", r#""enum":[false,"false","no","off","0"]"#, ""),
    term("text", TEXT, ""),
    term("string", TEXT, ""),
    term("word", SCALAR, ""),
    term("value", SCALAR, ""),
    term("name", NAME, ""),
    term("NAME", TEXT, ""),
    term("NAME=value", TEXT, ""),
    term("path", r#""type":"string","minLength":1"#, ""),
    term(
        "address",
        NAME,
        "\"127.0.0.1:80\", \"[::1]:80\", \"localhost:80\", and where sockets are meant \":80\", \"udp:0.0.0.0:53\", a path, or \"@NAME\" of the abstract namespace.",
    ),
    term(
        "URL",
        r#""type":"string","pattern":"\\$\\{|^http://""#,
        "\"http://HOST[:PORT][/PATH]\"; no TLS.",
    ),
    term(
        "pattern",
        TEXT,
        "A regular expression: letters, . [a-z] \\d \\w \\s \\b ^ $ ( | ) * + ? {n,m}, and (?i) in front.",
    ),
    term(
        "signal",
        NAME,
        "\"SIGTERM\", \"TERM\", \"SIGRTMIN+3\", or a number.",
    ),
    term(
        "code",
        r#""anyOf":[{"type":"integer","minimum":0},{"type":"string"}]"#,
        "",
    ),
    term(
        "octal",
        r#""anyOf":[{"type":"integer","minimum":0},{"type":"string","pattern":"\\$\\{|^[0-7]+$"}]"#,
        "\"0750\" or 0o750.",
    ),
    term(
        "capability",
        r#""type":"string","pattern":"\\$\\{|^~?[A-Za-z_]+$""#,
        "\"CAP_NET_BIND_SERVICE\"; see capabilities(7).",
    ),
    term(
        "command",
        r#""anyOf":[{"type":"string","minLength":1},{"type":"array","minItems":1,"items":{"type":["string","number","boolean"]}}]"#,
        "An array of words, executed as it is, or a string for /bin/sh -c.",
    ),
    term(
        "calendar expression",
        TEXT,
        "systemd.time(7)'s, or cron's five fields, with a time zone behind it or none.",
    ),
    term(
        "soft:hard",
        r#""type":"string","pattern":":""#,
        "Two limits in one text.",
    ),
];

/// Reads a form. What isn't understood is given back.
///
/// # Errors
/// The first part that is neither one of `TERMS` nor of the notation.
pub fn parse(text: &str) -> Result<Form<'_>, &str> {
    let mut alternatives = Vec::new();
    let mut rest = Some(text);
    while let Some(text) = rest {
        let (part, tail) = match cut(text, ", ") {
            Some((part, tail)) => (part, Some(tail)),
            None => (text, None),
        };
        rest = tail;
        read(part.strip_prefix("or ").unwrap_or(part), &mut alternatives)?;
    }
    Ok(any(alternatives))
}

fn any(mut alternatives: Vec<Form<'_>>) -> Form<'_> {
    match (alternatives.pop(), alternatives.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            alternatives.extend(last);
            Form::Any(alternatives)
        }
    }
}

/// What stands between two commas.
fn read<'a>(text: &'a str, into: &mut Vec<Form<'a>>) -> Result<(), &'a str> {
    if let Some(mut rest) = text.strip_prefix("array of ") {
        let mut items = Vec::new();
        while let Some((item, tail)) = cut(rest, " or ").or_else(|| cut(rest, " and ")) {
            items.push(one(item)?);
            rest = tail;
        }
        items.push(one(rest)?);
        into.push(Form::Array(Box::new(any(items))));
    } else if let Some((first, rest)) = cut(text, " or ") {
        into.push(one(first)?);
        read(rest, into)?;
    } else {
        into.push(one(text)?);
    }
    Ok(())
}

fn one(text: &str) -> Result<Form<'_>, &str> {
    let text = text.trim();
    let inside = |open, close| text.strip_prefix(open)?.strip_suffix(close);
    if let Some(word) = inside('"', '"') {
        return Ok(Form::Word(word));
    }
    if let Some(fields) = inside('{', '}') {
        return record(fields);
    }
    if let Some(value) = text.strip_prefix("table of NAME = ") {
        return Ok(Form::Map(Box::new(parse(value)?)));
    }
    if let Some((Ok(low), Ok(high))) = text
        .split_once(" to ")
        .map(|(low, high)| (low.parse(), high.parse()))
    {
        return Ok(Form::Range(low, high));
    }
    let is_it = |term: &&Term| {
        let name = term.name;
        let plural = text.strip_suffix('s');
        text == name
            || plural == Some(name)
            || plural.and_then(|it| it.strip_suffix('e')) == Some(name)
            || text.strip_suffix("ies") == name.strip_suffix('y') && name.ends_with('y')
    };
    TERMS.iter().find(is_it).map(Form::Term).ok_or(text)
}

fn record(text: &str) -> Result<Form<'_>, &str> {
    let mut fields = Vec::new();
    let mut rest = Some(text);
    while let Some(text) = rest {
        let (group, tail) = match cut(text, ",") {
            Some((group, tail)) => (group, Some(tail)),
            None => (text, None),
        };
        rest = tail;
        let mut keys = Some(group);
        let several = cut(group, "|").is_some();
        while let Some(text) = keys {
            let (field, tail) = match cut(text, "|") {
                Some((field, tail)) => (field, Some(tail)),
                None => (text, None),
            };
            keys = tail;
            let (key, value) = cut(field, " = ").ok_or(field)?;
            let (key, needed) = match key.trim().strip_suffix('?') {
                Some(key) => (key, Needed::No),
                None if several => (key.trim(), Needed::OneOf),
                None => (key.trim(), Needed::Yes),
            };
            let form = parse(value.trim())?;
            fields.push(Field { key, form, needed });
        }
    }
    Ok(Form::Record(fields))
}

/// The text before and after the first `at` that stands in no braces and no quotes.
fn cut<'a>(text: &'a str, at: &str) -> Option<(&'a str, &'a str)> {
    let mut depth = 0_u32;
    let mut quoted = false;
    for (place, letter) in text.char_indices() {
        if depth == 0
            && !quoted
            && let Some((before, after)) = text.split_at_checked(place)
            && let Some(after) = after.strip_prefix(at)
        {
            return Some((before, after));
        }
        match letter {
            '"' => quoted = !quoted,
            '{' if !quoted => depth += 1,
            '}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn term_of(name: &str) -> Form<'static> {
        let found = TERMS.iter().find(|term| term.name == name);
        Form::Term(found.expect("a term"))
    }

    #[test]
    fn each_directive_says_what_its_value_looks_like_in_the_notation() {
        let terms: Vec<_> = TERMS.iter().map(|term| term.name).collect();
        for line in crate::config::reference() {
            if let Err(part) = parse(line.form) {
                panic!(
                    "the form of {} in the table of directives, {:?}, holds {part:?}.\n\
                     help: see src/config/form.rs for the notation; the terms are {terms:?}",
                    line.key, line.form
                );
            }
        }
    }

    #[test]
    fn alternatives_stand_behind_commas_and_or() {
        let words = |text| vec![Form::Word(text), term_of("boolean")];
        assert_eq!(
            parse("\"a, or b\" or boolean"),
            Ok(Form::Any(words("a, or b")))
        );
        assert_eq!(parse("\"x\", or boolean"), parse("\"x\", boolean"));
        assert_eq!(parse("path"), Ok(term_of("path")));
        assert_eq!(parse("-20 to 19"), Ok(Form::Range(-20, 19)));
        assert_eq!(parse("sausage, or path"), Err("sausage"));
    }

    #[test]
    fn an_array_takes_all_up_to_the_comma() {
        let array = |item| Form::Array(Box::new(item));
        let both = Form::Any(vec![term_of("name"), term_of("number")]);
        let form = Form::Any(vec![array(both), term_of("boolean")]);
        assert_eq!(parse("array of names or numbers, or boolean"), Ok(form));
        assert_eq!(
            parse("array of capabilities"),
            Ok(array(term_of("capability")))
        );
        assert_eq!(parse("array of addresses"), Ok(array(term_of("address"))));
    }

    #[test]
    fn a_table_has_keys_that_must_may_or_exclude_each_other() {
        let Ok(Form::Record(fields)) =
            parse("{ a = path | b = \"x\" or \"y\", c? = size, d = { e = code } }")
        else {
            panic!("no record");
        };
        let seen: Vec<_> = fields.iter().map(|it| (it.key, it.needed)).collect();
        let wanted = [
            ("a", Needed::OneOf),
            ("b", Needed::OneOf),
            ("c", Needed::No),
            ("d", Needed::Yes),
        ];
        assert_eq!(seen, wanted);
        assert_eq!(parse("{ a, b }"), Err(" a"));
    }
}
