//! Words that people bring along from other programs, and keys that a later version brings.

use super::directive;
use super::nearest::nearest;

/// (whose, the word without case and separators, ours).
const WORDS: &[(&str, &str, &str)] = &[
    ("systemd", "execstart", "command"),
    ("systemd", "execreload", "exec-reload"),
    ("Compose", "poststart", "exec-start-post"),
    ("Compose", "prestop", "exec-stop"),
    ("s6", "finish", "exec-stop-post"),
    ("systemd", "killsignal", "stop-signal"),
    ("systemd", "timeoutstopsec", "stop-timeout"),
    ("systemd", "timeoutstartsec", "start-timeout"),
    ("systemd", "timeoutsec", "start-timeout"),
    ("systemd", "restartsec", "restart-delay"),
    ("systemd", "restartmaxdelaysec", "restart-delay-max"),
    ("systemd", "startlimitburst", "start-limit"),
    ("systemd", "startlimitinterval", "start-limit"),
    ("systemd", "startlimitintervalsec", "start-limit"),
    ("systemd", "watchdogsec", "watchdog"),
    ("systemd", "oomscoreadjust", "oom-score-adjust"),
    ("systemd", "standardoutput", "output"),
    ("systemd", "standarderror", "output"),
    ("systemd", "oncalendar", "schedule"),
    ("systemd", "listenstream", "listen"),
    ("systemd", "wantedby", "enabled"),
    ("systemd", "partof", "requires"),
    ("systemd", "bindsto", "requires"),
    ("systemd", "requisite", "requires"),
    ("supervisord", "autorestart", "restart"),
    ("supervisord", "autostart", "enabled"),
    ("supervisord", "startsecs", "restart-reset"),
    ("supervisord", "startretries", "start-limit"),
    ("supervisord", "stopwaitsecs", "stop-timeout"),
    ("supervisord", "stopsignal", "stop-signal"),
    ("supervisord", "stopasgroup", "kill-mode"),
    ("supervisord", "killasgroup", "kill-mode"),
    ("supervisord", "exitcodes", "success-exit-status"),
    ("supervisord", "numprocs", "instances"),
    ("supervisord", "priority", "after"),
    ("supervisord", "directory", "working-directory"),
    ("supervisord", "stdoutlogfile", "output"),
    ("supervisord", "stderrlogfile", "output"),
    ("supervisord", "redirectstderr", "output"),
    ("Compose", "dependson", "requires"),
    ("Compose", "stopgraceperiod", "stop-timeout"),
    ("Compose", "healthcheck", "health"),
    ("Compose", "envfile", "environment-file"),
    ("Compose", "env", "environment"),
    ("Compose", "workingdir", "working-directory"),
    ("Compose", "entrypoint", "command"),
    ("Compose", "ulimits", "limit-nofile"),
    ("Compose", "groupadd", "supplementary-groups"),
    ("Compose", "oomscoreadj", "oom-score-adjust"),
    ("Docker", "cmd", "command"),
    ("Docker", "workdir", "working-directory"),
    ("Docker", "gracetime", "stop-timeout"),
    ("s6", "run", "command"),
    ("s6", "timeoutkill", "stop-timeout"),
    ("s6", "notificationfd", "ready"),
    ("s6", "dependencies", "requires"),
    ("s6", "timeoutup", "start-timeout"),
    ("dinit", "waitsfor", "wants"),
    ("dinit", "smoothrecovery", "restart"),
    ("Procfile", "cwd", "working-directory"),
    ("Procfile", "dir", "working-directory"),
];

/// Keys of `[service.NAME]` that a later version brings.
const LATER: &[&str] = &[
    "wait-for",
    "schedule",
    "exec-reload",
    "reload-signal",
    "listen",
    "unit",
    "instances",
    "log-files",
    "readiness-gate",
    "when-full",
    "pid-file",
    "conflicts",
    "part-of",
    "binds-to",
];

