//! Services that run at their times.
//!
//! Between two runs such a service is *waiting* with an appointment. When that comes it
//! waits as any other for what it requires, runs, and whatever came of it waits for its
//! next time: counted from the end, so that there are never two runs at once and what was
//! missed meanwhile is skipped, but for one that keeps its last run (`Persistent=`). Whoever
//! comes after it does not wait for its first run.
//!
//! A calendar's times belong to the wall clock. All deadlines are on the monotonic one, so
//! each appointment knows both, and is made anew when the clock is set.

use std::time::Duration;

use super::action::Action;
use super::calendar::Times;
use super::id::ServiceId;
use super::report::{Next, Report};
use super::state::{Idle, Reason, State, Waiting};
use super::system::System;
use super::time::{Instant, Now};

/// A time that passed no longer ago than this, because the clock was set or everything
/// slept, is made up for; and one that had its run so shortly before the clock was set
/// back gets no second one.
const RECENT: Duration = Duration::from_secs(3600);

/// When a service runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Schedule {
    /// `schedule` or `every`.
    pub when: When,
    /// `randomized-delay`: up to so much later, by chance.
    pub jitter: Duration,
}

/// `schedule` or `every`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum When {
    /// At each time that one of these means.
    Calendar(Box<[Times]>),
    /// Again and again, counted from the boot; never zero.
    Every(Duration),
    /// As a timer's unit says.
    Timer(Box<Timer>),
}

/// The times of a unit (`systemd.timer(5)`); the first of them counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Timer {
    /// `OnCalendar=`.
    pub calendars: Box<[Times]>,
    /// `OnBootSec=` and kin: once, so long after the boot.
    pub after_boot: Box<[Duration]>,
    /// `OnUnitActiveSec=`: so long after its last run began; never zero.
    pub after_start: Option<Duration>,
    /// `OnUnitInactiveSec=`: so long after its last run ended; never zero.
    pub after_end: Option<Duration>,
    /// `Persistent=`: a calendar's time that passed while nothing ran is made up for.
    pub persistent: Option<Stamp>,
}

/// What is kept of the last run while nothing runs.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// The timer's unit: `logrotate.timer`.
    pub name: Box<str>,
    /// When it fired last, in seconds since 1970, as far as was known when all was read.
    pub last: Option<i64>,
}

/// A run in between makes no other definition of it.
impl PartialEq for Stamp {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Stamp {}

impl std::hash::Hash for Stamp {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// When a service of a timer ran last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct LastRun {
    began_at: Instant,
    ended_at: Option<Instant>,
}

impl Timer {
    /// The first of its times that count from a moment. What is past is due, but a time that
    /// counts from the boot only once.
    fn next(&self, booted_at: Instant, last: Option<&LastRun>, now: Instant) -> Option<Instant> {
        let once = self.after_boot.iter().map(|after| booted_at.plus(*after));
        let once = once.filter(|at| last.is_none_or(|last| *at > last.began_at && *at > now));
        let began = last.map(|last| last.began_at).zip(self.after_start);
        let ended = last.and_then(|last| last.ended_at).zip(self.after_end);
        let again = [began, ended].into_iter().flatten();
        let all = once.chain(again.map(|(at, after)| at.plus(after)));
        all.min().map(|at| at.max(now))
    }
}

/// When a scheduled service runs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Appointment {
    /// On the monotonic clock.
    pub at: Instant,
    /// On the wall clock, if that is what counts.
    pub wall: Option<Wall>,
}

/// A time of a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wall {
    /// The calendar's own, in seconds since 1970.
    pub planned: i64,
    /// With the chance of `randomized-delay`, in milliseconds.
    pub due: i64,
}

impl Schedule {
    /// The first time after this one (seconds since 1970), if a calendar says.
    #[must_use]
    pub fn next(&self, after: i64) -> Option<i64> {
        match &self.when {
            When::Calendar(times) => first(times, after),
            When::Timer(timer) => first(&timer.calendars, after),
            When::Every(_) => None,
        }
    }

