//! Conversions from and to the types and traits of std.

use crate::error::{Error, ErrorKind};
use crate::file::{File, FileRef};
use crate::reader::Reader;
use crate::sys::{self, AsFile, BorrowedFile, OwnedFile};
use std::io;

/// Whatever lends a file to std: `std::fs::File`, `OwnedFd`, `Stdin`, a child's pipe.
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
    fn from(file: &'a T) -> Self {
        // SAFETY: the reference keeps the file open for 'a.
        unsafe { Self::borrow_raw(sys::raw_file(file)) }
    }
}

impl<'a> From<&'a File> for BorrowedFile<'a> {
    fn from(file: &'a File) -> Self {
        // SAFETY: the reference keeps the file open for 'a.
        unsafe { sys::borrow_file(FileRef::from(file).as_raw()) }
    }
}

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

/// Keeps this crate's error as the inner one, with its words, the call and the system's code.
///
/// ```
/// let error: std::io::Error = baremap::File::open(c"/no/such/file").unwrap_err().into();
/// assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
/// let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<baremap::Error>());
/// assert!(inner.is_some_and(|inner| inner.raw_os_error().is_some()));
/// ```
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::NotFound => io::ErrorKind::NotFound,
            ErrorKind::PermissionDenied | ErrorKind::NotWritable => io::ErrorKind::PermissionDenied,
            ErrorKind::Unsupported => io::ErrorKind::Unsupported,
            ErrorKind::OutOfMemory => io::ErrorKind::OutOfMemory,
            ErrorKind::NoSpace => io::ErrorKind::StorageFull,
            ErrorKind::Busy => io::ErrorKind::ResourceBusy,
            ErrorKind::NotSeekable => io::ErrorKind::NotSeekable,
            ErrorKind::WouldBlock => io::ErrorKind::WouldBlock,
            ErrorKind::InvalidInput
            | ErrorKind::BeyondEnd
            | ErrorKind::Overflow
            | ErrorKind::TooLong
            | ErrorKind::EmptyAnon
            | ErrorKind::OffsetAnon
            | ErrorKind::NotMappable => io::ErrorKind::InvalidInput,
            ErrorKind::TooManyFiles | ErrorKind::Io | ErrorKind::Other => io::ErrorKind::Other,
        };
        Self::new(kind, error)
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

/// From the end goes only where the file's length is known. A position beyond the end reads as the end.
impl io::Seek for Reader<'_> {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let target = match to {
            io::SeekFrom::Start(offset) => Some(offset),
            io::SeekFrom::Current(distance) => self.position().checked_add_signed(distance),
            io::SeekFrom::End(distance) => self.file_len()?.checked_add_signed(distance),
        };
        let target = target.ok_or(io::ErrorKind::InvalidInput)?;
        self.set_position(target)?;
        Ok(target)
    }
}
