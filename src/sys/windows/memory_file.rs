//! Files in memory: temporary ones, which the system keeps from the disk while there is memory, and deletes.
//!
//! A section without a file would be no file: its length is fixed when it is made, and it can neither be read nor written.

use super::calls::last_error;
use super::imports::*;
use super::path::with_utf16_and;
use crate::error::kind::{Call, Failure};
use crate::sys::contract::Result;
use core::ffi::CStr;
use core::ptr::null_mut;

const MAX_PATH: u32 = 260;

/// In the folder of temporary files.
pub(super) fn create() -> Result<Handle> {
    let mut path = [0; MAX_PATH as usize + 1 + NAME.len() + 1];
    // SAFETY: `path` has room for more units. The function returns at most MAX_PATH + 1, with a \ at the end and
    // without the NUL (Microsoft, "GetTempPathW function").
    let folder_len = unsafe { GetTempPathW(MAX_PATH + 1, path.as_mut_ptr()) } as usize;
    if folder_len == 0 {
        return Err(last_error(Call::GetTempPathW));
    }
    with_new_name(|name| {
        // Over the separator before the name, too.
        for (unit, letter) in path.iter_mut().skip(folder_len - 1).zip(name.iter().chain(&[0])) {
            *unit = (*letter).into();
        }
        open(path.as_ptr())
    })
}

/// In any folder.
pub(super) fn create_in(folder: &CStr) -> Result<Handle> {
    const ERROR_PATH_NOT_FOUND: i32 = 3;
    if folder.is_empty() {
        // The path would begin at the root.
        return Err(Failure::of_system(Call::CreateFileW, ERROR_PATH_NOT_FOUND));
    }
    with_new_name(|name| with_utf16_and(folder, name, open))
}

const NAME: &[u8; 25] = br"\baremap-0000000000000000";

/// Calls `open` with one name after the other, until one is not taken.
fn with_new_name(mut open: impl FnMut(&[u8]) -> Result<Handle>) -> Result<Handle> {
    // SAFETY: it has no condition.
    let process = u64::from(unsafe { GetCurrentProcessId() });
    loop {
        let mut count = 0;
        // It does not fail.
        // SAFETY: `count` is writable.
        unsafe { QueryPerformanceCounter(&raw mut count) };
        let number = count.unsigned_abs().rotate_left(32) ^ process;
        let mut name = *NAME;
        for (i, letter) in name.iter_mut().skip(br"\baremap-".len()).enumerate() {
            *letter = b'a' + (number >> (4 * i) & 0xf) as u8;
        }
        match open(&name) {
            Err(failure) if failure.code == ERROR_FILE_EXISTS => {}
            file => return file,
        }
    }
}

/// Without a sharing mode nobody else can open it.
fn open(path: *const u16) -> Result<Handle> {
    const FILE_ATTRIBUTE_TEMPORARY: u32 = 0x100;
    const FILE_FLAG_DELETE_ON_CLOSE: u32 = 0x04000000;
    let access = GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE;
    let flags = FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE;
    // SAFETY: `path` ends in NUL. Without security attributes child processes do not inherit the handle.
    match unsafe { CreateFileW(path, access, 0, null_mut(), CREATE_NEW, flags, 0) } {
        INVALID_HANDLE_VALUE => Err(last_error(Call::CreateFileW)),
        file => Ok(file),
    }
}
