//! Unit files as packages ship them, read as systemd reads them: which files make a unit
//! (`search`), what its lines say (`syntax`), and what systemd makes of a value (`specifier`,
//! `exec_line`, `value`). What the values mean for a service is `config`'s.
//! Pure but for reading files; runs in the reader child, never in PID 1.

mod exec_line;
mod name;
mod search;
mod snippets;
mod specifier;
mod syntax;
pub(crate) mod tmpfiles;
mod value;

pub(crate) use self::exec_line::{ExecLine, WrongExec, commands};
pub(crate) use self::name::UnitName;
pub(crate) use self::search::{NoUnit, Search, Unit};
pub(crate) use self::specifier::{Machine, Specifiers};
pub(crate) use self::syntax::{Line, Wrong, lines};
pub(crate) use self::value::{boolean, size, span};
