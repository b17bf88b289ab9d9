//! Files: just enough to open a file to map, without std.

pub(crate) mod borrowed;
mod lock;
mod memory;
mod temporary;

use crate::error::Error;
use crate::error::kind::{Call, ErrorKind};
use crate::sys::contract::Open;
use crate::sys::{RawFile, Shared, Sys, System};
use core::ffi::CStr;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;

/// An open file, closed when it is dropped.
///
/// Child processes do not inherit it.
///
/// # Examples
///
/// ```
/// # let path = std::env::temp_dir().join(format!("baremap-{}-file", std::process::id()));
/// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
/// # let path = path.as_c_str();
/// use baremap::{ErrorKind, File};
/// let file = File::create_new(path)?;
/// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
/// # if file.write_at(b"", 0).is_err_and(|error| error.kind() == ErrorKind::Unsupported) { return Ok(()) }
/// assert_eq!(file.write_at(b"hello", 0)?, 5);
/// let mut end = [0; 8];
/// assert_eq!(file.read_at(&mut end, 1)?, 4);
/// assert_eq!(&end[..4], b"ello");
/// # Ok::<_, baremap::Error>(())
/// ```
#[derive(Debug)]
#[repr(transparent)]
pub struct File(pub(crate) RawFile);

impl File {
    /// Opens an existing file for reading.
    ///
    /// **Platform notes**
    /// - Unix: [`open`](https://man7.org/linux/man-pages/man2/open.2.html), on Linux `openat`, with
    ///   `O_RDONLY | O_CLOEXEC`. A directory can be opened, but neither read nor mapped. Opening a FIFO waits for a
    ///   writer.
    /// - Windows: [`CreateFileW`](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-createfilew); the
    ///   path is UTF-8, and at most 32,767 elements long in UTF-16. Other processes may read, write, rename and delete
    ///   the open file. Where allowed, it is opened for executing too, so that it can be mapped with
    ///   [`Prot::EXEC`](crate::Prot::EXEC).
    ///
    /// # Errors
    /// - [`NotFound`](ErrorKind::NotFound), [`PermissionDenied`](ErrorKind::PermissionDenied), and other errors of the
    ///   system.
    /// - [`InvalidInput`](ErrorKind::InvalidInput): the path contains NUL or, on Windows, is not Unicode.
    /// - [`NotMappable`](ErrorKind::NotMappable): on Windows, a directory.
    ///
    /// # Examples
    ///
    /// ```
    /// use baremap::{ErrorKind, File};
    /// assert_eq!(File::open(c"/no/such/file").unwrap_err().kind(), ErrorKind::NotFound);
    /// ```
    #[doc(alias = "openat")]
    #[doc(alias = "CreateFileW")]
    pub fn open(path: impl AsPath) -> Result<Self, Error> {
        Self::open_with(path, Open::Read)
    }

    /// Opens an existing file for reading and writing.
    ///
    /// **Platform notes**
    /// - Unix: as [`open`](Self::open), with `O_RDWR | O_CLOEXEC`.
    /// - Windows: `CreateFileW`, as for [`open`](Self::open).
    ///
    /// # Errors
    /// As `open`.
    ///
    /// # Examples
    ///
    /// See [`set_len`](Self::set_len).
    pub fn open_rw(path: impl AsPath) -> Result<Self, Error> {
        Self::open_with(path, Open::ReadWrite)
    }

