//! What /etc/passwd and its kin become: pure, so that what is checked before the start and
//! what is written then can't differ.

use super::line::{Id, Line, Main, User};
use super::{Complaint, Place, Surroundings, Sysusers, system_range};
use crate::core::accounts;

/// The four tables, as bytes; one that isn't there is left alone, if it is a shadow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tables {
    pub(crate) passwd: Vec<u8>,
    pub(crate) group: Vec<u8>,
    pub(crate) shadow: Option<Vec<u8>>,
    pub(crate) gshadow: Option<Vec<u8>>,
}

/// A password that fits nothing.
const LOCKED: &str = "!*";

impl Tables {
    fn gid(&self, name: &str) -> Option<u32> {
        let mut groups = accounts::groups(&self.group);
        groups
            .find(|group| group.name == name.as_bytes())
            .map(|group| group.gid)
    }

    fn uid(&self, name: &str) -> Option<u32> {
        let mut users = accounts::users(&self.passwd);
        users
            .find(|user| user.name == name.as_bytes())
            .map(|user| user.uid)
    }

    /// Nobody has this number, but a user or group of that name may.
    fn is_free(&self, id: u32, name: &str) -> bool {
        let name = name.as_bytes();
        id != 0
            && accounts::users(&self.passwd).all(|user| user.uid != id || user.name == name)
            && accounts::groups(&self.group).all(|group| group.gid != id || group.name == name)
    }

    fn is_free_user(&self, id: u32) -> bool {
        accounts::users(&self.passwd).all(|user| user.uid != id)
    }

    fn is_free_group(&self, id: u32) -> bool {
        accounts::groups(&self.group).all(|group| group.gid != id)
    }
}

/// Appends a line, behind all but those that ask other tables.
fn append(table: &mut Vec<u8>, line: &str) {
    let mut at = 0;
    for line in table.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b"+") {
            break;
        }
        at += line.len();
    }
    let unfinished = at > 0 && table.get(at - 1) != Some(&b'\n');
    let line = format!("{}{line}\n", if unfinished { "\n" } else { "" });
    table.splice(at..at, line.bytes());
}

/// Adds a name to the last field of a group's line.
fn join(table: &mut Vec<u8>, group: &str, user: &str) {
    let begins = format!("{group}:");
    let mut lines: Vec<Vec<u8>> = table
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    for line in &mut lines {
        if !line.starts_with(begins.as_bytes()) {
            continue;
        }
        let members = line.rsplit(|byte| *byte == b':').next().unwrap_or_default();
        let is_in = members
            .split(|byte| *byte == b',')
            .any(|name| name == user.as_bytes());
        if is_in {
            return;
        }
        if !members.is_empty() {
            line.push(b',');
        }
        line.extend_from_slice(user.as_bytes());
    }
    *table = lines.join(&b'\n');
}

/// Appends a line to a shadow, unless the name has one: whoever made that may have been
/// killed before the name stood in its table.
fn shade(table: &mut Option<Vec<u8>>, name: &str, rest: &str) {
    let Some(table) = table else { return };
    let begins = format!("{name}:");
    let mut lines = table.split(|byte| *byte == b'\n');
    if !lines.any(|line| line.starts_with(begins.as_bytes())) {
        append(table, &format!("{begins}{LOCKED}:{rest}"));
    }
}

struct Plan<'a> {
    tables: Tables,
    ranges: Vec<(u32, u32)>,
    surroundings: &'a Surroundings<'a>,
    complaints: Vec<Complaint>,
}

impl Sysusers {
    /// The tables with all that is wanted in them; what can't be had as it is wanted.
    pub(crate) fn plan(
        &self,
        tables: Tables,
        surroundings: &Surroundings<'_>,
    ) -> (Tables, Vec<Complaint>) {
        let ranges = self.lines.iter().filter_map(|(line, _)| match line {
            Line::Range(low, high) => Some((*low, *high)),
            Line::User(_) | Line::Group { .. } | Line::Member { .. } => None,
        });
        let mut ranges: Vec<_> = ranges.collect();
        if ranges.is_empty() {
            ranges.push(system_range(surroundings.login_defs));
        }
        let mut plan = Plan {
            tables,
            ranges,
            surroundings,
            complaints: Vec::new(),
        };
        // Groups first: users may have them as their main one.
        for (line, place) in &self.lines {
            if let Line::Group { name, id } = line {
                plan.group(name, id, true, place);
            }
        }
        // Those of members that no line of their own makes.
        for (line, place) in &self.lines {
            if let Line::Member { group, .. } = line
                && !self.has_user(group)
            {
                plan.group(group, &Id::Any, false, place);
            }
        }
        for (line, place) in &self.lines {
            if let Line::User(user) = line {
                plan.user(user, place);
            }
        }
        for (line, place) in &self.lines {
            if let Line::Member { user, group } = line {
                plan.member(user, group, place);
            }
        }
        (plan.tables, plan.complaints)
    }
}

