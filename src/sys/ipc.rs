//! System V's objects of a user's: who uses none any more has no other way to lose them.
#![allow(unsafe_code)]

use nix::libc;

use super::raw;

/// Removes what belongs to this user: shared memory that nobody has attached, semaphores and
/// queues. What can't be removed stays.
pub fn remove_of(uid: u32) {
    // The owner's column, and that of those who use it.
    for (table, owner, users) in [("shm", 7, Some(6)), ("sem", 4, None), ("msg", 7, None)] {
        let text = std::fs::read_to_string(format!("/proc/sysvipc/{table}"));
        for line in text.unwrap_or_default().lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u32>().ok());
            let is_used = users.is_some_and(|at| number(at) != Some(0));
            if let Some(id) = number(1)
                && number(owner) == Some(uid)
                && !is_used
            {
                remove(table, id as usize);
            }
        }
    }
}

fn remove(table: &str, id: usize) {
    let remove = libc::IPC_RMID.cast_unsigned() as usize;
    let (call, given) = match table {
        "shm" => (libc::SYS_shmctl, [id, remove, 0]),
        "sem" => (libc::SYS_semctl, [id, 0, remove]),
        _ => (libc::SYS_msgctl, [id, remove, 0]),
    };
    // SAFETY: no pointers.
    let _ = unsafe { raw::call(call, given) };
}
