//! What is rare of residency, advice and huge pages. A system without it keeps the default.

use super::{Result, Span, System};
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::options::{Advice, Inheritance};

#[allow(unused_variables, reason = "the names are part of the contract")]
pub(crate) trait Residency: System {
    /// Keeps pages resident that are, and those that are touched later. Fails as `lock`.
    ///
    /// # Safety
    /// The range is part of the caller's mapping, here and in what follows.
    unsafe fn lock_on_fault(span: Span, backing: &Self::Backing) -> Result<()> {
        Err(Failure::refused(Call::LockOnFault, ErrorKind::Unsupported))
    }

    /// Sets bit 0 of each state if its page is resident, and clears it otherwise.
    ///
    /// # Safety
    /// As above, and `pages` are whole pages of `page_size` bytes, as many as states.
    unsafe fn resident(pages: Span, states: &mut [u8]) -> Result<()> {
        Err(Failure::refused(Call::Resident, ErrorKind::Unsupported))
    }

    /// Makes pages resident as an access would, for reading or for writing, and reports what would have been a signal. The
    /// permissions allow it. After a failure some pages may be resident.
    ///
    /// # Safety
    /// As above.
    unsafe fn populate(span: Span, backing: &Self::Backing, for_writing: bool) -> Result<()> {
        Err(Failure::refused(Call::Populate, ErrorKind::Unsupported))
    }

    /// Returns how many bytes may be locked; `usize::MAX` if there is no limit.
    fn lock_limit() -> Result<usize> {
        Err(Failure::refused(Call::LockLimit, ErrorKind::Unsupported))
    }

    /// Raises the limit to `bytes`, or as far as allowed, and returns it. Never lowers it.
    fn raise_lock_limit(bytes: usize) -> Result<usize> {
        Err(Failure::refused(Call::RaiseLockLimit, ErrorKind::Unsupported))
    }

    /// Returns whether `advise` passes the advice on to a system that knows it.
    fn knows(advice: Advice) -> bool {
        false
    }

    /// Advises by the system's number. A failure may leave some of the change.
    ///
    /// # Safety
    /// As above, and as the advice.
    unsafe fn advise_raw(span: Span, backing: &Self::Backing, advice: i32) -> Result<()> {
        Err(Failure::refused(Call::AdviseRaw, ErrorKind::Unsupported))
    }

    /// Sets what a forked process finds. After a failure it may be the old, the new or the usual.
    ///
    /// # Safety
    /// As above, and the forked process uses nothing that it does not have.
    unsafe fn set_inheritance(span: Span, backing: &Self::Backing, inheritance: Inheritance) -> Result<()> {
        Err(Failure::refused(Call::SetInheritance, ErrorKind::Unsupported))
    }

    /// Returns whether the system has huge pages of this size, 16 or more, less than the bits of an address.
    fn has_huge_pages(size_log2: u8) -> bool {
        false
    }
}
