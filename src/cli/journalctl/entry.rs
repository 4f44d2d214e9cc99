//! A line in the forms of `-o`.

use serde_json::Value;

use crate::cli::ctl::message;
use crate::cli::systemctl::moment;
use crate::control::Json;
use crate::core::calendar::date::{DAY, Date};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Form {
    #[default]
    Short,
    Full,
    Unit,
    Iso,
    IsoPrecise,
    Precise,
    Unix,
    Cat,
    Json,
}

/// By their names.
const FORMS: [(&str, Form); 11] = [
    ("short", Form::Short),
    ("short-full", Form::Full),
    ("with-unit", Form::Unit),
    ("short-iso", Form::Iso),
    ("short-iso-precise", Form::IsoPrecise),
    ("short-precise", Form::Precise),
    ("short-unix", Form::Unix),
    ("cat", Form::Cat),
    ("json", Form::Json),
    ("json-pretty", Form::Json),
    ("verbose", Form::Unit),
];

/// What is told of a line.
pub(super) struct Entry {
    /// In Unix milliseconds.
    pub(super) time: i64,
    pub(super) service: String,
    pub(super) pid: Option<i64>,
    /// syslog's, of 0 to 7, if the line says it.
    pub(super) level: Option<u8>,
    pub(super) text: Vec<u8>,
}

/// Of a line that says nothing of it, whichever stream it comes by.
const INFO: u8 = 6;

impl Entry {
    /// Out of a line as rinit tells it. On a terminal nothing in it steers that.
    pub(super) fn of(line: &Value, terminal: bool) -> Self {
        let mut text = Vec::new();
        message(line, terminal, &mut text);
        // As a daemon says it that knows who reads (`sd-daemon(3)`).
        let level = match *text {
            [b'<', digit @ b'0'..=b'7', b'>', ..] => {
                text.drain(..3);
                Some(digit - b'0')
            }
            // Or as it told syslog.
            _ => {
                let told = line.get("priority").and_then(Value::as_u64);
                told.and_then(|level| u8::try_from(level).ok())
            }
        };
        let number = |key| line.get(key).and_then(Value::as_i64);
        let service = line.get("service").and_then(Value::as_str);
        Self {
            time: number("time").unwrap_or(0),
            service: service.unwrap_or("?").to_owned(),
            pid: number("pid"),
            level,
            text,
        }
    }

    /// Whether its sender is called so: the service, or who calls itself that in what it
    /// sends to syslog.
    pub(super) fn is_of(&self, name: &str) -> bool {
        let behind = self.text.strip_prefix(name.as_bytes());
        self.service == name || behind.is_some_and(|behind| matches!(behind, [b':' | b'[', ..]))
    }
}

