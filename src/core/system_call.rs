//! System calls by name and by group: what a unit's SystemCallFilter= says, as the numbers that
//! this machine's kernel knows them by. The groups are systemd's (version 252).

/// Whether the numbers are known here.
pub const IS_KNOWN: bool = cfg!(any(
    all(target_arch = "x86_64", target_pointer_width = "64"),
    target_arch = "aarch64"
));

/// What the kernel calls this architecture (AUDIT_ARCH_…).
pub const ARCHITECTURE: u32 = if IS_ARM { 0xC000_00B7 } else { 0xC000_003E };

/// Every number is below.
pub const END: usize = 512;

const IS_ARM: bool = cfg!(target_arch = "aarch64");

/// A call that there is on the other architecture alone.
const NONE: u16 = u16::MAX;

/// Groups that hold others besides what the table says.
const WITHIN: [(&str, &str); 2] = [
    ("@privileged", "@chown @clock @module @raw-io @reboot @swap"),
    (
        "@system-service",
        "@aio @basic-io @chown @default @file-system @io-event @ipc @keyring @memlock @network-io \
         @process @resources @setuid @signal @sync @timer",
    ),
];

/// Group by group: names, and their numbers in the same order.
macro_rules! groups {
    (-) => { NONE };
    ($number:literal) => { $number };
    ($($group:literal: $($name:ident $x86:tt $arm:tt),*;)*) => {
        const GROUPS: &[(&str, &str, &[u16])] = &[$((
            $group,
            concat!($(stringify!($name), " "),*),
            &[$(if IS_ARM { groups!($arm) } else { groups!($x86) }),*],
        )),*];
    };
}

