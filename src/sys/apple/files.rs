//! Locks of files (flock(2)), and files without a name.

use super::calls::{checked, uninterrupted};
use super::codes::EEXIST;
use super::imports::{self, O_CLOEXEC, O_DIRECTORY, OPEN_FLAGS};
use super::{Apple, RawFile};
use crate::error::kind::Call;
use crate::sys::contract::files::Files;
use crate::sys::contract::{Open, Result};
use crate::sys::posix::files::{LOCK_UN, lock_operation, nameless};
use core::ffi::{CStr, c_int};

impl Files for Apple {
    fn lock_file(file: RawFile, is_exclusive: bool, wait: bool) -> Result<()> {
        let operation = lock_operation(is_exclusive, wait);
        // SAFETY: touches no memory.
        uninterrupted(Call::Flock, || unsafe { imports::flock(file, operation) }).map(drop)
    }

    fn unlock_file(file: RawFile) -> Result<()> {
        // SAFETY: touches no memory.
        uninterrupted(Call::Flock, || unsafe { imports::flock(file, LOCK_UN) }).map(drop)
    }

    /// There is no O_TMPFILE, so the file has a name for an instant. Both calls mean the same folder.
    fn temporary_file(folder: &CStr) -> Result<RawFile> {
        let flags = O_DIRECTORY | O_CLOEXEC;
        // SAFETY: `folder` ends in NUL. Without O_CREAT there is no mode.
        let folder =
            uninterrupted(Call::Open, || unsafe { imports::open(folder.as_ptr(), flags, 0 as c_int) })?;
        let file = create(folder);
        // SAFETY: opened above.
        unsafe { imports::close(folder) };
        file
    }
}

fn create(folder: RawFile) -> Result<RawFile> {
    let flags = OPEN_FLAGS.of(Open::CreateNew);
    // Names begin with a slash.
    nameless::<Apple>(
        // SAFETY: it has no condition.
        || unsafe { imports::arc4random() },
        EEXIST,
        |name| {
            let name = name.wrapping_add(1);
            // SAFETY: the name ends in NUL.
            uninterrupted(Call::Openat, || unsafe { imports::openat(folder, name, flags, 0o600 as c_int) })
        },
        // SAFETY: as above.
        |name| checked(Call::Unlinkat, unsafe { imports::unlinkat(folder, name.wrapping_add(1), 0) }),
    )
}
