//! A sandbox's filter of system calls, as a program for the kernel (`seccomp(2)`): what
//! SystemCallFilter= and the directives of its kind forbid, in one piece.
//!
//! First comes the architecture, then a tree over the numbers of calls, whose leaves say what
//! becomes of a call: it is let through, refused, or its arguments are looked at. Each
//! number's fate is the first of what refuses it.

use super::exec::Words;
use super::sandbox::{self, has, values};
use super::system_call::{self, ARCHITECTURE, END};

const ALLOW: u32 = 0x7FFF_0000;
const KILL: u32 = 0x8000_0000;
const ERRNO: u32 = 0x0005_0000;
const EPERM: u32 = ERRNO | 1;
const ENOSYS: u32 = ERRNO | 38;
const EAFNOSUPPORT: u32 = ERRNO | 97;

/// Every bit of an argument counts.
const WHOLE: u32 = u32::MAX;
const O_CREAT: u32 = 0o100;
/// S_ISUID and S_ISGID.
const SETID: u32 = 0o6000;
const PROT_EXEC: u32 = 4;
const PROT_WRITE_EXEC: u32 = 6;
const SHM_EXEC: u32 = 0o100_000;
/// What x32's numbers begin with, where it is.
const X32: u32 = 0x4000_0000;
const X86_64: u32 = 0xC000_003E;
/// FIFO, RR, DEADLINE.
const REALTIME: &[u32] = &[1, 2, 6];
const SCHED_RESET_ON_FORK: u32 = 0x4000_0000;

/// RestrictNamespaces= by name: the flags of clone(2).
const NAMESPACES: [(&str, u32); 7] = [
    ("cgroup", 0x0200_0000),
    ("ipc", 0x0800_0000),
    ("net", 0x4000_0000),
    ("mnt", 0x0002_0000),
    ("pid", 0x2000_0000),
    ("user", 0x1000_0000),
    ("uts", 0x0400_0000),
];

/// Families by name, with the numbers that they have everywhere.
const FAMILIES: &str = "UNIX 1 LOCAL 1 INET 2 AX25 3 IPX 4 APPLETALK 5 NETROM 6 BRIDGE 7 ATMPVC 8 X25 9 \
    INET6 10 ROSE 11 NETBEUI 13 SECURITY 14 KEY 15 NETLINK 16 ROUTE 16 PACKET 17 ECONET 19 ATMSVC 20 \
    RDS 21 IRDA 23 PPPOX 24 LLC 26 IB 27 MPLS 28 CAN 29 TIPC 30 BLUETOOTH 31 RXRPC 33 ISDN 34 PHONET 35 \
    IEEE802154 36 CAIF 37 ALG 38 NFC 39 VSOCK 40 KCM 41 QIPCRTR 42 SMC 43 XDP 44 MCTP 45";

/// One argument's value, under a mask, is one of these (or none of them).
#[derive(Clone)]
struct Condition {
    argument: u32,
    mask: u32,
    values: Box<[u32]>,
    is_in: bool,
}

/// Where all hold, the call is refused.
#[derive(Clone)]
struct Rule {
    conditions: Vec<Condition>,
    refusal: u32,
}

/// What becomes of a call.
#[derive(Clone)]
struct Fate {
    answer: u32,
    rules: Vec<Rule>,
}

/// The kernel's instructions, each in its eight bytes; none where nothing is forbidden, or
/// the calls' numbers aren't known on this architecture.
#[must_use]
pub fn program(words: &Words) -> Vec<u64> {
    let mut fates = Fates::of_filter(words);
    let restricted = fates.restrict(words);
    let is_native = is_native_alone(words);
    if !system_call::IS_KNOWN || !(restricted || is_native || has(words, "SystemCallFilter")) {
        return Vec::new();
    }
    // The architecture, then the number.
    let foreign = if is_native { KILL } else { ALLOW };
    let mut all = vec![
        load(4),
        jump_if_equal(ARCHITECTURE, 1, 0),
        answer(foreign),
        load(0),
    ];
    if is_native && ARCHITECTURE == X86_64 {
        // Those of x32 are another architecture's, with a bit of their own.
        all.extend([instruction(0x35, 0, 1, X32), answer(KILL)]);
    }
    all.extend(tree(&fates.ranges()));
    all
}

