//! Locks of files.
//!
//! LockFileEx locks a range of bytes, here all that a file can have. One handle can have an exclusive and a shared lock of the
//! same range, and then needs to be unlocked twice (Microsoft, "LockFileEx function").

use super::calls::*;
use super::file::transfer;
use super::imports::*;
use super::{RawFile, Windows, memory_file};
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::sys::contract::Result;
use crate::sys::contract::files::Files;
use core::ffi::CStr;

const ERROR_LOCK_VIOLATION: i32 = 33;

impl Files for Windows {
    fn lock_file(file: RawFile, is_exclusive: bool, wait: bool) -> Result<()> {
        const LOCKFILE_FAIL_IMMEDIATELY: u32 = 0x1;
        const LOCKFILE_EXCLUSIVE_LOCK: u32 = 0x2;
        let flags = if is_exclusive { LOCKFILE_EXCLUSIVE_LOCK } else { 0 }
            | if wait { 0 } else { LOCKFILE_FAIL_IMMEDIATELY };
        let (result, _) = transfer(file, 0, Call::LockFileEx, |_, overlapped| {
            // SAFETY: `transfer` keeps `overlapped` until the system is done with it.
            unsafe { LockFileEx(file, flags, 0, u32::MAX, u32::MAX, overlapped) }
        });
        result.map_err(|failure| match failure.code {
            ERROR_LOCK_VIOLATION => failure.with_kind(ErrorKind::WouldBlock),
            _ => failure,
        })
    }

    fn unlock_file(file: RawFile) -> Result<()> {
        const ERROR_NOT_LOCKED: i32 = 158;
        for _ in 0..2 {
            // SAFETY: accesses no memory of this process.
            match checked(Call::UnlockFile, unsafe { UnlockFile(file, 0, 0, u32::MAX, u32::MAX) }) {
                // The latter is Wine's.
                Err(Failure { code: ERROR_NOT_LOCKED | ERROR_LOCK_VIOLATION, .. }) => break,
                result => result?,
            }
        }
        Ok(())
    }

    fn temporary_file(folder: &CStr) -> Result<RawFile> {
        memory_file::create_in(folder)
    }
}
