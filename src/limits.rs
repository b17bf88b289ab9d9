//! The limit on locked memory.

use crate::error::Error;
use crate::sys::{Residency, Sys};

/// Returns how many bytes this process may lock in total.
///
/// It is `usize::MAX` if there is no limit. The system may have another limit for all processes together.
///
/// **Platform notes**
/// - Linux: [`RLIMIT_MEMLOCK`](https://man7.org/linux/man-pages/man2/getrlimit.2.html), by `prlimit64`. It does not limit a
///   process with `CAP_IPC_LOCK`.
/// - macOS, BSD: `RLIMIT_MEMLOCK`, by `getrlimit`.
/// - illumos: unsupported.
/// - Windows: the minimum of the working set, by
///   [`GetProcessWorkingSetSize`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-getprocessworkingsetsize),
///   less the 16 pages that the system may need.
/// - Kernels: unsupported.
///
/// # Errors
/// - [`Unsupported`](crate::ErrorKind::Unsupported): the system has no such limit.
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

/// Raises the [`lock_limit`] to `bytes`, or as far as allowed, and returns it.
///
/// It never lowers the limit. The limit is that of the whole process, and on Unix also of processes that it starts.
///
/// **Platform notes**
/// - Linux: [`prlimit64`](https://man7.org/linux/man-pages/man2/prlimit.2.html), up to the hard limit; past it with
///   `CAP_SYS_RESOURCE`.
/// - macOS, BSD: [`setrlimit`](https://man7.org/linux/man-pages/man2/setrlimit.2.html), up to the hard limit; past it
///   as root.
/// - illumos: unsupported.
/// - Windows:
///   [`SetProcessWorkingSetSize`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-setprocessworkingsetsize).
///   If the minimum would exceed the maximum, both are raised.
/// - Kernels: unsupported.
///
/// # Errors
/// After a failure the limit is unchanged.
/// - Any error of the system. On Windows this includes a limit that it does not allow.
/// - [`Unsupported`](crate::ErrorKind::Unsupported): the system has no such limit.
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
