//! Memory that several processes map: an object with a name or without.
//!
//! On POSIX systems and in kernels an object is an open file, and is used like one. On Windows it is a section, which
//! is not a file: the `FileRef` of a section holds its length, as the system has no call that returns it.

use crate::error::Error;
use crate::error::kind::{Call, ErrorKind};
use crate::file::{AsPath, FileRef};
use crate::sys::contract::{self, FileKind, FileStatus};
use crate::sys::{RawFile, Shared, Sys, System};
use core::ffi::CStr;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;

/// Memory that several processes map.
///
/// One process makes it, either with [`new`](Self::new), without a name, and passes its descriptor or handle to the
/// other processes; or with [`create`](Self::create), with a name, and they [`open`](Self::open) it. Then each process
/// maps it like a file, with [`Mmap::new`](crate::Mmap::new): for pointers with [`map_raw`](crate::Mmap::map_raw), or
/// as a slice with the `unsafe` [`map`](crate::Mmap::map), in parts, or in a [`Reservation`](crate::Reservation). It
/// need not stay open while it is mapped.
///
/// The guide's page on [sharing](crate::guide::sharing) has the rules for memory that several processes use. The memory
/// is zeroed at first. The system frees it when no process has it and it has no name, at the latest on a restart.
///
/// **Platform notes**
/// - Linux: without a name [`memfd_create`](https://man7.org/linux/man-pages/man2/memfd_create.2.html), with a sealed
///   length: no process can truncate it. With a name, a file in `/dev/shm`, as by
///   [`shm_open`](https://man7.org/linux/man-pages/man3/shm_open.3.html), which any process that may open it can also
///   truncate.
/// - Android: the same; but as it has no `/dev/shm`, names fail with [`NotFound`](ErrorKind::NotFound).
/// - macOS: `shm_open`, and for memory without a name `shm_unlink`. The length cannot change. The memory cannot be
///   mapped with [`Flags::COW`](crate::Flags::COW) or [`Prot::EXEC`](crate::Prot::EXEC). On iOS, and in any other
///   sandbox, the system may refuse it with [`PermissionDenied`](ErrorKind::PermissionDenied).
/// - BSD, illumos: `shm_open`, and for memory without a name `shm_unlink`. On FreeBSD the kernel keeps it; on NetBSD
///   and DragonFly it is a file on a tmpfs, on OpenBSD and illumos a file in `/tmp`.
/// - Windows:
///   [`CreateFileMappingW`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-createfilemappingw), a
///   section backed by the paging file. The whole length counts against the commit limit at once. It cannot be mapped
///   with [`Prot::EXEC`](crate::Prot::EXEC), nor by a [`View`](crate::View).
/// - Kernels: without a name `custom::Backend::memory_file` and `set_len`; names are unsupported.
///
/// # Examples
///
/// ```
/// use baremap::{ErrorKind, Mmap, Prot, SharedMemory};
/// use std::sync::atomic::{AtomicU32, Ordering};
/// let memory = match SharedMemory::new(4096) {
///     Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
///     memory => memory?,
/// };
/// // One of them would be in another process, to which the descriptor or handle was passed.
/// let request = Mmap::new(&memory).prot(Prot::WRITE);
/// let (one, two) = (request.map_raw()?, request.map_raw()?);
/// // SAFETY: the start of a page is aligned, all use these bytes by atomics alone, and the memory keeps its length.
/// let [one, two] = [&one, &two].map(|map| unsafe { AtomicU32::from_ptr(map.as_mut_ptr().cast()) });
/// one.fetch_add(1, Ordering::Relaxed);
/// assert_eq!(two.load(Ordering::Relaxed), 1);
/// # Ok::<_, baremap::Error>(())
/// ```
#[doc(alias = "shm_open")]
#[doc(alias = "memfd_create")]
#[doc(alias = "CreateFileMapping")]
#[doc(alias = "Shmem")]
#[derive(Debug)]
pub struct SharedMemory {
    raw: RawFile,
    /// The length in bytes, not 0.
    len: usize,
}

