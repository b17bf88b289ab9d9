//! Files: just enough to open a file to map, without std.

// In the order in which rustdoc shall list the methods.
mod open;

mod memory;
mod temporary;

pub(crate) mod borrowed;
mod lock;

use crate::error::Error;
use crate::error::kind::{Call, ErrorKind};
use crate::sys::{RawFile, Shared, Sys, System};
use core::ffi::CStr;
use core::marker::PhantomData;

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
