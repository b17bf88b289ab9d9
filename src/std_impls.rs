//! Conversions from and to the types and traits of std.

use crate::error::kind::{Call, ErrorKind};
use crate::error::{Error, Refused};
use crate::file::{AsPath, File, FileRef, private::Sealed};
use crate::reader::Reader;
use crate::shared::SharedMemory;
use crate::sys::std_files::{self, AsFile, BorrowedFile, OwnedFile};
use std::ffi::{CStr, CString, OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::string::String;

/// Borrows from any type that lends a file to std.
///
/// Such types are `std::fs::File`, `OwnedFd`, `Stdin`, a child's pipe, and [`File`].
///
/// # Examples
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let path = std::env::temp_dir().join(format!("baremap-{}-std", std::process::id()));
/// # std::fs::write(&path, "[package]").unwrap();
/// let file = std::fs::File::open(&path)?;
/// # std::fs::remove_file(&path).unwrap();
/// // SAFETY: nobody changes the file while it is mapped.
/// let map = unsafe { baremap::Mmap::new(&file).map()? };
/// assert_eq!(&map[..], b"[package]");
/// # Ok(())
/// # }
/// ```
impl<'f, T: AsFile> From<&'f T> for FileRef<'f> {
    #[inline]
    fn from(file: &'f T) -> Self {
        // SAFETY: the reference keeps the file open for 'f.
        unsafe { Self::borrow_raw(std_files::raw_file(file)) }
    }
}

impl<'f> From<BorrowedFile<'f>> for FileRef<'f> {
    #[inline]
    fn from(file: BorrowedFile<'f>) -> Self {
        // SAFETY: the file is open for 'f.
        unsafe { Self::borrow_raw(std_files::raw_file(&file)) }
    }
}

impl<'f> From<FileRef<'f>> for BorrowedFile<'f> {
    #[inline]
    fn from(file: FileRef<'f>) -> Self {
        // SAFETY: the file is open for 'f.
        unsafe { std_files::borrow_file(file.raw) }
    }
}

impl<'f> From<&'f File> for BorrowedFile<'f> {
    #[inline]
    fn from(file: &'f File) -> Self {
        // SAFETY: the reference keeps the file open for 'f.
        unsafe { std_files::borrow_file(file.0) }
    }
}

impl<'f> From<&FileRef<'f>> for BorrowedFile<'f> {
    #[inline]
    fn from(file: &FileRef<'f>) -> Self {
        (*file).into()
    }
}

std_files::impl_as_file!(File);
std_files::impl_as_file!(FileRef<'_>);

impl From<File> for OwnedFile {
    fn from(file: File) -> Self {
        // SAFETY: the file was open and is given up.
        unsafe { std_files::into_owned_file(file.into_raw()) }
    }
}

impl From<File> for std::fs::File {
    fn from(file: File) -> Self {
        OwnedFile::from(file).into()
    }
}

impl From<OwnedFile> for File {
    fn from(file: OwnedFile) -> Self {
        // SAFETY: the file was open and is given up.
        unsafe { Self::from_raw(std_files::from_owned_file(file)) }
    }
}

impl From<std::fs::File> for File {
    fn from(file: std::fs::File) -> Self {
        OwnedFile::from(file).into()
    }
}

impl From<SharedMemory> for OwnedFile {
    fn from(memory: SharedMemory) -> Self {
        // SAFETY: the object was open and is given up.
        unsafe { std_files::into_owned_file(memory.into_raw()) }
    }
}

/// Passes the memory to a child process, for example as its standard input.
impl From<SharedMemory> for std::process::Stdio {
    fn from(memory: SharedMemory) -> Self {
        // By way of a file, as not every std has a conversion from an owned descriptor.
        std::fs::File::from(OwnedFile::from(memory)).into()
    }
}

/// Takes ownership; the error returns the descriptor or handle.
impl TryFrom<OwnedFile> for SharedMemory {
    type Error = Refused<OwnedFile>;

    fn try_from(file: OwnedFile) -> Result<Self, Refused<OwnedFile>> {
        let raw = std_files::from_owned_file(file);
        // SAFETY: the object is open and given up.
        unsafe { Self::from_raw(raw) }.map_err(|error| {
            // SAFETY: as above, as `from_raw` has not taken it.
            Refused::new(unsafe { std_files::into_owned_file(raw) }, error)
        })
    }
}

// One by one, as std may come to implement `AsRef<Path>` for `CStr`, which excludes an implementation for all that does.
macro_rules! paths {
    ($($type:ty)*) => {
        $(
            impl Sealed for $type {}

            impl AsPath for $type {
                fn with_c_str<T>(&self, f: impl FnOnce(&CStr) -> Result<T, Error>) -> Result<T, Error> {
                    let path: &Path = self.as_ref();
                    std_files::with_c_str(path, f)
                        .unwrap_or(Err(Error::new(Call::Open, ErrorKind::InvalidInput)))
                }
            }
        )*
    };
}

paths! { &Path &PathBuf PathBuf &str &String String &OsStr &OsString OsString }

impl Sealed for CString {}
impl Sealed for &CString {}

impl AsPath for CString {
    fn with_c_str<T>(&self, f: impl FnOnce(&CStr) -> Result<T, Error>) -> Result<T, Error> {
        f(self)
    }
}

impl AsPath for &CString {
    fn with_c_str<T>(&self, f: impl FnOnce(&CStr) -> Result<T, Error>) -> Result<T, Error> {
        f(self)
    }
}

/// Converts to the nearest kind of std.
impl From<ErrorKind> for io::ErrorKind {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::AlreadyExists => Self::AlreadyExists,
            ErrorKind::PermissionDenied => Self::PermissionDenied,
            ErrorKind::Unsupported => Self::Unsupported,
            ErrorKind::OutOfMemory => Self::OutOfMemory,
            ErrorKind::Truncated => Self::UnexpectedEof,
            ErrorKind::NoSpace => Self::StorageFull,
            ErrorKind::TooLong => Self::FileTooLarge,
            ErrorKind::Busy => Self::ResourceBusy,
            ErrorKind::NotSeekable => Self::NotSeekable,
            ErrorKind::WouldBlock => Self::WouldBlock,
            ErrorKind::InvalidInput
            | ErrorKind::BeyondEnd
            | ErrorKind::Overflow
            | ErrorKind::ZeroLength
            | ErrorKind::NotSealed
            | ErrorKind::NotMappable => Self::InvalidInput,
            ErrorKind::TooManyFiles | ErrorKind::Io | ErrorKind::Other => Self::Other,
        }
    }
}