// Each with its number on x86_64 and on aarch64. The last group is of those that are in no other.
groups! {
    "@default":
        arch_prctl 158 -, brk 12 214, clock_getres 229 114, clock_gettime 228 113, clock_nanosleep
        230 115, execve 59 221, exit 60 93, exit_group 231 94, futex 202 98, futex_waitv 449 449,
        get_robust_list 274 100, get_thread_area 211 -, getegid 108 177, geteuid 107 175, getgid
        104 176, getgroups 115 158, getpgid 121 155, getpgrp 111 -, getpid 39 172, getppid 110
        173, getrandom 318 278, getresgid 120 150, getresuid 118 148, getrlimit 97 -, getsid 124
        156, gettid 186 178, gettimeofday 96 169, getuid 102 174, membarrier 324 283, mmap 9 222,
        mprotect 10 226, munmap 11 215, nanosleep 35 101, pause 34 -, prlimit64 302 261,
        restart_syscall 219 128, rseq 334 293, rt_sigreturn 15 139, sched_getaffinity 204 123,
        sched_yield 24 124, set_robust_list 273 99, set_thread_area 205 -, set_tid_address 218 96,
        time 201 -;
    "@aio":
        io_cancel 210 3, io_destroy 207 1, io_getevents 208 4, io_setup 206 0, io_submit 209 2,
        io_uring_enter 426 426, io_uring_register 427 427, io_uring_setup 425 425;
    "@basic-io":
        close 3 57, close_range 436 436, dup 32 23, dup2 33 -, dup3 292 24, lseek 8 62, pread64 17
        67, preadv 295 69, preadv2 327 286, pwrite64 18 68, pwritev 296 70, pwritev2 328 287, read
        0 63, readv 19 65, write 1 64, writev 20 66;
    "@chown":
        chown 92 -, fchown 93 55, fchownat 260 54, lchown 94 -;
    "@clock":
        adjtimex 159 171, clock_adjtime 305 266, clock_settime 227 112, settimeofday 164 170;
    "@cpu-emulation":
        modify_ldt 154 -;
    "@debug":
        lookup_dcookie 212 18, perf_event_open 298 241, pidfd_getfd 438 438, ptrace 101 117;
    "@file-system":
        access 21 -, chdir 80 49, chmod 90 -, close 3 57, creat 85 -, faccessat 269 48, faccessat2
        439 439, fallocate 285 47, fchdir 81 50, fchmod 91 52, fchmodat 268 53, fchmodat2 452 452,
        fcntl 72 25, fgetxattr 193 10, flistxattr 196 13, fremovexattr 199 16, fsetxattr 190 7,
        fstat 5 80, fstatfs 138 44, ftruncate 77 46, futimesat 261 -, getcwd 79 17, getdents 78 -,
        getdents64 217 61, getxattr 191 8, inotify_add_watch 254 27, inotify_init 253 -,
        inotify_init1 294 26, inotify_rm_watch 255 28, lgetxattr 192 9, link 86 -, linkat 265 37,
        listxattr 194 11, llistxattr 195 12, lremovexattr 198 15, lsetxattr 189 6, lstat 6 -,
        mkdir 83 -, mkdirat 258 34, mknod 133 -, mknodat 259 33, newfstatat 262 79, open 2 -,
        openat 257 56, openat2 437 437, readlink 89 -, readlinkat 267 78, removexattr 197 14,
        rename 82 -, renameat 264 -, renameat2 316 276, rmdir 84 -, setxattr 188 5, stat 4 -,
        statfs 137 43, statx 332 291, symlink 88 -, symlinkat 266 36, truncate 76 45, unlink 87 -,
        unlinkat 263 35, utime 132 -, utimensat 280 88, utimes 235 -;
    "@io-event":
        epoll_create 213 -, epoll_create1 291 20, epoll_ctl 233 21, epoll_ctl_old 214 -,
        epoll_pwait 281 22, epoll_pwait2 441 441, epoll_wait 232 -, epoll_wait_old 215 -, eventfd
        284 -, eventfd2 290 19, poll 7 -, ppoll 271 73, pselect6 270 72, select 23 -;
    "@ipc":
        memfd_create 319 279, mq_getsetattr 245 185, mq_notify 244 184, mq_open 240 180,
        mq_timedreceive 243 183, mq_timedsend 242 182, mq_unlink 241 181, msgctl 71 187, msgget 68
        186, msgrcv 70 188, msgsnd 69 189, pipe 22 -, pipe2 293 59, process_madvise 440 440,
        process_vm_readv 310 270, process_vm_writev 311 271, semctl 66 191, semget 64 190, semop
        65 193, semtimedop 220 192, shmat 30 196, shmctl 31 195, shmdt 67 197, shmget 29 194;
    "@keyring":
        add_key 248 217, keyctl 250 219, request_key 249 218;
    "@memlock":
        mlock 149 228, mlock2 325 284, mlockall 151 230, munlock 150 229, munlockall 152 231;
    "@module":
        delete_module 176 106, finit_module 313 273, init_module 175 105;
    "@mount":
        chroot 161 51, fsconfig 431 431, fsmount 432 432, fsopen 430 430, fspick 433 433, mount
        165 40, mount_setattr 442 442, move_mount 429 429, open_tree 428 428, pivot_root 155 41,
        umount2 166 39;
    "@network-io":
        accept 43 202, accept4 288 242, bind 49 200, connect 42 203, getpeername 52 205,
        getsockname 51 204, getsockopt 55 209, listen 50 201, recvfrom 45 207, recvmmsg 299 243,
        recvmsg 47 212, sendmmsg 307 269, sendmsg 46 211, sendto 44 206, setsockopt 54 208,
        shutdown 48 210, socket 41 198, socketpair 53 199;
    "@obsolete":
        _sysctl 156 -, afs_syscall 183 -, getpmsg 181 -, putpmsg 182 -, security 185 -, sysfs 139
        -, tuxcall 184 -, uselib 134 -, ustat 136 -, vserver 236 -;
    "@pkey":
        pkey_alloc 330 289, pkey_free 331 290, pkey_mprotect 329 288;
    "@privileged":
        _sysctl 156 -, acct 163 89, bpf 321 280, capset 126 91, chroot 161 51, fanotify_init 300
        262, fanotify_mark 301 263, nfsservctl 180 42, open_by_handle_at 304 265, pivot_root 155
        41, quotactl 179 60, quotactl_fd 443 443, setdomainname 171 162, setfsuid 122 151,
        setgroups 116 159, sethostname 170 161, setresuid 117 147, setreuid 113 145, setuid 105
        146, vhangup 153 58;
    "@process":
        capget 125 90, clone 56 220, clone3 435 435, execveat 322 281, fork 57 -, getrusage 98
        165, kill 62 129, pidfd_open 434 434, pidfd_send_signal 424 424, prctl 157 167,
        rt_sigqueueinfo 129 138, rt_tgsigqueueinfo 297 240, setns 308 268, tgkill 234 131, times
        100 153, tkill 200 130, unshare 272 97, vfork 58 -, wait4 61 260, waitid 247 95;
    "@raw-io":
        ioperm 173 -, iopl 172 -;
    "@reboot":
        kexec_file_load 320 294, kexec_load 246 104, reboot 169 142;
    "@resources":
        ioprio_set 251 30, mbind 237 235, migrate_pages 256 238, move_pages 279 239,
        sched_setaffinity 203 122, sched_setattr 314 274, sched_setparam 142 118,
        sched_setscheduler 144 119, set_mempolicy 238 237, set_mempolicy_home_node 450 450,
        setpriority 141 140, setrlimit 160 -;
    "@setuid":
        setgid 106 144, setgroups 116 159, setregid 114 143, setresgid 119 149, setresuid 117 147,
        setreuid 113 145, setuid 105 146;
    "@signal":
        rt_sigaction 13 134, rt_sigpending 127 136, rt_sigprocmask 14 135, rt_sigsuspend 130 133,
        rt_sigtimedwait 128 137, sigaltstack 131 132, signalfd 282 -, signalfd4 289 74;
    "@swap":
        swapoff 168 225, swapon 167 224;
    "@sync":
        fdatasync 75 83, fsync 74 82, msync 26 227, sync 162 81, sync_file_range 277 -, syncfs 306
        267;
    "@system-service":
        capget 125 90, capset 126 91, copy_file_range 326 285, fadvise64 221 223, flock 73 32,
        get_mempolicy 239 236, getcpu 309 168, getpriority 140 141, ioctl 16 29, ioprio_get 252
        31, kcmp 312 272, madvise 28 233, mremap 25 216, name_to_handle_at 303 264, personality
        135 92, readahead 187 213, remap_file_pages 216 234, sched_get_priority_max 146 125,
        sched_get_priority_min 147 126, sched_getattr 315 275, sched_getparam 143 121,
        sched_getscheduler 145 120, sched_rr_get_interval 148 127, sched_yield 24 124, sendfile 40
        71, setfsgid 123 152, setfsuid 122 151, setpgid 109 154, setsid 112 157, splice 275 76,
        sysinfo 99 179, tee 276 77, umask 95 166, uname 63 160, userfaultfd 323 282, vmsplice 278
        75;
    "@timer":
        alarm 37 -, getitimer 36 102, setitimer 38 103, timer_create 222 107, timer_delete 226
        111, timer_getoverrun 225 109, timer_gettime 224 108, timer_settime 223 110,
        timerfd_create 283 85, timerfd_gettime 287 87, timerfd_settime 286 86, times 100 153;
    "@known":
        landlock_add_rule 445 445, landlock_create_ruleset 444 444, landlock_restrict_self 446
        446, memfd_secret 447 447, mincore 27 232, process_mrelease 448 448, seccomp 317 277,
        syslog 103 116;
}

