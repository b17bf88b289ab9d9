//! Memory that several processes map: an object that holds it, without a name or with one.
//!
//! On POSIX systems and in kernels an object is an open file, so all that is done with it is done as with one. Windows has
//! sections, which are none: a `FileRef` of one knows its length, which cannot be asked of the system.

use crate::error::Error;
use crate::error::kind::{Call, ErrorKind};
use crate::file::{AsPath, FileRef};
use crate::sys::contract::{self, FileKind, FileStatus};
use crate::sys::{RawFile, Shared, Sys, System};
use core::ffi::CStr;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;

/// Memory that several processes map, until none of them has it any more.
///
/// One process makes it by [`new`](Self::new), without a name, and passes its descriptor or handle to the others; or by
/// [`create`](Self::create), with a name by which they [`open`](Self::open) it. Then each maps it as a file,
/// by [`Mmap::new`](crate::Mmap::new): by pointers with [`map_raw`](crate::Mmap::map_raw), as a slice with the `unsafe`
/// [`map`](crate::Mmap::map), in parts, in a [`Reservation`](crate::Reservation). A mapping does not need it to stay open.
///
/// [The guide](crate::guide::sharing) says how several processes may use the same memory. The memory is zeroed at first.
/// It is lost when no process has it, nor its name, and does not survive the system.
///
/// **Platform notes**
/// - Linux: without a name [`memfd_create`](https://man7.org/linux/man-pages/man2/memfd_create.2.html), with a length that is
///   sealed: no process can truncate it. With a name a file of the folder `/dev/shm`, as of
///   [`shm_open`](https://man7.org/linux/man-pages/man3/shm_open.3.html), which anybody who may open it can also truncate.
/// - Android: the same; but it has no `/dev/shm`, so that names are [`NotFound`](ErrorKind::NotFound).
/// - macOS: `shm_open`, and for memory without a name `shm_unlink`. The length is set once, for good. Such memory cannot be
///   mapped with [`Flags::COW`](crate::Flags::COW) or [`Prot::EXEC`](crate::Prot::EXEC). On iOS, and in any other sandbox, the
///   system may refuse it: [`PermissionDenied`](ErrorKind::PermissionDenied).
/// - FreeBSD, NetBSD, OpenBSD, DragonFly, illumos: `shm_open`, and for memory without a name `shm_unlink`. It is the kernel's
///   on FreeBSD, elsewhere a file: on a tmpfs, or on OpenBSD and illumos in `/tmp`.
/// - Windows: [`CreateFileMappingW`](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-createfilemappingw),
///   a section that the paging file backs. All of it counts against the commit limit at once. It cannot be mapped with
///   [`Prot::EXEC`](crate::Prot::EXEC), nor by a [`View`](crate::View).
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
    /// In bytes, and not 0.
    len: usize,
}

impl SharedMemory {
    /// Makes memory without a name, of at least `len` bytes.
    ///
    /// Child processes do not inherit it. It is passed to another process by its descriptor or handle: as the standard input
    /// of a child, over a socket, by `DuplicateHandle`. Whatever crashes, the system frees it with the last process that has
    /// it.
    ///
    /// **Platform notes**
    /// - Linux: `memfd_create`, `ftruncate`, and `fcntl` with `F_SEAL_SHRINK | F_SEAL_GROW`.
    /// - macOS: `shm_open` under a random name, `shm_unlink`, `ftruncate`. A process that is killed between the first two
    ///   leaves the name, with no memory behind it.
    /// - Windows: `CreateFileMappingW`.
    ///
    /// # Errors
    /// - [`ZeroLength`](ErrorKind::ZeroLength): `len` is 0.
    /// - [`TooLong`](ErrorKind::TooLong): `len` exceeds `isize::MAX`, or what the system supports.
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

