//! The instruction cache, for memory that becomes executable.
//!
//! x86 keeps it coherent. aarch64 lets programs clean and invalidate lines (Arm ARM, B2.4.4), unless the kernel forbids it,
//! which none of these does, as compilers emit the same for `__builtin___clear_cache`. Elsewhere there is a call for it or none,
//! and memory cannot become executable.

use super::Kind;
use core::ffi::c_void;

/// Whether written memory can be made visible to instruction fetch on every processor.
pub(super) const CAN_SYNC: bool =
    cfg!(any(baremap_arch = "aarch64", baremap_arch = "x86", baremap_arch = "x86_64"));

/// Makes written code visible to every processor.
///
/// # Safety
/// The range is whole pages of a readable mapping.
#[cfg(not(baremap_arch = "aarch64"))]
pub(super) unsafe fn sync(_base: *mut c_void, _len: usize, _kind: Kind) {}

/// Makes written code visible to every processor, for resident pages alone. Cleaning another would fault it in, and raise a
/// signal past the end of a file; the kernel cleans what it maps as executable.
///
/// # Safety
/// The range is whole pages of a readable mapping.
#[cfg(baremap_arch = "aarch64")]
pub(super) unsafe fn sync(base: *mut c_void, len: usize, kind: Kind) {
    use crate::sys::System;
    use core::arch::asm;

    let ctr: usize;
    // SAFETY: reads a register.
    unsafe { asm!("mrs {}, ctr_el0", out(reg) ctr, options(nomem, nostack, preserves_flags)) };
    let lines = |page: usize, log2_words: usize| {
        (page..page + super::Unix::page_size()).step_by(4 << (log2_words & 0xf))
    };
    for at in (0..len).step_by(super::Unix::page_size()) {
        let page = base.wrapping_byte_add(at);
        // SAFETY: a page of the mapping.
        if !unsafe { is_resident(page, kind) } {
            continue;
        }
        for line in lines(page.addr(), ctr >> 16) {
            // SAFETY: the line is readable; cleaning changes no contents.
            unsafe { asm!("dc cvau, {}", in(reg) line, options(nostack, preserves_flags)) };
        }
        // SAFETY: a barrier.
        unsafe { asm!("dsb ish", options(nostack, preserves_flags)) };
        for line in lines(page.addr(), ctr) {
            // SAFETY: as above.
            unsafe { asm!("ic ivau, {}", in(reg) line, options(nostack, preserves_flags)) };
        }
    }
    // SAFETY: barriers.
    unsafe { asm!("dsb ish", "isb", options(nostack, preserves_flags)) };
}

/// If the call fails, the page is cleaned.
///
/// # Safety
/// A page of a mapping.
#[cfg(all(baremap_arch = "aarch64", not(baremap_backend = "openbsd")))]
unsafe fn is_resident(page: *mut c_void, _kind: Kind) -> bool {
    use crate::sys::System;
    let mut state = 1;
    // SAFETY: the function writes a byte.
    unsafe { super::imports::mincore(page, super::Unix::page_size(), &raw mut state) };
    state & 1 != 0
}

/// OpenBSD has no `mincore`. Fresh memory has no end that could raise a signal, and the kernel cleans the pages of
/// files.
///
/// # Safety
/// A page of a mapping.
#[cfg(all(baremap_arch = "aarch64", baremap_backend = "openbsd"))]
unsafe fn is_resident(_page: *mut c_void, kind: Kind) -> bool {
    kind == Kind::Anon
}