/// Whether a filter may say this: the name of any call, be it one that isn't known here, or a
/// group that there is.
pub fn is_name(name: &str) -> bool {
    let within = WITHIN.iter().map(|(group, _)| *group);
    let mut groups = GROUPS.iter().map(|(group, ..)| *group).chain(within);
    !name.starts_with('@') || groups.any(|group| group == name)
}

/// Hands over the number of each call that this name, or this group, means here: none for a
/// name that isn't known, such as another architecture's.
pub fn each(name: &str, act: &mut dyn FnMut(usize)) {
    let is_group = name.starts_with('@');
    let mut hand = |number: u16| {
        if number != NONE {
            act(usize::from(number));
        }
    };
    for (group, names, numbers) in GROUPS {
        if *group == name || name == "@known" {
            numbers.iter().copied().for_each(&mut hand);
        } else if !is_group {
            let known = names.split(' ').zip(*numbers);
            known
                .filter(|(known, _)| *known == name)
                .for_each(|(_, number)| hand(*number));
        }
    }
    let within = WITHIN.iter().filter(|(group, _)| *group == name);
    for inner in within.flat_map(|(_, inner)| inner.split(' ')) {
        each(inner, act);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(name: &str) -> Vec<usize> {
        let mut all = Vec::new();
        assert!(is_name(name), "{name}");
        each(name, &mut |number| all.push(number));
        all.sort_unstable();
        all.dedup();
        all
    }

    #[test]
    fn every_group_has_as_many_numbers_as_names() {
        for (group, names, numbers) in GROUPS {
            assert_eq!(names.split_whitespace().count(), numbers.len(), "{group}");
            let mut known = numbers.iter().filter(|number| **number != NONE);
            assert!(known.all(|number| usize::from(*number) < END), "{group}");
        }
    }

    #[test]
    fn a_group_holds_its_own_and_those_within_it() {
        let (service, privileged) = (all("@system-service"), all("@privileged"));
        let has = |group: &[usize], name: &str| all(name).iter().all(|one| group.contains(one));
        assert!(has(&service, "@timer") && has(&service, "ioctl") && !has(&service, "mount"));
        assert!(has(&privileged, "init_module") && has(&privileged, "chroot"));
        assert!(has(&all("@known"), "@debug") && has(&all("@known"), "syslog"));
        assert!(!has(&privileged, "read"));
        assert!(!is_name("@nonsense") && is_name("@system-service"));
        assert!(all("s390_guarded_storage").is_empty());
    }
}