/// Whether a family's name is known, for whoever reads it.
#[must_use]
pub fn is_family(name: &str) -> bool {
    family(name).is_some()
}

/// Whether a namespace's name is known, for whoever reads it.
#[must_use]
pub fn is_namespace(name: &str) -> bool {
    NAMESPACES.iter().any(|(own, _)| *own == name)
}

/// Programs of other architectures are for whoever names those.
fn is_native_alone(words: &Words) -> bool {
    let own = ["native", "x86-64", "arm64"];
    let mut all = values(words, "SystemCallArchitectures").flat_map(str::split_whitespace);
    has(words, "SystemCallArchitectures") && all.all(|name| own.contains(&name))
}

/// Of every number.
struct Fates(Vec<Fate>);

impl Fates {
    /// What SystemCallFilter= says: the first line decides whether all that isn't named is
    /// refused, later ones add and take away.
    fn of_filter(words: &Words) -> Self {
        let refusal = match values(words, "SystemCallErrorNumber").last() {
            Some(errno) => sandbox::errno(errno).map_or(KILL, |errno| ERRNO | u32::from(errno)),
            None => KILL,
        };
        let mut lines = values(words, "SystemCallFilter").peekable();
        let names_allowed = lines.peek().is_some_and(|line| !line.starts_with('~'));
        // What is newer than these names asks for its older kin then.
        let plain = if names_allowed { ENOSYS } else { ALLOW };
        let fate = Fate {
            answer: plain,
            rules: Vec::new(),
        };
        let mut fates = Self(vec![fate; END + 1]);
        if names_allowed {
            fates.answer("@known", refusal);
            fates.answer("@default", ALLOW);
        }
        if let Some(last) = fates.0.last_mut() {
            last.answer = ENOSYS;
        }
        for line in lines {
            let names = line.trim_start_matches('~');
            let forbids = names.len() < line.len();
            for word in names.split_whitespace() {
                let (name, errno) = word.split_once(':').unwrap_or((word, ""));
                let own = match errno {
                    "" => forbids.then_some(refusal),
                    "kill" => Some(KILL),
                    errno => match sandbox::errno(errno) {
                        Some(errno) => Some(ERRNO | u32::from(errno)),
                        None => continue,
                    },
                };
                // A list of what is allowed may refuse some with an errno of their own.
                let own = own.filter(|_| forbids || names_allowed);
                fates.answer(name, own.unwrap_or(ALLOW));
            }
        }
        fates
    }

    fn answer(&mut self, name: &str, answer: u32) {
        system_call::each(name, &mut |number| {
            if let Some(fate) = self.0.get_mut(number) {
                fate.answer = answer;
            }
        });
    }

    /// Refuses what isn't refused already, where these conditions hold.
    fn refuse(&mut self, names: &str, refusal: u32, conditions: &[Condition]) {
        for name in names.split(' ') {
            system_call::each(name, &mut |number| {
                let fate = self.0.get_mut(number);
                match fate.filter(|fate| fate.answer == ALLOW) {
                    Some(fate) if conditions.is_empty() => fate.answer = refusal,
                    Some(fate) => fate.rules.push(Rule {
                        conditions: conditions.to_vec(),
                        refusal,
                    }),
                    None => {}
                }
            });
        }
    }

