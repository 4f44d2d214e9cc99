//! Properties as `show` has them: lines of names and values, and how values are written.

use super::dates::{moment, span};
use super::world::World;
use crate::cli::print::Text;
use crate::control::wall_clock;
use crate::core::quoting::{Backslash, quoted};
use crate::core::signal::Signal;
use crate::notifier::monotonic_micros;
use crate::units::{ExecLine, UnitName};

/// What is shown of one, or of all.
pub(super) struct Properties<'w> {
    pub(super) world: &'w World,
    pub(super) out: String,
    /// Asked for, and not there yet.
    pub(super) left: Vec<&'w str>,
}

impl<'w> Properties<'w> {
    pub(super) fn new(world: &'w World) -> Self {
        let wanted = world.options.properties.iter();
        Self {
            world,
            out: String::new(),
            left: wanted.map(String::as_str).collect(),
        }
    }

    #[inline(never)]
    pub(super) fn put(&mut self, key: &str, value: &str) {
        let options = &self.world.options;
        let wanted = &options.properties;
        let shown = if wanted.is_empty() {
            // Without names, what is empty is shown with --all alone.
            options.all || !value.is_empty()
        } else {
            wanted.iter().any(|name| name == key)
        };
        self.left.retain(|name| *name != key);
        if shown {
            if !options.value {
                self.out.push_str(key);
                self.out.push('=');
            }
            self.out.push_str(&value.replace(['\n', '\x1b'], " "));
            self.out.push('\n');
        }
    }

    #[inline(never)]
    pub(super) fn number(&mut self, key: &str, value: i64) {
        self.put(key, &value.to_string());
    }

    #[inline(never)]
    pub(super) fn flag(&mut self, key: &str, is: bool) {
        self.put(key, if is { "yes" } else { "no" });
    }

    /// A moment in Unix milliseconds, on both clocks.
    pub(super) fn moment(&mut self, key: &str, millis: Option<i64>) {
        self.put(key, &millis.map(moment).unwrap_or_default());
        let micros = millis.map_or(0, |millis| {
            let ago = wall_clock().saturating_sub(millis).saturating_mul(1000);
            let now = i64::try_from(monotonic_micros()).unwrap_or(i64::MAX);
            now.saturating_sub(ago).max(0)
        });
        self.number(&format!("{key}Monotonic"), micros);
    }
}

/// Words between blanks, each as a shell would have it.
pub(super) fn shell_words(text: &str) -> String {
    let words = quoted(text.as_bytes(), Backslash::Escapes).map_while(Result::ok);
    let words = words.map(|word| {
        let word = Text(&word).to_string();
        if !word.contains(|c| "\"\\`$*?['()<>|&;! \t\n".contains(c)) {
            return word;
        }
        let mut out = "\"".to_owned();
        for letter in word.chars() {
            if "\"\\`$".contains(letter) {
                out.push('\\');
            }
            out.push(letter);
        }
        out + "\""
    });
    words.collect::<Vec<_>>().join(" ")
}

/// How a property of a service's unit is told.
enum Way {
    Word,
    Span,
    Signal,
}

/// Properties, what files call them, and what they are where files say nothing.
const SAID: [(&str, &str, &str, Way); 17] = [
    ("RestartUSec", "RestartSec", "100ms", Way::Span),
    ("TimeoutStartUSec", "TimeoutStartSec", "1min 30s", Way::Span),
    ("TimeoutStopUSec", "TimeoutStopSec", "1min 30s", Way::Span),
    ("RuntimeMaxUSec", "RuntimeMaxSec", "infinity", Way::Span),
    ("WatchdogUSec", "WatchdogSec", "0", Way::Span),
    ("KillMode", "KillMode", "control-group", Way::Word),
    ("KillSignal", "KillSignal", "15", Way::Signal),
    ("SendSIGKILL", "SendSIGKILL", "yes", Way::Word),
    ("SendSIGHUP", "SendSIGHUP", "no", Way::Word),
    ("StandardInput", "StandardInput", "null", Way::Word),
    ("StandardOutput", "StandardOutput", "journal", Way::Word),
    ("StandardError", "StandardError", "inherit", Way::Word),
    ("Slice", "Slice", "system.slice", Way::Word),
    ("UMask", "UMask", "0022", Way::Word),
    ("Nice", "Nice", "0", Way::Word),
    ("OOMScoreAdjust", "OOMScoreAdjust", "0", Way::Word),
    ("StatusErrno", "", "0", Way::Word),
];

/// What a service's files say, or would mean by saying nothing.
pub(super) fn of_files(name: &UnitName, all: &mut Properties<'_>) {
    let world = all.world;
    for (property, key, otherwise, way) in SAID {
        let said = |key: &str| world.said(name, "Service", key);
        let both = || said("TimeoutSec").filter(|_| key.starts_with("TimeoutSt"));
        let once = property == "TimeoutStartUSec" && said("Type").as_deref() == Some("oneshot");
        let otherwise = if once { "infinity" } else { otherwise };
        let value = said(key).or_else(both).map(|value| match way {
            Way::Word => value,
            Way::Span => crate::units::span(&value).map_or(value, span),
            Way::Signal => {
                let signal = Signal::parse(&value);
                signal.map_or(value, |signal| signal.number().to_string())
            }
        });
        all.put(property, value.as_deref().unwrap_or(otherwise));
    }
    let environment = world.said(name, "Service", "Environment");
    all.put(
        "Environment",
        &shell_words(&environment.unwrap_or_default()),
    );
    for key in [
        "ExecCondition",
        "ExecStartPre",
        "ExecStartPost",
        "ExecReload",
        "ExecStop",
        "ExecStopPost",
    ] {
        for command in world.commands(name, key) {
            all.put(key, &exec(&command, &Ran::default()));
        }
    }
}

/// What has become of a command.
#[derive(Default)]
pub(super) struct Ran {
    pub(super) began: Option<i64>,
    pub(super) ended: Option<i64>,
    pub(super) pid: i64,
    /// How it ended: by itself, or by a signal.
    pub(super) code: i64,
    pub(super) status: i64,
}

/// A command as a property has it.
pub(super) fn exec(command: &ExecLine, ran: &Ran) -> String {
    let first = command.name.as_ref().unwrap_or(&command.program);
    let words = [first].into_iter().chain(&command.arguments);
    let words: Vec<String> = words.map(|word| Text(word).to_string()).collect();
    let stamp = |at: Option<i64>| at.map_or_else(|| "n/a".to_owned(), moment);
    let (code, status) = match ran.code {
        0 => ("(null)", "0/0".to_owned()),
        1 => ("exited", ran.status.to_string()),
        _ => {
            let number = i32::try_from(ran.status).unwrap_or(0);
            let name = Signal::new(number).map_or_else(String::new, |it| it.to_string());
            (
                "killed",
                format!("{number}/{}", name.trim_start_matches("SIG")),
            )
        }
    };
    format!(
        "{{ path={} ; argv[]={} ; ignore_errors={} ; start_time=[{}] ; stop_time=[{}] ; \
         pid={} ; code={code} ; status={status} }}",
        Text(&command.program),
        words.join(" "),
        if command.ignore_failure { "yes" } else { "no" },
        stamp(ran.began),
        stamp(ran.ended),
        ran.pid,
    )
}
