//! What the files of this folder call: errors, sizes, and calls that more than one of them makes.

use super::imports::*;
use crate::error::kind::{Call, Failure};
use crate::sys::contract::{Result, Span};
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

pub(super) fn last_error(call: Call) -> Failure {
    Failure::of_system(call, last_code())
}

#[expect(clippy::cast_possible_wrap, reason = "the bits of a code")]
pub(super) fn last_code() -> i32 {
    // SAFETY: it has no condition.
    unsafe { GetLastError() as i32 }
}

/// The size of a structure, as the functions take it.
#[expect(clippy::cast_possible_truncation, reason = "no structure is that large")]
pub(super) const fn size_of_u32<T>() -> u32 {
    size_of::<T>() as u32
}

/// The upper and the lower half of a number, as the functions take it.
#[expect(clippy::cast_possible_truncation, reason = "the other one is the rest")]
pub(super) const fn halves(number: u64) -> (u32, u32) {
    ((number >> 32) as u32, number as u32)
}

/// A BOOL is 0 after a failure.
pub(super) fn checked(call: Call, result: i32) -> Result<()> {
    if result == 0 { Err(last_error(call)) } else { Ok(()) }
}

pub(super) fn process() -> Handle {
    // SAFETY: it has no condition.
    unsafe { GetCurrentProcess() }
}

pub(super) fn page_size() -> usize {
    static PAGE_SIZE: AtomicUsize = AtomicUsize::new(0);
    cached(&PAGE_SIZE, |info| info.dw_page_size)
}

pub(super) fn allocation_granularity() -> usize {
    static GRANULARITY: AtomicUsize = AtomicUsize::new(0);
    cached(&GRANULARITY, |info| info.dw_allocation_granularity)
}

fn cached(size: &AtomicUsize, field: fn(&SystemInfo) -> u32) -> usize {
    let known = size.load(Ordering::Relaxed);
    if known != 0 {
        return known;
    }
    let mut info = MaybeUninit::uninit();
    // SAFETY: `info` has the layout that the function writes, all of it.
    let found = unsafe {
        GetSystemInfo(info.as_mut_ptr());
        field(info.assume_init_ref())
    };
    size.store(found as usize, Ordering::Relaxed);
    found as usize
}

/// Returns whether a process can have these addresses, and the first is not 0. Wine maps past the last one.
pub(super) fn is_possible(address: usize, len: usize) -> bool {
    if address == 0 {
        return false;
    }
    let mut info = MaybeUninit::<SystemInfo>::uninit();
    // SAFETY: `info` has the layout that the function writes, all of it.
    let last = unsafe {
        GetSystemInfo(info.as_mut_ptr());
        info.assume_init_ref().lp_maximum_application_address.addr()
    };
    address.checked_add(len).is_some_and(|end| end <= last)
}

/// Returns 0 if the processor has no large pages.
pub(super) fn large_page_size() -> usize {
    // SAFETY: it has no condition.
    unsafe { GetLargePageMinimum() }
}

/// Calls VirtualFree on the first `len` bytes, or with 0 on the whole allocation.
///
/// # Safety
/// The allocation is the caller's, and the bytes are no longer used.
pub(super) unsafe fn free(span: Span, len: usize, free_type: u32) -> Result<()> {
    // SAFETY: the caller's promise.
    checked(Call::VirtualFree, unsafe { VirtualFree(span.ptr.as_ptr().cast(), len, free_type) })
}

/// Starts to read pages that are not resident.
pub(super) fn prefetch(span: Span) -> Result<()> {
    let mut range =
        Win32MemoryRangeEntry { virtual_address: span.ptr.as_ptr().cast(), number_of_bytes: span.len };
    // SAFETY: changes no contents.
    checked(Call::PrefetchVirtualMemory, unsafe { PrefetchVirtualMemory(process(), 1, &raw mut range, 0) })
}

/// Removes pages from the working set that are not locked. Of a range with locked pages these may be unlocked.
///
/// # Safety
/// A part of a mapping.
pub(super) unsafe fn trim(span: Span) -> Result<()> {
    // SAFETY: changes no contents.
    match checked(Call::VirtualUnlock, unsafe { VirtualUnlock(span.ptr.as_ptr().cast(), span.len) }) {
        Err(failure) if failure.code == ERROR_NOT_LOCKED => Ok(()),
        result => result,
    }
}

/// Returns how many bytes from an address on are of one placeholder, allocation or view, and have one protection. If
/// the query fails, the next call reports it, as its range is longer than it accepts.
pub(super) fn region_len(base: NonNull<u8>) -> usize {
    let mut info = MaybeUninit::<MemoryBasicInformation>::uninit();
    // SAFETY: `info` has the layout and the length that the function writes.
    let written =
        unsafe { VirtualQuery(base.as_ptr().cast(), info.as_mut_ptr(), size_of::<MemoryBasicInformation>()) };
    if written == 0 {
        return usize::MAX >> 1;
    }
    // SAFETY: it succeeded, so it is initialized.
    unsafe { info.assume_init_ref() }.region_size
}
