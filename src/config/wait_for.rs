//! `wait-for`: what lives elsewhere and has to answer before a service is started.

use std::time::Duration;

use super::draft::Draft;
use super::probe::{self, Form};
use super::value::Value;
use crate::core::probe::WaitFor;

const FORM: Form = Form {
    kinds: &["tcp", "unix", "http", "file", "exec"],
    options: &["status", "body", "timeout"],
    help: "wait-for = { tcp = \"db:5432\", timeout = \"60s\" }; or unix, http, file or exec for tcp",
};

pub(super) fn set(draft: &mut Draft, value: Value<'_>) -> Option<()> {
    let parts = probe::split(value, &FORM)?;
    let probe = probe::read_elsewhere(&parts)?;
    let mut timeout = Some(Duration::from_secs(60));
    for (_, option) in &parts.options {
        if option.key == "timeout" {
            timeout = option.timeout()?;
            if timeout == Some(Duration::ZERO) {
                return option.wrong(
                    "timeout leaves no time at all",
                    "write \"infinity\" for no limit",
                );
            }
        }
    }
    draft.spec.wait_for = Some(Box::new(WaitFor { probe, timeout }));
    Some(())
}
