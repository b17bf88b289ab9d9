//! Shared memory with a name: what is alike where `shm_open` exists, or where Linux has a folder for it.

use crate::sys::contract::Result;
use crate::sys::contract::shared::Shared;
use core::ffi::CStr;

/// Calls `f` with the name behind `prefix`, or returns `None` if both and a NUL are longer than `SIZE`.
pub(in crate::sys) fn with_prefix<const SIZE: usize, T>(
    prefix: &[u8],
    name: &CStr,
    f: impl FnOnce(&CStr) -> T,
) -> Option<T> {
    let mut whole = [0; SIZE];
    for (to, from) in whole.iter_mut().zip(prefix.iter().chain(name.to_bytes_with_nul())) {
        *to = *from;
    }
    // A name that is too long has lost its NUL.
    CStr::from_bytes_until_nul(&whole).ok().map(f)
}

/// Sets the length of a new object. If that fails, nothing is left of it.
pub(in crate::sys) fn with_len<S: Shared>(object: S::RawFile, name: &CStr, len: u64) -> Result<S::RawFile> {
    S::set_len(object, len).map(|()| object).inspect_err(|_| {
        let _ = S::remove_object(name);
        S::close(object);
    })
}
