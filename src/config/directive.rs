//! The one table of directives: what the reader, the hints and the reference read.

use std::sync::LazyLock;

use super::draft::Draft;
use super::value::Value;
use super::{
    directive_around, directive_commands, directive_execution, directive_forking, directive_http,
    directive_init, directive_listen, directive_notify, directive_output, directive_schedule,
    directive_service, group_limits,
};
use crate::core::spec::InitSpec;

/// A key that can be written, and what happens when it is.
#[derive(Clone, Copy)]
pub(super) struct Directive<T> {
    pub(super) key: &'static str,
    /// What its value looks like.
    pub(super) form: &'static str,
    /// What holds when it isn't written.
    pub(super) default: &'static str,
    pub(super) doc: &'static str,
    /// Whether `[defaults]` takes it too.
    pub(super) shared: bool,
    /// Later tables add to it name by name instead of replacing it.
    pub(super) merges: bool,
    /// `None`: what was wrong has been reported.
    pub(super) set: fn(&mut T, Value<'_>) -> Option<()>,
}

/// The keys of `[init]`.
pub(super) fn init() -> &'static [Directive<InitSpec>] {
    directive_init::TABLE
}

/// The keys of `[http]`.
pub(super) fn http() -> &'static [Directive<InitSpec>] {
    directive_http::TABLE
}

/// The keys of `[service.NAME]`.
pub(super) fn service() -> &'static [Directive<Draft>] {
    static ALL: LazyLock<Vec<Directive<Draft>>> = LazyLock::new(|| {
        [
            directive_service::TABLE,
            directive_forking::TABLE,
            directive_schedule::TABLE,
            directive_execution::TABLE,
            group_limits::TABLE,
            directive_output::TABLE,
            directive_around::TABLE,
            directive_listen::TABLE,
            directive_commands::TABLE,
            directive_notify::TABLE,
        ]
        .concat()
    });
    &ALL
}

/// The directive of this key.
pub(super) fn find<T>(table: &'static [Directive<T>], key: &str) -> Option<&'static Directive<T>> {
    table.iter().find(|directive| directive.key == key)
}

/// One line of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// `init`, `http` or `service`.
    pub table: &'static str,
    /// The key.
    pub key: &'static str,
    /// What its value looks like.
    pub form: &'static str,
    /// What holds when it isn't written.
    pub default: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// Whether `[defaults]` takes it too.
    pub shared: bool,
}

/// Every key that can be written, for the documentation.
pub fn reference() -> impl Iterator<Item = Reference> {
    fn lines<T>(
        name: &'static str,
        table: &'static [Directive<T>],
    ) -> impl Iterator<Item = Reference> {
        table.iter().map(move |directive| Reference {
            table: name,
            key: directive.key,
            form: directive.form,
            default: directive.default,
            doc: directive.doc,
            shared: directive.shared,
        })
    }
    lines("init", init())
        .chain(lines("http", http()))
        .chain(lines("service", service()))
}