    /// Creates a file for reading and writing, or truncates an existing one.
    ///
    /// **Platform notes**
    /// - Unix: as [`open`](Self::open), with `O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC` and mode 0666 less the umask.
    /// - Windows: `CreateFileW`, then `SetFileInformationByHandle`, so that a hidden file is truncated too.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    ///
    /// # Examples
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("baremap-{}-create", std::process::id()));
    /// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    /// # let path = path.as_c_str();
    /// use baremap::{File, Mmap};
    /// let file = File::create(path)?;
    /// file.set_len(5)?;
    /// // SAFETY: nobody else knows of the file.
    /// let mut map = unsafe { Mmap::new(&file).map_mut()? };
    /// map.copy_from_slice(b"hello");
    /// # drop((map, file));
    /// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub fn create(path: impl AsPath) -> Result<Self, Error> {
        Self::open_with(path, Open::Create)
    }

    /// Creates a file that does not exist yet, for reading and writing.
    ///
    /// **Platform notes**
    /// - Unix: as [`create`](Self::create), with `O_EXCL` instead of `O_TRUNC`.
    /// - Windows: `CreateFileW` with `CREATE_NEW`.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`AlreadyExists`](ErrorKind::AlreadyExists).
    ///
    /// # Examples
    ///
    /// See [`File`].
    #[doc(alias = "O_EXCL")]
    pub fn create_new(path: impl AsPath) -> Result<Self, Error> {
        Self::open_with(path, Open::CreateNew)
    }

    /// Opens a file for reading and writing, and creates it if it does not exist.
    ///
    /// The contents of an existing file are kept.
    ///
    /// **Platform notes**
    /// - Unix: as [`create`](Self::create), without `O_TRUNC`.
    /// - Windows: `CreateFileW` with `OPEN_ALWAYS`.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    ///
    /// # Examples
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("baremap-{}-open-or-create", std::process::id()));
    /// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    /// # let path = path.as_c_str();
    /// use baremap::File;
    /// File::open_or_create(path)?.set_len(5)?;
    /// assert_eq!(File::open_or_create(path)?.len()?, 5);
    /// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
    /// # Ok::<_, baremap::Error>(())
    /// ```
    pub fn open_or_create(path: impl AsPath) -> Result<Self, Error> {
        Self::open_with(path, Open::OpenOrCreate)
    }

    #[inline]
    fn open_with(path: impl AsPath, open: Open) -> Result<Self, Error> {
        path.with_c_str(|path| Ok(Self(Sys::open(path, open)?)))
    }

    /// Returns the length of a regular file in bytes, and on Linux of a block device.
    ///
    /// It is 0 for any other file.
    ///
    /// **Platform notes**
    /// - Linux: [`fstat`](https://man7.org/linux/man-pages/man2/stat.2.html), and `ioctl` with `BLKGETSIZE64`.
    /// - Other Unix: `fstat`.
    /// - Windows: `GetFileType`, `GetFileInformationByHandleEx`.
    ///
    /// # Errors
    /// Any error of the system.
    ///
    /// # Examples
    ///
    /// See [`set_len`](Self::set_len).
    pub fn len(&self) -> Result<u64, Error> {
        Ok(Sys::stat(self.0)?.len)
    }

    /// Returns whether [`len`](Self::len) is 0.
    ///
    /// # Errors
    /// As `len`.
    ///
    /// # Examples
    ///
    /// See [`set_len`](Self::set_len).
    pub fn is_empty(&self) -> Result<bool, Error> {
        Ok(self.len()? == 0)
    }

    /// Truncates the file to `len` bytes, or extends it with zeros that take no space yet.
    ///
    /// Mappings must not be accessed past the new end: see [safety](crate#safety).
    ///
    /// **Platform notes**
    /// - Unix: [`ftruncate`](https://man7.org/linux/man-pages/man2/ftruncate.2.html).
    /// - Windows: `SetFileInformationByHandle`.
    ///
    /// # Errors
    /// - [`TooLong`](ErrorKind::TooLong): `len` exceeds `i64::MAX`, or the maximum of the file system.
    /// - [`Busy`](ErrorKind::Busy): Windows does not truncate a mapped file.
    ///
    /// # Examples
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("baremap-{}-set-len", std::process::id()));
    /// # std::fs::write(&path, "").unwrap();
    /// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    /// # let path = path.as_c_str();
    /// use baremap::File;
    /// let file = File::open_rw(path)?;
    /// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
    /// assert!(file.is_empty()?);
    /// file.set_len(1 << 40)?;
    /// assert_eq!(file.len()?, 1 << 40);
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "ftruncate")]
    #[doc(alias = "truncate")]
    pub fn set_len(&self, len: u64) -> Result<(), Error> {
        if i64::try_from(len).is_err() {
            return Err(Error::new(Call::SetLen, ErrorKind::TooLong));
        }
        Ok(Sys::set_len(self.0, len)?)
    }

    /// Reads at most `buffer.len()` bytes at `offset`, and returns how many were read.
    ///
    /// It returns 0 at the end of the file. The file's position is neither used nor moved.
    ///
    /// **Platform notes**
    /// - Unix: [`pread`](https://man7.org/linux/man-pages/man2/pread.2.html), on Linux `pread64`.
    /// - Windows: [`ReadFile`](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-readfile), then
    ///   `SetFilePointerEx`, as it moves the position, which another thread may observe.
    ///
    /// # Errors
    /// - [`Overflow`](ErrorKind::Overflow): offset and length together exceed `i64::MAX`.
    /// - [`NotSeekable`](ErrorKind::NotSeekable): a pipe, a terminal.
    /// - [`NotMappable`](ErrorKind::NotMappable): a directory.
    /// - Other errors of the system.
    ///
    /// # Examples
    ///
    /// See [`File`].
    #[doc(alias = "pread")]
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Error> {
        check_range(Call::ReadAt, offset, buffer.len() as u64)?;
        // SAFETY: `buffer` is writable.
        Ok(unsafe { Sys::read(self.0, buffer.as_mut_ptr(), buffer.len(), Some(offset))? })
    }

    /// Writes at most `bytes.len()` bytes at `offset`, and returns how many were written.
    ///
    /// The file is extended if needed. Its position is neither used nor moved.
    ///
    /// **Platform notes**
    /// - Unix: [`pwrite`](https://man7.org/linux/man-pages/man2/pwrite.2.html), on Linux `pwrite64`.
    /// - Windows: `WriteFile`, with the position as for [`read_at`](Self::read_at).
    ///
    /// # Errors
    /// - [`Overflow`](ErrorKind::Overflow): offset and length together exceed `i64::MAX`.
    /// - [`NoSpace`](ErrorKind::NoSpace): the disk or the quota is full.
    /// - Other errors of the system; a file that is not open for writing is [`InvalidInput`](ErrorKind::InvalidInput)
    ///   or [`PermissionDenied`](ErrorKind::PermissionDenied).
    ///
    /// # Examples
    ///
    /// See [`File`].
    #[doc(alias = "pwrite")]
    pub fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize, Error> {
        check_range(Call::WriteAt, offset, bytes.len() as u64)?;
        Ok(Sys::write(self.0, bytes, offset)?)
    }

    /// Writes contents and metadata to the disk, also writes through mappings, and waits for it.
    ///
    /// **Platform notes**
    /// - Linux, BSD, illumos: [`fsync`](https://man7.org/linux/man-pages/man2/fsync.2.html).
    /// - macOS: `fcntl` with `F_FULLFSYNC`.
    /// - Windows:
    ///   [`FlushFileBuffers`](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-flushfilebuffers); the
    ///   file must be open for writing.
    ///
    /// # Errors
    /// - [`Io`](ErrorKind::Io), [`NoSpace`](ErrorKind::NoSpace): the disk failed or is full.
    /// - [`PermissionDenied`](ErrorKind::PermissionDenied): on Windows, the file is not open for writing.
    ///
    /// # Examples
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("baremap-{}-sync", std::process::id()));
    /// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    /// # let path = path.as_c_str();
    /// let file = baremap::File::create(path)?;
    /// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
    /// file.set_len(100)?;
    /// file.sync()?;
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[doc(alias = "fsync")]
    #[doc(alias = "FlushFileBuffers")]
    pub fn sync(&self) -> Result<(), Error> {
        Ok(Sys::sync(self.0)?)
    }

    /// Takes ownership of an open file by its descriptor or handle.
    ///
    /// # Safety
    /// `raw` is open, and the caller gives up its ownership.
    ///
    /// # Examples
    ///
    /// See [`FileRef::borrow_raw`].
    pub unsafe fn from_raw(raw: RawFile) -> Self {
        Self(raw)
    }

    /// Returns the descriptor or handle, which the caller then owns.
    ///
    /// # Examples
    ///
    /// See [`FileRef::borrow_raw`].
    #[must_use = "the file stays open until it is closed by this"]
    pub fn into_raw(self) -> RawFile {
        ManuallyDrop::new(self).0
    }
}

