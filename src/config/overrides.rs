//! `RINIT_…` in rinit's environment: over the files, so that one image fits every engine.

use toml::Spanned;
use toml::de::DeValue;

use super::directive;
use super::foreign;
use super::nearest::nearest;
use super::source::{At, Origin, Source};
use super::tables::Tables;
use super::value::{Context, Value};

const PREFIX: &str = "RINIT_";

/// What is no key of `[init]`: the configuration's place, `[defaults] output`, and what
/// rinit's other parts read; with its meaning.
pub const OTHER_VARIABLES: &[(&str, &str)] = &[
    (
        "RINIT_CONFIG",
        "One file or folder, as -c; none for no file.",
    ),
    ("RINIT_OUTPUT", "As the key output in [defaults]."),
    (
        "RINIT_LOG",
        "How much rinit says: off, error, warn, info or debug.",
    ),
    ("RINIT_SERVICE", "Set for each service: its name."),
    (
        "RINIT_CONTROL_PROCESS",
        "Set for a command around a service: that it is one.",
    ),
    (
        "RINIT_INSTANCE",
        "Set for each of several instances: its number.",
    ),
];

/// One variable as a source and a value.
pub(super) struct Override<'a> {
    name: &'a str,
    source: u32,
    value: Spanned<DeValue<'a>>,
}

/// The variables as sources, for diagnostics to point into.
pub(super) fn sources(environment: &[(Vec<u8>, Vec<u8>)]) -> impl Iterator<Item = Source> {
    environment
        .iter()
        // An engine's file may set a variable to nothing: that is not to set it.
        .filter(|(name, value)| name.starts_with(PREFIX.as_bytes()) && !value.is_empty())
        .map(|(name, value)| {
            let name = String::from_utf8_lossy(name).into_owned();
            let text = format!("{name}={}", String::from_utf8_lossy(value));
            Source::new(name, Origin::Environment, text)
        })
}

/// What `sources` made, as values.
pub(super) fn values<'a>(sources: &'a [Source]) -> Vec<Override<'a>> {
    let environment = (0u32..)
        .zip(sources)
        .filter(|(_, source)| source.origin == Origin::Environment);
    environment
        .filter_map(|(number, source)| {
            let start = source.name.len() + 1;
            let text = source.text.get(start..)?;
            let value = DeValue::String(text.into());
            Some(Override {
                name: &source.name,
                source: number,
                value: Spanned::new(start..source.text.len(), value),
            })
        })
        .collect()
}

/// `RINIT_SHUTDOWN_TIMEOUT` for `shutdown-timeout`.
#[must_use]
pub fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('-', "_").to_ascii_uppercase())
}

/// `RINIT_HTTP_LISTEN` for `listen` in `[http]`.
fn variable_of_http(key: &str) -> String {
    variable(&format!("http-{key}"))
}

/// Lays the variables over what the files say.
pub(super) fn apply<'a>(
    overrides: &'a [Override<'a>],
    tables: &mut Tables<'a>,
    context: &'a Context<'a>,
) {
    for Override {
        name,
        source,
        value,
    } in overrides
    {
        let value = |key| Value::new(key, *source, value, context);
        let directive = directive::init()
            .iter()
            .find(|directive| variable(directive.key) == *name);
        let of_http = directive::http()
            .iter()
            .find(|directive| variable_of_http(directive.key) == *name);
        if let Some(directive) = directive {
            tables.init.put(directive, value(directive.key));
        } else if let Some(directive) = of_http {
            tables.http.put(directive, value(directive.key));
        } else if *name == "RINIT_OUTPUT" {
            if let Some(directive) = directive::find(directive::service(), "output") {
                tables.defaults.put(directive, value(directive.key));
            }
        } else if !OTHER_VARIABLES.iter().any(|(known, _)| known == name) {
            unknown(name, At::new(*source, 0..name.len()), context);
        }
    }
}

fn unknown(name: &str, at: At, context: &Context<'_>) {
    let key = name
        .strip_prefix(PREFIX)
        .unwrap_or(name)
        .replace('_', "-")
        .to_ascii_lowercase();
    if foreign::is_later_in_init(&key) {
        let what = format!("{name} is not supported yet by this version");
        context.warn(at, what, "leave it out");
        return;
    }
    let known: Vec<String> = directive::init()
        .iter()
        .map(|directive| variable(directive.key))
        .chain(
            directive::http()
                .iter()
                .map(|directive| variable_of_http(directive.key)),
        )
        .chain(OTHER_VARIABLES.iter().map(|(name, _)| (*name).to_owned()))
        .collect();
    let help = match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("the variables are {}", known.join(", ")),
    };
    context.warn(at, format!("unknown variable {name}"), help);
}