impl SharedMemory {
    /// Makes memory without a name, of at least `len` bytes.
    ///
    /// Child processes do not inherit it. Pass its descriptor or handle to another process: as the standard input of a
    /// child, over a socket, or by `DuplicateHandle`. The system frees the memory when the last process that has it
    /// ends, even by a crash.
    ///
    /// **Platform notes**
    /// - Linux: [`memfd_create`](https://man7.org/linux/man-pages/man2/memfd_create.2.html),
    ///   [`ftruncate`](https://man7.org/linux/man-pages/man2/ftruncate.2.html), and
    ///   [`fcntl`](https://man7.org/linux/man-pages/man2/F_GET_SEALS.2const.html) with `F_SEAL_SHRINK | F_SEAL_GROW`.
    /// - Other Unix: `shm_open` under a random name, `shm_unlink`, `ftruncate`. A process that is killed between the
    ///   first two leaves the name, without memory.
    /// - Windows:
    ///   [`CreateFileMappingW`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-createfilemappingw).
    ///
    /// # Errors
    /// - [`ZeroLength`](ErrorKind::ZeroLength): `len` is 0.
    /// - [`TooLong`](ErrorKind::TooLong): `len` exceeds `isize::MAX`, or the maximum of the system.
    /// - [`OutOfMemory`](ErrorKind::OutOfMemory), [`TooManyFiles`](ErrorKind::TooManyFiles).
    /// - [`Unsupported`](ErrorKind::Unsupported): the kernel has no such memory.
    ///
    /// # Examples
    ///
    /// See [`SharedMemory`].
    pub fn new(len: usize) -> Result<Self, Error> {
        let len = checked_len(len, Call::New)?;
        // SAFETY: the object is new, and closed if it is not taken over.
        unsafe { Self::measured(Sys::new_object(len)?) }.map_err(|(raw, error)| {
            Sys::close(raw);
            error
        })
    }

