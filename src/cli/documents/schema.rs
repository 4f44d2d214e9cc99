//! `--schema`: the table of directives as a JSON Schema (draft 7), for editors.
//!
//! It takes all that rinit takes, also what a variable may still become; what only
//! `--check` can know it lets pass.

use std::fmt::Write;

use serde_json::Value;

use crate::config::form::{self, Field, Form, Needed, TERMS, Term};
use crate::config::{NAME_PATTERN, Reference, reference};

/// A text with a variable in it may become anything.
const VARIABLE: &str = r##"{"$ref":"#/definitions/variable"}"##;

/// The whole schema.
pub(super) fn text() -> String {
    let mut out = r##"{"$schema":"http://json-schema.org/draft-07/schema#","title":"rinit.toml","type":"object","additionalProperties":false,"properties":{"##.to_owned();
    let mut table = "";
    for line in reference().filter(|line| line.table != "service") {
        if line.table != table {
            if !table.is_empty() {
                out.push_str("}},");
            }
            table = line.table;
            let _ = write!(out, "{}:", quoted(table));
            open(&mut out);
        } else {
            out.push(',');
        }
        property(&mut out, &line);
    }
    out.push_str("}},\"defaults\":");
    open(&mut out);
    let services = || reference().filter(|line| line.table == "service");
    list(
        &mut out,
        services().filter(|line| line.shared),
        |out, line| {
            let key = line.key;
            let _ = write!(
                out,
                r##""{key}":{{"$ref":"#/definitions/service/properties/{key}"}}"##
            );
        },
    );
    let _ = write!(
        out,
        r##"}}}},"service":{{"type":"object","propertyNames":{{"pattern":{}}},"additionalProperties":{{"$ref":"#/definitions/service"}}}}}},"definitions":{{"service":"##,
        quoted(NAME_PATTERN)
    );
    open(&mut out);
    list(&mut out, services(), |out, line| property(out, &line));
    out.push_str(r#"}},"variable":{"type":"string","pattern":"\\$\\{"}"#);
    for term in TERMS {
        let _ = write!(out, ",\"{}\":{{{}}}", Name(term), term.schema);
    }
    out.push_str("}}\n");
    out
}

fn open(out: &mut String) {
    out.push_str(r#"{"type":"object","additionalProperties":false,"properties":{"#);
}

fn list<T>(out: &mut String, items: impl Iterator<Item = T>, each: impl Fn(&mut String, T)) {
    for (number, item) in items.enumerate() {
        if number > 0 {
            out.push(',');
        }
        each(out, item);
    }
}

fn property(out: &mut String, line: &Reference) {
    let doc = format!("{} Default: {}.", line.doc, line.default);
    let _ = write!(
        out,
        "{}:{{\"description\":{}",
        quoted(line.key),
        quoted(&doc)
    );
    // One that isn't understood fails a test of the table's.
    if let Ok(form) = form::parse(line.form) {
        out.push(',');
        any_of(out, &form);
    }
    out.push('}');
}

/// `"anyOf":[…]`: a `$ref` may have no neighbours, so even one alternative stands in it.
fn any_of(out: &mut String, form: &Form<'_>) {
    out.push_str("\"anyOf\":[");
    match form {
        Form::Any(forms) => {
            let words = forms.iter().filter_map(|form| match form {
                Form::Word(word) => Some(*word),
                Form::Any(_)
                | Form::Range(..)
                | Form::Term(_)
                | Form::Array(_)
                | Form::Map(_)
                | Form::Record(_) => None,
            });
            let mut others = forms.iter().filter(|form| !matches!(form, Form::Word(_)));
            if words.clone().next().is_some() {
                out.push_str("{\"enum\":[");
                list(out, words, |out, word| out.push_str(&quoted(word)));
                let _ = write!(out, "]}},{VARIABLE}");
            } else if let Some(first) = others.next() {
                one(out, first);
            }
            for form in others {
                out.push(',');
                one(out, form);
            }
        }
        Form::Word(_)
        | Form::Range(..)
        | Form::Term(_)
        | Form::Array(_)
        | Form::Map(_)
        | Form::Record(_) => one(out, form),
    }
    out.push(']');
}

fn one(out: &mut String, form: &Form<'_>) {
    match form {
        Form::Any(_) => {
            out.push('{');
            any_of(out, form);
            out.push('}');
        }
        Form::Word(word) => {
            let _ = write!(out, "{{\"enum\":[{}]}},{VARIABLE}", quoted(word));
        }
        Form::Range(low, high) => {
            let _ = write!(
                out,
                r#"{{"type":"integer","minimum":{low},"maximum":{high}}},{{"type":"string","pattern":"\\$\\{{|^\\s*-?[0-9]+\\s*$"}}"#
            );
        }
        Form::Term(term) => {
            let _ = write!(out, r##"{{"$ref":"#/definitions/{}"}}"##, Name(term));
        }
        Form::Array(item) => {
            out.push_str(r#"{"type":"array","items":{"#);
            any_of(out, item);
            out.push_str("}},");
            one(out, item);
        }
        Form::Map(value) => {
            out.push_str(r#"{"type":"object","additionalProperties":{"#);
            any_of(out, value);
            out.push_str("}}");
        }
        Form::Record(fields) => record(out, fields),
    }
}

fn record(out: &mut String, fields: &[Field<'_>]) {
    open(out);
    list(out, fields.iter(), |out, field| {
        let _ = write!(out, "{}:{{", quoted(field.key));
        any_of(out, &field.form);
        out.push('}');
    });
    out.push('}');
    let keys = |needed| {
        let fields = fields.iter().filter(move |field| field.needed == needed);
        fields.map(|field| quoted(field.key))
    };
    if keys(Needed::Yes).next().is_some() {
        out.push_str(",\"required\":[");
        list(out, keys(Needed::Yes), |out, key| out.push_str(&key));
        out.push(']');
    }
    if keys(Needed::OneOf).next().is_some() {
        out.push_str(",\"oneOf\":[");
        list(out, keys(Needed::OneOf), |out, key| {
            let _ = write!(out, "{{\"required\":[{key}]}}");
        });
        out.push(']');
    }
    out.push('}');
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A term's name as a part of a reference.
struct Name(&'static Term);

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let letters = self.0.name.chars();
        letters
            .map(|letter| {
                if letter.is_ascii_alphanumeric() {
                    letter
                } else {
                    '-'
                }
            })
            .try_for_each(|letter| f.write_char(letter))
    }
}