    /// What the other directives say; whether they say anything.
    fn restrict(&mut self, words: &Words) -> bool {
        let mut any = false;
        let mut asked = |name| {
            let asked = has(words, name);
            any |= asked;
            asked
        };
        for (name, calls) in [
            ("ProtectClock", "@clock"),
            ("ProtectKernelModules", "@module"),
            ("ProtectKernelLogs", "syslog"),
            ("ProtectKernelTunables", "_sysctl"),
            ("ProtectHostname", "sethostname setdomainname"),
            ("PrivateDevices", "@raw-io"),
        ] {
            if asked(name) {
                self.refuse(calls, EPERM, &[]);
            }
        }
        if asked("LockPersonality") {
            // What it is already, and the question for it.
            self.refuse("personality", EPERM, &[unless(0, &[0, WHOLE])]);
        }
        if asked("MemoryDenyWriteExecute") {
            self.refuse("mmap", EPERM, &[all_of(2, PROT_WRITE_EXEC)]);
            self.refuse("mprotect pkey_mprotect", EPERM, &[any_of(2, PROT_EXEC)]);
            self.refuse("shmat", EPERM, &[any_of(2, SHM_EXEC)]);
        }
        if asked("RestrictRealtime") {
            let policy = Condition {
                argument: 1,
                mask: !SCHED_RESET_ON_FORK,
                values: REALTIME.into(),
                is_in: true,
            };
            self.refuse("sched_setscheduler", EPERM, &[policy]);
        }
        if asked("RestrictSUIDSGID") {
            let second = "chmod fchmod mkdir mknod creat";
            self.refuse(second, EPERM, &[any_of(1, SETID)]);
            let third = "fchmodat fchmodat2 mkdirat mknodat";
            self.refuse(third, EPERM, &[any_of(2, SETID)]);
            self.refuse("open", EPERM, &[any_of(1, O_CREAT), any_of(2, SETID)]);
            self.refuse("openat", EPERM, &[any_of(2, O_CREAT), any_of(3, SETID)]);
            // Its mode lies where no filter can look.
            self.refuse("openat2", ENOSYS, &[]);
        }
        if asked("RestrictNamespaces") {
            let refused = refused_namespaces(words);
            if refused != 0 {
                self.refuse("clone unshare", EPERM, &[any_of(0, refused)]);
                self.refuse("clone3", ENOSYS, &[]);
                // Without a flag it is whatever the descriptor is.
                self.refuse("setns", EPERM, &[within(1, &[0])]);
                self.refuse("setns", EPERM, &[any_of(1, refused)]);
            }
        }
        if asked("RestrictAddressFamilies") {
            let condition = refused_families(words);
            self.refuse("socket", EAFNOSUPPORT, &[condition]);
        }
        any
    }

    /// Where numbers begin that share a fate, in order.
    fn ranges(&self) -> Vec<(u32, &Fate)> {
        let mut ranges: Vec<(u32, &Fate)> = Vec::new();
        for (number, fate) in (0..).zip(&self.0) {
            let same = ranges.last().is_some_and(|(_, last)| {
                last.rules.is_empty() && fate.rules.is_empty() && last.answer == fate.answer
            });
            if !same {
                ranges.push((number, fate));
            }
        }
        ranges
    }
}

/// The flags of the namespaces that may not be made: all, all but those that are named, or
/// with `~` those.
fn refused_namespaces(words: &Words) -> u32 {
    let named = |names: &str| {
        let mut flags = 0;
        for (name, flag) in NAMESPACES {
            if names.split_whitespace().any(|own| own == name) {
                flags |= flag;
            }
        }
        flags
    };
    let every = NAMESPACES.iter().fold(0, |all, (_, flag)| all | flag);
    let mut allowed = None;
    for line in values(words, "RestrictNamespaces") {
        allowed = Some(match (line.strip_prefix('~'), allowed) {
            (Some(names), allowed) => allowed.unwrap_or(every) & !named(names),
            (None, _) if line == "yes" => 0,
            (None, allowed) => allowed.unwrap_or(0) | named(line),
        });
    }
    every & !allowed.unwrap_or(every)
}

