//! Trees of four levels in the processor's format. Page tables are such trees, and so are the frames of a file.

use crate::arch;
use crate::error::{Error, Result};
use crate::frames::{Frames, PAGE_SIZE};
use core::ops::Range;

pub type Table = [u64; 512];

/// Returns the entry of a page. Missing tables are an error, or with `create` they are allocated.
pub fn entry(root: *mut Table, page: usize, mut create: Option<&mut Frames>) -> Result<*mut u64> {
    let mut table = root;
    for level in (1..4).rev() {
        // SAFETY: a table of this kernel, to which no reference exists, here and below.
        let entry = unsafe { &raw mut (*table)[page >> (9 * level) & 511] };
        // SAFETY: as above.
        let next = match arch::frame_of(unsafe { *entry }) {
            Some(next) => next,
            None => {
                let next = create.as_deref_mut().ok_or(Error::NotMapped)?.allocate()?;
                // SAFETY: as above.
                unsafe { *entry = arch::table_entry(next) };
                next
            }
        };
        table = next as *mut Table;
    }
    // SAFETY: as above.
    Ok(unsafe { &raw mut (*table)[page & 511] })
}

/// Frees the frames of a file in a range of offsets. The tables stay.
pub fn free_range(root: *mut Table, range: &Range<usize>, frames: &mut Frames) {
    free_in(root, 3, 0, range, frames);
}

fn free_in(table: *mut Table, level: usize, offset: usize, range: &Range<usize>, frames: &mut Frames) {
    let span = PAGE_SIZE << (9 * level);
    for i in 0..512 {
        let start = offset + i * span;
        // SAFETY: a table of this kernel, to which no reference exists.
        let entry = unsafe { &raw mut (*table)[i] };
        // SAFETY: as above.
        let Some(next) = arch::frame_of(unsafe { *entry }) else { continue };
        if start >= range.end || start + span <= range.start {
            continue;
        }
        if level > 0 {
            free_in(next as *mut Table, level - 1, start, range, frames);
        } else {
            // SAFETY: as above.
            unsafe { *entry = 0 };
            frames.free(next);
        }
    }
}