/// No file has offsets past `i64::MAX`.
fn check_range(call: Call, offset: u64, len: u64) -> Result<(), Error> {
    match offset.checked_add(len) {
        Some(end) if i64::try_from(end).is_ok() => Ok(()),
        _ => Err(Error::new(call, ErrorKind::Overflow)),
    }
}

/// Closes the file; only [`File::sync`] reports errors of earlier writes.
impl Drop for File {
    fn drop(&mut self) {
        Sys::close(self.0);
    }
}

/// A borrowed open file, with the methods of [`File`].
///
/// [`Mmap::new`](crate::Mmap::new) takes any type that converts into it: `&File`, and with feature `std` a reference to
/// anything that lends its descriptor or handle, such as `&std::fs::File`, or a `BorrowedFd` or `BorrowedHandle` by
/// value.
///
/// # Examples
///
/// See [`borrow_raw`](Self::borrow_raw).
#[derive(Clone, Copy, Debug)]
pub struct FileRef<'f> {
    pub(crate) raw: RawFile,
    /// Its length, if it is not a file but a section of Windows.
    pub(crate) section: <Sys as Shared>::Section,
    pub(crate) owner: PhantomData<&'f File>,
}

impl FileRef<'_> {
    /// Borrows an open file by its descriptor or handle.
    ///
    /// # Safety
    /// `raw` is open as long as the result lives.
    ///
    /// # Examples
    ///
    /// ```
    /// # let path = std::env::temp_dir().join(format!("baremap-{}-borrow", std::process::id()));
    /// # std::fs::write(&path, "[package]").unwrap();
    /// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    /// # let path = path.as_c_str();
    /// use baremap::{File, FileRef, Mmap};
    /// let raw = File::open(path)?.into_raw();
    /// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
    /// // SAFETY: nobody closes `raw` before `from_raw` takes it over.
    /// let file = unsafe { FileRef::borrow_raw(raw) };
    /// // SAFETY: nobody changes the file while it is mapped.
    /// assert_eq!(&unsafe { Mmap::new(file).map()? }[..], b"[package]");
    /// // SAFETY: `raw` is open and ours.
    /// drop(unsafe { File::from_raw(raw) });
    /// # Ok::<_, baremap::Error>(())
    /// ```
    #[inline]
    pub unsafe fn borrow_raw(raw: RawFile) -> Self {
        Self { raw, section: Default::default(), owner: PhantomData }
    }

    /// Returns the descriptor or handle.
    #[inline]
    pub fn as_raw(self) -> RawFile {
        self.raw
    }
}

