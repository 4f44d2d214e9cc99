//! `systemctl`, as packages' scripts, Ansible and fingers use it: its verbs, texts and exit
//! statuses are those of systemd 252. What runs is asked of rinit over its socket (`jobs`,
//! `asks`, `status`, `show`, `whole`); which units are enabled is a matter of links
//! (`links`), which can be read and made while no rinit runs, as in a Dockerfile's RUN.

mod asks;
mod dates;
mod dependencies;
mod failures;
mod files;
mod jobs;
mod links;
mod lists;
mod naming;
mod offline;
mod options;
mod properties;
mod results;
mod show;
mod signals;
mod starters;
mod status;
mod steps;
mod targets;
mod verbs;
mod whole;
mod world;

use std::fmt::Arguments;

pub(super) use self::dates::moment;
use self::offline::is_offline;
use self::options::{FLAGS, Instead, Options, fault};
use self::verbs::{VERBS, Verb};
use self::world::World;
use super::environment::{may_colour, text};
use super::getopt::{Help, Parser, Rules};
use super::print::{self, Text};
use crate::control::{obey_signals, places};
use crate::single::Inherited;

/// Every failure that has no status of its own.
const FAILED: i32 = 1;

/// The version of systemd whose words these are.
pub(super) const SPEAKS: &str = "systemd 252";

/// Runs it; gives the exit status.
pub(super) fn run(inherited: &mut Inherited) -> i32 {
    let socket = text(inherited, "RINIT_CONTROL_SOCKET");
    let told_offline = text(inherited, "SYSTEMD_OFFLINE");
    let told_offline = told_offline.and_then(|word| crate::units::boolean(&word));
    let colour = may_colour(inherited);
    obey_signals(inherited);
    let places = places(socket, inherited.variable("XDG_RUNTIME_DIR"));
    let mut options = Options::default();
    let rules = Rules {
        permute: true,
        abbreviate: true,
    };
    let mut parser = Parser::new(FLAGS, rules, &mut inherited.arguments);
    while let Some(given) = parser.next_option() {
        let taken = match given {
            Ok((kind, argument)) => options.take(kind, argument),
            Err(wrong) => Err(fault(&wrong)),
        };
        if let Err(wrong) = taken {
            return say(format_args!("{wrong}"));
        }
    }
    let operands = parser.operands();
    let words = inherited.arguments.iter().skip(operands);
    let mut words = words.map(|word| Text(word).to_string());
    match options.instead {
        Some(Instead::Help) => {
            print::out(help());
            return 0;
        }
        Some(Instead::Version) => {
            let version = env!("CARGO_PKG_VERSION");
            print::out(format_args!("{SPEAKS} (rinit {version})\n"));
            return 0;
        }
        Some(Instead::NoUsers) => {
            return say(format_args!(
                "rinit supervises one set of services, not one for each user: leave out --user and --global"
            ));
        }
        Some(Instead::Words(words)) => {
            print::out(words());
            return 0;
        }
        None => {}
    }
    if options.waits && options.no_block {
        return say(format_args!("--wait may not be combined with --no-block."));
    }
    let typed = words.next().unwrap_or_else(|| "list-units".to_owned());
    let names: Vec<String> = words.collect();
    let Some(verb) = VERBS.iter().find(|verb| verb.names.contains(&&*typed)) else {
        return say(format_args!("Unknown command verb {typed}."));
    };
    if options.root.is_some() && !verb.takes_root {
        return say(format_args!(
            "Verb '{typed}' cannot be used with --root= or --image=."
        ));
    }
    if names.len() < verb.least {
        return say(format_args!("Too few arguments."));
    }
    if names.len() > verb.most {
        return say(format_args!("Too many arguments."));
    }
    let world = World::new(options, places, told_offline, colour);
    if !verb.takes_root && is_offline(&world) {
        print::err(format_args!(
            "Running in chroot, ignoring command '{typed}'\n"
        ));
        return 0;
    }
    (verb.run)(&world, &typed, &names)
}

/// Says what is wrong; the exit status of that.
#[inline(never)]
fn say(what: Arguments<'_>) -> i32 {
    print::err(format_args!("{what}\n"));
    FAILED
}

fn help() -> String {
    let mut text = "usage: systemctl [OPTIONS] VERB [UNIT…]\n\n".to_owned();
    for Verb { names, doc, .. } in VERBS {
        if !doc.is_empty() {
            text.push_str(&format!("  {:<22}{doc}\n", names.first().unwrap_or(&"")));
        }
    }
    text.push('\n');
    text.push_str(&Help(FLAGS).to_string());
    text
}
