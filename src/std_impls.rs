//! Conversions from and to the types and traits of std.

use crate::error::{Error, ErrorKind};
use crate::file::{File, FileRef};
use crate::reader::Reader;
use crate::sys::{self, AsFile, BorrowedFile, OwnedFile};
use std::io;

/// Whatever lends a file to std: `std::fs::File`, `OwnedFd`, `Stdin`, a child's pipe, and [`File`].
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let path = std::env::temp_dir().join(format!("baremap-{}-std", std::process::id()));
/// # std::fs::write(&path, "[package]\nname = \"baremap\"\n".repeat(9)).unwrap();
/// let file = std::fs::File::open(&path)?;
/// # std::fs::remove_file(&path).unwrap();
/// // SAFETY: nobody changes the file meanwhile.
/// let map = unsafe { baremap::Mmap::new(&file).map()? };
/// assert!(map.starts_with(b"[package]"));
/// # Ok(())
/// # }
/// ```
impl<'a, T: AsFile> From<&'a T> for FileRef<'a> {
    #[inline]
    fn from(file: &'a T) -> Self {
        // SAFETY: the reference keeps the file open for 'a.
        unsafe { Self::borrow_raw(sys::raw_file(file)) }
    }
}

impl<'a> From<&'a File> for BorrowedFile<'a> {
    #[inline]
    fn from(file: &'a File) -> Self {
        // SAFETY: the reference keeps the file open for 'a.
        unsafe { sys::borrow_file(file.0) }
    }
}

sys::impl_as_file!(File);

impl From<File> for OwnedFile {
    fn from(file: File) -> Self {
        // SAFETY: the file was open and is given up.
        unsafe { sys::into_owned_file(file.into_raw()) }
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
        unsafe { Self::from_raw(sys::from_owned_file(file)) }
    }
}

impl From<std::fs::File> for File {
    fn from(file: std::fs::File) -> Self {
        OwnedFile::from(file).into()
    }
}

/// The nearest kind that std has.
impl From<ErrorKind> for io::ErrorKind {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::PermissionDenied | ErrorKind::NotWritable => Self::PermissionDenied,
            ErrorKind::Unsupported => Self::Unsupported,
            ErrorKind::OutOfMemory => Self::OutOfMemory,
            ErrorKind::NoSpace => Self::StorageFull,
            ErrorKind::TooLong => Self::FileTooLarge,
            ErrorKind::Busy => Self::ResourceBusy,
            ErrorKind::NotSeekable => Self::NotSeekable,
            ErrorKind::WouldBlock => Self::WouldBlock,
            ErrorKind::InvalidInput
            | ErrorKind::BeyondEnd
            | ErrorKind::Overflow
            | ErrorKind::EmptyAnon
            | ErrorKind::OffsetAnon
            | ErrorKind::NotMappable => Self::InvalidInput,
            ErrorKind::TooManyFiles | ErrorKind::Io | ErrorKind::Other => Self::Other,
        }
    }
}

/// Converts an error of the system to std's of the same code, and any other to one that contains it.
///
/// So `?` in a function that returns [`io::Result`] loses no code:
///
/// ```
/// fn head(path: &std::ffi::CStr) -> std::io::Result<[u8; 4]> {
///     let mut head = [0; 4];
///     baremap::File::open(path)?.read_at(&mut head, 0)?;
///     Ok(head)
/// }
///
/// let error = head(c"/no/such/file").unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
/// assert!(error.raw_os_error().is_some());
/// ```
///
/// std derives kind and words from the code alone; there is no room for the call and the flag. Two sorts of errors
/// therefore become the inner error of std's, with the nearest kind, and can be had back: those without a code, and those
/// of a call that gives the code another meaning. An example is `EAGAIN` of `mlock`, which speaks of the limit on locked
/// memory. std takes it for [`WouldBlock`](io::ErrorKind::WouldBlock), but it will not do to wait.
///
/// ```
/// use baremap::{Error, ErrorKind, Mmap};
/// let error: std::io::Error = Mmap::anon(0).map().unwrap_err().into();
/// assert_eq!(error.raw_os_error(), None);
/// assert_eq!(error.downcast::<Error>()?.kind(), ErrorKind::EmptyAnon);
/// # Ok::<_, std::io::Error>(())
/// ```
///
/// A program that wants call and flag of every error keeps this crate's, or wraps it:
///
/// ```
/// use baremap::{Error, File};
/// use std::io;
/// let wrap = |error: Error| io::Error::new(error.kind().into(), error);
/// let error = File::open(c"/no/such/file").map_err(wrap).unwrap_err();
/// assert_eq!(error.kind(), io::ErrorKind::NotFound);
/// let inner: Error = error.downcast()?;
/// assert!(inner.raw_os_error().is_some());
/// # Ok::<_, io::Error>(())
/// ```
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        match error.raw_os_error() {
            Some(code) if !error.kind_differs() => Self::from_raw_os_error(code),
            _ => Self::new(error.kind().into(), error),
        }
    }
}

impl io::Read for Reader<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if to.is_empty() {
            return Ok(0);
        }
        let chunk = self.fill()?;
        let len = chunk.len().min(to.len());
        to[..len].copy_from_slice(&chunk[..len]);
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

/// From the end it goes where the file's length is known: of a regular file or a block device. A position past the end
/// reads as the end.
impl io::Seek for Reader<'_> {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        self.check_seekable()?;
        let target = match to {
            io::SeekFrom::Start(offset) => Some(offset),
            io::SeekFrom::Current(distance) => self.position().checked_add_signed(distance),
            io::SeekFrom::End(distance) => return Ok(self.set_position_from_end(distance)?),
        };
        // As systems have it.
        let target = target.filter(|&target| i64::try_from(target).is_ok());
        let target = target.ok_or(io::ErrorKind::InvalidInput)?;
        self.set_position(target)?;
        Ok(target)
    }

    fn stream_position(&mut self) -> io::Result<u64> {
        self.check_seekable()?;
        Ok(self.position())
    }
}
