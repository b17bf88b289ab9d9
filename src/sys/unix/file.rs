//! Files: make in memory, allocate space.

use super::calls::uninterrupted;
use super::imports::{self, OPEN_FLAGS};
use super::system::EEXIST;
use super::{RawFile, Unix};
use crate::error::kind::{Call, Failure};
use crate::sys::contract::{Open, Result};
use crate::sys::posix::files::nameless;

/// POSIX shared memory, which needs a name for an instant. On FreeBSD it is the kernel's; on NetBSD and DragonFly it is a file on
/// a tmpfs that the system mounts, on OpenBSD and illumos one in /tmp. `shm_open` takes no O_CLOEXEC everywhere, and sets
/// FD_CLOEXEC in any case (POSIX).
pub(super) fn in_memory() -> Result<RawFile> {
    let flags = OPEN_FLAGS.of(Open::CreateNew) & !OPEN_FLAGS.close_on_exec;
    nameless::<Unix>(
        // SAFETY: it has no condition.
        || unsafe { imports::arc4random() },
        EEXIST,
        // SAFETY: the name ends in NUL.
        |name| uninterrupted(Call::ShmOpen, || unsafe { imports::shm_open(name, flags, 0o600) }),
        // SAFETY: as above.
        |name| uninterrupted(Call::ShmUnlink, || unsafe { imports::shm_unlink(name) }),
    )
}

/// Unlike other functions `posix_fallocate` returns the code (POSIX).
#[cfg(not(any(baremap_backend = "dragonfly", baremap_backend = "openbsd")))]
pub(super) fn allocate(file: RawFile, offset: u64, len: u64) -> Result<()> {
    use super::calls::off_t;
    use super::system::EINTR;
    let (offset, len) = (off_t(offset), off_t(len));
    // SAFETY: touches no memory.
    let call = || unsafe { imports::posix_fallocate(file, offset, len) };
    match crate::sys::posix::uninterrupted(call, |code| code == EINTR) {
        0 => Ok(()),
        code => Err(Failure::of_system(Call::PosixFallocate, code)),
    }
}

/// OpenBSD has no such function.
#[cfg(any(baremap_backend = "dragonfly", baremap_backend = "openbsd"))]
pub(super) fn allocate(_: RawFile, _: u64, _: u64) -> Result<()> {
    Err(Failure::refused(Call::Allocate, crate::error::kind::ErrorKind::Unsupported))
}
