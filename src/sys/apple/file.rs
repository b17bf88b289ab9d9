//! Files: write to the medium, make in memory, allocate space.

use super::Apple;
use super::calls::{off_t, uninterrupted};
use super::codes::{EEXIST, EINVAL, ENOTSUP, ENOTTY};
use super::imports::{self, F_ALLOCATEALL, F_FULLFSYNC, F_PEOFPOSMODE, F_PREALLOCATE, Fstore, OPEN_FLAGS};
use crate::error::kind::{Call, Failure};
use crate::sys::contract::{Open, Result};
use crate::sys::posix::files::nameless;
use core::ffi::c_int;

/// `fsync` passes the data to the drive, whose cache is lost when power fails, and F_BARRIERFSYNC only orders writes.
/// F_FULLFSYNC waits for the medium (fcntl(2)). Some file systems lack it, such as those of networks.
pub(super) fn sync(file: c_int) -> Result<()> {
    // SAFETY: touches no memory.
    match uninterrupted(Call::Fcntl, || unsafe { imports::fcntl(file, F_FULLFSYNC) }) {
        Err(Failure { code: EINVAL | ENOTTY | ENOTSUP, .. }) => {
            // SAFETY: as above.
            uninterrupted(Call::Fsync, || unsafe { imports::fsync(file) }).map(drop)
        }
        result => result.map(drop),
    }
}

/// POSIX shared memory, which needs a name of at most 31 bytes for an instant (PSHMNAMLEN in bsd/sys/posix_shm.h). A sandbox
/// may forbid it. `shm_open` takes no O_CLOEXEC, and sets FD_CLOEXEC in any case (shm_open(2)).
pub(super) fn in_memory() -> Result<c_int> {
    let flags = OPEN_FLAGS.of(Open::CreateNew) & !OPEN_FLAGS.close_on_exec;
    nameless::<Apple>(
        // SAFETY: it has no condition.
        || unsafe { imports::arc4random() },
        EEXIST,
        // SAFETY: the name ends in NUL.
        |name| uninterrupted(Call::ShmOpen, || unsafe { imports::shm_open(name, flags, 0o600 as c_int) }),
        // SAFETY: as above.
        |name| uninterrupted(Call::ShmUnlink, || unsafe { imports::shm_unlink(name) }),
    )
}

/// F_PREALLOCATE allocates from the end of the file on, and changes no length (fcntl(2)). With F_ALLOCATEALL it allocates all
/// or nothing.
pub(super) fn allocate_past_end(file: c_int, len: u64) -> Result<()> {
    let mut store = Fstore {
        fst_flags: F_ALLOCATEALL,
        fst_posmode: F_PEOFPOSMODE,
        fst_offset: 0,
        fst_length: off_t(len),
        fst_bytesalloc: 0,
    };
    // SAFETY: the command takes this struct.
    uninterrupted(Call::Fcntl, || unsafe { imports::fcntl(file, F_PREALLOCATE, &raw mut store) }).map(drop)
}
