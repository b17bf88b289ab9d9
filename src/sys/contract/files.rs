//! Files that processes lock, and files without a name.

use super::{Result, System};
use crate::error::kind::{Call, ErrorKind, Failure};
use core::ffi::CStr;

pub(crate) trait Files: System {
    /// Locks a file, shared or exclusively. Without `wait` it fails with `WouldBlock` while another has a lock that
    /// excludes this one.
    #[allow(unused_variables, reason = "their names are part of the contract")]
    fn lock_file(file: Self::RawFile, is_exclusive: bool, wait: bool) -> Result<()> {
        Err(Failure::refused(Call::Lock, ErrorKind::Unsupported))
    }

    /// Unlocks a file, which need not be locked.
    #[allow(unused_variables, reason = "as above")]
    fn unlock_file(file: Self::RawFile) -> Result<()> {
        Err(Failure::refused(Call::Unlock, ErrorKind::Unsupported))
    }

    /// Makes a file on the file system of a folder, without a name or with one that is removed with the file. It is open for
    /// reading and writing, and child processes do not inherit it.
    #[allow(unused_variables, reason = "as above")]
    fn temporary_file(folder: &CStr) -> Result<Self::RawFile> {
        Err(Failure::refused(Call::Temporary, ErrorKind::Unsupported))
    }
}
