//! Units: the reader that supervises them reads them here too. What it makes of commands,
//! lists and limits is written as it is understood, what says the same in both as it stands.

use std::path::Path;

use super::draft::{Draft, Service, Table, array, value};
use super::words::{command, control, octal, reload_signal, socket};
use crate::config::import::{OfUnit, Rendered, unit, written};
use crate::core::commands::List;
use crate::core::exec::{Privileges, Words};
use crate::core::exit::Exit;
use crate::core::output::Output;
use crate::core::setup::Base;
use crate::core::spec::{Kind, Ready, RestartPolicy};
use crate::core::tuning::objection;
use crate::units::{boolean, is_reached, span};

/// Directives that are keys.
const TABLE: Table = "\
Restart text restart
TimeoutStartSec|TimeoutSec limit start-timeout
KillSignal signal stop-signal
KillMode text kill-mode
NotifyAccess text notify-access
WatchdogSignal signal watchdog-signal
FileDescriptorStoreMax amount file-descriptor-store-max
GuessMainPID switch guess-main-pid
User text user
Group text group
SupplementaryGroups names supplementary-groups
UMask text umask
Nice amount nice
CPUAffinity names cpu-affinity
OOMScoreAdjust amount oom-score-adjust
EnvironmentFile each environment-file
UnsetEnvironment names unset-environment
RuntimeDirectory names runtime-directory
StateDirectory names state-directory
CacheDirectory names cache-directory
LogsDirectory names logs-directory
ConfigurationDirectory names configuration-directory
RuntimeDirectoryPreserve switch runtime-directory-preserve
NoNewPrivileges switch no-new-privileges
CapabilityBoundingSet names capability-bounding-set
AmbientCapabilities names ambient-capabilities
MemoryMax|MemoryLimit amount memory-max
MemoryHigh amount memory-high
MemoryLow amount memory-low
MemoryMin amount memory-min
MemorySwapMax amount memory-swap-max
CPUQuota text cpu-quota
CPUWeight amount cpu-weight
IOWeight amount io-weight
TasksMax amount tasks-max
OnCalendar each schedule
OnUnitActiveSec|OnUnitInactiveSec time every
RandomizedDelaySec time randomized-delay
SocketUser|SocketGroup|Backlog|ReusePort|BindIPv6Only|FileDescriptorName lost a table in listen has user, group, backlog, reuse-port, ipv6-only and name
ListenFIFO|Accept|Symlinks lost unit = \"NAME.socket\" instead of command keeps it";

/// What is said of other services.
const BONDS: &str = "Requires=requires Requisite=requires BindsTo=binds-to Wants=wants \
    Upholds=wants After=after Before=before PartOf=part-of Conflicts=conflicts \
    OnFailure=on-failure OnSuccess=on-success";

/// What has no key, though it is applied where the unit itself is the base.
const WITHOUT_KEY: &str = "RemainAfterExit BusName IgnoreSIGPIPE RuntimeMaxSec RuntimeRandomizedExtraSec \
    RestartKillSignal FinalKillSignal TimeoutAbortSec SuccessAction FailureAction StartLimitAction \
    SuccessActionExitStatus FailureActionExitStatus RefuseManualStart RefuseManualStop \
    PropagatesStopTo StopPropagatedFrom PropagatesReloadTo ReloadPropagatedFrom Sockets DynamicUser \
    CPUShares BlockIOWeight OnBootSec OnStartupSec OnActiveSec Persistent  \
    ReceiveBuffer SendBuffer NoDelay KeepAlive FreeBind PassCredentials \
    PathExists PathExistsGlob PathChanged PathModified DirectoryNotEmpty StandardInput";

/// What systemd does when a unit says none of these, and rinit does otherwise.
const USUAL: [(&str, &str, &str); 7] = [
    ("Restart", "restart", "\"no\""),
    (
        "StartLimitBurst StartLimitInterval StartLimitIntervalSec",
        "start-limit",
        "{ count = 5, within = \"10s\" }",
    ),
    (
        "SuccessExitStatus",
        "success-exit-status",
        "[\"SIGHUP\", \"SIGINT\", \"SIGTERM\", \"SIGPIPE\"]",
    ),
    (
        "TimeoutStopSec TimeoutSec SendSIGKILL",
        "stop-timeout",
        "\"90s\"",
    ),
    ("KillMode", "kill-mode", "\"control-group\""),
    ("WorkingDirectory", "working-directory", "\"/\""),
    ("UMask", "umask", "\"022\""),
];

