//! What few architectures do otherwise.

use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

/// What says in an `ioctl`'s number that it reads (`asm-generic/ioctl.h`).
pub(crate) const IOC_READ: usize = 2 << 30;

/// `asm-generic/mman.h`.
pub(crate) const MAP_NORESERVE: usize = 0x4000;

/// `linux/time.h`.
#[repr(C)]
pub(crate) struct Timespec {
    pub(crate) tv_sec: isize,
    pub(crate) tv_nsec: isize,
}

/// log2 of the sizes that huge pages one level above a page may have. A page table is a page of 8-byte entries, and maps page
/// size / 8 pages.
pub(crate) fn huge_log2s(page_log2: u8) -> [u8; 2] {
    [2 * page_log2 - 3; 2]
}

pub(crate) fn swap(at: &AtomicUsize, value: usize) -> usize {
    at.swap(value, Ordering::AcqRel)
}

/// `sync_instructions` does all that is needed.
pub(crate) fn serialize() {}

/// Where a signal handler returns to, and the flag that says so. Where this is null it is the vDSO.
pub(crate) fn restorer() -> (*const c_void, usize) {
    (ptr::null(), 0)
}
