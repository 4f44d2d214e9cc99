//! What a timer's unit says: when its service runs (`systemd.timer(5)`).

use std::time::Duration;

use super::given::Given;
use crate::config::draft::Draft;
use crate::config::nearest::nearest;
use crate::config::schedule;
use crate::core::schedule::{Schedule, Stamp, Timer as Times, When};
use crate::core::spec::{Kind, Ready};

/// A timer's unit while its lines are read.
#[derive(Clone, Default)]
pub(super) struct Timer {
    times: Times,
    jitter: Duration,
}

type Setter = fn(&mut Timer, &Given<'_>) -> Option<()>;

/// What is done.
const SET: &[(&str, Setter)] = &[
    ("OnCalendar", |t, g| {
        let text = g.text()?;
        let mut all = std::mem::take(&mut t.times.calendars).into_vec();
        match schedule::times(&text, g.at, g.context) {
            Ok(times) => all.push(times),
            Err((what, help)) => g.context.warn(g.at, format!("{what}: ignored"), help),
        }
        t.times.calendars = all.into();
        Some(())
    }),
    ("OnBootSec", Timer::after_boot),
    ("OnStartupSec", Timer::after_boot),
    ("OnActiveSec", Timer::after_boot),
    ("OnUnitActiveSec", |t, g| {
        t.times.after_start = least(t.times.after_start, some_time(g)?);
        Some(())
    }),
    ("OnUnitInactiveSec", |t, g| {
        t.times.after_end = least(t.times.after_end, some_time(g)?);
        Some(())
    }),
    ("RandomizedDelaySec", |t, g| {
        t.jitter = g.span()?.unwrap_or_default();
        Some(())
    }),
    ("Persistent", |t, g| {
        let name = g.specifiers.name.as_str();
        t.times.persistent = g.boolean()?.then(|| Stamp {
            name: name.into(),
            last: None,
        });
        Some(())
    }),
];

/// Looked at elsewhere, or without a meaning here: no time is met more exactly than by rinit.
const SILENT: &str = "Unit AccuracySec FixedRandomDelay WakeSystem RemainAfterElapse OnClockChange OnTimezoneChange DeferReactivation";

impl Timer {
    /// What one assignment does.
    pub(super) fn apply(&mut self, section: &str, given: &Given<'_>) {
        let key = given.key;
        if section != "Timer" || key.starts_with("X-") {
            return;
        }
        if given.is_reset() && key.starts_with("On") {
            // One empty value drops all times, of every kind.
            self.times = Times {
                persistent: self.times.persistent.take(),
                ..Times::default()
            };
        } else if let Some((_, set)) = SET.iter().find(|(known, _)| *known == key) {
            // What was wrong has been said.
            let _ = set(self, given);
        } else if !SILENT.split_whitespace().any(|known| known == key) {
            let known = SET.iter().map(|(known, _)| *known);
            let help = match nearest(key, known.chain(SILENT.split_whitespace())) {
                Some(near) => format!("did you mean {near}?"),
                None => "it is ignored, as systemd does".to_owned(),
            };
            let what = format!("there is no {key} in [{section}]: it is ignored");
            given.context.warn(given.at, what, help);
        }
    }

    fn after_boot(&mut self, given: &Given<'_>) -> Option<()> {
        if let Some(time) = given.span()? {
            let mut all = std::mem::take(&mut self.times.after_boot).into_vec();
            all.push(time);
            self.times.after_boot = all.into();
        }
        Some(())
    }

    /// Gives its times to the service; `false` if there are none.
    pub(super) fn finish(mut self, draft: &mut Draft) -> bool {
        let persistent = self.times.persistent.take();
        if self.times == Times::default() {
            return false;
        }
        // Only a calendar's times pass while nothing runs.
        self.times.persistent = persistent.filter(|_| !self.times.calendars.is_empty());
        if draft.spec.kind != Kind::Oneshot {
            // Its start ends with itself now, which may take as long as it may run.
            draft.start_timeout = Some(draft.spec.terms.as_ref().and_then(|own| own.longest));
        }
        draft.spec.kind = Kind::Oneshot;
        draft.ready = None;
        draft.spec.ready = Ready::Exec;
        draft.spec.schedule = Some(Box::new(Schedule {
            when: When::Timer(Box::new(self.times)),
            jitter: self.jitter,
        }));
        true
    }
}

/// A time that isn't none.
fn some_time(given: &Given<'_>) -> Option<Option<Duration>> {
    let time = given.span()?;
    if time.is_some_and(|time| time.is_zero()) {
        return given.wrong("a time above 0, such as 15min");
    }
    Some(time)
}

fn least(known: Option<Duration>, new: Option<Duration>) -> Option<Duration> {
    match (known, new) {
        (Some(known), Some(new)) => Some(known.min(new)),
        (known, new) => known.or(new),
    }
}
