//! What can be done with a borrowed file.

use super::{File, FileRef};
use core::ops::Deref;

/// A borrowed file has the methods of [`File`]: a length, reading, writing. Nothing closes it.
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
