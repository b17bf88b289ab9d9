//! The fault guard, which lets a [`View`](crate::View) copy from memory that may be gone.
//!
//! Without it a `View` reads its file, which is always correct and slower. With it a `View` copies from the mapping. If
//! the file was truncated, or its device fails, the access raises a signal or an exception, and the guard ends the copy
//! early. Any other fault goes to the handler that was there before.
//!
//! Install it once, early in `main`. A library leaves that to the program.
//!
//! # Examples
//!
//! ```
//! # let path = std::env::temp_dir().join(format!("baremap-{}-guard", std::process::id()));
//! # std::fs::write(&path, "[package]").unwrap();
//! # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
//! # let path = path.as_c_str();
//! use baremap::{File, Mmap, guard};
//! # if guard::install().is_err_and(|error| error.kind() == baremap::ErrorKind::Unsupported) { return Ok(()) }
//! guard::install()?;
//! assert!(guard::is_in_force());
//!
//! let file = File::open_rw(path)?;
//! # std::fs::remove_file(path.to_str().unwrap()).unwrap();
//! let view = Mmap::new(&file).view()?;
//! let mut start = [0; 4];
//! assert_eq!(view.read_at(&mut start, 0)?, 4);
//! # Ok::<_, baremap::Error>(())
//! ```

use crate::error::Error;
use crate::sys::{Sys, System, fault};

/// Installs the guard in this process.
///
/// Installing it again is no error. It works beside other handlers. Signals that are not its own go to the previous
/// handler, with that handler's mask and flags. A handler that is installed later must call the previous one. If it
/// does not, the guard no longer works, and [`is_in_force`] reports that.
///
/// Child processes inherit it by `fork`, unless another thread forks during this call. A new program starts without it.
/// A thread that blocks the signal is not protected: Linux kills the process at a fault, and on macOS the access
/// repeats until the signal is unblocked. Do not call this function from a signal handler.
///
/// **Platform notes**
/// - Linux: [`rt_sigaction`](https://man7.org/linux/man-pages/man2/sigaction.2.html) for SIGBUS.
/// - macOS: `sigaction` for SIGBUS and SIGSEGV.
/// - FreeBSD, NetBSD, DragonFly, illumos: `sigaction` for SIGBUS and SIGSEGV, on x86_64; FreeBSD and NetBSD also on
///   aarch64.
/// - OpenBSD: unsupported, as a mapping and [`read`](https://man7.org/linux/man-pages/man2/read.2.html) may differ
///   there until [`msync`](https://man7.org/linux/man-pages/man2/msync.2.html), and a `View` returns the bytes that
///   `read` would.
/// - Windows: [`AddVectoredExceptionHandler`][avh]. On arm64ec unsupported.
/// - Kernels: no call. The kernel's page-fault handler calls [`fixup`], and `custom::Backend::asks_fixup` returns
///   `true`.
///
/// [avh]: https://learn.microsoft.com/windows/win32/api/errhandlingapi/nf-errhandlingapi-addvectoredexceptionhandler
///
/// # Errors
/// - [`Busy`](crate::ErrorKind::Busy): another handler was installed after the guard. If the guard were installed
///   again, the two handlers might call each other for ever.
/// - [`Unsupported`](crate::ErrorKind::Unsupported): the system has no guard, the kernel does not call `fixup`, or the
///   crate has no guarded copy for the architecture.
///
/// # Examples
///
/// See the [module](self).
#[doc(alias = "sigaction")]
#[doc(alias = "SIGBUS")]
pub fn install() -> Result<(), Error> {
    Ok(Sys::install_guard()?)
}

/// Returns whether the guard is installed, and no other handler has replaced it.
///
/// If a later handler calls the guard, the guard works, but the result is `false` nevertheless.
///
/// **Platform notes**
/// - Unix: `sigaction`, on Linux `rt_sigaction`.
/// - Windows: no call. A later handler is called before or after the guard, and cannot replace it.
/// - Kernels: the result of `custom::Backend::asks_fixup`, also before [`install`].
///
/// # Examples
///
/// See the [module](self).
pub fn is_in_force() -> bool {
    Sys::is_guard_in_force()
}

/// Returns where to continue after a fault at `pc`, if that is in a [`View`](crate::View)'s copy.
///
/// It is for kernels, and for programs whose own handler replaces the guard's after [`install`]; without `install` views
/// read. If it returns an address, set the program counter of the interrupted context to it, change nothing else, and
/// return. The function is async-signal-safe.
///
/// # Examples
///
/// ```
/// assert_eq!(baremap::guard::fixup(0), None);
/// ```
#[doc(alias = "__ex_table")]
pub fn fixup(pc: usize) -> Option<usize> {
    fault::fixup(pc)
}
