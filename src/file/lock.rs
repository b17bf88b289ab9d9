//! Advisory locks, for processes that agree to take turns with a file.

use super::File;
use crate::error::Error;
use crate::sys::Sys;
use crate::sys::contract::files::Files;

impl File {
    /// Locks the file exclusively, and waits until no other open file has a lock.
    ///
    /// The lock belongs to the open file. It ends with [`unlock`](Self::unlock), or when the file and all its
    /// duplicates are closed, at the latest when the process ends. It excludes only other locks: on Unix, a process
    /// that does not lock the file can still read, write and map it.
    ///
    /// Do not lock a file again that is locked already, also by a duplicate: depending on the system, the new lock
    /// replaces the old one, or the call waits for ever. The locks are the same as those of `std::fs::File`.
    ///
    /// **Platform notes**
    /// - Linux: [`flock`](https://man7.org/linux/man-pages/man2/flock.2.html) with `LOCK_EX`. A second lock replaces
    ///   the first, and the file is unlocked in between. On NFS it is an `fcntl` lock, for which the file must be open
    ///   for writing.
    /// - Other Unix: `flock`, likewise.
    /// - Windows: [`LockFileEx`](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-lockfileex) for every
    ///   byte that a file can have. Reading and writing through another handle fails with
    ///   [`Busy`](crate::ErrorKind::Busy); mappings are not affected. A second lock waits for the first.
    /// - Kernels: unsupported.
    ///
    /// # Errors
    /// - [`Unsupported`](crate::ErrorKind::Unsupported): the system or the file system has no such locks.
    /// - Other errors of the system.
    ///
    /// # Examples
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("baremap-{}-lock", std::process::id()));
    /// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    /// # let path = path.as_c_str();
    /// use baremap::{ErrorKind, File};
    /// let file = File::create(path)?;
    /// match file.lock() {
    ///     Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
    ///     result => result?,
    /// }
    /// let again = File::open(path)?;
    /// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
    /// assert_eq!(again.try_lock_shared().unwrap_err().kind(), ErrorKind::WouldBlock);
    /// file.unlock()?;
    /// again.try_lock_shared()?;
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "flock")]
    #[doc(alias = "LockFileEx")]
    #[doc(alias = "LOCK_EX")]
    pub fn lock(&self) -> Result<(), Error> {
        Ok(Sys::lock_file(self.0, true, true)?)
    }

    /// Locks the file shared, and waits until no other open file has an exclusive lock.
    ///
    /// As [`lock`](Self::lock) otherwise.
    ///
    /// **Platform notes**
    /// - Unix: `flock` with `LOCK_SH`.
    /// - Windows: `LockFileEx`. Writing fails with [`Busy`](crate::ErrorKind::Busy), also through this handle.
    ///
    /// # Errors
    /// As `lock`.
    ///
    /// # Examples
    ///
    /// See [`lock`](Self::lock).
    #[doc(alias = "LOCK_SH")]
    pub fn lock_shared(&self) -> Result<(), Error> {
        Ok(Sys::lock_file(self.0, false, true)?)
    }

    /// Locks the file exclusively, or fails if another open file has a lock.
    ///
    /// As [`lock`](Self::lock) otherwise.
    ///
    /// # Errors
    /// As `lock`, and:
    /// - [`WouldBlock`](crate::ErrorKind::WouldBlock): another open file has a lock.
    ///
    /// # Examples
    ///
    /// See [`lock`](Self::lock).
    #[doc(alias = "LOCK_NB")]
    #[doc(alias = "LOCKFILE_FAIL_IMMEDIATELY")]
    pub fn try_lock(&self) -> Result<(), Error> {
        Ok(Sys::lock_file(self.0, true, false)?)
    }

    /// Locks the file shared, or fails if another open file has an exclusive lock.
    ///
    /// As [`lock_shared`](Self::lock_shared) otherwise.
    ///
    /// # Errors
    /// As `lock_shared`, and:
    /// - [`WouldBlock`](crate::ErrorKind::WouldBlock): another open file has an exclusive lock.
    ///
    /// # Examples
    ///
    /// See [`lock`](Self::lock).
    pub fn try_lock_shared(&self) -> Result<(), Error> {
        Ok(Sys::lock_file(self.0, false, false)?)
    }

    /// Unlocks the file.
    ///
    /// Unlocking a file that is not locked is no error.
    ///
    /// **Platform notes**
    /// - Unix: `flock` with `LOCK_UN`.
    /// - Windows: [`UnlockFile`](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-unlockfile), until
    ///   nothing is locked. If a locked file is closed instead, it may stay locked for a while.
    ///
    /// # Errors
    /// As [`lock`](Self::lock).
    ///
    /// # Examples
    ///
    /// See [`lock`](Self::lock).
    #[doc(alias = "LOCK_UN")]
    #[doc(alias = "UnlockFile")]
    pub fn unlock(&self) -> Result<(), Error> {
        Ok(Sys::unlock_file(self.0)?)
    }
}