    /// Where its last run is kept while nothing runs.
    #[must_use]
    pub fn stamp(&self) -> Option<&Stamp> {
        match &self.when {
            When::Timer(timer) => timer.persistent.as_ref(),
            When::Calendar(_) | When::Every(_) => None,
        }
    }
}

fn first(times: &[Times], after: i64) -> Option<i64> {
    times.iter().filter_map(|times| times.next(after)).min()
}

impl Wall {
    fn appointment(self, now: Now) -> Appointment {
        let left = u64::try_from(self.due.saturating_sub(now.wall)).unwrap_or(0);
        Appointment {
            at: now.at.plus(Duration::from_millis(left)),
            wall: Some(self),
        }
    }
}

impl System {
    /// When it runs next; `None` if it has no schedule, or that names no time any more.
    pub(super) fn next_time(&mut self, id: ServiceId) -> Option<Appointment> {
        let planned = self.planned(id);
        let schedule = self.spec.services.get(id.index())?.schedule.as_deref()?;
        let by_chance = self.random.up_to(schedule.jitter);
        if let When::Every(interval) = schedule.when {
            let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            let passed = nanos(self.now.at.since(self.booted_at));
            let interval = nanos(interval);
            let count = passed.checked_div(interval)?.saturating_add(1);
            let next = count.saturating_mul(interval);
            return Some(Appointment {
                at: self
                    .booted_at
                    .plus(Duration::from_nanos(next))
                    .plus(by_chance),
                wall: None,
            });
        }
        let moment = match &schedule.when {
            When::Timer(timer) => {
                let last = self.services.get(id.index())?.last_run.as_deref();
                let moment = timer.next(self.booted_at, last, self.now.at);
                moment.map(|at| Appointment {
                    at: at.plus(by_chance),
                    wall: None,
                })
            }
            When::Calendar(_) | When::Every(_) => None,
        };
        let Some(planned) = planned else {
            return moment;
        };
        let by_chance = i64::try_from(by_chance.as_millis()).unwrap_or(0);
        // What was missed is due now.
        let due = planned.saturating_mul(1000).max(self.now.wall);
        let due = due.saturating_add(by_chance);
        let of_calendar = Wall { planned, due }.appointment(self.now);
        Some(match moment {
            Some(moment) if moment.at < of_calendar.at => moment,
            Some(_) | None => of_calendar,
        })
    }

    /// A run of a timer's service begins.
    pub(super) fn note_begin(&mut self, id: ServiceId) {
        let began_at = self.now.at;
        if self.has_timer(id)
            && let Some(service) = self.services.get_mut(id.index())
        {
            service.last_run = Some(Box::new(LastRun {
                began_at,
                ended_at: None,
            }));
        }
    }

    /// A run is over, whatever came of it.
    pub(super) fn note_end(&mut self, id: ServiceId) {
        let now = self.now.at;
        if let Some(service) = self.services.get_mut(id.index())
            && let Some(last) = &mut service.last_run
        {
            last.ended_at.get_or_insert(now);
        }
    }

    fn has_timer(&self, id: ServiceId) -> bool {
        let schedule = self.service(id).and_then(|spec| spec.schedule.as_deref());
        schedule.is_some_and(|schedule| matches!(schedule.when, When::Timer(_)))
    }

    /// The calendar's next time.
    fn planned(&self, id: ServiceId) -> Option<i64> {
        let now = self.now.wall.div_euclid(1000);
        let schedule = self.service(id)?.schedule.as_deref()?;
        let stamp = schedule.stamp();
        // Set back by a little, the clock comes to times that had their run.
        let recent = |ran: &i64| {
            let ahead = ran.saturating_sub(now);
            ahead <= RECENT.as_secs().cast_signed() && (ahead >= 0 || stamp.is_some())
        };
        let ran = self.services.get(id.index())?.ran_for;
        let ran = ran.or_else(|| stamp?.last).filter(recent);
        schedule.next(ran.unwrap_or(now))
    }

    /// Where its last run is kept.
    fn stamp(&self, id: ServiceId) -> Option<&Stamp> {
        self.service(id)?.schedule.as_deref()?.stamp()
    }

