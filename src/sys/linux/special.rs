//! Secret memory, mappings that stay in step with persistent memory, and names.

use super::calls::{self, checked, descriptor, uninterrupted};
use super::codes::{EBADF, EINVAL, EOPNOTSUPP};
use super::file::O_CLOEXEC;
use super::{Backing, Kind, Linux, arch, map, pages};
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::options::Flags;
use crate::sys::contract::special::Special;
use crate::sys::contract::{MapFailure, Mapped, Request, Result, Span};
use core::ffi::CStr;

pub(super) const MAP_SHARED: usize = 1;

/// MAP_SHARED_VALIDATE, without which the kernel ignores flags that it does not know, and MAP_SYNC.
pub(super) const MAP_SHARED_SYNC: usize = MAP_SHARED_VALIDATE | MAP_SYNC;
const MAP_SHARED_VALIDATE: usize = 3;
const MAP_SYNC: usize = 0x80000;

/// What a failure of `mmap` with MAP_SYNC means: EOPNOTSUPP comes of a file that is not on persistent memory (mmap(2)), EINVAL of
/// Linux before 4.15.
#[cold]
pub(super) fn refined(failure: Failure) -> Failure {
    match failure.code {
        EOPNOTSUPP | EINVAL => failure.with_kind(ErrorKind::Unsupported).with_flag(Flags::SYNC),
        _ => failure,
    }
}

impl Special for Linux {
    /// Android ends an app that calls `memfd_secret`, as its filter of calls lacks it (libc/SYSCALLS.TXT and
    /// SECCOMP_ALLOWLIST_*.TXT of bionic).
    #[inline(always)]
    fn special_flags() -> Flags {
        if cfg!(baremap_backend = "android") { Flags::SYNC } else { Flags::SECRET | Flags::SYNC }
    }

    /// The pages are those of a file that can be mapped alone, shared, and whose length is set once (mm/secretmem.c). The
    /// mapping keeps the file.
    unsafe fn map_secret(request: Request) -> Result<Mapped<Backing>, MapFailure> {
        let backing = Backing { prot: request.prot, kind: Kind::Secret, alignment_log2: 0 };
        let with_flag = |failure: Failure| failure.with_flag(Flags::SECRET);
        let file = checked(Call::MemfdSecret, calls::memfd_secret(O_CLOEXEC)).map_err(with_flag)?;
        let file = descriptor(file);
        let sized = uninterrupted(Call::Ftruncate, || arch::ftruncate(file, request.len as u64));
        let mapped = sized.map_err(MapFailure::from).and_then(|_| {
            // SAFETY: the caller's promise.
            unsafe { map(request, backing, MAP_SHARED, file, 0) }
        });
        calls::close(file);
        match mapped {
            Ok(ptr) => Ok(Mapped { ptr, backing }),
            Err(refused) => Err(MapFailure { failure: with_flag(refused.failure), ..refused }),
        }
    }

    unsafe fn set_name(span: Span, backing: &Backing, name: Option<&CStr>) -> Result<()> {
        let (address, len) = pages(span, backing);
        match checked(Call::Prctl, calls::set_vma_name(address, len, name)) {
            // The kernel has no names, or none for mappings of files (`madvise_set_anon_name` in mm/madvise.c).
            Err(Failure { code: EINVAL | EBADF, .. }) => Ok(()),
            result => result.map(drop),
        }
    }
}
