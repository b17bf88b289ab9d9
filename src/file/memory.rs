//! Files in memory, seals, and space on the disk.

use super::{File, check_range};
use crate::error::Error;
use crate::error::kind::Call;
use crate::sys::{Sys, System};

impl File {
    /// Makes a file in memory, which has no name and a length of 0, for reading and writing.
    ///
    /// It is memory that can be mapped more than once, and shared with processes to which the descriptor or handle is
    /// passed. The memory is freed when the file is closed and nothing maps it.
    ///
    /// **Platform notes**
    /// - Linux: [`memfd_create`](https://man7.org/linux/man-pages/man2/memfd_create.2.html) with `MFD_CLOEXEC`,
    ///   `MFD_ALLOW_SEALING` and, as of Linux 6.3, `MFD_NOEXEC_SEAL`: it cannot be started as a program, but be mapped with
    ///   [`Prot::EXEC`](crate::Prot::EXEC). A regular file in every other respect.
    /// - macOS: `shm_open` under a random name, then `shm_unlink`. The length can be set once, and is rounded up to whole
    ///   pages. Such an object can only be mapped, without [`Flags::COW`](crate::Flags::COW) and
    ///   [`Prot::EXEC`](crate::Prot::EXEC); [`read_at`](Self::read_at), [`write_at`](Self::write_at), [`sync`](Self::sync)
    ///   and [`allocate`](Self::allocate) fail.
    /// - FreeBSD, NetBSD, OpenBSD, DragonFly, illumos: `shm_open` under a random name, then `shm_unlink`. It is the kernel's on
    ///   FreeBSD, elsewhere a file: on a tmpfs, or on OpenBSD and illumos in `/tmp`.
    /// - Windows: `CreateFileW` in the folder that `GetTempPathW` returns, with `FILE_ATTRIBUTE_TEMPORARY` and
    ///   `FILE_FLAG_DELETE_ON_CLOSE`. The system writes it to the disk only if memory is short, and deletes it when its
    ///   last handle is closed. Nobody else can open it. Keep it open while it is mapped: only a shared, writable mapping
    ///   has a handle of its own.
    /// - Kernels: `custom::Backend::memory_file`.
    ///
    /// # Errors
    /// - [`TooManyFiles`](crate::ErrorKind::TooManyFiles), [`OutOfMemory`](crate::ErrorKind::OutOfMemory).
    /// - [`Unsupported`](crate::ErrorKind::Unsupported): the kernel has no such files.
    /// - What else the system reports, on Windows also of the folder.
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

    /// Fixes contents and length of a file in memory for good.
    ///
    /// Nobody can write to it, truncate it or extend it any more, this process included. Then
    /// [`Mmap::map_sealed`](crate::Mmap::map_sealed) maps it without `unsafe`, in every process that has the file.
    ///
    /// **Platform notes**
    /// - Linux: [`fcntl`](https://man7.org/linux/man-pages/man2/F_GET_SEALS.2const.html) with `F_ADD_SEALS` and `F_SEAL_WRITE`,
    ///   `F_SEAL_SHRINK`, `F_SEAL_GROW` and `F_SEAL_SEAL`.
    /// - macOS, Windows, kernels: unsupported.
    ///
    /// # Errors
    /// - [`Busy`](crate::ErrorKind::Busy): a writable, shared mapping exists in any process. Before Linux 6.7 each shared mapping
    ///   counts that was made by a descriptor open for writing.
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

    /// Allocates space on the disk for `len` bytes at `offset`, and extends the file to their end if it is shorter.
    ///
    /// The contents stay; what is new reads as zeros. Without space, the first write through a mapping to a part of the file
    /// that was never written raises a signal when the disk is full. With it, such a write needs no space any more, unless
    /// the file system writes each change to a new place, as btrfs does after a snapshot, or the pages are those of a hole
    /// that was not filled.
    ///
    /// For a file in memory it allocates the memory.
    ///
    /// **Platform notes**
    /// - Linux: [`fallocate`](https://man7.org/linux/man-pages/man2/fallocate.2.html) with mode 0.
    /// - macOS: `fcntl` with `F_PREALLOCATE`, then `ftruncate`. It allocates what lies past the end of the file, and does not
    ///   fill holes before that.
    /// - FreeBSD, NetBSD, illumos: `posix_fallocate`, which some of their file systems lack.
    /// - OpenBSD, DragonFly: unsupported.
    /// - Windows: `SetFileInformationByHandle` with `FileAllocationInfo`, then `FileEndOfFileInfo`. It does not fill the holes
    ///   of a sparse file.
    /// - macOS, Windows: a file that another process extends at the same time may lose what that one has written.
    /// - Kernels: `custom::Backend::allocate`.
    ///
    /// # Errors
    /// After a failure part of the space may be allocated, and the file may be longer.
    ///
    /// - [`NoSpace`](crate::ErrorKind::NoSpace): the disk or the quota is full.
    /// - [`Overflow`](crate::ErrorKind::Overflow): offset and length together exceed `i64::MAX`.
    /// - [`TooLong`](crate::ErrorKind::TooLong): the file system does not support the length.
    /// - [`Unsupported`](crate::ErrorKind::Unsupported): the file system cannot allocate space.
    /// - What else the system reports; a file that is not open for writing is
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