impl Sysusers {
    fn has_user(&self, name: &str) -> bool {
        let mut lines = self.lines.iter();
        lines.any(|(line, _)| matches!(line, Line::User(user) if user.name == name))
    }
}

impl Plan<'_> {
    fn complain(&mut self, place: &Place, what: String) {
        self.complaints.push(Complaint {
            place: place.clone(),
            what,
        });
    }

    /// A number that is free both as a user's and a group's, from the top.
    fn any(&self, name: &str) -> Option<u32> {
        let free = |id: &u32| self.tables.is_free(*id, name);
        let highest = |(low, high): &(u32, u32)| (*low..=*high).rev().find(free);
        self.ranges.iter().filter_map(highest).max()
    }

    /// The number of the group of this name; made if it isn't there. `alone`: a user may
    /// have its number.
    fn group(&mut self, name: &str, id: &Id, alone: bool, place: &Place) -> Option<u32> {
        if let Some(gid) = self.tables.gid(name) {
            return Some(gid);
        }
        let wanted = match id {
            Id::Any => None,
            Id::Number(number) => Some(*number),
            Id::Of(path) => (self.surroundings.owner)(path).map(|(_, gid)| gid),
        };
        let free = |gid: &u32| match alone {
            true => self.tables.is_free_group(*gid),
            false => self.tables.is_free(*gid, name),
        };
        let Some(gid) = wanted.filter(free).or_else(|| self.any(name)) else {
            self.complain(place, format!("no number is left for the group \"{name}\""));
            return None;
        };
        append(&mut self.tables.group, &format!("{name}:x:{gid}:"));
        shade(&mut self.tables.gshadow, name, ":");
        Some(gid)
    }

    fn user(&mut self, user: &User, place: &Place) {
        let name = &user.name;
        let is_there = self.tables.uid(name).is_some();
        let gid = match &user.main {
            None => self.group(name, &user.id, false, place),
            _ if is_there => return,
            Some(Main::Number(gid)) if self.tables.is_free_group(*gid) => {
                self.complain(place, format!("there is no group {gid} for \"{name}\""));
                return;
            }
            Some(Main::Number(gid)) => Some(*gid),
            Some(Main::Name(group)) => match self.tables.gid(group) {
                Some(gid) => Some(gid),
                None => {
                    self.complain(
                        place,
                        format!("there is no group \"{group}\" for \"{name}\""),
                    );
                    return;
                }
            },
        };
        let Some(gid) = gid.filter(|_| !is_there) else {
            return;
        };
        let wanted = match &user.id {
            Id::Any => None,
            Id::Number(number) => Some(*number),
            Id::Of(path) => (self.surroundings.owner)(path).map(|(uid, _)| uid),
        };
        // Who names a group says that the numbers differ.
        let free = |uid: &u32| match user.main {
            Some(_) => self.tables.is_free_user(*uid),
            None => self.tables.is_free(*uid, name),
        };
        let same = Some(gid).filter(|gid| user.main.is_none() && free(gid));
        let Some(uid) = wanted.filter(free).or(same).or_else(|| self.any(name)) else {
            self.complain(place, format!("no number is left for the user \"{name}\""));
            return;
        };
        let or = |text: &String, usual: &str| {
            if text.is_empty() {
                usual.to_owned()
            } else {
                text.clone()
            }
        };
        let home = or(&user.home, "/");
        let usual = if uid == 0 {
            "/bin/sh"
        } else {
            "/usr/sbin/nologin"
        };
        let shell = or(&user.shell, usual);
        let line = format!("{name}:x:{uid}:{gid}:{}:{home}:{shell}", user.description);
        append(&mut self.tables.passwd, &line);
        let today = self.surroundings.today;
        // Expired long ago: no key, no session opens it either.
        let expires = if user.locked { "1" } else { "" };
        let rest = format!("{today}:::::{expires}:");
        shade(&mut self.tables.shadow, name, &rest);
    }

    fn member(&mut self, user: &str, group: &str, place: &Place) {
        let implied = User {
            name: user.to_owned(),
            ..User::default()
        };
        self.user(&implied, place);
        join(&mut self.tables.group, group, user);
        if let Some(gshadow) = &mut self.tables.gshadow {
            join(gshadow, group, user);
        }
    }
}
