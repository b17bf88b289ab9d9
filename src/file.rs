//! Files: just enough to reach something to map where there is no std.

use crate::error::{Call, Error, ErrorKind};
use crate::sys::{self, Open, RawFile};
use core::ffi::CStr;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;

/// An open file, closed when it is dropped. Child processes do not inherit one that is opened here.
///
/// ```
/// # fn main() -> Result<(), baremap::Error> {
/// # let path = std::env::temp_dir().join(format!("baremap-{}-file", std::process::id()));
/// # std::fs::write(&path, "[package]\nname = \"baremap\"\n".repeat(9)).unwrap();
/// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
/// let file = baremap::File::open(&path)?;
/// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
/// let mut start = [0; 9];
/// assert_eq!(file.read_at(&mut start, 0)?, 9);
/// assert_eq!(&start, b"[package]");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct File(pub(crate) RawFile);

impl File {
    /// Opens an existing file for reading. Of a directory no more can be done than to open it.
    ///
    /// Linux: `openat` with `O_RDONLY | O_CLOEXEC`; macOS: `open`. Opening a FIFO waits for a writer.
    ///
    /// Windows: `CreateFileW`, by a path in UTF-8, of up to 32,767 units in UTF-16. Others may read, write, rename and
    /// remove the file meanwhile. It is opened for executing too where that is allowed, so that it can be mapped with
    /// [`Prot::EXEC`](crate::Prot::EXEC). A directory is not opened: [`NotMappable`](ErrorKind::NotMappable).
    pub fn open(path: &CStr) -> Result<Self, Error> {
        sys::open(path, Open::Read).map(Self)
    }

    /// Opens an existing file for reading and writing.
    ///
    /// Linux: `openat` with `O_RDWR | O_CLOEXEC`; macOS: `open`. Windows: `CreateFileW`, as in [`open`](Self::open).
    pub fn open_rw(path: &CStr) -> Result<Self, Error> {
        sys::open(path, Open::ReadWrite).map(Self)
    }

    /// Opens a file for reading and writing: makes it if it is missing, empties it if it is not.
    ///
    /// Linux: `openat` with `O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC` and mode 0666 less the umask; macOS: `open`.
    /// Windows: `CreateFileW`, then `SetFileInformationByHandle`, so that a hidden file is emptied too.
    ///
    /// ```
    /// # fn main() -> Result<(), baremap::Error> {
    /// use baremap::{ErrorKind, File, Mmap, Prot};
    /// # if File::open_rw(c"/dev/shm").unwrap_err().kind() == ErrorKind::NotFound { return Ok(()) }
    /// let file = File::create(c"/dev/shm/baremap-create")?;
    /// file.set_len(5)?;
    /// // SAFETY: the file is ours alone.
    /// let mut map = unsafe { Mmap::new(&file).prot(Prot::WRITE).map()? };
    /// map.bytes_mut()?.copy_from_slice(b"hello");
    /// let mut text = [0; 8];
    /// assert_eq!(file.read_at(&mut text, 1)?, 4);
    /// assert_eq!(&text[..4], b"ello");
    /// # let _ = std::fs::remove_file("/dev/shm/baremap-create");
    /// # Ok(())
    /// # }
    /// ```
    pub fn create(path: &CStr) -> Result<Self, Error> {
        sys::open(path, Open::Create).map(Self)
    }

    /// The length of a regular file in bytes; on Linux that of a block device too. 0 of anything else, whose length is
    /// not known.
    ///
    /// Linux: `fstat`, and `ioctl` with `BLKGETSIZE64`. macOS: `fstat`. Windows: `GetFileType`, `GetFileInformationByHandleEx`.
    pub fn len(&self) -> Result<u64, Error> {
        Ok(sys::stat(self.0)?.len)
    }

    /// Whether [`len`](Self::len) is 0.
    pub fn is_empty(&self) -> Result<bool, Error> {
        Ok(self.len()? == 0)
    }

