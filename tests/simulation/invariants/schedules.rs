//! Services run at their times, at each of them, and at no other.

use std::time::Duration;

use rinit::core::action::Action;
use rinit::core::event::Event;
use rinit::core::id::ServiceId;
use rinit::core::report::Report;
use rinit::core::schedule::{Appointment, When};
use rinit::core::shutdown::Cause;
use rinit::core::state::{Standing, State};
use rinit::core::system::System;
use rinit::core::time::{Instant, Now};

use super::{Watcher, ids};
use crate::kernel::Kernel;

impl Watcher {
    /// Between two starts lies a time of the schedule; no time is slept over; and while
    /// somebody waits for his, something is left to supervise.
    pub(super) fn schedules_are_kept(
        &mut self,
        system: &System,
        kernel: &Kernel,
        event: &Event,
        actions: &[Action],
    ) -> Result<(), String> {
        let now = kernel.clock();
        if *event == Event::ClockSet {
            // Set back, the clock comes to times that it has shown before.
            self.ran.retain(|_, ran| ran.wall <= now.wall);
        }
        // Whose time has come waits for what it requires, which may never be.
        let come = |known: &Appointment| {
            known.at <= now.at || known.wall.is_some_and(|wall| wall.due <= now.wall)
        };
        self.appointed.retain(|_, known| !come(known));
        for action in actions {
            match action {
                Action::Report(Report::Changed {
                    service,
                    from: Standing::Waiting,
                    ..
                }) => {
                    self.appointed.remove(service);
                }
                Action::Report(Report::Shutdown {
                    cause: Cause::NothingLeft,
                }) if !self.appointed.is_empty() => {
                    return Err(format!("nothing left but {:?}", self.appointed));
                }
                Action::Report(Report::Changed {
                    service,
                    to: Standing::Starting,
                    ..
                }) => self.is_its_time(system, *service, now)?,
                _ => {}
            }
        }
        self.appointed.clear();
        for id in ids(system.spec()) {
            let Some(State::Waiting(waiting)) = system.state(id) else {
                continue;
            };
            let Some(appointment) = waiting.appointment else {
                continue;
            };
            self.appointed.insert(id, appointment);
            // The wall clock counts whole milliseconds, of which the last may not be over.
            let passed = appointment.wall.is_some_and(|wall| wall.due < now.wall);
            let late = match event {
                // A timer's time that passed during the run is due at this very moment.
                Event::Woke => passed || appointment.at < now.at,
                // A setting moves no monotonic time: that is looked at on waking.
                // What the new clock says was missed is looked at then too, and one that
                // another's time has brought on waking.
                Event::ClockSet => {
                    let own = system.service(id).unwrap();
                    let kept = own.schedule.as_ref().is_some_and(|it| it.stamp().is_some());
                    let due = appointment.wall.is_some() && appointment.at <= now.at;
                    passed || due && !kept && !own.pulled
                }
                _ => false,
            };
            if late && self.shutdown_at.is_none() {
                return Err(format!("{id:?} sleeps over {appointment:?}"));
            }
        }
        Ok(())
    }

    fn is_its_time(&mut self, system: &System, id: ServiceId, now: Now) -> Result<(), String> {
        let Some(schedule) = &system.service(id).unwrap().schedule else {
            return Ok(());
        };
        let begin = Now {
            at: Instant(1_000_000_000),
            wall: 0,
        };
        let ran = self.ran.insert(id, now).unwrap_or(begin);
        let between = match &schedule.when {
            When::Calendar(_) => {
                let next = schedule.next(ran.wall.div_euclid(1000));
                next.is_some_and(|next| next * 1000 <= now.wall)
            }
            When::Timer(timer) => {
                let since = ran.wall.div_euclid(1000);
                let kept = schedule.stamp().and_then(|stamp| stamp.last);
                let kept = kept.filter(|_| ran == begin);
                let next = schedule.next(since.min(kept.unwrap_or(since)));
                let once = |after: &Duration| {
                    let at = begin.at.plus(*after);
                    at <= now.at && (at > ran.at || ran == begin)
                };
                let again = [timer.after_start, timer.after_end].into_iter().flatten();
                next.is_some_and(|next| next * 1000 <= now.wall)
                    || timer.after_boot.iter().any(once)
                    || again
                        .min()
                        .is_some_and(|after| ran.at.plus(after) <= now.at)
            }
            When::Every(interval) => {
                let count = |at: Instant| at.since(begin.at).as_nanos() / interval.as_nanos();
                count(ran.at) < count(now.at)
            }
        };
        if between {
            Ok(())
        } else {
            Err(format!("{id:?} runs at {now:?}, which is not its time"))
        }
    }
}
