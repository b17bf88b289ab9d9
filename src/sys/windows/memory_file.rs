//! Files in memory: temporary ones, which the system keeps from the disk while there is memory, and deletes.
//!
//! A section without a file would be no file: its length is fixed when it is made, and it can neither be read nor written.

use super::calls::last_error;
use super::imports::*;
use crate::error::kind::Call;
use crate::sys::contract::Result;
use core::ptr::null_mut;

const MAX_PATH: usize = 260;
const DIGITS: usize = 16;

/// Without a sharing mode nobody else can open it.
pub(super) fn create() -> Result<Handle> {
    const FILE_ATTRIBUTE_TEMPORARY: u32 = 0x100;
    const FILE_FLAG_DELETE_ON_CLOSE: u32 = 0x04000000;
    const PREFIX: &[u8] = b"baremap-";
    let mut path = [0; MAX_PATH + 1 + PREFIX.len() + DIGITS + 1];
    // SAFETY: `path` has room for more units. The function returns at most MAX_PATH + 1, with a \ at the end and
    // without the NUL (Microsoft, "GetTempPathW function").
    let folder_len = unsafe { GetTempPathW(MAX_PATH as u32 + 1, path.as_mut_ptr()) } as usize;
    if folder_len == 0 {
        return Err(last_error(Call::GetTempPathW));
    }
    // SAFETY: it has no condition.
    let process = u64::from(unsafe { GetCurrentProcessId() });
    loop {
        let mut count = 0;
        // It does not fail.
        // SAFETY: `count` is writable.
        unsafe { QueryPerformanceCounter(&mut count) };
        let number = (count as u64).rotate_left(32) ^ process;
        let digits = (0..DIGITS).map(|i| b'a' + (number >> (4 * i) & 0xf) as u8);
        let name = PREFIX.iter().copied().chain(digits).chain([0]);
        for (unit, letter) in path.iter_mut().skip(folder_len).zip(name) {
            *unit = letter.into();
        }
        let access = GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE;
        let flags = FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE;
        // SAFETY: `path` ends in NUL. Without security attributes child processes do not inherit the handle.
        match unsafe { CreateFileW(path.as_ptr(), access, 0, null_mut(), CREATE_NEW, flags, 0) } {
            INVALID_HANDLE_VALUE => match last_error(Call::CreateFileW) {
                failure if failure.code == ERROR_FILE_EXISTS => {}
                failure => return Err(failure),
            },
            file => return Ok(file),
        }
    }
}
