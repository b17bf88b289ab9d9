//! The instruction cache of aarch64, for memory that becomes executable.

use super::Apple;
use super::imports::{MINCORE_INCORE, mincore, sys_icache_invalidate};
use crate::sys::contract::System;
use core::ffi::c_void;

/// Makes written code visible to every processor, for resident pages alone.
///
/// `sys_icache_invalidate` would fetch the others, and raise SIGBUS past the end of a file. The kernel does the same for a
/// page that it has seen clean when an access maps it as executable (`vm_fault_enter_set_mapped` in osfmk/vm/vm_fault.c).
///
/// # Safety
/// The range is whole pages of a readable mapping.
pub(super) unsafe fn sync(mut base: *mut c_void, mut len: usize) {
    let page = Apple::page_size();
    let mut states = [0; 256];
    while len != 0 {
        let part = len.min(page * states.len());
        // SAFETY: within the mapping; `states` has a byte for each page.
        let is_known = unsafe { mincore(base, part, states.as_mut_ptr()) } == 0;
        let end = base.wrapping_byte_add(part);
        len -= part;
        for state in states {
            if base == end {
                break;
            }
            if !is_known || state & MINCORE_INCORE != 0 {
                // SAFETY: a page of the mapping, which is readable.
                unsafe { sys_icache_invalidate(base, page) };
            }
            base = base.wrapping_byte_add(page);
        }
    }
}
