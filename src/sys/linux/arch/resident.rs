//! Which pages of a range are resident, for architectures whose instruction cache a program cleans.

use super::{MINCORE, syscall3};

/// Calls a function with the address of each page that is resident. If the call fails, with that of each page.
pub(super) fn for_each_resident_page(
    start: *const u8,
    len: usize,
    page_size: usize,
    mut visit: impl FnMut(usize),
) {
    let (mut at, end) = (start.addr() & !(page_size - 1), start.addr() + len);
    while at < end {
        let mut residence = [1_u8; 256];
        // A shift, as a division may fail.
        let count = ((end - at + page_size - 1) >> page_size.trailing_zeros()).min(residence.len());
        // SAFETY: the kernel writes a byte for each page.
        unsafe { syscall3(MINCORE, at, count * page_size, residence.as_mut_ptr().expose_provenance()) };
        for residence in residence.iter().take(count) {
            if residence & 1 == 1 {
                visit(at);
            }
            at += page_size;
        }
    }
}
