//! `health`: whether a service is well once it is ready.

use std::time::Duration;

use super::draft::Draft;
use super::probe::{self, Form};
use super::value::Value;
use crate::core::probe::{Health, OnUnhealthy};

const FORM: Form = Form {
    kinds: &["http", "tcp", "unix", "exec"],
    options: &[
        "status",
        "body",
        "interval",
        "timeout",
        "retries",
        "start-period",
        "on-unhealthy",
    ],
    help: "health = { http = \"http://127.0.0.1/health\", interval = \"10s\", timeout = \"5s\", retries = 3, on-unhealthy = \"restart\" }; or tcp, unix or exec for http",
};

pub(super) fn set(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    let parts = probe::split(value, &FORM)?;
    let mut health = Health {
        probe: probe::read(&parts)?,
        interval: Duration::from_secs(10),
        timeout: Duration::from_secs(5),
        retries: 3,
        start_period: Duration::ZERO,
        on_unhealthy: OnUnhealthy::None,
    };
    let mut good = Some(());
    for (_, option) in &parts.options {
        let set = match option.key {
            "interval" => some_time(*option).map(|time| health.interval = time),
            "timeout" => some_time(*option).map(|time| health.timeout = time),
            "retries" => option
                .integer(1..=1000)
                .and_then(|number| u32::try_from(number).ok())
                .map(|number| health.retries = number),
            "start-period" => option.duration().map(|time| health.start_period = time),
            "on-unhealthy" => option
                .choice(&[
                    ("none", OnUnhealthy::None),
                    ("restart", OnUnhealthy::Restart),
                    ("shutdown", OnUnhealthy::Shutdown),
                ])
                .map(|then| health.on_unhealthy = then),
            // The probe's own.
            _ => Some(()),
        };
        good = good.and(set);
    }
    good?;
    draft.spec.health = Some(Box::new(health));
    Some(())
}

fn some_time(value: Value<'_>) -> Option<Duration> {
    match value.duration()? {
        Duration::ZERO => value.wrong(
            format!("{} is no time at all", value.key),
            "write a duration such as \"10s\"",
        ),
        time => Some(time),
    }
}