/// Converts a system error to std's error of the same code, and wraps any other.
///
/// std derives kind and text from the code alone, and has no room for the call and the flag. So two kinds of errors
/// become the inner error of std's error, with the nearest kind: those without a code, and those whose code has another
/// meaning for the call. For example, `EAGAIN` of `mlock` means the limit on locked memory, and std would report
/// [`WouldBlock`](io::ErrorKind::WouldBlock).
///
/// # Examples
///
/// `?` works in a function that returns [`io::Result`], and keeps the code:
///
/// ```
/// fn head(path: &str) -> std::io::Result<[u8; 4]> {
///     let mut head = [0; 4];
///     baremap::File::open(path)?.read_at(&mut head, 0)?;
///     Ok(head)
/// }
///
/// let error = head("/no/such/file").unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
/// assert!(error.raw_os_error().is_some());
/// ```
///
/// An error without a code can be unwrapped:
///
/// ```
/// use baremap::{Error, ErrorKind, Mmap};
/// let error: std::io::Error = Mmap::anon(0).map().unwrap_err().into();
/// assert_eq!(error.raw_os_error(), None);
/// assert_eq!(error.downcast::<Error>()?.kind(), ErrorKind::ZeroLength);
/// # Ok::<_, std::io::Error>(())
/// ```
///
/// To keep the call and the flag of every error, wrap it:
///
/// ```
/// use baremap::{Error, File};
/// use std::io;
/// let wrap = |error: Error| io::Error::new(error.kind().into(), error);
/// let error = File::open("/no/such/file").map_err(wrap).unwrap_err();
/// assert_eq!(error.kind(), io::ErrorKind::NotFound);
/// let inner: Error = error.downcast()?;
/// assert!(inner.raw_os_error().is_some());
/// # Ok::<_, io::Error>(())
/// ```
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        match error.raw_os_error() {
            // std's codes are as wide as addresses on UEFI.
            Some(code) if !error.kind_differs() => Self::from_raw_os_error(code as _),
            _ => Self::new(error.kind().into(), error),
        }
    }
}

/// Drops the value and converts the error.
impl<T> From<Refused<T>> for io::Error {
    fn from(refused: Refused<T>) -> Self {
        refused.error.into()
    }
}

impl io::Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let mut chunk = self.fill()?;
        let len = chunk.read(buffer)?;
        self.consume(len);
        Ok(len)
    }
}

impl io::BufRead for Reader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.fill()?)
    }

    fn consume(&mut self, len: usize) {
        Reader::consume(self, len);
    }
}

/// Seeks as `std::io::BufReader` does.
///
/// To seek from the end, the length must be known: that of a regular file or a block device. A position past the end
/// reads as the end.
impl io::Seek for Reader<'_> {
    fn seek(&mut self, target: io::SeekFrom) -> io::Result<u64> {
        self.check_seekable()?;
        let offset = match target {
            io::SeekFrom::Start(offset) => Some(offset),
            io::SeekFrom::Current(distance) => self.position().checked_add_signed(distance),
            io::SeekFrom::End(distance) => return Ok(self.set_position_from_end(distance)?),
        };
        // Systems take offsets as signed numbers.
        let offset = offset.filter(|&offset| i64::try_from(offset).is_ok());
        let offset = offset.ok_or(io::ErrorKind::InvalidInput)?;
        self.set_position(offset)?;
        Ok(offset)
    }

    fn stream_position(&mut self) -> io::Result<u64> {
        self.check_seekable()?;
        Ok(self.position())
    }
}
