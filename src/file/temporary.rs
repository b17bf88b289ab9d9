//! Files without a name.

use super::{AsPath, File};
use crate::error::Error;
use crate::sys::Sys;
use crate::sys::contract::files::Files;

impl File {
    /// Makes an empty file without a name in a folder, for reading and writing.
    ///
    /// It is stored on the file system of the folder. Its space is freed when it is closed and no longer mapped, at the
    /// latest when the process ends. For a file that takes no disk space see [`File::memory`].
    ///
    /// **Platform notes**
    /// - Linux: [`openat`](https://man7.org/linux/man-pages/man2/open.2.html) with `O_TMPFILE | O_EXCL` and mode 0600.
    ///   On a file system without it, such as NFS, as on other Unix.
    /// - Other Unix: `openat` under a new name, with mode 0600 less the umask, then
    ///   [`unlinkat`](https://man7.org/linux/man-pages/man2/unlink.2.html). If the process ends in between, the file
    ///   stays.
    /// - Windows: `CreateFileW` under a new name, with `FILE_ATTRIBUTE_TEMPORARY` and `FILE_FLAG_DELETE_ON_CLOSE`. The
    ///   name stays until the file is closed, but the file cannot be opened by it. Keep it open while it is mapped:
    ///   only a shared, writable mapping has a handle of its own.
    /// - Kernels: unsupported.
    ///
    /// # Errors
    /// - [`NotFound`](crate::ErrorKind::NotFound): there is no such folder.
    /// - [`PermissionDenied`](crate::ErrorKind::PermissionDenied), [`NoSpace`](crate::ErrorKind::NoSpace), and other
    ///   errors of the system. If `unlinkat` fails, an empty file stays.
    /// - [`Unsupported`](crate::ErrorKind::Unsupported): the system has no such files.
    ///
    /// # Examples
    ///
    /// ```
    /// # let folder = std::env::temp_dir();
    /// # let folder = std::ffi::CString::new(folder.to_str().unwrap()).unwrap();
    /// # let folder = folder.as_c_str();
    /// use baremap::{ErrorKind, File, Mmap};
    /// let file = match File::temporary(folder) {
    ///     Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
    ///     file => file?,
    /// };
    /// file.set_len(1 << 20)?;
    /// // SAFETY: nobody else knows of the file.
    /// let mut map = unsafe { Mmap::new(&file).map_mut()? };
    /// map.fill(1);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "O_TMPFILE")]
    #[doc(alias = "tempfile")]
    #[doc(alias = "FILE_FLAG_DELETE_ON_CLOSE")]
    pub fn temporary(folder: impl AsPath) -> Result<Self, Error> {
        folder.with_c_str(|folder| Ok(Self(Sys::temporary_file(folder)?)))
    }
}
