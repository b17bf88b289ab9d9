//! Memory that processes share: `shm_open`, whose names are in no folder and whose objects are no files.
//!
//! The length of an object is set once, and rounded up to whole pages (`pshm_truncate` in bsd/kern/posix_shm.c).

use super::calls::uninterrupted;
use super::codes::ENAMETOOLONG;
use super::imports::{self, MAP_ANON, MAP_SHARED, OPEN_FLAGS};
use super::{Apple, Backing, Kind, RawFile, map};
use crate::error::kind::{Call, Failure};
use crate::sys::contract::shared::{NoSection, Shared};
use crate::sys::contract::{MapFailure, Mapped, Open, Request, Result, System};
use crate::sys::posix::shared::{with_len, with_prefix};
use core::ffi::{CStr, c_int};

impl Shared for Apple {
    type Section = NoSection;

    unsafe fn map_anon_shared(request: Request) -> Result<Mapped<Backing>, MapFailure> {
        let kind = Kind::Shared;
        // SAFETY: the caller's promise, and nobody else knows of the mapping yet.
        unsafe {
            let ptr = map(request, kind, MAP_SHARED | MAP_ANON, -1, 0)?;
            Self::lock_new(Mapped { ptr, backing: Backing { prot: request.prot, kind } }, request)
        }
    }

    fn create_object(name: &CStr, len: u64) -> Result<RawFile> {
        with_len::<Self>(open(name, Open::CreateNew)?, name, len)
    }

    fn open_object(name: &CStr, is_writable: bool) -> Result<RawFile> {
        open(name, if is_writable { Open::ReadWrite } else { Open::Read })
    }

    fn remove_object(name: &CStr) -> Result<()> {
        with_name(Call::ShmUnlink, name, |name| {
            // SAFETY: the name ends in NUL.
            uninterrupted(Call::ShmUnlink, || unsafe { imports::shm_unlink(name.as_ptr()) })
        })
        .map(drop)
    }

    /// The memory is anonymous, and its pages need no space set aside.
    fn allocate_object(_: RawFile, _: u64) -> Result<()> {
        Ok(())
    }
}

/// `shm_open` takes no O_CLOEXEC, and sets FD_CLOEXEC in any case (shm_open(2)).
fn open(name: &CStr, open: Open) -> Result<RawFile> {
    let flags = OPEN_FLAGS.of(open) & !OPEN_FLAGS.close_on_exec;
    with_name(Call::ShmOpen, name, |name| {
        // SAFETY: the name ends in NUL.
        uninterrupted(Call::ShmOpen, || unsafe { imports::shm_open(name.as_ptr(), flags, 0o600 as c_int) })
    })
}

/// Older kernels count the NUL, too (`shm_open` in bsd/kern/posix_shm.c), and report that themselves.
fn with_name(call: Call, name: &CStr, f: impl FnOnce(&CStr) -> Result<c_int>) -> Result<c_int> {
    const PSHMNAMLEN: usize = 31;
    with_prefix::<{ PSHMNAMLEN + 1 }, _>(b"/", name, f).unwrap_or(Err(Failure::of_system(call, ENAMETOOLONG)))
}
