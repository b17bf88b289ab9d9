//! The fault guard: what lets a [`View`](crate::View) copy from memory that may be gone.
//!
//! Without it a `View` reads its file, which is always right and slower. With it a `View` copies from the mapping; if the file
//! was truncated meanwhile, or its device fails, the access raises a signal or an exception, and the guard repairs the copy.
//! Nothing else is affected: a fault outside of that copy goes to whatever handled it before.
//!
//! A program installs it once, early in `main`. A library leaves that to the program.
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

/// Installs the guard in this process; again is no error.
///
/// It works beside other handlers. Signals that are not its own go to the handler that was installed before, with that
/// handler's mask and flags. A handler that is installed later must call the previous one. One that does not
/// ends the guard, and [`is_in_force`] reports it.
///
/// Child processes inherit it by `fork`, unless another thread forks at this very moment; a new program starts without. A
/// thread that blocks the signal is not protected: Linux kills it at a fault, and on macOS the access repeats until the signal
/// is unblocked. Do not call this from a signal handler.
///
/// **Platform notes**
/// - Linux: `rt_sigaction` for SIGBUS.
/// - macOS: `sigaction` for SIGBUS and SIGSEGV.
/// - FreeBSD, NetBSD, DragonFly, illumos: `sigaction` for both, on x86_64, and of the first two on aarch64.
/// - OpenBSD: unsupported, as a mapping and `read` may differ there until `msync`, and a `View` returns what `read` does.
/// - Windows: [`AddVectoredExceptionHandler`][avh]. On arm64ec unsupported.
/// - Kernels: none; the kernel's page-fault handler asks [`fixup`], and `custom::Backend::asks_fixup` says so.
///
/// [avh]: https://learn.microsoft.com/windows/win32/api/errhandlingapi/nf-errhandlingapi-addvectoredexceptionhandler
///
/// # Errors
/// - [`Busy`](crate::ErrorKind::Busy): another handler was installed after the guard. The guard cannot know whether it calls the
///   guard, and installed once more both might call each other for ever.
/// - [`Unsupported`](crate::ErrorKind::Unsupported): the kernel does not ask `fixup`, or the architecture has no copy.
///
/// # Examples
///
/// See the [module](self).
#[doc(alias = "sigaction")]
#[doc(alias = "SIGBUS")]
pub fn install() -> Result<(), Error> {
    Ok(Sys::install_guard()?)
}

/// Returns whether the guard is installed, and no other handler has taken its place.
///
/// A handler that was installed later and calls the guard is not seen as such: the guard works, and the result is `false`.
///
/// **Platform notes**
/// - Linux: `rt_sigaction`. macOS: `sigaction`.
/// - Windows: no call. A handler that was installed later is asked after the guard or before it, and cannot take its place.
/// - Kernels: what `custom::Backend::asks_fixup` says, also before [`install`].
///
/// # Examples
///
/// See the [module](self).
pub fn is_in_force() -> bool {
    Sys::is_guard_in_force()
}

/// Returns where a program must continue after a fault at `pc`, if that is in the copy of a [`View`](crate::View).
///
/// For kernels, and for programs whose own handler replaces the guard: if it returns an address, set the program counter of
/// the interrupted context to it, change nothing else, and return. It is async-signal-safe.
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
