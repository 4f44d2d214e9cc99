//! A source folder of s6-rc, as s6-overlay has it in /etc/s6-overlay/s6-rc.d: its scripts
//! stay where they are, and are executed from there.

use std::path::Path;

use super::draft::{Draft, Service, Table, array};
use crate::config::import::{Rendered, trouble};
use crate::core::sorted::{sort, sort_by};

/// Bundles that stand for all that is to run.
const WHOLE: [&str; 3] = ["user", "user2", "default"];
/// Their contents are s6-overlay's own.
const ITS_OWN: [&str; 3] = ["base", "legacy-cont-init", "legacy-services"];

/// What a file's words say. Times are in milliseconds; 0 is no limit.
const TABLE: Table = "\
down-signal signal stop-signal
timeout-up limit start-timeout
timeout-kill limit stop-timeout
producer-for lost rinit reads its lines itself: output = { file = … } keeps them, and a pipe between two programs is command = \"PRODUCER | CONSUMER\"
consumer-for lost there are no pipes between services: command = \"PRODUCER | CONSUMER\" of one does that
max-death-tally lost start-limit = { count = …, within = … } ends a service that dies too often
flag-essential lost essential = true ends the container with it";

/// A folder of one service, or of a bundle.
struct Source {
    name: String,
    path: String,
    /// `longrun`, `oneshot`, `bundle`.
    kind: String,
    /// What it depends on, or has in it.
    names: Vec<String>,
}

impl Source {
    /// Of the folder at this path; none where it is nothing of s6's.
    fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_owned();
        let path = path.to_str()?.to_owned();
        let mut source = Self {
            name,
            path,
            kind: String::new(),
            names: Vec::new(),
        };
        source.kind = source.text("type").unwrap_or_default();
        // Of s6 without s6-rc, or of runit.
        if source.kind.is_empty() && source.text("run").is_some() {
            source.kind.push_str("longrun");
        }
        let (folder, file) = match &*source.kind {
            "" => return None,
            "bundle" => ("contents.d", "contents"),
            _ => ("dependencies.d", "dependencies"),
        };
        if let Ok(entries) = Path::new(&source.file(folder)).read_dir() {
            for entry in entries {
                if let Ok(Ok(name)) = entry.map(|entry| entry.file_name().into_string()) {
                    source.names.push(name);
                }
            }
        }
        let text = source.text(file).unwrap_or_default();
        for name in text.split_whitespace() {
            source.names.push(name.to_owned());
        }
        sort(&mut source.names);
        Some(source)
    }

    fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }

    /// What a file says, but comments.
    fn text(&self, name: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.file(name)).ok()?;
        let mut out = String::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            out.push_str(line);
            out.push('\n');
        }
        Some(out.trim().to_owned())
    }
}

/// A folder of services, or one service's.
pub(super) fn read(draft: &mut Draft, path: &Path) -> Rendered {
    let path = path.canonicalize().unwrap_or_default();
    let mut all = Vec::new();
    if let Some(one) = Source::of(&path) {
        all.push(one);
    } else if let Ok(entries) = path.read_dir() {
        for entry in entries {
            if let Ok(Some(source)) = entry.map(|entry| Source::of(&entry.path())) {
                all.push(source);
            }
        }
    }
    sort_by(&mut all, |one, other| one.name.cmp(&other.name));
    if all.is_empty() {
        let what = format!(
            "{}: no folder in it has a file type, or run",
            path.display()
        );
        return trouble(
            what,
            "name a source folder of s6-rc, such as /etc/s6-overlay/s6-rc.d, or one service's",
        );
    }
    let has_whole = all.iter().any(|source| WHOLE.contains(&&*source.name));
    let mut wanted = Vec::new();
    for name in WHOLE {
        wanted.push(name.to_owned());
    }
    let wanted = opened(&all, &wanted, true);
    let mut told = Rendered::default();
    for source in &all {
        match &*source.kind {
            "bundle" => {
                if !WHOLE.contains(&&*source.name) {
                    let names = source.names.join(" ");
                    draft.head.note(format!("bundle {}: {names}", source.name));
                }
                continue;
            }
            "longrun" | "oneshot" => {}
            kind => {
                let what = format!("{}: there is no type {kind}", source.file("type"));
                told = trouble(what, "a type is longrun, oneshot or bundle");
                continue;
            }
        }
        let mut service = Service::new(&source.name);
        if has_whole && !wanted.contains(&source.name) {
            service.put_bare("enabled", "false");
        }
        source.write(&mut service);
        service.bind("requires", opened(&all, &source.names, false));
        draft.add(service);
    }
    told
}

/// Names, with what is in it in a bundle's place; `deep`: and all that those depend on.
fn opened(all: &[Source], names: &[String], deep: bool) -> Vec<String> {
    let mut names = names.to_vec();
    let mut opened = Vec::new();
    let mut next = 0;
    while let Some(name) = names.get(next).cloned() {
        next += 1;
        let mut is_bundle = ITS_OWN.contains(&&*name);
        for source in all.iter().filter(|source| source.name == name) {
            is_bundle = source.kind == "bundle";
            for name in source.names.iter().filter(|_| is_bundle || deep) {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
        }
        if !is_bundle {
            opened.push(name);
        }
    }
    opened
}

impl Source {
    fn write(&self, service: &mut Service) {
        if self.kind == "oneshot" {
            service.put_text("type", "oneshot");
            service.put("command", self.up());
            if self.text("down").is_some() {
                service.lost(
                    "down",
                    &self.file("down"),
                    "a oneshot has nothing to stop; exec-stop of a service that stays can do it",
                );
            }
        } else {
            service.put("command", array(&[&self.file("run")]));
            // Its supervisor starts it there.
            service.put_text("working-directory", &self.path);
            if let Some(number) = self.text("notification-fd") {
                service.put("ready", format!("{{ fd = {number} }}"));
            }
            if self.text("finish").is_some() {
                service.push("exec-stop-post", array(&[&self.file("finish")]));
                service.note("finish had exit code and signal as arguments; here they are EXIT_CODE and EXIT_STATUS".to_owned());
            }
        }
        for row in TABLE.lines() {
            let key = row.split(' ').next().unwrap_or_default();
            let mut text = self.text(key);
            // Both end a stop; the one that kills comes first.
            if text.is_none() && key == "timeout-kill" {
                text = self.text("timeout-down");
            }
            let is_stop = matches!(key, "timeout-kill" | "down-signal");
            if let Some(mut text) = text.filter(|_| !is_stop || self.kind == "longrun") {
                if key.starts_with("timeout") {
                    text.push_str("ms");
                }
                service.take(TABLE, key, &text);
            }
        }
    }

    /// A oneshot's `up`, which is a line of execline: one that names a program is that.
    fn up(&self) -> String {
        let text = self.text("up").unwrap_or_default();
        if text.contains(['\n', '"', '\\', '{', '}', '$', '#']) {
            return array(&["execlineb", "-P", &self.file("up")]);
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        array(&words)
    }
}
