//! What a path's unit says: when its service starts (`systemd.path(5)`).

use super::given::Given;
use crate::config::draft::Draft;
use crate::config::nearest::nearest;
use crate::core::exec::Words;
use crate::core::listen::Watch;

/// What is waited for.
const KINDS: &str = "PathExists PathExistsGlob PathChanged PathModified DirectoryNotEmpty";
/// How folders are made.
const MAKING: &str = "MakeDirectory DirectoryMode";
/// Looked at elsewhere; and how often it may start, StartLimitBurst= says already.
const SILENT: &str = "Unit TriggerLimitIntervalSec TriggerLimitBurst";

/// Paths' units while their lines are read.
#[derive(Clone, Default)]
pub(super) struct Paths {
    words: Vec<Vec<u8>>,
    make: bool,
    mode: Option<u32>,
}

impl Paths {
    /// What one assignment does.
    pub(super) fn apply(&mut self, section: &str, given: &Given<'_>) {
        let key = given.key;
        let is_in = |list: &str| list.split_whitespace().any(|known| known == key);
        if section != "Path" || key.starts_with("X-") || is_in(SILENT) {
            return;
        }
        if is_in(KINDS) {
            // What was wrong has been said.
            let _ = self.add(given);
        } else if key == "MakeDirectory" {
            self.make = given.boolean().unwrap_or(self.make);
        } else if key == "DirectoryMode" {
            self.mode = given.octal().or(self.mode);
        } else {
            let lists = [KINDS, MAKING, SILENT].into_iter();
            let help = match nearest(key, lists.flat_map(str::split_whitespace)) {
                Some(near) => format!("did you mean {near}?"),
                None => "it is ignored, as systemd does".to_owned(),
            };
            let what = format!("there is no {key} in [{section}]: it is ignored");
            given.context.warn(given.at, what, help);
        }
    }

    fn add(&mut self, given: &Given<'_>) -> Option<()> {
        if given.is_reset() {
            // One empty value drops all, of every kind.
            self.words.clear();
            return Some(());
        }
        let path = given.text()?;
        // The folder that is watched has to be one.
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let is_simple = given.key != "PathExistsGlob" || !folder.contains(['*', '?', '[', '{']);
        if !path.starts_with('/') || !is_simple {
            return given
                .wrong("a whole path; of a pattern only the last part may have *, ?, [ and {");
        }
        self.words
            .push(format!("{}={path}", given.key).into_bytes());
        Some(())
    }

    /// Gives them to the service; `false` if there are none.
    pub(super) fn finish(self, draft: &mut Draft) -> bool {
        if self.words.is_empty() {
            return false;
        }
        draft.listen().watch = Some(Box::new(Watch {
            paths: Words::new(&self.words),
            make: self.make.then(|| self.mode.unwrap_or(0o755)),
        }));
        true
    }
}