    /// Makes memory of at least `len` bytes under a new name.
    ///
    /// Processes of the same user can open it by this name; on Windows, those of the same session. A name is not empty,
    /// contains neither `/` nor `\`, and is neither `.` nor `..`. Every system accepts names of up to 29 bytes.
    ///
    /// The name and the memory stay until the name is [removed](Self::remove), even if this process crashes. The name
    /// can be removed once every process has opened the memory. On Windows the system removes it with the last handle.
    ///
    /// **Platform notes**
    /// - Linux: [`openat`](https://man7.org/linux/man-pages/man2/open.2.html) of `/dev/shm/name` with
    ///   `O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC` and mode 0600, then `ftruncate`. A name has at most 255
    ///   bytes. C's `shm_open("/name", …)` opens the same memory.
    /// - Other Unix: `shm_open` of `/name` with mode 0600, then `ftruncate`. On macOS `/name` has at most 31 bytes
    ///   (`PSHMNAMLEN`).
    /// - Windows: `CreateFileMappingW` of `Local\name` with the default security of the process.
    /// - Kernels: unsupported.
    ///
    /// # Errors
    /// As [`new`](Self::new), and:
    /// - [`AlreadyExists`](ErrorKind::AlreadyExists): the name is in use. It may be left over from a process that
    ///   crashed; only the programs that use it can know.
    /// - [`InvalidInput`](ErrorKind::InvalidInput): the name is not valid, or too long.
    /// - [`NotFound`](ErrorKind::NotFound), [`PermissionDenied`](ErrorKind::PermissionDenied): Linux has no `/dev/shm`, or a
    ///   sandbox forbids it.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{ErrorKind, SharedMemory};
    /// # let name = std::ffi::CString::new(format!("baremap-{}", std::process::id())).unwrap();
    /// # let name = name.as_c_str();
    /// let memory = match SharedMemory::create(name, 4096) {
    ///     Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
    ///     memory => memory?,
    /// };
    /// // In another process:
    /// let same = SharedMemory::open(name)?;
    /// assert_eq!(same.len(), memory.len());
    /// // Both have it, so nobody needs the name any more.
    /// match SharedMemory::remove(name) {
    ///     Err(error) if error.kind() == ErrorKind::Unsupported => {} // It ends by itself.
    ///     result => result?,
    /// }
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "shm_open")]
    pub fn create(name: impl AsPath, len: usize) -> Result<Self, Error> {
        let len = checked_len(len, Call::Create)?;
        named(name, Call::Create, |name| {
            // SAFETY: the object is new, and closed if it is not taken over.
            unsafe { Self::measured(Sys::create_object(name, len)?) }.map_err(|(raw, error)| {
                // Fails where the name ends by itself.
                let _ = Sys::remove_object(name);
                Sys::close(raw);
                error
            })
        })
    }

    /// Opens memory by its name, for reading and writing.
    ///
    /// **Platform notes**
    /// - Linux: `openat` of `/dev/shm/name` with `O_RDWR | O_NOFOLLOW | O_CLOEXEC`, then
    ///   [`fstat`](https://man7.org/linux/man-pages/man2/stat.2.html).
    /// - Other Unix: `shm_open`, then `fstat`.
    /// - Windows:
    ///   [`OpenFileMappingW`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-openfilemappingw) of
    ///   `Local\name`. As no function returns the length, the whole section is mapped by
    ///   [`MapViewOfFile`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-mapviewoffile),
    ///   measured by
    ///   [`VirtualQuery`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-virtualquery), and
    ///   unmapped.
    /// - Kernels: unsupported.
    ///
    /// # Errors
    /// - [`NotFound`](ErrorKind::NotFound): there is no such name.
    /// - [`ZeroLength`](ErrorKind::ZeroLength): the process that creates it has not set the length yet, or crashed
    ///   before. Not on Windows.
    /// - [`PermissionDenied`](ErrorKind::PermissionDenied): it belongs to another user.
    /// - [`NotMappable`](ErrorKind::NotMappable): the name belongs to another kind of object: a directory, a pipe, or
    ///   on Windows an event.
    /// - [`TooLong`](ErrorKind::TooLong): the length exceeds `isize::MAX`.
    /// - [`InvalidInput`](ErrorKind::InvalidInput): the name is not valid; or it is a symbolic link on Linux, which is
    ///   not followed.
    ///
    /// # Examples
    ///
    /// See [`create`](Self::create).
    #[doc(alias = "OpenFileMapping")]
    pub fn open(name: impl AsPath) -> Result<Self, Error> {
        Self::open_with(name, true)
    }

    /// Opens memory by its name, for reading.
    ///
    /// As [`open`](Self::open), but the memory cannot be mapped with [`Prot::WRITE`](crate::Prot::WRITE).
    ///
    /// # Errors
    /// As `open`.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{ErrorKind, Mmap, Prot, SharedMemory};
    /// # let name = std::ffi::CString::new(format!("baremap-{}-r", std::process::id())).unwrap();
    /// # let name = name.as_c_str();
    /// # let memory = match SharedMemory::create(name, 4096) {
    /// #     Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
    /// #     memory => memory?,
    /// # };
    /// let reader = SharedMemory::open_read_only(name)?;
    /// let error = Mmap::new(&reader).prot(Prot::WRITE).map_raw().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    /// # let _ = SharedMemory::remove(name);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub fn open_read_only(name: impl AsPath) -> Result<Self, Error> {
        Self::open_with(name, false)
    }

    fn open_with(name: impl AsPath, is_writable: bool) -> Result<Self, Error> {
        named(name, Call::Open, |name| {
            // SAFETY: just opened, and closed if it is not taken over.
            unsafe { Self::measured(Sys::open_object(name, is_writable)?) }.map_err(|(raw, error)| {
                Sys::close(raw);
                error
            })
        })
    }

    /// Removes a name.
    ///
    /// Then the memory can no longer be opened by the name, and other memory can be created under it. Processes that
    /// have opened the memory keep it.
    ///
    /// **Platform notes**
    /// - Linux: [`unlinkat`](https://man7.org/linux/man-pages/man2/unlink.2.html) of `/dev/shm/name`.
    /// - Other Unix: `shm_unlink`.
    /// - Windows: unsupported. The system removes the name with the last handle.
    /// - Kernels: unsupported.
    ///
    /// # Errors
    /// - [`NotFound`](ErrorKind::NotFound): there is no such name.
    /// - [`PermissionDenied`](ErrorKind::PermissionDenied): it belongs to another user.
    /// - [`InvalidInput`](ErrorKind::InvalidInput): the name is not valid, or too long.
    /// - [`Unsupported`](ErrorKind::Unsupported): the system removes names itself, or has no names.
    ///
    /// # Examples
    ///
    /// See [`create`](Self::create).
    #[doc(alias = "shm_unlink")]
    pub fn remove(name: impl AsPath) -> Result<(), Error> {
        named(name, Call::Remove, |name| Ok(Sys::remove_object(name)?))
    }

    /// Returns the length in bytes, the same in every process.
    ///
    /// It is the requested length, on macOS and Windows rounded up to whole pages.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{ErrorKind, SharedMemory, page_size};
    /// let memory = match SharedMemory::new(100) {
    ///     Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
    ///     memory => memory?,
    /// };
    /// assert!(memory.len() == 100 || memory.len() == page_size());
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[allow(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Allocates all of the memory now, instead of each page at its first use.
    ///
    /// On Linux an access raises SIGBUS if its page cannot be allocated. `/dev/shm` has a limit of its own, half of the
    /// machine's memory by default and often 64 MiB in a container. After this call no access allocates memory.
    ///
    /// **Platform notes**
    /// - Linux: [`fallocate`](https://man7.org/linux/man-pages/man2/fallocate.2.html).
    /// - macOS, Windows: does nothing. The memory has no limit of its own, and Windows has committed it already.
    /// - FreeBSD, NetBSD, illumos: [`posix_fallocate`](https://man7.org/linux/man-pages/man3/posix_fallocate.3.html).
    /// - OpenBSD, DragonFly: unsupported.
    /// - Kernels: `custom::Backend::allocate`.
    ///
    /// # Errors
    /// - [`NoSpace`](ErrorKind::NoSpace), [`OutOfMemory`](ErrorKind::OutOfMemory): there is too little memory.
    /// - [`InvalidInput`](ErrorKind::InvalidInput): on Linux, the memory was opened for reading.
    /// - [`Unsupported`](ErrorKind::Unsupported): the system cannot allocate it in advance.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{ErrorKind, SharedMemory};
    /// # if SharedMemory::new(1).is_err_and(|error| error.kind() == ErrorKind::Unsupported) { return Ok(()) }
    /// let memory = SharedMemory::new(1 << 20)?;
    /// memory.allocate()?;
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "posix_fallocate")]
    pub fn allocate(&self) -> Result<(), Error> {
        Ok(Sys::allocate_object(self.raw, self.len as u64)?)
    }

    /// Takes ownership of memory by its descriptor or handle.
    ///
    /// It may come from another process. With feature `std` an `OwnedFd` or `OwnedHandle` also converts by `try_from`.
    ///
    /// **Platform notes**
    /// - Unix: `fstat`. Any file that can be mapped is accepted; its length must not change.
    /// - Windows: as [`open`](Self::open).
    ///
    /// # Errors
    /// After a failure the caller still owns the descriptor or handle.
    ///
    /// As `open`. A file that cannot be mapped fails with [`NotMappable`](ErrorKind::NotMappable), on Windows with
    /// [`InvalidInput`](ErrorKind::InvalidInput).
    ///
    /// # Safety
    /// `raw` is open, and if the call succeeds, the caller gives up its ownership.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{ErrorKind, SharedMemory};
    /// let memory = match SharedMemory::new(100) {
    ///     Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(()),
    ///     memory => memory?,
    /// };
    /// let len = memory.len();
    /// let raw = memory.into_raw();
    /// // SAFETY: `raw` is open and ours.
    /// let memory = unsafe { SharedMemory::from_raw(raw)? };
    /// assert_eq!(memory.len(), len);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub unsafe fn from_raw(raw: RawFile) -> Result<Self, Error> {
        // SAFETY: the caller's promise.
        unsafe { Self::measured(raw) }.map_err(|(_, error)| error)
    }

    /// Returns the descriptor or handle, to pass it to another process.
    ///
    /// # Examples
    ///
    /// See [`from_raw`](Self::from_raw).
    pub fn as_raw(&self) -> RawFile {
        self.raw
    }

    /// Returns the descriptor or handle, which the caller then owns.
    ///
    /// With feature `std` it also converts into an `OwnedFd` or `OwnedHandle`, and into the `Stdio` of a child process.
    ///
    /// # Examples
    ///
    /// See [`from_raw`](Self::from_raw).
    #[must_use = "it stays open until it is closed by this"]
    pub fn into_raw(self) -> RawFile {
        ManuallyDrop::new(self).raw
    }

    /// Takes ownership of an object, or returns it with the error if its length cannot be mapped.
    ///
    /// # Safety
    /// The object is open, and the caller gives up its ownership if this succeeds.
    unsafe fn measured(raw: RawFile) -> Result<Self, (RawFile, Error)> {
        let fail = |kind| Err((raw, Error::new(Call::Open, kind)));
        match Sys::object_len(raw).map(usize::try_from) {
            Ok(Ok(0)) => fail(ErrorKind::ZeroLength),
            Ok(Ok(len)) if len <= isize::MAX as usize => Ok(Self { raw, len }),
            Ok(_) => fail(ErrorKind::TooLong),
            Err(failure) => Err((raw, failure.into())),
        }
    }
}

