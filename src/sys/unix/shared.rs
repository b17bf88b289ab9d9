//! Memory that processes share: `shm_open`.

use super::calls::uninterrupted;
use super::imports::{self, MAP_ANON, MAP_SHARED, OPEN_FLAGS};
use super::memory::map;
use super::system::ENAMETOOLONG;
use super::{Backing, Kind, RawFile, Unix};
use crate::error::kind::{Call, Failure};
use crate::sys::contract::shared::{NoSection, Shared};
use crate::sys::contract::{MapFailure, Mapped, Open, Request, Result, System};
use crate::sys::posix::shared::{with_len, with_prefix};
use core::ffi::{CStr, c_int};

impl Shared for Unix {
    type Section = NoSection;

    unsafe fn map_anon_shared(request: Request) -> Result<Mapped<Backing>, MapFailure> {
        // SAFETY: the caller's promise, and nobody else knows of the mapping yet.
        unsafe {
            let ptr = map(request, MAP_SHARED | MAP_ANON, -1, 0)?;
            let backing = Backing { prot: request.prot, kind: Kind::Shared };
            Self::lock_new(Mapped { ptr, backing }, request)
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
}

/// `shm_open` takes no O_CLOEXEC everywhere, and sets FD_CLOEXEC in any case (POSIX).
fn open(name: &CStr, open: Open) -> Result<RawFile> {
    let flags = OPEN_FLAGS.of(open) & !OPEN_FLAGS.close_on_exec;
    with_name(Call::ShmOpen, name, |name| {
        // SAFETY: the name ends in NUL.
        uninterrupted(Call::ShmOpen, || unsafe { imports::shm_open(name.as_ptr(), flags, 0o600) })
    })
}

/// No system takes a component of a path that is longer.
fn with_name(call: Call, name: &CStr, f: impl FnOnce(&CStr) -> Result<c_int>) -> Result<c_int> {
    const MAX_LEN: usize = 255;
    with_prefix::<{ MAX_LEN + 2 }, _>(b"/", name, f).unwrap_or(Err(Failure::of_system(call, ENAMETOOLONG)))
}
