//! Files in memory, seals, and space on the disk.

use super::{File, check_range};
use crate::error::Error;
use crate::error::kind::Call;
use crate::sys::{Sys, System};

impl File {
    /// Makes an empty file in memory without a name, for reading and writing.
    ///
    /// Its memory can be mapped more than once, and shared with processes that receive the descriptor or handle. The
    /// memory is freed when the file is closed and no longer mapped.
    ///
    /// **Platform notes**
    /// - Linux: [`memfd_create`](https://man7.org/linux/man-pages/man2/memfd_create.2.html) with `MFD_CLOEXEC`,
    ///   `MFD_ALLOW_SEALING` and, as of Linux 6.3, `MFD_NOEXEC_SEAL`: it cannot be started as a program, but can be
    ///   mapped with [`Prot::EXEC`](crate::Prot::EXEC). In every other respect it is a regular file.
    /// - macOS: [`shm_open`](https://man7.org/linux/man-pages/man3/shm_open.3.html) under a random name, then
    ///   `shm_unlink`. The length can be set only once, and is rounded up to whole pages. The object can only be
    ///   mapped, without [`Flags::COW`](crate::Flags::COW) and [`Prot::EXEC`](crate::Prot::EXEC);
    ///   [`read_at`](Self::read_at), [`write_at`](Self::write_at), [`sync`](Self::sync) and
    ///   [`allocate`](Self::allocate) fail.
    /// - BSD, illumos: `shm_open` under a random name, then `shm_unlink`. On FreeBSD the kernel keeps it; on NetBSD and
    ///   DragonFly it is a file on a tmpfs, on OpenBSD and illumos a file in `/tmp`.
    /// - Windows: `CreateFileW` in the folder that
    ///   [`GetTempPathW`](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-gettemppathw) returns, with
    ///   `FILE_ATTRIBUTE_TEMPORARY` and `FILE_FLAG_DELETE_ON_CLOSE`. The system writes it to the disk only if memory is
    ///   short, and deletes it when its last handle is closed. It cannot be opened by its name. Keep it open while it
    ///   is mapped: only a shared, writable mapping has a handle of its own.
    /// - Kernels: `custom::Backend::memory_file`.
    ///
    /// # Errors
    /// - [`TooManyFiles`](crate::ErrorKind::TooManyFiles), [`OutOfMemory`](crate::ErrorKind::OutOfMemory).
    /// - [`Unsupported`](crate::ErrorKind::Unsupported): the kernel has no such files.
    /// - Other errors of the system, on Windows also for the folder.
    ///
    /// # Examples
    ///
    /// Two mappings of the same memory:
    ///
    /// ```
    /// use baremap::{ErrorKind, File, Mmap};
    /// let file = match File::memory() {
    ///     Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
    ///     file => file?,
    /// };
    /// file.set_len(100)?;
    /// let (one, two) = (Mmap::new(&file).prot(baremap::Prot::WRITE).map_raw()?, Mmap::new(&file).map_raw()?);
    /// // SAFETY: nobody truncates the file, and no other thread uses it.
    /// unsafe {
    ///     one.as_mut_ptr().write(7);
    ///     assert_eq!(two.as_ptr().read(), 7);
    /// }
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "memfd_create")]
    #[doc(alias = "shm_open")]
    #[doc(alias = "tempfile")]
    pub fn memory() -> Result<Self, Error> {
        Ok(Self(Sys::memory_file()?))
    }

    /// Fixes the contents and the length of a file in memory permanently.
    ///
    /// After that no process can write to it, truncate it or extend it, not even this one.
    /// [`Mmap::map_sealed`](crate::Mmap::map_sealed) maps it without `unsafe`, in every process that has the file.
    ///
    /// **Platform notes**
    /// - Linux: [`fcntl`](https://man7.org/linux/man-pages/man2/F_GET_SEALS.2const.html) with `F_ADD_SEALS` and `F_SEAL_WRITE`,
    ///   `F_SEAL_SHRINK`, `F_SEAL_GROW` and `F_SEAL_SEAL`.
    /// - Other systems: unsupported.
    ///
    /// # Errors
    /// - [`Busy`](crate::ErrorKind::Busy): a writable, shared mapping exists in any process. Before Linux 6.7 this
    ///   includes every shared mapping made through a descriptor that is open for writing.
    /// - [`PermissionDenied`](crate::ErrorKind::PermissionDenied): the file is not open for writing, was made without
    ///   `MFD_ALLOW_SEALING`, or is sealed already.
    /// - [`Unsupported`](crate::ErrorKind::Unsupported): the system has no seals, or none for this file.
    ///
    /// # Examples
    ///
    /// See [`Mmap::map_sealed`](crate::Mmap::map_sealed).
    #[doc(alias = "F_ADD_SEALS")]
    pub fn seal(&self) -> Result<(), Error> {
        Ok(Sys::seal(self.0)?)
    }

    /// Allocates disk space for `len` bytes at `offset`, and extends the file if it is shorter.
    ///
    /// The contents stay, and new bytes are zeros. The first write through a mapping to a part of the file that was
    /// never written needs disk space, and raises a signal if the disk is full. After this call it needs none. Two
    /// exceptions remain: file systems that write each change to new blocks, as btrfs does after a snapshot, and holes
    /// that were not filled.
    ///
    /// For a file in memory it allocates the memory.
    ///
    /// **Platform notes**
    /// - Linux: [`fallocate`](https://man7.org/linux/man-pages/man2/fallocate.2.html) with mode 0.
    /// - macOS: `fcntl` with `F_PREALLOCATE`, then `ftruncate`. It allocates space past the end of the file, and does
    ///   not fill holes before.
    /// - FreeBSD, NetBSD, illumos: [`posix_fallocate`](https://man7.org/linux/man-pages/man3/posix_fallocate.3.html),
    ///   which some of their file systems do not support.
    /// - OpenBSD, DragonFly: unsupported.
    /// - Windows: `SetFileInformationByHandle` with `FileAllocationInfo`, then `FileEndOfFileInfo`. It does not fill the holes
    ///   of a sparse file.
    /// - macOS, Windows: if another process extends the file at the same time, the bytes that it writes may be lost.
    /// - Kernels: `custom::Backend::allocate`.
    ///
    /// # Errors
    /// After a failure part of the space may be allocated, and the file may be longer.
    ///
    /// - [`NoSpace`](crate::ErrorKind::NoSpace): the disk or the quota is full.
    /// - [`Overflow`](crate::ErrorKind::Overflow): offset and length together exceed `i64::MAX`.
    /// - [`TooLong`](crate::ErrorKind::TooLong): the file system does not support the length.
    /// - [`Unsupported`](crate::ErrorKind::Unsupported): the file system cannot allocate space.
    /// - Other errors of the system; a file that is not open for writing is
    ///   [`InvalidInput`](crate::ErrorKind::InvalidInput) or [`PermissionDenied`](crate::ErrorKind::PermissionDenied).
    ///
    /// # Examples
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("baremap-{}-allocate", std::process::id()));
    /// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    /// # let path = path.as_c_str();
    /// use baremap::{ErrorKind, File, Mmap};
    /// let file = File::create(path)?;
    /// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
    /// match file.allocate(0, 1 << 20) {
    ///     // Go on without.
    ///     Err(error) if error.kind() == ErrorKind::Unsupported => file.set_len(1 << 20)?,
    ///     result => result?,
    /// }
    /// // SAFETY: nobody else knows of the file.
    /// let mut map = unsafe { Mmap::new(&file).map_mut()? };
    /// map.fill(1);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "fallocate")]
    #[doc(alias = "posix_fallocate")]
    #[doc(alias = "F_PREALLOCATE")]
    pub fn allocate(&self, offset: u64, len: u64) -> Result<(), Error> {
        check_range(Call::Allocate, offset, len)?;
        if len == 0 {
            return Ok(());
        }
        Ok(Sys::allocate(self.0, offset, len)?)
    }
}