    /// Cuts the file off at `len` bytes, or extends it to them with zeros that take no space yet.
    ///
    /// What is mapped beyond the new end must not be touched any more: see [safety](crate#safety).
    ///
    /// Linux, macOS: `ftruncate`. Windows: `SetFileInformationByHandle`.
    ///
    /// # Errors
    /// - [`TooLong`](ErrorKind::TooLong) over `i64::MAX`.
    /// - [`Busy`](ErrorKind::Busy): Windows does not cut off a file that is mapped.
    pub fn set_len(&self, len: u64) -> Result<(), Error> {
        if i64::try_from(len).is_err() {
            return Err(Error::own(Call::SetLen, ErrorKind::TooLong));
        }
        sys::set_len(self.0, len)
    }

    /// Reads from `offset` on, in bytes, up to the length of `to`.
    ///
    /// Returns how many bytes were read, 0 at the end of the file. The position that the system keeps for it is not used.
    ///
    /// Linux: `pread64`, macOS: `pread`, again if a signal interrupted it. Windows: `ReadFile`, between calls of
    /// `SetFilePointerEx`, as it moves that position: what another thread does with the position meanwhile may be undone.
    ///
    /// # Errors
    /// [`Overflow`](ErrorKind::Overflow): offset + length exceed `i64::MAX`, which no file has; and what the system says.
    pub fn read_at(&self, to: &mut [u8], offset: u64) -> Result<usize, Error> {
        if offset.checked_add(to.len() as u64).is_none_or(|end| i64::try_from(end).is_err()) {
            return Err(Error::own(Call::ReadAt, ErrorKind::Overflow));
        }
        // SAFETY: `to` is writable.
        unsafe { sys::read(self.0, to.as_mut_ptr(), to.len(), Some(offset)) }
    }

    /// Waits until contents and metadata of the file, times included, are on the disk, written through
    /// a mapping or not.
    ///
    /// Linux: `fsync`. macOS: `fcntl` with `F_FULLFSYNC`. Windows: `FlushFileBuffers`, for which the file must be open
    /// for writing ([`PermissionDenied`](ErrorKind::PermissionDenied)).
    pub fn sync(&self) -> Result<(), Error> {
        sys::sync(self.0)
    }

    /// Takes over what the system calls `raw`.
    ///
    /// # Safety
    /// `raw` is open, and the caller gives it up.
    pub unsafe fn from_raw(raw: RawFile) -> Self {
        Self(raw)
    }

    /// The system's name for the file; it stays open until the caller closes it.
    pub fn into_raw(self) -> RawFile {
        ManuallyDrop::new(self).0
    }
}

impl Drop for File {
    fn drop(&mut self) {
        sys::close(self.0);
    }
}

/// A file that somebody else keeps open: a borrowed [`File`], or with feature `std` a borrowed file of std's.
#[derive(Clone, Copy, Debug)]
pub struct FileRef<'a> {
    pub(crate) raw: RawFile,
    owner: PhantomData<&'a File>,
}

impl FileRef<'_> {
    /// Borrows what the system calls `raw`.
    ///
    /// ```
    /// # fn main() -> Result<(), baremap::Error> {
    /// # let path = std::env::temp_dir().join(format!("baremap-{}-file2", std::process::id()));
    /// # std::fs::write(&path, "[package]\nname = \"baremap\"\n".repeat(9)).unwrap();
    /// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    /// use baremap::{File, FileRef, Mmap};
    /// let raw = File::open(&path)?.into_raw();
    /// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
    /// // SAFETY: nobody closes `raw` before `from_raw` takes it over.
    /// let file = unsafe { FileRef::borrow_raw(raw) };
    /// // SAFETY: nobody changes the file meanwhile.
    /// assert!(unsafe { Mmap::new(file).map()? }.starts_with(b"[package]"));
    /// // SAFETY: `raw` is ours.
    /// drop(unsafe { File::from_raw(raw) });
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Safety
    /// `raw` is open for as long as the result lives.
    #[inline]
    pub unsafe fn borrow_raw(raw: RawFile) -> Self {
        Self { raw, owner: PhantomData }
    }

    /// The system's name for the file.
    #[inline]
    pub fn as_raw(self) -> RawFile {
        self.raw
    }
}

/// With std this is the conversion from all that lends a file.
#[cfg(not(feature = "std"))]
impl<'a> From<&'a File> for FileRef<'a> {
    #[inline]
    fn from(file: &'a File) -> Self {
        Self { raw: file.0, owner: PhantomData }
    }
}
