//! Words that people bring along from other programs, and keys that a later version brings.

use super::directive;
use super::nearest::nearest;

/// (whose, the word without case and separators, ours).
const WORDS: &[(&str, &str, &str)] = &[
    ("systemd", "execstart", "command"),
    ("systemd", "execcondition", "exec-condition"),
    ("systemd", "execstartpre", "exec-start-pre"),
    ("systemd", "execstoppost", "exec-stop-post"),
    ("systemd", "execstartpost", "exec-start-post"),
    ("systemd", "execstop", "exec-stop"),
    ("systemd", "execreload", "exec-reload"),
    ("Compose", "poststart", "exec-start-post"),
    ("Compose", "prestop", "exec-stop"),
    ("systemd", "killsignal", "stop-signal"),
    ("systemd", "timeoutstopsec", "stop-timeout"),
    ("systemd", "timeoutstartsec", "start-timeout"),
    ("systemd", "timeoutsec", "start-timeout"),
    ("systemd", "restartsec", "restart-delay"),
    ("systemd", "restartmaxdelaysec", "restart-delay-max"),
    ("systemd", "startlimitburst", "start-limit"),
    ("systemd", "startlimitinterval", "start-limit"),
    ("systemd", "startlimitintervalsec", "start-limit"),
    ("systemd", "standardoutput", "output"),
    ("systemd", "standarderror", "output"),
    ("systemd", "oncalendar", "schedule"),
    ("systemd", "pidfile", "pid-file"),
    ("systemd", "guessmainpid", "guess-main-pid"),
    ("systemd", "watchdogsec", "watchdog"),
    ("systemd", "requiredby", "requires"),
    ("systemd", "upholds", "requires"),
    ("systemd", "onunitactivesec", "every"),
    ("systemd", "onunitinactivesec", "every"),
    ("systemd", "onbootsec", "every"),
    ("systemd", "onactivesec", "every"),
    ("systemd", "randomizeddelaysec", "randomized-delay"),
    ("pm2", "cron", "schedule"),
    ("pm2", "cronrestart", "schedule"),
    ("launchd", "startcalendarinterval", "schedule"),
    ("launchd", "startinterval", "every"),
    ("Telegraf", "interval", "every"),
    ("Telegraf", "collectionjitter", "randomized-delay"),
    ("APScheduler", "jitter", "randomized-delay"),
    ("systemd", "listenstream", "listen"),
    ("systemd", "listendatagram", "listen"),
    ("systemd", "listensequentialpacket", "listen"),
    ("systemd", "filedescriptorname", "listen"),
    ("systemd", "socketmode", "listen"),
    ("systemd", "socketuser", "listen"),
    ("systemd", "socketgroup", "listen"),
    ("systemd", "backlog", "listen"),
    ("systemd", "reuseport", "listen"),
    ("systemd", "bindipv6only", "listen"),
    ("systemd", "wantedby", "enabled"),
    ("systemd", "requisite", "requires"),
    ("supervisord", "autorestart", "restart"),
    ("supervisord", "autostart", "enabled"),
    ("supervisord", "startsecs", "restart-reset"),
    ("supervisord", "startretries", "start-limit"),
    ("supervisord", "stopwaitsecs", "stop-timeout"),
    ("supervisord", "stopasgroup", "kill-mode"),
    ("supervisord", "killasgroup", "kill-mode"),
    ("supervisord", "exitcodes", "success-exit-status"),
    ("supervisord", "numprocs", "instances"),
    ("supervisord", "numprocsstart", "instances"),
    ("supervisord", "processname", "instances"),
    ("supervisord", "priority", "after"),
    ("supervisord", "directory", "working-directory"),
    ("supervisord", "stdoutlogfile", "output"),
    ("supervisord", "stderrlogfile", "output"),
    ("supervisord", "redirectstderr", "output"),
    ("supervisord", "stdoutlogfilemaxbytes", "output"),
    ("supervisord", "stdoutlogfilebackups", "output"),
    ("supervisord", "stderrlogfilemaxbytes", "output"),
    ("supervisord", "stderrlogfilebackups", "output"),
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
    ("Compose", "scale", "instances"),
    ("Compose", "replicas", "instances"),
    ("Compose", "links", "requires"),
    ("Compose", "profiles", "enabled"),
    ("Compose", "restartpolicy", "restart"),
    ("Compose", "maxattempts", "start-limit"),
    ("Compose", "capadd", "ambient-capabilities"),
    ("Compose", "capdrop", "capability-bounding-set"),
    ("Compose", "securityopt", "no-new-privileges"),
    ("Compose", "tmpfs", "runtime-directory"),
    ("Compose", "secrets", "environment-from"),
    ("Compose", "logging", "output"),
    ("Compose", "test", "health"),
    ("Compose", "retries", "health"),
    ("Compose", "startperiod", "health"),
    ("Compose", "poststart", "exec-start-post"),
    ("Compose", "prestop", "exec-stop"),
    ("Docker", "cmd", "command"),
    ("Docker", "workdir", "working-directory"),
    ("Docker", "gracetime", "stop-timeout"),
    ("s6", "run", "command"),
    ("s6", "timeoutkill", "stop-timeout"),
    ("s6", "notificationfd", "ready"),
    ("s6", "dependencies", "requires"),
    ("s6", "timeoutup", "start-timeout"),
    ("s6", "timeoutdown", "stop-timeout"),
    ("s6", "dependenciesd", "requires"),
    ("s6", "downsignal", "stop-signal"),
    ("s6", "finish", "exec-stop-post"),
    ("s6", "maxdeathtally", "start-limit"),
    ("s6", "up", "command"),
    ("s6", "producerfor", "output"),
    ("s6", "consumerfor", "output"),
    ("runit", "check", "ready"),
    ("runit", "conf", "environment-file"),
    ("runit", "log", "output"),
    ("dinit", "waitsfor", "wants"),
    ("dinit", "smoothrecovery", "restart"),
    ("dinit", "dependsms", "requires"),
    ("dinit", "runas", "user"),
    ("dinit", "termsignal", "stop-signal"),
    ("dinit", "stopcommand", "exec-stop"),
    ("dinit", "logtype", "output"),
    ("dinit", "logfile", "output"),
    ("dinit", "readynotification", "ready"),
    ("dinit", "restartlimitcount", "start-limit"),
    ("dinit", "restartlimitinterval", "start-limit"),
    ("dinit", "rlimitnofile", "limit-nofile"),
    ("dinit", "socketlisten", "listen"),
    ("dinit", "capabilities", "ambient-capabilities"),
    ("Procfile", "cwd", "working-directory"),
    ("Procfile", "dir", "working-directory"),
];

