//! Locks of files, and names for those that must have one for an instant.

use crate::sys::contract::{Result, System};
use core::ffi::{c_char, c_int};

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
    for (i, letter) in name.iter_mut().skip("/baremap-".len()).take(16).enumerate() {
        *letter = b'a' + (number >> (4 * i) & 0xf) as u8;
    }
    name
}

/// Makes a file that has a name for an instant: `make` creates it under a new name, or fails with `exists`, and
/// `remove` removes the name. A failure leaves no file.
#[allow(dead_code, reason = "Linux has files without a name")]
pub(crate) fn nameless<S: System>(
    random: impl Fn() -> u32,
    exists: i32,
    make: impl Fn(*const c_char) -> Result<S::RawFile>,
    remove: impl Fn(*const c_char) -> Result<c_int>,
) -> Result<S::RawFile> {
    loop {
        let name = unique_name(u64::from(random()) << 32 | u64::from(random()));
        let name = name.as_ptr().cast();
        let file = match make(name) {
            Err(failure) if failure.code == exists => continue,
            made => made?,
        };
        return remove(name).map(|_| file).inspect_err(|_| S::close(file));
    }
}