fn checked_len(len: usize, call: Call) -> Result<u64, Error> {
    match isize::try_from(len) {
        Ok(0) => Err(Error::new(call, ErrorKind::ZeroLength)),
        Ok(_) => Ok(len as u64),
        Err(_) => Err(Error::new(call, ErrorKind::TooLong)),
    }
}

/// Calls `f` with a name that is valid on every system.
fn named<T>(name: impl AsPath, call: Call, f: impl FnOnce(&CStr) -> Result<T, Error>) -> Result<T, Error> {
    name.with_c_str(|name| {
        let bytes = name.to_bytes();
        if matches!(bytes, b"" | b"." | b"..") || bytes.iter().any(|byte| matches!(byte, b'/' | b'\\')) {
            return Err(Error::new(call, ErrorKind::InvalidInput));
        }
        f(name)
    })
}

/// Closes the descriptor or handle.
///
/// Mappings stay, and so does a name, except on Windows.
impl Drop for SharedMemory {
    fn drop(&mut self) {
        Sys::close(self.raw);
    }
}

impl<'m> From<&'m SharedMemory> for FileRef<'m> {
    #[inline]
    fn from(memory: &'m SharedMemory) -> Self {
        Self { raw: memory.raw, section: Sys::section(memory.len), owner: PhantomData }
    }
}

impl FileRef<'_> {
    #[inline(always)]
    pub(crate) fn is_section(self) -> bool {
        Sys::section_len(self.section) != 0
    }

    #[inline(always)]
    pub(crate) fn status(self) -> contract::Result<FileStatus> {
        if self.is_section() {
            let len = Sys::section_len(self.section) as u64;
            return Ok(FileStatus { kind: FileKind::Regular, len, block_size: 0 });
        }
        Sys::stat(self.raw)
    }
}
