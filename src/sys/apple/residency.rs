//! What is resident, populating, the limit on locked memory, inheritance.

use super::calls::checked;
use super::codes::EPERM;
use super::imports::*;
use super::{Apple, Backing, Kind, advise_pages, pages};
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::options::{Advice, Inheritance};
use crate::sys::contract::residency::Residency;
use crate::sys::contract::{Result, Span};
use crate::sys::posix::residency::{Rlimit, raise};

impl Residency for Apple {
    unsafe fn resident(pages: Span, states: &mut [u8]) -> Result<()> {
        let Span { ptr, len } = pages;
        // SAFETY: the function writes a byte for each page, of which `states` has as many.
        checked(Call::Mincore, unsafe { mincore(ptr.as_ptr().cast(), len, states.as_mut_ptr().cast()) })?;
        const { assert!(MINCORE_INCORE == 1) };
        Ok(())
    }

    /// There is no advice for it. `mlock` faults the pages in, in the kernel. As locks are counted, `munlock` leaves
    /// those of the program. Pages of a copy-on-write mapping are not copied.
    unsafe fn populate(span: Span, backing: &Backing, for_writing: bool) -> Result<()> {
        if for_writing && !matches!(backing.kind, Kind::Anon | Kind::Superpages) {
            return Err(Failure::refused(Call::Populate, ErrorKind::Unsupported));
        }
        if backing.kind == Kind::Superpages {
            return Ok(());
        }
        let (base, len) = pages(span, backing);
        // SAFETY: locking a mapping changes no contents.
        unsafe {
            checked(Call::Mlock, mlock(base, len))?;
            checked(Call::Munlock, munlock(base, len)).map(drop)
        }
    }

    fn lock_limit() -> Result<usize> {
        limit().map(|limit| bytes(limit.rlim_cur))
    }

    fn raise_lock_limit(to: usize) -> Result<usize> {
        // SAFETY: the function reads `new`.
        let set =
            |new: &Rlimit| checked(Call::Setrlimit, unsafe { setrlimit(RLIMIT_MEMLOCK, new) }).map(drop);
        raise((to as u64).min(RLIM_INFINITY), limit, set, |failure| failure.code == EPERM).map(bytes)
    }

    fn knows(advice: Advice) -> bool {
        use Advice::*;
        matches!(advice, Normal | Random | Sequential | WillNeed | ZeroWiredPages)
    }

    unsafe fn advise_raw(span: Span, backing: &Backing, advice: i32) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { advise_pages(span, backing, advice) }
    }

    unsafe fn set_inheritance(span: Span, backing: &Backing, inheritance: Inheritance) -> Result<()> {
        let inherit = match (inheritance, backing.kind) {
            (Inheritance::Omit, _) => VM_INHERIT_NONE,
            (Inheritance::Share, _) | (Inheritance::Usual, Kind::Shared) => VM_INHERIT_SHARE,
            (Inheritance::Usual, _) => VM_INHERIT_COPY,
            (Inheritance::Wipe, _) => {
                return Err(Failure::refused(Call::SetInheritance, ErrorKind::Unsupported));
            }
        };
        let (base, len) = pages(span, backing);
        // SAFETY: the caller's promise.
        checked(Call::Minherit, unsafe { minherit(base, len, inherit) }).map(drop)
    }

    fn has_huge_pages(size_log2: u8) -> bool {
        cfg!(baremap_arch = "x86_64") && 1 << size_log2 == SUPERPAGE
    }
}

fn limit() -> Result<Rlimit> {
    let mut limit = Rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the function writes `limit`.
    checked(Call::Getrlimit, unsafe { getrlimit(RLIMIT_MEMLOCK, &raw mut limit) }).map(|_| limit)
}

fn bytes(limit: u64) -> usize {
    if limit >= RLIM_INFINITY { usize::MAX } else { limit.try_into().unwrap_or(usize::MAX) }
}
