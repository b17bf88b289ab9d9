//! The methods of a borrowed file.

use super::{File, FileRef};
use core::ops::Deref;

/// Lends the methods of [`File`]: length, reading, writing.
///
/// The file is not closed when this is dropped.
///
/// # Examples
///
/// ```
/// # let path = std::env::temp_dir().join(format!("baremap-{}-borrowed", std::process::id()));
/// # std::fs::write(&path, "[package]").unwrap();
/// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
/// # let path = path.as_c_str();
/// use baremap::{Error, File, FileRef};
/// fn is_long<'f>(file: impl Into<FileRef<'f>>) -> Result<bool, Error> {
///     Ok(file.into().len()? > 100)
/// }
///
/// let file = File::open(path)?;
/// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
/// assert!(!is_long(&file)?);
/// # Ok::<_, Error>(())
/// ```
impl Deref for FileRef<'_> {
    type Target = File;

    #[inline]
    fn deref(&self) -> &File {
        // SAFETY: a `File` is a `RawFile`, by `repr(transparent)`, and this one is open. A reference does not close it.
        unsafe { &*(&raw const self.raw).cast() }
    }
}

/// An open file: whatever converts into a [`FileRef`].
///
/// Every type that converts into one implements it. For other types the compiler's message says how to borrow their file.
///
/// # Examples
///
/// ```
/// # let path = std::env::temp_dir().join(format!("baremap-{}-as-file-ref", std::process::id()));
/// # std::fs::write(&path, "[package]").unwrap();
/// # let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
/// # let path = path.as_c_str();
/// use baremap::{AsFileRef, Error, File, Mmap};
/// fn mappable_len<'f>(file: impl AsFileRef<'f>) -> Result<usize, Error> {
///     Ok(Mmap::new(file).map_raw()?.len())
/// }
///
/// let file = File::open(path)?;
/// # std::fs::remove_file(path.to_str().unwrap()).unwrap();
/// assert_eq!(mappable_len(&file)?, 9);
/// # Ok::<_, Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an open file",
    label = "expected `&File`, or a reference to another open file",
    note = "open a path first: `&File::open(path)?`",
    note = "a type that contains a file lends it by a method, as `BufReader` does: `reader.get_ref()`"
)]
#[cfg_attr(
    not(feature = "std"),
    diagnostic::on_unimplemented(
        note = "with the feature `std`, `&std::fs::File` is one, and whatever else lends a file"
    )
)]
pub trait AsFileRef<'f>: Into<FileRef<'f>> {}

// `Into` alone cannot carry the message, and without this attribute the message is of what `Into` needs.
#[diagnostic::do_not_recommend]
impl<'f, T: Into<FileRef<'f>>> AsFileRef<'f> for T {}
