use super::*;

/// What the kernel would do with the program.
fn run(program: &[u64], architecture: u32, number: u32, arguments: [u32; 4]) -> u32 {
    let [a, b, c, d] = arguments;
    let data = [number, architecture, 0, 0, a, 0, b, 0, c, 0, d, 0];
    let mut at = 0;
    let mut word = 0;
    loop {
        let instruction = program[at];
        let byte = |place: u32| usize::try_from(instruction >> place & 255).unwrap();
        let operand = u32::try_from(instruction >> 32).unwrap();
        let (so, not) = (byte(16), byte(24));
        at += 1;
        match instruction & 0xFFFF {
            0x20 => word = data[usize::try_from(operand / 4).unwrap()],
            0x54 => word &= operand,
            0x05 => at += usize::try_from(operand).unwrap(),
            0x15 => at += if word == operand { so } else { not },
            0x35 => at += if word >= operand { so } else { not },
            0x06 => return operand,
            code => panic!("{code:x}"),
        }
    }
}

fn of(lines: &[&str]) -> Vec<u64> {
    let program = program(&Words::new(lines));
    assert!(program.len() <= 4096, "{}", program.len());
    program
}

fn number(name: &str) -> u32 {
    let mut found = None;
    system_call::each(name, &mut |number| found = Some(number));
    u32::try_from(found.unwrap()).unwrap()
}

fn call(program: &[u64], name: &str, arguments: [u32; 4]) -> u32 {
    run(program, ARCHITECTURE, number(name), arguments)
}

#[test]
fn what_is_not_named_is_refused_where_names_are_allowed() {
    let program = of(&[
        "SystemCallFilter=@system-service",
        "SystemCallFilter=~@privileged @resources:EACCES",
        "SystemCallErrorNumber=EPERM",
    ]);
    for (name, answer) in [
        ("read", ALLOW),
        ("execve", ALLOW),
        ("exit_group", ALLOW),
        ("openat", ALLOW),
        ("mount", EPERM),
        ("fchownat", EPERM),
        ("setpriority", EPERM),
        ("ptrace", EPERM),
        ("syslog", EPERM),
    ] {
        let expected = if name == "setpriority" {
            ERRNO | 13
        } else {
            answer
        };
        assert_eq!(call(&program, name, [0; 4]), expected, "{name}");
    }
    // What is newer than the list, and what has no number at all.
    for number in [460, 511, 512, 0x4000_0000, u32::MAX] {
        assert_eq!(run(&program, ARCHITECTURE, number, [0; 4]), ENOSYS);
    }
    assert_eq!(run(&program, 7, 0, [0; 4]), ALLOW);
}

#[test]
fn names_after_a_tilde_are_refused_and_nothing_else_is() {
    let lines = [
        "SystemCallFilter=~@mount ptrace:ENOSYS",
        "SystemCallFilter=umount2",
    ];
    let program = of(&lines);
    for (name, answer) in [
        ("mount", KILL),
        ("ptrace", ENOSYS),
        ("umount2", ALLOW),
        ("read", ALLOW),
    ] {
        assert_eq!(call(&program, name, [0; 4]), answer, "{name}");
    }
    assert_eq!(run(&program, ARCHITECTURE, 460, [0; 4]), ALLOW);
    assert_eq!(run(&program, ARCHITECTURE, 0x4000_0000, [0; 4]), ENOSYS);
}

#[test]
fn arguments_are_looked_at() {
    let program = of(&[
        "RestrictSUIDSGID=yes",
        "MemoryDenyWriteExecute=yes",
        "RestrictRealtime=yes",
        "LockPersonality=yes",
        "RestrictNamespaces=~user net",
        "RestrictAddressFamilies=AF_UNIX AF_INET",
        "RestrictAddressFamilies=~AF_INET",
        "SystemCallArchitectures=native",
    ]);
    for (name, arguments, answer) in [
        ("fchmodat", [0, 0, 0o644, 0], ALLOW),
        ("fchmodat", [0, 0, 0o4755, 0], EPERM),
        ("fchmod", [0, 0o2755, 0, 0], EPERM),
        ("openat", [0, 0, O_CREAT, 0o6755], EPERM),
        ("openat", [0, 0, O_CREAT, 0o755], ALLOW),
        ("openat", [0, 0, 0, 0o6755], ALLOW),
        ("openat2", [0; 4], ENOSYS),
        ("mmap", [0, 0, 5, 0], ALLOW),
        ("mmap", [0, 0, 7, 0], EPERM),
        ("mprotect", [0, 0, 3, 0], ALLOW),
        ("mprotect", [0, 0, 5, 0], EPERM),
        ("sched_setscheduler", [0, 0, 0, 0], ALLOW),
        ("sched_setscheduler", [0, 3, 0, 0], ALLOW),
        ("sched_setscheduler", [0, 1, 0, 0], EPERM),
        (
            "sched_setscheduler",
            [0, 2 | SCHED_RESET_ON_FORK, 0, 0],
            EPERM,
        ),
        ("personality", [0, 0, 0, 0], ALLOW),
        ("personality", [WHOLE, 0, 0, 0], ALLOW),
        ("personality", [8, 0, 0, 0], EPERM),
        ("unshare", [0x1000_0000, 0, 0, 0], EPERM),
        ("unshare", [0x0002_0000, 0, 0, 0], ALLOW),
        ("clone", [0x4000_0011, 0, 0, 0], EPERM),
        ("clone", [17, 0, 0, 0], ALLOW),
        ("clone3", [0; 4], ENOSYS),
        ("setns", [3, 0, 0, 0], EPERM),
        ("setns", [3, 0x0002_0000, 0, 0], ALLOW),
        ("socket", [1, 1, 0, 0], ALLOW),
        ("socket", [2, 1, 0, 0], EAFNOSUPPORT),
        ("socket", [16, 3, 0, 0], EAFNOSUPPORT),
    ] {
        assert_eq!(
            call(&program, name, arguments),
            answer,
            "{name} {arguments:?}"
        );
    }
    assert_eq!(run(&program, 7, 0, [0; 4]), KILL);
}

#[test]
fn families_after_a_tilde_are_refused_and_none_is_none() {
    let socket = |line: &str, family| {
        let program = of(&[&format!("RestrictAddressFamilies={line}")]);
        call(&program, "socket", [family, 0, 0, 0])
    };
    assert_eq!(socket("~AF_PACKET", 17), EAFNOSUPPORT);
    assert_eq!(socket("~AF_PACKET", 2), ALLOW);
    assert_eq!(socket("none", 1), EAFNOSUPPORT);
    assert!(is_family("AF_INET6") && !is_family("INET6") && !is_family("AF_10"));
}

#[test]
fn namespaces_are_all_refused_or_all_but_those_that_are_named() {
    for (lines, refused) in [
        (vec!["yes"], 0x7E02_0000),
        (vec!["mnt", "net"], 0x3E00_0000),
        (vec!["~mnt"], 0x0002_0000),
    ] {
        let lines = lines
            .iter()
            .map(|line| format!("RestrictNamespaces={line}"));
        assert_eq!(refused_namespaces(&Words::new(lines)), refused);
    }
}

#[test]
fn what_forbids_no_call_has_no_program() {
    assert!(of(&["ProtectSystem=strict", "PrivateTmp=yes"]).is_empty());
    assert!(of(&[]).is_empty());
}
