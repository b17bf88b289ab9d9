//! The limit on locked memory, and `minherit`. illumos has neither: there a privilege and a resource control of the project
//! limit what may be locked.

use super::Kind;
use super::calls::checked;
use super::memory::pages;
use super::system::EPERM;
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::options::Inheritance;
use crate::sys::contract::{Result, Span};
use crate::sys::posix::residency::{Rlimit, raise};
use core::ffi::{c_int, c_void};

unsafe extern "C" {
    fn getrlimit(resource: c_int, limit: *mut Rlimit) -> c_int;
    fn minherit(address: *mut c_void, len: usize, inherit: c_int) -> c_int;
    fn setrlimit(resource: c_int, limit: *const Rlimit) -> c_int;
}

// sys/resource.h
const RLIMIT_MEMLOCK: c_int = 6;
const RLIM_INFINITY: u64 = (1 << 63) - 1;

// sys/mman.h. Two of the systems put MAP_ before these names.
const INHERIT_SHARE: c_int = 0;
const INHERIT_COPY: c_int = 1;
const INHERIT_NONE: c_int = 2;

pub(super) fn get() -> Result<Rlimit> {
    let mut limit = Rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the function writes `limit`.
    checked(Call::Getrlimit, unsafe { getrlimit(RLIMIT_MEMLOCK, &raw mut limit) }).map(|_| limit)
}

pub(super) fn raise_to(to: usize) -> Result<usize> {
    // SAFETY: the function reads `new`.
    let set = |new: &Rlimit| checked(Call::Setrlimit, unsafe { setrlimit(RLIMIT_MEMLOCK, new) }).map(drop);
    raise((to as u64).min(RLIM_INFINITY), get, set, |failure| failure.code == EPERM).map(bytes)
}

pub(super) fn bytes(limit: u64) -> usize {
    if limit >= RLIM_INFINITY { usize::MAX } else { usize::try_from(limit).unwrap_or(usize::MAX) }
}

/// # Safety
/// As `Residency::set_inheritance`.
pub(super) unsafe fn set_inheritance(span: Span, kind: Kind, inheritance: Inheritance) -> Result<()> {
    let inherit = match (inheritance, kind) {
        (Inheritance::Omit, _) => INHERIT_NONE,
        (Inheritance::Share, _) | (Inheritance::Usual, Kind::Shared) => INHERIT_SHARE,
        (Inheritance::Usual, _) => INHERIT_COPY,
        #[cfg(not(baremap_backend = "dragonfly"))]
        (Inheritance::Wipe, Kind::Anon) => super::system::INHERIT_ZERO,
        (Inheritance::Wipe, _) => {
            return Err(Failure::refused(Call::SetInheritance, ErrorKind::Unsupported));
        }
    };
    let (base, len) = pages(span);
    // SAFETY: the caller's promise.
    checked(Call::Minherit, unsafe { minherit(base, len, inherit) }).map(drop)
}