/// Keys of `[init]` that a later version brings.
const LATER_INIT: &[&str] = &[
    "units",
    "units-skip",
    "cgroups",
    "unit-environment",
    "systemd-folder",
];

/// What is wrong with a key that no directive has, and what to write instead.
pub(super) struct Unknown {
    pub(super) what: String,
    pub(super) help: String,
}

/// For a key of `[service.NAME]` or `[defaults]`.
pub(super) fn in_service(key: &str) -> Unknown {
    let known = || directive::service().iter().map(|directive| directive.key);
    unknown(key, LATER, &known, Some("init"), |key| {
        directive::find(directive::init(), key).is_some() || LATER_INIT.contains(&key)
    })
}

/// For a key of `[init]`.
pub(super) fn in_init(key: &str) -> Unknown {
    let known = || directive::init().iter().map(|directive| directive.key);
    unknown(key, LATER_INIT, &known, None, |_| false)
}

/// Whether a later version brings this key of `[init]`.
pub(super) fn is_later_in_init(key: &str) -> bool {
    LATER_INIT.contains(&key)
}

fn unknown<I: Iterator<Item = &'static str>>(
    key: &str,
    later: &[&'static str],
    known: &dyn Fn() -> I,
    elsewhere: Option<&str>,
    is_elsewhere: impl Fn(&str) -> bool,
) -> Unknown {
    if later.contains(&key) {
        return Unknown {
            what: format!("{key} is not supported yet by this version"),
            help: "leave it out; the reference in README.md lists every key".to_owned(),
        };
    }
    let what = format!("unknown key \"{key}\"");
    if let Some(table) = elsewhere.filter(|_| is_elsewhere(key)) {
        return Unknown {
            what,
            help: format!("{key} belongs into [{table}]"),
        };
    }
    let plain: String = key
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    // Only another spelling of ours, such as `StopSignal` or `stop_signal`.
    let respelled = known().find(|ours| ours.replace('-', "") == plain);
    let help = if let Some(ours) = respelled {
        format!("write \"{ours}\"")
    } else if let Some((whose, _, ours)) = WORDS.iter().find(|(_, word, _)| *word == plain) {
        let soon = if later.contains(ours) {
            ", which a later version brings"
        } else {
            ""
        };
        format!("{whose}'s {key} is \"{ours}\"{soon}")
    } else if let Some(near) = nearest(key, known().chain(later.iter().copied())) {
        format!("did you mean \"{near}\"?")
    } else {
        let all: Vec<_> = known().filter(|key| !key.starts_with("limit-")).collect();
        format!("the keys are {}", all.join(", "))
    };
    Unknown { what, help }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_words_are_answered_with_ours() {
        for (word, help) in [
            ("ExecStart", "systemd's ExecStart is \"command\""),
            ("exec-start", "systemd's exec-start is \"command\""),
            ("autorestart", "supervisord's autorestart is \"restart\""),
            (
                "stop_grace_period",
                "Compose's stop_grace_period is \"stop-timeout\"",
            ),
            ("KillSignal", "systemd's KillSignal is \"stop-signal\""),
            (
                "OnCalendar",
                "systemd's OnCalendar is \"schedule\", which a later version brings",
            ),
            ("StopSignal", "write \"stop-signal\""),
            ("comand", "did you mean \"command\"?"),
            ("shutdown-timeout", "shutdown-timeout belongs into [init]"),
        ] {
            assert_eq!(in_service(word).help, help);
        }
    }

    #[test]
    fn each_of_our_words_for_a_foreign_one_exists() {
        for (_, word, ours) in WORDS {
            let exists = directive::find(directive::service(), ours).is_some();
            assert!(exists || LATER.contains(ours), "{word} -> {ours}");
        }
    }

    #[test]
    fn no_key_is_both_known_and_later() {
        for key in LATER {
            assert!(
                directive::find(directive::service(), key).is_none(),
                "{key}"
            );
        }
        for key in LATER_INIT {
            assert!(directive::find(directive::init(), key).is_none(), "{key}");
        }
    }
}
