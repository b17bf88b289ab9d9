//! What is resident, the limit on locked memory, inheritance.
//!
//! Nothing makes pages resident as an access would and reports what would have been a signal: MADV_WILLNEED is a hint, and
//! locks are not counted, so that to undo one would undo the program's.

#[cfg(not(baremap_backend = "illumos"))]
use super::limits;
use super::memory::advise_pages;
use super::{Backing, Unix};
use crate::options::Advice;
use crate::sys::contract::residency::Residency;
use crate::sys::contract::{Result, Span};

impl Residency for Unix {
    /// OpenBSD has no `mincore`.
    #[cfg(not(baremap_backend = "openbsd"))]
    unsafe fn resident(pages: Span, states: &mut [u8]) -> Result<()> {
        let Span { ptr, len } = pages;
        // SAFETY: the function writes a byte for each page, of which `states` has as many. Bit 0 is that of all systems.
        let result = unsafe { super::imports::mincore(ptr.as_ptr().cast(), len, states.as_mut_ptr().cast()) };
        super::checked(crate::error::kind::Call::Mincore, result).map(drop)
    }

    #[cfg(not(baremap_backend = "illumos"))]
    fn lock_limit() -> Result<usize> {
        limits::get().map(|limit| limits::bytes(limit.rlim_cur))
    }

    #[cfg(not(baremap_backend = "illumos"))]
    fn raise_lock_limit(to: usize) -> Result<usize> {
        limits::raise_to(to)
    }

    fn knows(advice: Advice) -> bool {
        use Advice::*;
        matches!(advice, Normal | Random | Sequential | WillNeed)
    }

    unsafe fn advise_raw(span: Span, _backing: &Backing, advice: i32) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { advise_pages(span, advice) }
    }

    #[cfg(not(baremap_backend = "illumos"))]
    unsafe fn set_inheritance(
        span: Span,
        backing: &Backing,
        inheritance: crate::options::Inheritance,
    ) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { limits::set_inheritance(span, backing.kind, inheritance) }
    }
}
