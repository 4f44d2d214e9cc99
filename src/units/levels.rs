//! The links by which scripts of /etc/init.d are enabled: S in the folders of the levels
//! that their headers name, or K where they are disabled, as update-rc.d and chkconfig
//! leave them.

use std::fs;
use std::path::{Path, PathBuf};

use super::enabling::Step;
use super::name::UnitName;
use super::script::is_script;
use super::search::Search;

/// The levels in which a machine serves.
const LEVELS: [char; 4] = ['2', '3', '4', '5'];
/// Where the folders of levels lie: Debian's place, and CentOS's.
const PLACES: [&str; 2] = ["etc", "etc/rc.d"];

/// What enables (`true`) or disables a script, if the unit of this name is one.
pub(crate) fn steps(search: &Search, name: &UnitName, enables: bool) -> Option<Vec<Step>> {
    let (_, path) = search
        .fragment(name)
        .ok()
        .filter(|(_, path)| is_script(path))?;
    let text = fs::read_to_string(&path).unwrap_or_default();
    let name = path.file_name()?.to_str()?;
    let header = Starts::read(&text);
    let mut steps = Vec::new();
    for level in LEVELS {
        let folder = folder(search, level);
        let known = links(&folder, name);
        let starts = header.levels.contains(level);
        let wanted = match enables {
            true if starts => format!("S{:02}{name}", header.turn),
            true => continue,
            false => format!("K{:02}{name}", header.end),
        };
        let (right, wrong): (Vec<&String>, Vec<&String>) = known
            .iter()
            .partition(|own| own.starts_with(if enables { 'S' } else { 'K' }));
        steps.extend(wrong.iter().map(|own| Step::Remove {
            at: folder.join(own),
        }));
        // What was never enabled anywhere needs no link that says so.
        if right.is_empty() && (enables || !wrong.is_empty()) {
            let to = Path::new("../init.d").join(name);
            steps.push(Step::Link {
                at: folder.join(wanted),
                to,
            });
        }
    }
    Some(steps)
}

fn folder(search: &Search, level: char) -> PathBuf {
    let all = PLACES.map(|place| search.root().join(place).join(format!("rc{level}.d")));
    let there = all.iter().find(|folder| folder.is_dir()).cloned();
    let [first, _] = all;
    there.unwrap_or(first)
}

/// The links of a script in one of the folders.
fn links(folder: &Path, script: &str) -> Vec<String> {
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    names
        .filter(|own| own.starts_with(['S', 'K']) && own.get(3..) == Some(script))
        .collect()
}

/// Where and when a script's header wants it to start.
#[derive(Debug, PartialEq, Eq)]
struct Starts {
    levels: String,
    turn: u8,
    end: u8,
}

impl Starts {
    fn read(text: &str) -> Self {
        let mut found = Self {
            levels: LEVELS.iter().collect(),
            turn: 1,
            end: 1,
        };
        let keys = text
            .lines()
            .filter_map(|line| line.strip_prefix('#')?.split_once(':'));
        for (key, value) in keys {
            match key.trim() {
                "Default-Start" => found.levels = value.to_owned(),
                // "-": in none by itself.
                "chkconfig" => {
                    let mut words = value.split_whitespace();
                    let levels = words.next().filter(|word| *word != "-");
                    found.levels = levels.unwrap_or_default().to_owned();
                    let mut turn = || words.next().and_then(|word| word.parse().ok());
                    found.turn = turn().unwrap_or(1_u8).min(99);
                    found.end = turn().unwrap_or(1_u8).min(99);
                }
                _ => {}
            }
        }
        if !LEVELS.iter().any(|level| found.levels.contains(*level)) {
            found.levels = LEVELS.iter().collect();
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_headers_say_where_a_script_starts() {
        for (text, levels, turn, end) in [
            ("# Default-Start:\t3 5\n", "\t3 5", 1, 1),
            ("# chkconfig: 345 80 20\n", "345", 80, 20),
            ("# chkconfig: - 80 20\n", "2345", 80, 20),
            ("# Default-Start:\n", "2345", 1, 1),
            ("echo\n", "2345", 1, 1),
        ] {
            let levels = levels.to_owned();
            assert_eq!(Starts::read(text), Starts { levels, turn, end }, "{text}");
        }
    }
}
