//! Memory that processes share. Objects with a name are files of the tmpfs in /dev/shm, as libc's `shm_open` makes them, so
//! that programs in C open them too; others are files in memory.

use super::arch::{O_LARGEFILE, O_NOFOLLOW};
use super::calls::{self, AT_FDCWD, MAP_ANONYMOUS, descriptor, uninterrupted};
use super::codes::ENAMETOOLONG;
use super::file::{self, OPEN_FLAGS};
use super::{Backing, Kind, Linux, MAP_SHARED, RawFile, map};
use crate::error::kind::{Call, Failure};
use crate::sys::contract::shared::{NoSection, Shared};
use crate::sys::contract::{MapFailure, Mapped, Open, Request, Result, System};
use crate::sys::posix::shared::{with_len, with_prefix};
use core::ffi::CStr;

impl Shared for Linux {
    type Section = NoSection;

    unsafe fn map_anon_shared(request: Request) -> Result<Mapped<Backing>, MapFailure> {
        let backing = Backing { prot: request.prot, kind: Kind::Shared, alignment_log2: 0 };
        // SAFETY: the caller's promise.
        Ok(Mapped { ptr: unsafe { map(request, backing, MAP_SHARED | MAP_ANONYMOUS, -1, 0)? }, backing })
    }

    /// Nobody can truncate it, so that no access raises a signal.
    fn new_object(len: u64) -> Result<RawFile> {
        let object = Self::memory_file()?;
        let fixed = Self::set_len(object, len).and_then(|()| file::fix_len(object));
        fixed.map(|()| object).inspect_err(|_| Self::close(object))
    }

    fn create_object(name: &CStr, len: u64) -> Result<RawFile> {
        with_len::<Self>(open(name, Open::CreateNew)?, name, len)
    }

    fn open_object(name: &CStr, is_writable: bool) -> Result<RawFile> {
        open(name, if is_writable { Open::ReadWrite } else { Open::Read })
    }

    fn remove_object(name: &CStr) -> Result<()> {
        with_path(Call::Unlinkat, name, |path| {
            uninterrupted(Call::Unlinkat, || calls::unlinkat(AT_FDCWD, path))
        })
        .map(drop)
    }
}

/// O_NOFOLLOW, as any user may leave a symbolic link in the folder; O_NONBLOCK, as it may be a FIFO, which would wait
/// for a writer. Neither changes anything for a regular file.
fn open(name: &CStr, open: Open) -> Result<RawFile> {
    const O_NONBLOCK: i32 = 0o4000;
    let flags = OPEN_FLAGS.of(open) | O_NOFOLLOW | O_NONBLOCK | O_LARGEFILE;
    with_path(Call::Openat, name, |path| uninterrupted(Call::Openat, || calls::open(path, flags, 0o600)))
        .map(descriptor)
}

fn with_path(call: Call, name: &CStr, f: impl FnOnce(&CStr) -> Result<usize>) -> Result<usize> {
    const FOLDER: &[u8] = b"/dev/shm/";
    const NAME_MAX: usize = 255;
    with_prefix::<{ FOLDER.len() + NAME_MAX + 1 }, _>(FOLDER, name, f)
        .unwrap_or(Err(Failure::of_system(call, ENAMETOOLONG)))
}
