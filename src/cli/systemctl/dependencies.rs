//! `list-dependencies`: what units require and want, or who does, as a tree.

use super::FAILED;
use super::asks::{no_instance, state_of};
use super::offline::nobody;
use super::say;
use super::status::{dot, words as words_of};
use super::targets::is_always;
use super::world::{Request, Service, World};
use crate::cli::print;
use crate::core::sorted::sort;
use crate::units::UnitName;

/// What it takes to tell who needs whom.
struct Needs<'w> {
    world: &'w World,
    services: Vec<Service>,
    /// Who needs whom, as far as rinit supervises both.
    pairs: Vec<(String, String)>,
}

pub(super) fn list_dependencies(world: &World, _: &str, words: &[String]) -> i32 {
    let Ok((services, _)) = world.services(false) else {
        return nobody();
    };
    let default = ["default.target".to_owned()];
    let words = if words.is_empty() {
        &default[..]
    } else {
        words
    };
    let Some(names) = world.names(words, &services) else {
        return FAILED;
    };
    let needs = Needs::new(world, services);
    for name in names {
        if let Some(wrong) = no_instance(&name) {
            return say(format_args!("Failed to get properties: {wrong}"));
        }
        let meant = world.meant(&name, &needs.services);
        let root = meant
            .first()
            .map_or(name.as_str(), |service| &*service.unit);
        let mut out = format!("{root}\n");
        needs.tree(&mut vec![root.to_owned()], "", &mut out);
        print::out(out);
    }
    0
}

impl<'w> Needs<'w> {
    fn new(world: &'w World, services: Vec<Service>) -> Self {
        let answer = world.ask(&Request::of("show", &[])).unwrap_or_default();
        let all = answer.get("services").and_then(|all| all.as_array());
        let unit_of = |name: &str| {
            let service = services.iter().find(|service| service.name == name);
            service.map_or_else(|| format!("{name}.service"), |service| service.unit.clone())
        };
        let mut pairs = Vec::new();
        for definition in all.into_iter().flatten() {
            let own = definition.get("name").and_then(|name| name.as_str());
            let own = unit_of(own.unwrap_or_default());
            for key in ["requires", "wants", "binds-to"] {
                let others = words_of(definition, key).into_iter();
                pairs.extend(others.map(|other| (own.clone(), unit_of(&other))));
            }
        }
        Self {
            world,
            services,
            pairs,
        }
    }

    /// What stands directly below a unit: targets behind all others.
    fn below(&self, unit: &str) -> Vec<String> {
        let (world, reverse) = (self.world, self.world.options.reverse);
        let name = UnitName::parse(unit).filter(|name| name.suffix() == "target" && !reverse);
        let mut found: Vec<String> = match name {
            Some(name) if is_always(&name) => {
                let all = self.services.iter();
                all.map(|service| service.unit.clone()).collect()
            }
            Some(name) => {
                let pulls = world.unit(&name).map(|unit| unit.pulls());
                let mut all: Vec<String> = pulls.into_iter().flatten().collect();
                for key in ["Wants", "Requires", "BindsTo"] {
                    let said = world.said_or(&name, "Unit", key, "");
                    all.extend(said.split_whitespace().map(str::to_owned));
                }
                all
            }
            None => {
                let pairs = self.pairs.iter();
                let pairs = pairs.filter_map(|(own, other)| match reverse {
                    true => (other == unit).then_some(own),
                    false => (own == unit).then_some(other),
                });
                pairs.cloned().collect()
            }
        };
        sort(&mut found);
        found.dedup();
        let is_target = |name: &String| name.ends_with(".target");
        let (targets, mut others): (Vec<_>, Vec<_>) = found.into_iter().partition(is_target);
        others.extend(targets);
        others
    }

    /// What is below the last of these, each with what is below it; a circle ends where it
    /// closes.
    fn tree(&self, above: &mut Vec<String>, indent: &str, out: &mut String) {
        let below = self.below(above.last().map_or("", String::as_str));
        for (place, name) in below.iter().enumerate() {
            let last = place + 1 == below.len();
            let line = if self.world.options.plain {
                format!("{}{name}\n", "  ".repeat(above.len()))
            } else {
                let branch = if last { "└─" } else { "├─" };
                let parsed = UnitName::parse(name);
                let state = parsed.map(|name| state_of(self.world, &name, &self.services));
                let dot = dot(state.unwrap_or_default()).0;
                format!("{dot} {indent}{branch}{name}\n")
            };
            out.push_str(&line);
            if !above.contains(name) {
                above.push(name.clone());
                let deeper = format!("{indent}{}", if last { "  " } else { "│ " });
                self.tree(above, &deeper, out);
                above.pop();
            }
        }
    }
}
