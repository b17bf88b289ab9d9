//! `File`: opening, reading and writing.

use super::{AsPath, File, check_range};
use crate::error::Error;
use crate::error::kind::{Call, ErrorKind};
use crate::sys::contract::Open;
use crate::sys::{RawFile, Sys, System};
use core::mem::ManuallyDrop;

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
    /// See [`FileRef::borrow_raw`](crate::FileRef::borrow_raw).
    pub unsafe fn from_raw(raw: RawFile) -> Self {
        Self(raw)
    }

    /// Returns the descriptor or handle, which the caller then owns.
    ///
    /// # Examples
    ///
    /// See [`FileRef::borrow_raw`](crate::FileRef::borrow_raw).
    #[must_use = "the file stays open until it is closed by this"]
    pub fn into_raw(self) -> RawFile {
        ManuallyDrop::new(self).0
    }
}
