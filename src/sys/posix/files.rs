//! Locks of files, and names for those that must have one for an instant.

use core::ffi::c_int;

pub(crate) const LOCK_UN: c_int = 8;

/// What `flock` is to do.
pub(crate) fn lock_operation(is_exclusive: bool, wait: bool) -> c_int {
    const LOCK_SH: c_int = 1;
    const LOCK_EX: c_int = 2;
    const LOCK_NB: c_int = 4;
    (if is_exclusive { LOCK_EX } else { LOCK_SH }) | if wait { 0 } else { LOCK_NB }
}

/// A name made of a number: `/baremap-`, 16 letters, NUL. It is short enough for shared memory on macOS (PSHMNAMLEN).
pub(crate) fn unique_name(number: u64) -> [u8; 26] {
    let mut name = *b"/baremap-0000000000000000\0";
    for (i, letter) in name["/baremap-".len()..][..16].iter_mut().enumerate() {
        *letter = b'a' + (number >> (4 * i) & 0xf) as u8;
    }
    name
}
