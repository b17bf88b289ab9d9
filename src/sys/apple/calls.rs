//! How functions of libSystem fail.

use super::codes::EINTR;
use super::imports::__error;
use crate::error::kind::{Call, Failure};
use crate::sys::contract::Result;
use crate::sys::posix;

/// Every function here but `mmap` returns -1 if it fails, and sets `errno`.
pub(super) fn checked<T: PartialEq + From<i8>>(call: Call, result: T) -> Result<T> {
    if result == T::from(-1) { Err(last_failure(call)) } else { Ok(result) }
}

fn last_failure(call: Call) -> Failure {
    // SAFETY: the function returns the address of this thread's `errno`.
    Failure::of_system(call, unsafe { *__error() })
}

pub(super) fn uninterrupted<T: Copy + PartialEq + From<i8>>(
    call: Call,
    mut function: impl FnMut() -> T,
) -> Result<T> {
    let is_interrupted = |result| matches!(result, Err(Failure { code: EINTR, .. }));
    posix::uninterrupted(|| checked(call, function()), is_interrupted)
}
