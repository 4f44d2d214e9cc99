//! A line in the forms of `-o`.

use serde_json::Value;

use crate::cli::ctl::message;
use crate::control::Json;
use crate::core::calendar::date::{DAY, Date};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Form {
    #[default]
    Short,
    Iso,
    Precise,
    Unix,
    Cat,
    Json,
}

impl Form {
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "short" | "short-full" | "with-unit" | "verbose" => Self::Short,
            "short-iso" => Self::Iso,
            "short-precise" => Self::Precise,
            "short-unix" => Self::Unix,
            "cat" => Self::Cat,
            "json" => Self::Json,
            _ => return None,
        })
    }

    /// A line as rinit tells it.
    pub(super) fn write(self, line: &Value, host: &str, terminal: bool, out: &mut Vec<u8>) {
        let service = line.get("service").and_then(Value::as_str).unwrap_or("?");
        let time = line.get("time").and_then(Value::as_i64).unwrap_or(0);
        let pid = line.get("pid").and_then(Value::as_i64);
        if self == Self::Json {
            let unit = format!("{service}.service");
            let text = line.get("message").and_then(Value::as_str);
            let is_error = line.get("stream").and_then(Value::as_str) == Some("stderr");
            let mut json = Json::object(out);
            json.text(
                "__REALTIME_TIMESTAMP",
                &time.saturating_mul(1000).to_string(),
            )
            .text("_HOSTNAME", host)
            .text("_SYSTEMD_UNIT", &unit)
            .text("SYSLOG_IDENTIFIER", service)
            .text("PRIORITY", if is_error { "3" } else { "6" });
            if let Some(pid) = pid {
                json.text("_PID", &pid.to_string());
            }
            json.text("MESSAGE", text.unwrap_or_default());
            json.end();
        } else {
            if self != Self::Cat {
                let pid = pid.map(|pid| format!("[{pid}]")).unwrap_or_default();
                let head = format!("{} {host} {service}{pid}: ", self.time(time));
                out.extend_from_slice(head.as_bytes());
            }
            message(line, terminal, out);
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
        let name = usize::try_from(month - 1).ok();
        let name = name.and_then(|month| MONTHS.get(month)).unwrap_or(&"");
        match self {
            Self::Iso => format!("{year:04}-{month:02}-{day:02}T{clock}+0000"),
            Self::Precise => format!("{name} {day:02} {clock}.{micros:06}"),
            Self::Unix => format!("{seconds}.{micros:06}"),
            Self::Short | Self::Cat | Self::Json => format!("{name} {day:02} {clock}"),
        }
    }
}

/// What the machine is called.
pub(super) fn host() -> String {
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
            "pid": 7, "message": "a \"b\"",
        });
        for (form, wanted) in [
            ("short", "Nov 28 22:13:41 box cron[7]: a \"b\"\n"),
            (
                "short-iso",
                "2026-11-28T22:13:41+0000 box cron[7]: a \"b\"\n",
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
            Form::parse(form)
                .unwrap()
                .write(&line, "box", false, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), wanted);
        }
        assert_eq!(Form::parse("export"), None);
    }
}
