//! Unit files as packages ship them, read as systemd reads them: which files make a unit
//! (`search`), which units are started together (`pull`, `machine`), what lines say (`syntax`),
//! and what systemd makes of a value (`specifier`, `exec_line`, `value`); which script of
//! /etc/init.d stands for a unit that isn't there (`script`); which links enable
//! a unit (`install`, `enabling`, `preset`), and what those that are there say of it (`state`).
//! What the values mean for a service is `config`'s.
//! Pure but for reading files; runs in the reader child, never in PID 1.

mod condition;
mod enabling;
mod exec_line;
pub(crate) mod glob;
mod install;
mod levels;
mod machine;
mod made;
mod name;
mod preset;
mod pull;
mod script;
mod search;
mod snippets;
mod specifier;
mod stamp;
mod starts;
mod state;
mod syntax;
pub(crate) mod sysusers;
pub(crate) mod tmpfiles;
mod value;

pub(crate) use self::condition::{is_asked, unmet};
pub(crate) use self::enabling::{Enabling, Step, WrongLink};
pub(crate) use self::exec_line::{ExecLine, WrongExec, commands};
pub(crate) use self::levels::steps as level_steps;
pub(crate) use self::machine::{is_maintenance, is_reached, matches};
pub(crate) use self::name::{KINDS, UnitName};
pub(crate) use self::preset::{PresetMode, Presets};
pub(crate) use self::pull::{BUS_SOCKET, Follow, LeftOut, Links, Pulled, Walk};
pub(crate) use self::script::is_script;
pub(crate) use self::search::{NoUnit, Search, Unit, file_name};
pub(crate) use self::snippets::{Complaint, Place};
pub(crate) use self::specifier::{Machine, Specifiers};
pub(crate) use self::stamp::{STAMPS, stamp_path, stamped};
pub(crate) use self::starts::{required, started};
pub(crate) use self::state::{FileState, file_state};
pub(crate) use self::syntax::{Line, Wrong, lines};
pub(crate) use self::value::{boolean, number, simplified, size, span};