impl Form {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let found = FORMS.iter().find(|(name, _)| *name == text);
        found.map(|(_, form)| *form)
    }

    /// `host`: with the blank behind it, unless it isn't to be seen.
    pub(super) fn write(self, entry: &Entry, host: &str, out: &mut Vec<u8>) {
        let Entry { service, text, .. } = entry;
        if self == Self::Json {
            let mut json = Json::object(out);
            json.text(
                "__REALTIME_TIMESTAMP",
                &entry.time.saturating_mul(1000).to_string(),
            )
            .text("_HOSTNAME", host.trim_end())
            .text("_SYSTEMD_UNIT", &format!("{service}.service"))
            .text("SYSLOG_IDENTIFIER", service)
            .text("PRIORITY", &entry.level.unwrap_or(INFO).to_string());
            if let Some(pid) = entry.pid {
                json.text("_PID", &pid.to_string());
            }
            json.text("MESSAGE", &String::from_utf8_lossy(text));
            json.end();
        } else {
            if self != Self::Cat {
                let pid = entry.pid.map(|pid| format!("[{pid}]")).unwrap_or_default();
                let suffix = if self == Self::Unit { ".service" } else { "" };
                let head = format!("{} {host}{service}{suffix}{pid}: ", self.time(entry.time));
                out.extend_from_slice(head.as_bytes());
            }
            out.extend_from_slice(text);
        }
        out.push(b'\n');
    }

    fn time(self, millis: i64) -> String {
        const MONTHS: [&str; 12] = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ];
        let seconds = millis.div_euclid(1000);
        let micros = millis.rem_euclid(1000) * 1000;
        let Date { year, month, day } = Date::of(seconds.div_euclid(DAY));
        let of_day = seconds.rem_euclid(DAY);
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        let clock = format!("{hour:02}:{minute:02}:{second:02}");
        let fraction = if matches!(self, Self::IsoPrecise | Self::Precise) {
            format!(".{micros:06}")
        } else {
            String::new()
        };
        let name = usize::try_from(month - 1).ok();
        let name = name.and_then(|month| MONTHS.get(month)).unwrap_or(&"");
        match self {
            Self::Iso | Self::IsoPrecise => {
                format!("{year:04}-{month:02}-{day:02}T{clock}{fraction}+0000")
            }
            Self::Unix => format!("{seconds}.{micros:06}"),
            Self::Full | Self::Unit => moment(millis),
            Self::Short | Self::Precise | Self::Cat | Self::Json => {
                format!("{name} {day:02} {clock}{fraction}")
            }
        }
    }
}

/// What the machine is called.
pub(in crate::cli) fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_looks_as_journalctl_writes_it() {
        let line = serde_json::json!({
            "time": 1_795_904_021_500_i64, "service": "cron", "stream": "stderr",
            "pid": 7, "message": "<3>a \"b\"",
        });
        for (form, wanted) in [
            ("short", "Nov 28 22:13:41 box cron[7]: a \"b\"\n"),
            (
                "short-full",
                "Sat 2026-11-28 22:13:41 UTC box cron[7]: a \"b\"\n",
            ),
            (
                "with-unit",
                "Sat 2026-11-28 22:13:41 UTC box cron.service[7]: a \"b\"\n",
            ),
            (
                "short-iso",
                "2026-11-28T22:13:41+0000 box cron[7]: a \"b\"\n",
            ),
            (
                "short-iso-precise",
                "2026-11-28T22:13:41.500000+0000 box cron[7]: a \"b\"\n",
            ),
            (
                "short-precise",
                "Nov 28 22:13:41.500000 box cron[7]: a \"b\"\n",
            ),
            ("short-unix", "1795904021.500000 box cron[7]: a \"b\"\n"),
            ("cat", "a \"b\"\n"),
            (
                "json",
                "{\"__REALTIME_TIMESTAMP\":\"1795904021500000\",\"_HOSTNAME\":\"box\",\"_SYSTEMD_UNIT\":\"cron.service\",\
                 \"SYSLOG_IDENTIFIER\":\"cron\",\"PRIORITY\":\"3\",\"_PID\":\"7\",\"MESSAGE\":\"a \\\"b\\\"\"}\n",
            ),
        ] {
            let mut out = Vec::new();
            let entry = Entry::of(&line, false);
            Form::parse(form).unwrap().write(&entry, "box ", &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), wanted);
        }
        assert_eq!(Form::parse("export"), None);
    }

    #[test]
    fn a_sender_is_the_service_or_what_a_message_begins_with() {
        let line = serde_json::json!({"service": "syslog", "message": "CRON[7]: ran"});
        let entry = Entry::of(&line, false);
        assert_eq!(entry.level, None);
        let urgent = serde_json::json!({"service": "a", "priority": 2, "message": "x"});
        assert_eq!(Entry::of(&urgent, false).level, Some(2));
        for (name, is_it) in [
            ("syslog", true),
            ("CRON", true),
            ("CRO", false),
            ("ran", false),
        ] {
            assert_eq!(entry.is_of(name), is_it, "{name}");
        }
    }
}