/// With std it is one of the conversions from types that lend a file.
#[cfg(not(feature = "std"))]
impl<'f> From<&'f File> for FileRef<'f> {
    #[inline]
    fn from(file: &'f File) -> Self {
        Self { raw: file.0, section: Default::default(), owner: PhantomData }
    }
}

/// A path of a file.
///
/// It is a `&CStr`, or with feature `std` also a path of std, by value or by reference: `Path`, `PathBuf`, `str`,
/// `String`, `OsStr`, `OsString`, `CString`. For a generic `AsRef<Path>` pass `path.as_ref()`. On Windows it is
/// Unicode.
///
/// # Examples
///
/// ```
/// use baremap::{ErrorKind, File};
/// assert_eq!(File::open(c"/no/such/file").unwrap_err().kind(), ErrorKind::NotFound);
/// # #[cfg(feature = "std")]
/// assert_eq!(File::open("/no/such/file").unwrap_err().kind(), ErrorKind::NotFound);
/// ```
#[diagnostic::on_unimplemented(message = "`{Self}` is not a path", label = "expected a path")]
#[cfg_attr(
    feature = "std",
    diagnostic::on_unimplemented(note = "for a generic `AsRef<Path>`, write `path.as_ref()`")
)]
#[cfg_attr(
    not(feature = "std"),
    diagnostic::on_unimplemented(note = "without the feature `std`, write a `&CStr`, such as `c\"data\"`")
)]
pub trait AsPath: private::Sealed {
    /// Calls `f` with the path.
    #[doc(hidden)]
    fn with_c_str<T>(&self, f: impl FnOnce(&CStr) -> Result<T, Error>) -> Result<T, Error>;
}

pub(crate) mod private {
    pub trait Sealed {}
}

impl private::Sealed for &CStr {}

impl AsPath for &CStr {
    #[inline]
    fn with_c_str<T>(&self, f: impl FnOnce(&CStr) -> Result<T, Error>) -> Result<T, Error> {
        f(self)
    }
}
