//! What a row has to show.

use std::fmt::Write as _;
use std::process::Output;
use std::time::Duration;

use serde_json::Value;

use super::images;
use super::table::Row;
use crate::engine::{Container, text};
use crate::wait;

/// Beyond a row's own seconds, as the machine is full of other tests.
const GRACE: u64 = 45;

/// Runs the row's service and looks at its whole life.
pub(super) fn of(row: &Row) {
    let service = Service::start(row);
    if let Some(skipped) = row.get("skipped") {
        service.is_skipped(skipped);
    } else {
        service.answers();
        service.survives_or_ends_as_its_unit_says();
        service.stops_with_nothing_left();
    }
    let stopped = service.container.stop();
    assert_eq!(stopped.code, 0, "the container's end");
}

/// A row that runs.
struct Service<'a> {
    row: &'a Row,
    /// The service that the probe is about: the last of the row's units.
    name: String,
    container: Container,
}

impl<'a> Service<'a> {
    fn start(row: &'a Row) -> Self {
        let mut config = String::from("[init]\nkeep-running = true\n");
        let mut name = String::new();
        for unit in row.get("unit").expect("unit").split_whitespace() {
            let (unit, _) = unit.split_once('<').unwrap_or((unit, ""));
            let unit = unit
                .strip_prefix("init:")
                .map_or_else(|| unit.to_owned(), |script| format!("{script}.service"));
            let (stem, _) = unit.rsplit_once('.').expect("a unit's name");
            name = stem
                .replace(['@', '.'], "-")
                .trim_end_matches('-')
                .to_owned();
            writeln!(config, "[service.{name}]\nunit = \"{unit}\"").unwrap();
        }
        let setup = row.get("setup").unwrap_or(":");
        let container = images::plain(row)
            .config(&config)
            .command(&["-c", &format!("{setup}\nexec /sbin/rinit")])
            .start();
        Self {
            row,
            name,
            container,
        }
    }

    /// Runs a script in the container again and again until it succeeds.
    fn until(&self, seconds: u64, script: &str) -> Output {
        let patient = format!("until {{ {script}\n}}; do sleep 0.2; done");
        let limit = (seconds + GRACE).to_string();
        self.container
            .exec(&["timeout", &limit, "bash", "-c", &patient])
    }

    /// The probe becomes 0.
    fn answers(&self) {
        let probe = self.row.get("probe").expect("probe");
        let probed = self.until(self.row.seconds("wait"), probe);
        assert!(
            probed.status.success(),
            "{probe}\n{}{}{}",
            text(&probed.stdout),
            text(&probed.stderr),
            self.container
                .bash("rinitctl status; ps -e -o pid,ppid,user,args || true"),
        );
    }

    /// A condition of its unit is false here, which is no failure.
    fn is_skipped(&self, why: &str) {
        let told = self.container.wait_for("its condition to be told", || {
            let told = self.told();
            told.to_string().contains(why).then_some(told)
        });
        assert_eq!(told["state"], "inactive");
    }

    /// What `rinitctl` tells of it.
    fn told(&self) -> Value {
        // It is no success where the service isn't active.
        let told = self
            .container
            .exec(&["rinitctl", "--json", "status", &self.name]);
        let mut told: Value = serde_json::from_slice(&told.stdout).unwrap_or_default();
        told.pointer_mut("/services/0")
            .map(Value::take)
            .unwrap_or_default()
    }

    fn pid(&self) -> Option<u64> {
        self.told()["pid"].as_u64()
    }

    /// Some have none: postfix's unit says that none is to be guessed, and a service that
    /// takes a connection a process has one for each.
    fn survives_or_ends_as_its_unit_says(&self) {
        let Some(main) = self.row.get("main") else {
            return;
        };
        // It may answer before its starter has ended.
        let pid = self.container.wait_for("the main process", || {
            let pid = self.pid()?;
            let name = self.container.exec(&["cat", &format!("/proc/{pid}/comm")]);
            (text(&name.stdout).trim() == main).then_some(pid)
        });
        let above = self.container.bash(&format!(
            "cat /proc/$(awk '/^PPid:/ {{print $2}}' /proc/{pid}/status)/comm"
        ));
        assert!(
            above.starts_with("rinit"),
            "{main} of pid {pid} is a child of {above:?}, so no main process"
        );
        let comes_back = self.row.get("restart") != Some("no");
        assert_eq!(
            self.restart_answers_a_kill(),
            comes_back,
            "the table's restart"
        );
        self.container.bash(&format!("kill -9 {pid}"));
        if !comes_back {
            self.container.wait_for("the failure to be told", || {
                (self.told()["state"] == "failed").then_some(())
            });
            self.container.ask(&["rinitctl", "start", &self.name]);
        } else {
            // RestartSec= may be long.
            let patience = Duration::from_secs(self.row.seconds("wait") + GRACE);
            let another = wait::until(patience, || self.pid().filter(|&now| now != pid));
            assert!(another.is_some(), "no other main process in {patience:?}");
        }
        self.answers();
    }

    /// Whether the last Restart= in its package's files is one that answers SIGKILL.
    fn restart_answers_a_kill(&self) -> bool {
        let units = self.row.get("unit").expect("unit").split_whitespace();
        let unit = units.last().unwrap_or_default();
        let unit = unit.split_once('<').map_or(unit, |(unit, _)| unit);
        let template = unit
            .split_once('@')
            .map(|(stem, _)| format!("{stem}@.service"));
        let file = template.as_deref().unwrap_or(unit);
        let restart = self.container.bash(&format!(
            "sed -n 's/^Restart=//p' /lib/systemd/system/{file} /etc/systemd/system/{file} \
                 /lib/systemd/system/{file}.d/* 2>/dev/null | tail -n 1"
        ));
        let answers = ["always", "on-failure", "on-abnormal", "on-abort"];
        answers.contains(&restart.trim())
    }

    fn stops_with_nothing_left(&self) {
        let limit = (self.row.seconds("stop") + GRACE).to_string();
        let stop = ["timeout", &limit, "rinitctl", "stop", "*"];
        self.container.ask(&stop);
        // By itself: what has to be killed would end in time as well.
        let logs = self.container.logs();
        assert!(!logs.contains("did not stop in "), "killed at its stop");
        // Kernel threads have no command line, and rinit's own have its name.
        let left = self.container.bash(
            "for process in /proc/[0-9]*; do \
                 name=$(cat $process/comm 2>/dev/null) || continue; \
                 pid=${process#/proc/}; \
                 case $name in rinit*) continue;; esac; \
                 [ $pid = $$ ] || [ -z \"$(tr -d '\\0' < $process/cmdline 2>/dev/null)\" ] || echo $name; \
             done",
        );
        let allowed = self.row.get("left").unwrap_or_default();
        let left: Vec<&str> = left.lines().filter(|name| *name != allowed).collect();
        assert!(left.is_empty(), "left after its stop: {left:?}");
    }
}
