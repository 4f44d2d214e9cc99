//! `LISTEN_PID=`, which only the process itself can write (`sd_listen_fds(3)`).

use std::ffi::CStr;

use crate::core::id::Pid;

/// What the word begins with.
pub const PREFIX: &[u8] = b"LISTEN_PID=";

/// `LISTEN_PID=` and a number, made without a heap.
#[derive(Debug)]
pub struct ListenPid([u8; 24]);

impl Default for ListenPid {
    fn default() -> Self {
        let mut bytes = [0; 24];
        for (place, byte) in bytes.iter_mut().zip(PREFIX) {
            *place = *byte;
        }
        Self(bytes)
    }
}

impl ListenPid {
    /// The whole word.
    pub fn name(&mut self, pid: Pid) -> &CStr {
        let mut digits = [0u8; 10];
        let mut rest = pid.0.unsigned_abs();
        let mut count = 0;
        for place in digits.iter_mut().rev() {
            *place = b'0'.saturating_add(u8::try_from(rest % 10).unwrap_or(0));
            count += 1;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        let used = digits.iter().rev().take(count).rev();
        for (place, digit) in self.0.iter_mut().skip(PREFIX.len()).zip(used) {
            *place = *digit;
        }
        CStr::from_bytes_until_nul(&self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_pid_is_written_without_a_heap() {
        for pid in [1, 10, 4_194_304, i32::MAX] {
            let text = format!("LISTEN_PID={pid}");
            assert_eq!(
                ListenPid::default().name(Pid(pid)).to_bytes(),
                text.as_bytes()
            );
        }
    }
}