    /// It runs at its times; for people who start it by hand, at once too.
    pub(super) fn has_schedule(&self, id: ServiceId) -> bool {
        self.service(id).is_some_and(|spec| spec.schedule.is_some())
    }

    /// It stands and waits for its next time.
    pub(super) fn await_next_time(&mut self, id: ServiceId) {
        self.note_end(id);
        let ran = self.services.get(id.index()).and_then(|own| own.ran_for);
        if ran.is_none() && self.stamp(id).is_some_and(|stamp| stamp.last.is_none()) {
            // What is missed from now on is known at the next boot.
            self.orders.push(Action::Stamp { service: id });
        }
        if let Some(appointment) = self.next_time(id) {
            self.appoint(id, appointment);
        } else {
            self.reports.push(Report::NoTimeLeft { service: id });
            self.transition(id, State::Inactive(Idle::Stopped));
        }
    }

    fn appoint(&mut self, id: ServiceId, appointment: Appointment) {
        if self.rests_unhooked(id) {
            return;
        }
        let waiting = Waiting {
            appointment: Some(appointment),
            ..Waiting::default()
        };
        self.transition(id, State::Waiting(waiting));
    }

    /// A run is over.
    pub(super) fn ran(
        &mut self,
        id: ServiceId,
        reason: Reason,
        well: bool,
        next: Appointment,
        after: Duration,
    ) {
        let delay = next.at.since(self.now.at);
        self.tell_of_run(id, well, &reason, delay);
        self.records.ran(id, &reason);
        let after_it = match self.is_unhooked(id) {
            true => Next::Nothing,
            false => Next::Run { delay, well },
        };
        self.reports.push(Report::Ended {
            service: id,
            reason,
            after,
            next: after_it,
        });
        self.appoint(id, next);
        self.call_others(id, well);
    }

    /// An appointment's time has come, or seems to have.
    pub(super) fn time_came(&mut self, id: ServiceId) {
        let now = self.now;
        let Some(appointment) = self.appointment(id) else {
            return;
        };
        let mut late = now.at.since(appointment.at);
        if let Some(wall) = appointment.wall {
            let Ok(passed) = u64::try_from(now.wall.saturating_sub(wall.due)) else {
                // The clock has been slowed down.
                self.appoint(id, wall.appointment(now));
                return;
            };
            late = Duration::from_millis(passed);
        }
        let persistent = self.stamp(id).is_some();
        if late > RECENT && !persistent {
            self.reports.push(Report::TimeMissed { service: id, late });
            self.await_next_time(id);
            return;
        }
        if let Some(service) = self.services.get_mut(id.index()) {
            service.ran_for = match persistent {
                // All that was missed is made up for by one run.
                true => Some(now.wall.div_euclid(1000)),
                false => appointment.wall.map(|wall| wall.planned),
            };
        }
        if persistent {
            self.orders.push(Action::Stamp { service: id });
        }
        self.transition(id, State::Waiting(Waiting::default()));
        self.bring_along(id);
        self.consider(id);
    }

    /// The wall clock was set: every time of a calendar lies elsewhere now.
    pub(super) fn clock_set(&mut self) {
        for id in self.ids() {
            let Some(wall) = self.appointment(id).and_then(|known| known.wall) else {
                continue;
            };
            let now = self.now;
            let begun = wall.planned.saturating_mul(1000) <= now.wall;
            if now.wall >= wall.due {
                self.time_came(id);
            } else if begun || self.planned(id) == Some(wall.planned) {
                self.appoint(id, wall.appointment(now));
            } else {
                self.await_next_time(id);
            }
        }
    }

    fn appointment(&self, id: ServiceId) -> Option<Appointment> {
        match self.state(id)? {
            State::Waiting(waiting) => waiting.appointment,
            State::Inactive(_)
            | State::Starting(_)
            | State::Active { .. }
            | State::Stopping(_)
            | State::Killing(_)
            | State::Backoff(_)
            | State::Exited { .. }
            | State::Failed { .. } => None,
        }
    }
}