/// As with SystemCallFilter=, the first line decides what is named.
fn refused_families(words: &Words) -> Condition {
    let mut named: Vec<u32> = Vec::new();
    let mut are_refused = None;
    for line in values(words, "RestrictAddressFamilies") {
        let names = line.trim_start_matches('~');
        let inverted = names.len() < line.len();
        let adds = inverted == *are_refused.get_or_insert(inverted);
        for number in names.split_whitespace().filter_map(family) {
            named.retain(|own| *own != number);
            if adds {
                named.push(number);
            }
        }
    }
    Condition {
        argument: 0,
        mask: WHOLE,
        values: named.into(),
        is_in: are_refused == Some(true),
    }
}

fn family(name: &str) -> Option<u32> {
    let short = name.strip_prefix("AF_")?;
    let mut words = FAMILIES.split_whitespace();
    words.by_ref().find(|own| *own == short)?;
    words.next()?.parse().ok()
}

fn within(argument: u32, values: &[u32]) -> Condition {
    Condition {
        argument,
        mask: WHOLE,
        values: values.into(),
        is_in: true,
    }
}

fn unless(argument: u32, values: &[u32]) -> Condition {
    Condition {
        is_in: false,
        ..within(argument, values)
    }
}

fn any_of(argument: u32, mask: u32) -> Condition {
    Condition {
        mask,
        ..unless(argument, &[0])
    }
}

fn all_of(argument: u32, mask: u32) -> Condition {
    Condition {
        mask,
        ..within(argument, &[mask])
    }
}

/// One instruction: what, how far to jump if so and if not, and its operand. These
/// architectures have their least byte first.
const fn instruction(code: u16, so: usize, not: usize, operand: u32) -> u64 {
    code as u64 | (so as u64 & 255) << 16 | (not as u64 & 255) << 24 | (operand as u64) << 32
}

/// Of `struct seccomp_data`, the word at this place.
const fn load(place: u32) -> u64 {
    instruction(0x20, 0, 0, place)
}

const fn and(mask: u32) -> u64 {
    instruction(0x54, 0, 0, mask)
}

const fn jump(far: usize) -> u64 {
    instruction(0x05, 0, 0, far as u32)
}

const fn jump_if_equal(value: u32, so: usize, not: usize) -> u64 {
    instruction(0x15, so, not, value)
}

const fn answer(answer: u32) -> u64 {
    instruction(0x06, 0, 0, answer)
}

/// Looks for the number's range by halves.
fn tree(ranges: &[(u32, &Fate)]) -> Vec<u64> {
    let (lower, upper) = ranges.split_at(ranges.len() / 2);
    let Some((first, fate)) = upper.first() else {
        return Vec::new();
    };
    if lower.is_empty() {
        return leaf(fate);
    }
    let (lower, upper) = (tree(lower), tree(upper));
    // A conditional jump can't go far.
    let mut all = vec![instruction(0x35, 0, 1, *first), jump(lower.len())];
    all.extend(lower);
    all.extend(upper);
    all
}

/// Written from its end, since jumps go forward over what is known then.
fn leaf(fate: &Fate) -> Vec<u64> {
    let mut all = Vec::new();
    for rule in &fate.rules {
        let mut rest = vec![answer(rule.refusal)];
        for condition in rule.conditions.iter().rev() {
            let count = condition.values.len();
            // The arguments have eight bytes each; what is looked at is in their lower halves.
            let mut own = vec![load(16 + 8 * condition.argument)];
            if condition.mask != WHOLE {
                own.push(and(condition.mask));
            }
            for (index, value) in condition.values.iter().enumerate() {
                let left = count - index - 1;
                let far = if condition.is_in {
                    left + 1
                } else {
                    left + rest.len()
                };
                own.push(jump_if_equal(*value, far, 0));
            }
            if condition.is_in {
                own.push(jump(rest.len()));
            }
            own.extend(rest);
            rest = own;
        }
        all.extend(rest);
    }
    all.push(answer(fate.answer));
    all
}

#[cfg(test)]
mod tests;
