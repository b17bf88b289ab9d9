//! Limits of resources, whose numbers and calls differ.

use crate::error::kind::Failure;
use crate::sys::contract::Result;

#[repr(C)]
pub(crate) struct Rlimit {
    pub(crate) rlim_cur: u64,
    pub(crate) rlim_max: u64,
}

/// Raises a limit to `bytes`, or to its maximum where only a privileged process may exceed that. Returns what it is then.
pub(crate) fn raise(
    bytes: u64,
    get: impl FnOnce() -> Result<Rlimit>,
    set: impl Fn(&Rlimit) -> Result<()>,
    is_not_permitted: impl FnOnce(&Failure) -> bool,
) -> Result<u64> {
    let Rlimit { rlim_cur, rlim_max } = get()?;
    if rlim_cur >= bytes {
        return Ok(rlim_cur);
    }
    match set(&Rlimit { rlim_cur: bytes, rlim_max: rlim_max.max(bytes) }) {
        Ok(()) => Ok(bytes),
        Err(failure) if bytes > rlim_max && is_not_permitted(&failure) => {
            set(&Rlimit { rlim_cur: rlim_max, rlim_max }).map(|()| rlim_max)
        }
        Err(failure) => Err(failure),
    }
}