/// The unit as a service.
pub(super) fn read(draft: &mut Draft, path: &Path, colour: bool) -> Rendered {
    let (of, told) = unit(path, colour);
    let Some(of) = of else {
        return told;
    };
    let mut service = Service::new(&of.spec.name);
    if draft.has(&service.name) {
        if of.spec.schedule.is_none() && of.spec.listen.is_none() {
            return told;
        }
        // With what starts it, it says more.
        draft.services.retain(|own| own.name != service.name);
    }
    let mut about = path.display().to_string();
    for (key, text) in &of.said {
        if key == "Description" {
            about = format!("{about}: {text}");
            break;
        }
    }
    service.comments.push(about);
    let writer = Writer { of: &of, service };
    draft.add(writer.write(&told.notes));
    told
}

struct Writer<'a> {
    of: &'a OfUnit,
    service: Service,
}

impl Writer<'_> {
    fn says(&self, keys: &str) -> bool {
        let mut said = self.of.said.iter();
        said.any(|(key, _)| keys.split(' ').any(|own| own == key))
    }

    fn write(mut self, notes: &[Box<str>]) -> Service {
        let spec = &self.of.spec;
        let oneshot = spec.kind == Kind::Oneshot;
        if let Some(forking) = &spec.forking {
            self.service.put_text("type", "forking");
            if let Some(file) = &forking.pid_file {
                self.service.put_text("pid-file", file);
            }
            if forking.starts_anyhow {
                let help = "its first process has to end with 0 now";
                self.service.lost("ExecStart", "-", help);
            }
        } else if oneshot && spec.schedule.is_none() {
            self.service.put_text("type", "oneshot");
        }
        let main = command(&spec.exec.command, spec.exec.manner);
        self.service.put("command", main);
        if spec.ready == Ready::Notify {
            self.service.put_text("ready", "notify");
        }
        self.sockets();
        self.conditions();
        self.commands();
        let mut lost = String::new();
        for (key, text) in &self.of.said {
            self.one(key, text, &mut lost);
        }
        self.life(oneshot);
        self.surroundings();
        if let Some(setup) = &spec.exec.setup {
            for word in setup.sandbox.iter() {
                let word = String::from_utf8_lossy(word).replace('\n', " ");
                // What is a key, and what has been said.
                if word.starts_with("CPUAffinity=") || lost.contains(&word) {
                    continue;
                }
                lost = format!("{lost}; {word}");
            }
        }
        if let Some(lost) = lost.get(2..) {
            let name = &spec.name;
            let unit = match spec.unit.as_deref() {
                Some(unit) => unit.to_owned(),
                None if spec.schedule.is_some() => format!("{name}.timer"),
                None => format!("{name}.service"),
            };
            self.service.note(format!(
                "no key says this; unit = \"{unit}\" instead of command keeps it: {lost}"
            ));
        }
        for note in notes {
            self.service.note(note.to_string());
        }
        for (said, key, value) in USUAL {
            let is_no_matter = match key {
                "restart" => oneshot || spec.restart.policy != RestartPolicy::No,
                "start-limit" => spec.schedule.is_some() || spec.restart.limit.is_none(),
                "success-exit-status" => oneshot,
                _ => false,
            };
            if !is_no_matter && !self.says(said) {
                self.service.put_usual(key, value);
            }
        }
        if spec.notify.is_some() && !self.says("NotifyAccess") {
            self.service.put_usual("notify-access", "\"main\"");
        }
        self.service
    }

    /// What one directive says.
    fn one(&mut self, key: &str, text: &str, lost: &mut String) {
        let spec = &self.of.spec;
        let scheduled = spec.schedule.is_some();
        match key {
            "Restart" if scheduled => {}
            // What is wrong with it is among the notes.
            "CPUAffinity" if objection(key, text).is_some() => {}
            "CapabilityBoundingSet" if text.is_empty() => {
                self.service.put_bare("capability-bounding-set", "[]")
            }
            "CapabilityBoundingSet" if text.starts_with('~') => {
                self.service.take(TABLE, key, &text.replace(' ', " ~"));
            }
            "TimeoutSec" | "TimeoutStopSec" | "SendSIGKILL" => {
                let time = written(spec.stop.timeout);
                self.service.put_text("stop-timeout", &time);
                if key == "TimeoutSec" {
                    self.service.take(TABLE, key, text);
                }
            }
            "RestartSec" if !scheduled && !text.is_empty() => {
                let time = written(span(text).flatten());
                self.service.put_text("restart-delay", &time);
                self.service.put_text("restart-delay-max", &time);
            }
            "WorkingDirectory" => {
                let own = spec.exec.directory.as_deref().unwrap_or("/");
                let text = text.trim_start_matches('-');
                self.service.put_text(
                    "working-directory",
                    if text.starts_with('/') { text } else { own },
                );
            }
            // A link to it has no key.
            _ if key.ends_with("Directory") && text.contains(':') => {
                *lost = format!("{lost}; {key}={text}");
                for word in text.split_whitespace() {
                    let name = word.split(':').next().unwrap_or_default();
                    self.service.take(TABLE, key, name);
                }
            }
            _ => {
                for bond in BONDS.split_whitespace() {
                    let (directive, own) = bond.split_once('=').unwrap_or_default();
                    if directive == key {
                        self.bind(own, text);
                        return;
                    }
                }
                if self.service.take(TABLE, key, text) || text.is_empty() {
                    return;
                }
                let means_nothing =
                    text == "null" || boolean(text) == Some(false) && key != "IgnoreSIGPIPE";
                if !means_nothing && WITHOUT_KEY.split_whitespace().any(|own| own == key) {
                    *lost = format!("{lost}; {key}={text}");
                }
            }
        }
    }

    fn bind(&mut self, key: &'static str, text: &str) {
        let mut names = Vec::new();
        for name in text.split_whitespace() {
            let is_systemds = name.starts_with("systemd-") || name == "syslog.socket";
            if !is_systemds && !is_reached(name) {
                names.push(name.strip_suffix(".service").unwrap_or(name).to_owned());
            }
        }
        self.service.bind(key, names);
    }

    fn sockets(&mut self) {
        let Some(listen) = &self.of.spec.listen else {
            return;
        };
        for own in &listen.sockets {
            if let Some(socket) = socket(own) {
                self.service.push("listen", socket);
            }
        }
        if listen.sockets.is_empty() || listen.accept.is_some() {
            self.service.put_bare("enabled", "false");
        } else if listen.on_demand {
            self.service.put_bare("on-demand", "true");
        }
    }

    /// What test(1) can ask becomes a command.
    fn conditions(&mut self) {
        let Some(setup) = &self.of.spec.exec.setup else {
            return;
        };
        for word in setup.conditions.iter() {
            let word = String::from_utf8_lossy(word);
            let (key, path) = word.split_once('=').unwrap_or((&word, ""));
            let flag = match key {
                "ConditionPathExists" => "-e",
                "ConditionPathIsDirectory" => "-d",
                "ConditionPathIsSymbolicLink" => "-L",
                "ConditionFileNotEmpty" => "-s",
                "ConditionFileIsExecutable" => "-x",
                _ => "",
            };
            if flag.is_empty() || path.starts_with('|') {
                self.service.lost(
                    key,
                    path,
                    "a command of exec-condition that says 1 skips a start",
                );
                continue;
            }
            let words = match path.strip_prefix('!') {
                Some(path) => array(&["test", "!", flag, path]),
                None => array(&["test", flag, path]),
            };
            self.service.push("exec-condition", words);
        }
    }

    /// Those around the main one.
    fn commands(&mut self) {
        let spec = &self.of.spec;
        let rooted = spec.exec.identity.is_some();
        if rooted && spec.exec.manner.privileges != Privileges::Service {
            self.as_root(&spec.exec.command);
        }
        let Some(commands) = &spec.commands else {
            return;
        };
        for key in [
            List::Condition,
            List::StartPre,
            List::StartPost,
            List::Reload,
            List::Stop,
            List::StopPost,
        ] {
            for own in commands.list(key) {
                if key == List::Reload
                    && let Some(signal) = reload_signal(own)
                {
                    self.service.put_text("reload-signal", &signal.to_string());
                    continue;
                }
                if rooted && own.command.manner.privileges != Privileges::Service {
                    self.as_root(&own.command.words);
                }
                let (directive, help) = match key {
                    List::Reload => (
                        "ExecReload",
                        "a oneshot reads its configuration when it runs",
                    ),
                    List::Stop => ("ExecStop", "of a oneshot a unit alone has it"),
                    List::Condition | List::StartPre | List::StartPost | List::StopPost => ("", ""),
                };
                if spec.kind == Kind::Oneshot && !directive.is_empty() {
                    self.service.lost(directive, &control(own), help);
                } else {
                    self.service.push(key.key(), control(own));
                }
            }
        }
    }

    fn as_root(&mut self, words: &Words) {
        let program = words.iter().next().unwrap_or_default();
        let program = String::from_utf8_lossy(program);
        let help = "the user here does it, root in the unit; a oneshot without user can";
        self.service.lost("+", &program, help);
    }

    /// How it ends, and when it is started again.
    fn life(&mut self, oneshot: bool) {
        let spec = &self.of.spec;
        let restart = &spec.restart;
        if let Some(limit) = restart.limit.filter(|_| spec.schedule.is_none())
            && self.says("StartLimitBurst StartLimitInterval StartLimitIntervalSec")
        {
            let (count, within) = (limit.count, written(Some(limit.within)));
            let text = format!("{{ count = {count}, within = \"{within}\" }}");
            self.service.put("start-limit", text);
        }
        if let Some(by) = &restart.by_exit {
            self.exits("restart-prevent-exit-status", &by.prevent);
            self.exits("restart-force-exit-status", &by.force);
        }
        if spec.success.len() > 200 {
            self.service.note("ExecStart=-: any end of it was a success: write success-exit-status = [1] with the codes that it ends with".to_owned());
        } else if self.says("SuccessExitStatus") || oneshot {
            self.exits("success-exit-status", &spec.success);
        }
        if let Some(time) = spec.watchdog() {
            self.service.put_text("watchdog", &written(Some(time)));
        }
    }

    fn exits(&mut self, key: &str, exits: &[Exit]) {
        for exit in exits {
            let exit = match exit.signal() {
                Some(signal) => value(&signal.to_string()),
                None => exit.code().to_string(),
            };
            self.service.push(key, exit);
        }
    }

    /// What takes more than a line of the table.
    fn surroundings(&mut self) {
        let exec = &self.of.spec.exec;
        for word in exec.environment_below.iter() {
            let word = String::from_utf8_lossy(word);
            if let Some((name, text)) = word.split_once('=') {
                self.service.variable(name, &value(text));
            }
        }
        if !exec.environment_files.is_empty() && self.service.has_variables() {
            self.service.note(
                "of a variable in both, a unit takes the file's value, rinit that of environment"
                    .to_owned(),
            );
        }
        if self.says("DynamicUser")
            && let Some(user) = exec.identity.as_ref().and_then(|own| own.user.as_deref())
        {
            self.service.put_text("user", user);
            self.service.put_bare("no-new-privileges", "true");
        }
        for limit in &exec.limits {
            let amount = |amount: u64| match amount {
                u64::MAX => "infinity".to_owned(),
                amount => amount.to_string(),
            };
            let (mut text, hard) = (amount(limit.soft), amount(limit.hard));
            if text != hard {
                text = format!("{text}:{hard}");
            }
            let key = format!("limit-{}", limit.resource.name());
            self.service.put_text(&key, &text);
        }
        if let Some(setup) = &exec.setup {
            for base in Base::ALL {
                let mut own = setup.folders.iter().filter(|folder| folder.base == base);
                if let Some(folder) = own.next().filter(|folder| folder.mode != 0o755) {
                    let key = format!("{}-mode", base.key());
                    self.service.put(&key, octal(folder.mode));
                }
            }
        }
        if exec.output == Output::Null {
            self.service.put_text("output", "null");
        }
    }
}
