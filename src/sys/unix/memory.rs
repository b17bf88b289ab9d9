//! Mapping memory, and what is alike for every call on a range.

use super::Unix;
use super::calls::{checked, uninterrupted};
use super::imports::{self, MADV_WILLNEED, MAP_ANON, MAP_FIXED, MAP_PRIVATE, madvise, mprotect};
use super::system::{EACCES, EBADF, EINVAL, ENODEV, ENOTSUP, EPERM, NO_RESERVE};
use crate::error::kind::{Call, Failure};
use crate::options::{Flags, Prot};
use crate::sys::contract::{MapFailure, Request, Result, Span, System};
use core::ffi::{c_int, c_void};
use core::ptr::{NonNull, null_mut, without_provenance_mut};

/// Address and length, widened to whole pages.
pub(super) fn pages(span: Span) -> (*mut c_void, usize) {
    let Span { ptr, len } = span.widened(Unix::page_size());
    (ptr.as_ptr().cast(), len)
}

/// # Safety
/// With MAP_FIXED, unless another flag forbids to replace anything, the range is whole pages of the caller's, and no longer
/// used.
#[expect(clippy::cast_possible_wrap, reason = "-1 is a failure, and every other number an address")]
pub(super) unsafe fn mmap(
    address: *mut c_void,
    len: usize,
    prot: c_int,
    flags: c_int,
    file: c_int,
    offset: i64,
) -> Result<NonNull<u8>> {
    let mut base = null_mut();
    uninterrupted(Call::Mmap, || {
        // SAFETY: without MAP_FIXED the kernel chooses a free range; with it, the caller's promise.
        base = unsafe { imports::mmap(address, len, prot, flags, file, offset) };
        // MAP_FAILED is -1.
        base.addr() as isize
    })?;
    // SAFETY: the kernels map address 0 only for MAP_FIXED with that address, which is no range of the caller's.
    Ok(unsafe { NonNull::new_unchecked(base.cast()) })
}

/// Fresh memory in a reservation is what the reservation has, with permissions; a failure leaves it as it was. Except on
/// illumos, where that would set no swap aside, and for code, which NetBSD's PaX MPROTECT would refuse.
///
/// # Safety
/// The reservation, if there is one, is the caller's, and as long as the request.
#[inline(always)]
pub(super) unsafe fn map(
    request: Request,
    flags: c_int,
    file: c_int,
    offset: i64,
) -> Result<NonNull<u8>, MapFailure> {
    let Request { len, prot, flags: requested, reservation, .. } = request;
    if requested.contains(Flags::HUGETLB) {
        return Err(Failure::unsupported(Flags::HUGETLB).into());
    }
    let is_fresh = flags == (MAP_PRIVATE | MAP_ANON);
    let is_in_place = is_fresh && prot.contains(Prot::READ) && !prot.contains(Prot::EXEC);
    let base = match reservation {
        Some(Span { ptr, .. }) if is_in_place && cfg!(not(baremap_backend = "illumos")) => {
            // SAFETY: the caller's reservation.
            let result = unsafe { mprotect(ptr.as_ptr().cast(), len, prot.bits().into()) };
            checked(Call::Mprotect, result).map(|_| ptr)?
        }
        // SAFETY: the caller's promise.
        _ => unsafe { map_or_replace(request, flags, file, offset)? },
    };
    if requested.contains(Flags::POPULATE) && prot != Prot::NONE {
        // A hint: `munlock` after `mlock` would undo what `mlockall` asks for.
        // SAFETY: it changes no contents.
        let _ = unsafe { madvise(base.as_ptr().cast(), len, MADV_WILLNEED) };
    }
    Ok(base)
}

/// With MAP_FIXED the kernels check the file and the arguments, then remove the old pages, and then map the new ones. If that
/// last step fails, for want of memory or of address space, or of memory to lock after `mlockall`, the range is lost
/// (`vm_map_fixed` in FreeBSD's sys/vm/vm_map.c, `uvm_mmaplock` in OpenBSD's sys/uvm/uvm_mmap.c, `vm_mmap` in DragonFly's
/// sys/vm/vm_mmap.c).
///
/// # Safety
/// As `map`.
#[inline(always)]
unsafe fn map_or_replace(
    request: Request,
    flags: c_int,
    file: c_int,
    offset: i64,
) -> Result<NonNull<u8>, MapFailure> {
    let Request { len, prot, flags: requested, reservation, hint, .. } = request;
    let no_reserve = if requested.contains(Flags::NORESERVE) { NO_RESERVE } else { 0 };
    let replaced = reservation.map(|span| (span.ptr.as_ptr().cast(), MAP_FIXED));
    let (address, fixed) = replaced.unwrap_or((without_provenance_mut(hint), 0));
    // SAFETY: the caller's reservation.
    let mapped = unsafe { mmap(address, len, prot.bits().into(), flags | no_reserve | fixed, file, offset) };
    mapped.map_err(|failure| MapFailure {
        failure,
        is_span_lost: fixed != 0
            && !matches!(failure.code, EACCES | EBADF | EINVAL | ENODEV | ENOTSUP | EPERM),
    })
}

/// # Safety
/// As the advice requires.
pub(super) unsafe fn advise_pages(span: Span, advice: c_int) -> Result<()> {
    let (base, len) = pages(span);
    // SAFETY: the caller's promise.
    checked(Call::Madvise, unsafe { madvise(base, len, advice) }).map(drop)
}