    /// Makes memory with a name that nothing has yet, of at least `len` bytes.
    ///
    /// Processes of the same user may open it by this name; on Windows, those of the same session. A name is not empty,
    /// contains neither `/` nor `\`, and is neither `.` nor `..`. A name of up to 29 bytes is short enough everywhere.
    ///
    /// The name stays until it is [removed](Self::remove), also if this process crashes, and until then the memory stays.
    /// Once every process has opened it, the name can be removed. On Windows it ends with the last handle, whatever happens.
    ///
    /// **Platform notes**
    /// - Linux: [`openat`](https://man7.org/linux/man-pages/man2/open.2.html) of `/dev/shm/name` with
    ///   `O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC` and mode 0600, then `ftruncate`. A name has at most 255 bytes. C's
    ///   `shm_open("/name", …)` opens the same.
    /// - macOS: `shm_open` of `/name`, which has at most 31 bytes (`PSHMNAMLEN`), with mode 0600, then `ftruncate`.
    /// - Windows: `CreateFileMappingW` of `Local\name` with the default security of the process.
    /// - Kernels: unsupported.
    ///
    /// # Errors
    /// As [`new`](Self::new), and:
    /// - [`AlreadyExists`](ErrorKind::AlreadyExists): the name. It may be a leftover; only the programs that use it can know.
    /// - [`InvalidInput`](ErrorKind::InvalidInput): it is no name, or too long.
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
    /// - Linux: `openat` of `/dev/shm/name` with `O_RDWR | O_NOFOLLOW | O_CLOEXEC`, then `fstat`; macOS: `shm_open`, `fstat`.
    /// - Windows: `OpenFileMappingW` of `Local\name`. It has no function for the length, so all of it is mapped for an instant,
    ///   by `MapViewOfFile`, and `VirtualQuery` asked.
    /// - Kernels: unsupported.
    ///
    /// # Errors
    /// - [`NotFound`](ErrorKind::NotFound): nothing has this name.
    /// - [`ZeroLength`](ErrorKind::ZeroLength): its creator has not set the length yet, or crashed before. On Windows a name
    ///   is never without length.
    /// - [`PermissionDenied`](ErrorKind::PermissionDenied): it belongs to another user.
    /// - [`NotMappable`](ErrorKind::NotMappable): the name is that of something else: a directory, a pipe, on Windows
    ///   an event.
    /// - [`TooLong`](ErrorKind::TooLong): the length exceeds `isize::MAX`.
    /// - [`InvalidInput`](ErrorKind::InvalidInput): it is no name; or Linux finds a symbolic link, which it does not follow.
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
    /// It cannot be mapped with [`Prot::WRITE`](crate::Prot::WRITE) then. As [`open`](Self::open) otherwise.
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
    /// Nothing opens the memory by it any more, and another may be created under it. The processes that have the memory keep
    /// it.
    ///
    /// **Platform notes**
    /// - Linux: [`unlinkat`](https://man7.org/linux/man-pages/man2/unlink.2.html) of `/dev/shm/name`; macOS: `shm_unlink`.
    /// - Windows: unsupported. A name ends with the last handle that a process has.
    /// - Kernels: unsupported.
    ///
    /// # Errors
    /// - [`NotFound`](ErrorKind::NotFound): nothing has this name.
    /// - [`PermissionDenied`](ErrorKind::PermissionDenied): it belongs to another user.
    /// - [`InvalidInput`](ErrorKind::InvalidInput): it is no name, or too long.
    /// - [`Unsupported`](ErrorKind::Unsupported): the system removes names by itself, or has none.
    ///
    /// # Examples
    ///
    /// See [`create`](Self::create).
    #[doc(alias = "shm_unlink")]
    pub fn remove(name: impl AsPath) -> Result<(), Error> {
        named(name, Call::Remove, |name| Ok(Sys::remove_object(name)?))
    }

    /// Returns the length in bytes, the same in every process that has the memory.
    ///
    /// It is what the system says: on Linux what was asked for, on macOS and Windows rounded up to whole pages.
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

    /// Allocates all of the memory now, instead of each page when it is touched first.
    ///
    /// On Linux a page that cannot be allocated raises SIGBUS when it is touched. `/dev/shm` has a limit of its own, half of
    /// the machine's memory by default and often 64 MiB in a container. After this, no access needs memory any more.
    ///
    /// **Platform notes**
    /// - Linux: [`fallocate`](https://man7.org/linux/man-pages/man2/fallocate.2.html).
    /// - macOS, Windows: nothing to do. The memory has no limit of its own, and Windows has committed it already.
    /// - Kernels: `custom::Backend::allocate`.
    ///
    /// # Errors
    /// - [`NoSpace`](ErrorKind::NoSpace), [`OutOfMemory`](ErrorKind::OutOfMemory): there is not enough.
    /// - [`InvalidInput`](ErrorKind::InvalidInput): Linux, it was opened for reading.
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

    /// Takes over memory by its descriptor or handle, such as one that another process passed.
    ///
    /// With feature `std` an `OwnedFd` or `OwnedHandle` also converts by `try_from`.
    ///
    /// **Platform notes**
    /// - Linux, macOS: `fstat`. Any file that can be mapped is taken; its length must not change.
    /// - Windows: as [`open`](Self::open).
    ///
    /// # Errors
    /// Nothing is taken over: the caller still owns it.
    ///
    /// As `open`; what cannot be mapped is [`NotMappable`](ErrorKind::NotMappable), on Windows
    /// [`InvalidInput`](ErrorKind::InvalidInput).
    ///
    /// # Safety
    /// `raw` is open, and if this succeeds the caller gives it up.
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

    /// Returns the descriptor or handle; it stays open until the caller closes it.
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

    /// Takes over an object, or returns it, and why it has no length that can be mapped.
    ///
    /// # Safety
    /// The object is open, and the caller gives it up if this succeeds.
    unsafe fn measured(raw: RawFile) -> Result<Self, (RawFile, Error)> {
        let fail = |kind| Err((raw, Error::new(Call::Open, kind)));
        match Sys::object_len(raw).map(isize::try_from) {
            Ok(Ok(0)) => fail(ErrorKind::ZeroLength),
            Ok(Ok(len)) => Ok(Self { raw, len: len as usize }),
            Ok(Err(_)) => fail(ErrorKind::TooLong),
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

/// Calls `f` with a name that means the same on every system.
fn named<T>(name: impl AsPath, call: Call, f: impl FnOnce(&CStr) -> Result<T, Error>) -> Result<T, Error> {
    name.with_c_str(|name| {
        let bytes = name.to_bytes();
        if matches!(bytes, b"" | b"." | b"..") || bytes.iter().any(|byte| matches!(byte, b'/' | b'\\')) {
            return Err(Error::new(call, ErrorKind::InvalidInput));
        }
        f(name)
    })
}

/// Closes the descriptor or handle. Mappings stay, and so does a name, except on Windows.
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