/// Keys of `[service.NAME]` that a later version brings.
const LATER: &[&str] = &[];

/// Keys of `[init]` that a later version brings.
const LATER_INIT: &[&str] = &[];

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

/// So many keys are still read where they are listed.
const FEW: usize = 20;

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
        if all.len() > FEW {
            // A hundred words teach nobody: the page says what each is for.
            "every key is described by: rinit --man rinit.toml | man -l -".to_owned()
        } else {
            format!("the keys are {}", all.join(", "))
        }
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
            ("OnCalendar", "systemd's OnCalendar is \"schedule\""),
            ("jitter", "APScheduler's jitter is \"randomized-delay\""),
            ("OnUnitActiveSec", "systemd's OnUnitActiveSec is \"every\""),
            ("ListenStream", "systemd's ListenStream is \"listen\""),
            ("numprocs", "supervisord's numprocs is \"instances\""),
            ("StopSignal", "write \"stop-signal\""),
            ("comand", "did you mean \"command\"?"),
            ("shutdown-timeout", "shutdown-timeout belongs into [init]"),
        ] {
            assert_eq!(in_service(word).help, help);
        }
    }

    #[test]
    fn each_foreign_word_is_answered_with_a_key_that_exists() {
        for (_, word, ours) in WORDS {
            let exists = directive::find(directive::service(), ours).is_some();
            assert!(exists || LATER.contains(ours), "{word} -> {ours}");
            // Hidden neither by a key of ours nor by another line.
            let help = in_service(word).help;
            assert!(help.contains(&format!("\"{ours}\"")), "{word}: {help}");
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
