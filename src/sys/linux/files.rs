//! Locks of files (flock(2)), and files without a name.

use super::arch::{O_DIRECTORY, O_LARGEFILE};
use super::calls::{self, checked, descriptor, uninterrupted};
use super::codes::{EEXIST, EISDIR, EOPNOTSUPP};
use super::file::{O_CLOEXEC, O_CREAT, O_EXCL, O_RDWR};
use super::{Linux, RawFile};
use crate::error::kind::{Call, Failure};
use crate::sys::contract::Result;
use crate::sys::contract::files::Files;
use crate::sys::posix::files::{LOCK_UN, lock_operation, unique_name};
use core::ffi::{CStr, c_int};

impl Files for Linux {
    fn lock_file(file: RawFile, is_exclusive: bool, wait: bool) -> Result<()> {
        uninterrupted(Call::Flock, || calls::flock(file, lock_operation(is_exclusive, wait))).map(drop)
    }

    fn unlock_file(file: RawFile) -> Result<()> {
        uninterrupted(Call::Flock, || calls::flock(file, LOCK_UN)).map(drop)
    }

    /// With O_EXCL the file can never get a name (open(2)). File systems that lack O_TMPFILE fail with EOPNOTSUPP, and
    /// Linux before 3.11, which does not know the flag, with EISDIR.
    fn temporary_file(folder: &CStr) -> Result<RawFile> {
        const O_TMPFILE: c_int = 0o20000000 | O_DIRECTORY;
        let flags = O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC | O_LARGEFILE;
        match uninterrupted(Call::Openat, || calls::open(folder, flags, 0o600)) {
            Err(Failure { code: EOPNOTSUPP | EISDIR, .. }) => named(folder),
            file => file.map(descriptor),
        }
    }
}

/// Makes a file whose name is removed at once.
fn named(folder: &CStr) -> Result<RawFile> {
    const O_PATH: c_int = 0o10000000;
    // So that both calls mean the same folder, and no path has to be put together.
    let flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    let folder = descriptor(uninterrupted(Call::Openat, || calls::open(folder, flags, 0))?);
    let file = loop {
        let name = unique_name(calls::unique_number());
        // Without the slash.
        let name = CStr::from_bytes_until_nul(&name[1..]).unwrap_or(c"");
        let flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_LARGEFILE;
        match uninterrupted(Call::Openat, || calls::openat(folder, name, flags, 0o600)).map(descriptor) {
            Err(Failure { code: EEXIST, .. }) => {}
            Err(failure) => break Err(failure),
            Ok(file) => {
                let removed = checked(Call::Unlinkat, calls::unlinkat(folder, name));
                break removed.map(|_| file).inspect_err(|_| {
                    calls::close(file);
                });
            }
        }
    };
    calls::close(folder);
    file
}
