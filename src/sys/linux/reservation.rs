//! Reservations: private memory without access.

use super::arch;
use super::calls::{self, MAP_ANONYMOUS, MAP_PRIVATE, MREMAP_MAYMOVE, MS_ASYNC, checked};
use super::codes::{EEXIST, EFAULT};
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::sys::contract::{MapFailure, Result, Span};
use core::ffi::c_int;
use core::ptr::{NonNull, with_exposed_provenance_mut};

pub(super) fn reserve(address: usize, len: usize) -> Result<Span> {
    const MAP_FIXED_NOREPLACE: usize = 0x100000;
    let flags = if address == 0 { 0 } else { MAP_FIXED_NOREPLACE };
    // SAFETY: the kernel replaces nothing.
    let reservation = unsafe { map_none(address, len, flags) }.map_err(|failure| match failure.code {
        EEXIST => failure.with_kind(ErrorKind::Busy),
        _ => failure,
    })?;
    let reserved = reservation.ptr.as_ptr().expose_provenance();
    if address != 0 && reserved != address {
        // Before Linux 4.17 the address is a hint.
        // SAFETY: the reservation is new.
        checked(Call::Munmap, unsafe { calls::munmap(reserved, len) })?;
        return Err(Failure::refused(Call::Reserve, ErrorKind::Busy));
    }
    Ok(reservation)
}

/// Replaces a range of pages with a reservation.
///
/// With MAP_FIXED the kernel makes its checks before it unmaps. Before Linux 6.12 it then allocates its record of the new
/// mapping, and does not restore the old one if that fails (`mmap_region` in mm/mmap.c). Such small allocations wait for
/// memory instead of failing, except at the limit of a control group. If one fails, the hole is reserved again, which is
/// all that was wanted. One case remains: another thread may map something there first, which looks the same as the old
/// mapping.
///
/// # Safety
/// The range is the caller's, and no longer used.
pub(super) unsafe fn replace(address: usize, len: usize) -> Result<Span, MapFailure> {
    const MAP_FIXED: usize = 0x10;
    // SAFETY: the caller's promise.
    unsafe { map_none(address, len, MAP_FIXED) }.or_else(|failure| {
        reserve(address, len).map_err(|_| MapFailure { failure, is_span_lost: !is_mapped(address, len) })
    })
}

/// Moves a new mapping into a reservation, and returns its address there.
///
/// Mapping there directly, with MAP_FIXED, takes one call less. But the kernel then unmaps the reservation before it asks the
/// file system, and before it accounts for private memory (`mmap_region` in mm/mmap.c). If either refuses, the range is
/// free, and another thread may map something there. With `mremap` both have agreed before the reservation is touched.
///
/// # Safety
/// The mapping and the reservation are the caller's and of one length. The mapping has no huge pages.
pub(super) unsafe fn move_into(reservation: Span, from: NonNull<u8>) -> Result<NonNull<u8>, MapFailure> {
    const MREMAP_FIXED: usize = 2;
    let Span { ptr, len } = reservation;
    let (from, to) = (from.as_ptr().expose_provenance(), ptr.as_ptr().expose_provenance());
    // SAFETY: the caller's promise.
    let result = unsafe { calls::mremap(from, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to) };
    match checked(Call::Mremap, result) {
        Ok(_) => Ok(ptr),
        Err(failure) => Err(MapFailure { failure, is_span_lost: !is_reserved(to, len) }),
    }
}

/// Returns whether a range is a reservation after `mremap` failed to move a mapping there.
///
/// `mremap` unmaps the destination before it allocates the kernel's record of the mapping (`mremap_to` in mm/mremap.c). If
/// it failed there, the range is free, and is reserved again, unless another thread was faster. Its memory is accessible,
/// which a reservation is not.
fn is_reserved(address: usize, len: usize) -> bool {
    reserve(address, len).is_ok() || {
        let access = calls::access(address);
        is_mapped(address, len) && access == arch::register(-EFAULT)
    }
}

/// Returns whether all of a range is mapped.
fn is_mapped(address: usize, len: usize) -> bool {
    calls::msync(address, len, MS_ASYNC) == 0
}

/// Maps memory without access.
///
/// # Safety
/// With MAP_FIXED the range is the caller's, and no longer used.
unsafe fn map_none(address: usize, len: usize, flags: usize) -> Result<Span> {
    const PROT_NONE: usize = 0;
    const NO_FILE: c_int = -1;
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | flags;
    // SAFETY: the caller's promise.
    let result = unsafe { arch::mmap(address, len, PROT_NONE, flags, NO_FILE, 0) };
    let base = NonNull::new(with_exposed_provenance_mut(checked(Call::Mmap, result)?));
    // SAFETY: nobody asks for address 0, and the kernel does not choose it.
    Ok(Span { ptr: unsafe { base.unwrap_unchecked() }, len })
}
