//! How much memory may be locked.

use crate::error::Error;
use crate::sys::{Residency, Sys};

/// Returns how many bytes this process may lock, locked ones included.
///
/// It is `usize::MAX` if there is no limit. The system may have other limits, for all processes together.
///
/// **Platform notes**
/// - Linux: [`RLIMIT_MEMLOCK`](https://man7.org/linux/man-pages/man2/getrlimit.2.html), by `prlimit64`. It does not limit a
///   process with `CAP_IPC_LOCK`.
/// - macOS: `RLIMIT_MEMLOCK`, by `getrlimit`.
/// - Windows: the minimum of the working set, by
///   [`GetProcessWorkingSetSize`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-getprocessworkingsetsize),
///   without the 16 pages that the system may need of it.
/// - Kernels: unsupported.
///
/// # Errors
/// - [`Unsupported`](crate::ErrorKind::Unsupported): the system has no such limit to ask for.
///
/// # Examples
///
/// ```
/// match baremap::lock_limit() {
///     Ok(usize::MAX) => println!("no limit"),
///     Ok(bytes) => println!("{} KiB may be locked", bytes >> 10),
///     Err(error) => println!("not known: {error}"),
/// }
/// ```
#[doc(alias = "RLIMIT_MEMLOCK")]
#[doc(alias = "getrlimit")]
#[doc(alias = "GetProcessWorkingSetSize")]
pub fn lock_limit() -> Result<usize, Error> {
    Ok(Sys::lock_limit()?)
}

/// Raises the limit of [`lock_limit`] to `bytes`, or as far as allowed, and returns it.
///
/// It is never lowered. For the whole process, and on Linux and macOS for those that it starts.
///
/// **Platform notes**
/// - Linux, macOS: `prlimit64` or [`setrlimit`](https://man7.org/linux/man-pages/man2/setrlimit.2.html), up to the hard
///   limit; with `CAP_SYS_RESOURCE`, or as root, past it.
/// - Windows:
///   [`SetProcessWorkingSetSize`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-setprocessworkingsetsize).
///   If the minimum would exceed the maximum, both are raised.
/// - Kernels: unsupported.
///
/// # Errors
/// The limit stays as it was.
/// - What the system reports. On Windows that is also the answer to more than it allows.
/// - [`Unsupported`](crate::ErrorKind::Unsupported): the system has no such limit to set.
///
/// # Examples
///
/// ```
/// let map = baremap::Mmap::anon(1 << 20).map()?;
/// if map.lock().is_err() && baremap::raise_lock_limit(2 << 20).is_ok_and(|limit| limit >= 2 << 20) {
///     let _ = map.lock();
/// }
/// # Ok::<_, baremap::Error>(())
/// ```
#[doc(alias = "setrlimit")]
#[doc(alias = "SetProcessWorkingSetSize")]
pub fn raise_lock_limit(bytes: usize) -> Result<usize, Error> {
    Ok(Sys::raise_lock_limit(bytes)?)
}
