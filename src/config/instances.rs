//! `instances`: one table that makes several services, `NAME@1` to `NAME@N`. Its plain
//! name means all of them.

use super::draft::{Draft, Target};
use super::tables::ServiceTable;
use super::value::{Context, Value};
use crate::core::sorted::Map;

/// More than this is a slip of the pen.
const MOST: i64 = 1000;

/// Tables with `instances`, and how many each makes.
#[derive(Default)]
pub(super) struct Templates<'a>(Map<&'a str, u32>);

impl<'a> Templates<'a> {
    /// The drafts that a table makes: `make` reads it for a service of this name.
    pub(super) fn read(
        &mut self,
        table: &ServiceTable<'a>,
        context: &Context<'_>,
        make: impl Fn(&str) -> Draft,
    ) -> Vec<Draft> {
        let Some(value) = table.section.get("instances") else {
            return vec![make(table.name)];
        };
        let count = count(value).unwrap_or(1);
        self.0.insert(table.name, count);
        let one = |number: u32| {
            context.instance.set(Some(number));
            let mut draft = make(&format!("{}@{number}", table.name));
            context.instance.set(None);
            let own = ("RINIT_INSTANCE".into(), number.to_string().into_bytes());
            draft.environment.push(own);
            draft
        };
        (1..=count).map(one).collect()
    }

    /// An instance and another table must not have the same name.
    pub(super) fn report_collisions(&self, tables: &[ServiceTable<'a>], context: &Context<'_>) {
        for table in tables {
            let Some((template, number)) = table.name.rsplit_once('@') else {
                continue;
            };
            let count = self.0.get(template).copied().unwrap_or(0);
            // As it is written: "01" is another name than "1".
            let is_one = |number: u32| (1..=count).contains(&number);
            let canonical = |text: &str| text.parse().ok().filter(|n: &u32| n.to_string() == text);
            if canonical(number).is_some_and(is_one) {
                let what = format!("\"{}\" is an instance of \"{template}\" too", table.name);
                let help = format!("give it another name, or take instances out of {template}");
                context.error(table.at, what, help);
            }
        }
    }

    /// Puts all instances where an edge names the plain name.
    pub(super) fn name_all(&self, drafts: &mut [Draft], context: &Context<'_>) {
        if self.0.is_empty() {
            return;
        }
        for draft in drafts {
            let name: Box<str> = draft.name().into();
            for (key, targets) in draft.targets.lists() {
                let written = std::mem::take(targets);
                for target in written {
                    let plain = &*target.name;
                    let unit = || self.0.get_key_value(plain.strip_suffix(".service")?);
                    let Some((template, count)) = self.0.get_key_value(plain).or_else(unit) else {
                        targets.push(target);
                        continue;
                    };
                    if name
                        .rsplit_once('@')
                        .is_some_and(|(own, _)| own == *template)
                    {
                        if target.lenient {
                            continue;
                        }
                        let what = format!("\"{template}\" can't have itself in {key}");
                        context.error(target.at, what, "take it out");
                        continue;
                    }
                    if *count == 0 {
                        let place = context.file_and_line(target.at);
                        let text = format!(
                            "{place}: {template} in {key} of {name} has no instances: not waited for"
                        );
                        context.findings.borrow_mut().note(text);
                    }
                    targets.extend((1..=*count).map(|number| Target {
                        name: format!("{template}@{number}").into(),
                        at: target.at,
                        lenient: target.lenient,
                    }));
                }
            }
        }
    }
}

fn count(value: Value<'_>) -> Option<u32> {
    value
        .integer(0..=MOST)
        .and_then(|count| u32::try_from(count).ok())
}
