//! What std calls files on Windows: handles that are lent or owned.

use super::RawFile;
use core::ffi::CStr;
use std::ffi::CString;
pub(crate) use std::os::windows::io::{
    AsHandle as AsFile, BorrowedHandle as BorrowedFile, OwnedHandle as OwnedFile,
};
use std::os::windows::io::{AsRawHandle, FromRawHandle, IntoRawHandle, RawHandle};
use std::path::Path;

#[inline]
pub(crate) fn raw_file(file: &impl AsFile) -> RawFile {
    file.as_handle().as_raw_handle() as RawFile
}

/// Implements [`AsFile`] for a type whose reference converts into a [`BorrowedFile`].
macro_rules! impl_as_file {
    ($type:ty) => {
        impl std::os::windows::io::AsHandle for $type {
            #[inline]
            fn as_handle(&self) -> std::os::windows::io::BorrowedHandle<'_> {
                self.into()
            }
        }
    };
}
pub(crate) use impl_as_file;

/// # Safety
/// The file is open for `'a`.
#[inline]
pub(crate) unsafe fn borrow_file<'a>(file: RawFile) -> BorrowedFile<'a> {
    // SAFETY: the caller's promise.
    unsafe { BorrowedFile::borrow_raw(file as RawHandle) }
}

/// # Safety
/// The file is open, and the caller gives it up.
pub(crate) unsafe fn into_owned_file(file: RawFile) -> OwnedFile {
    // SAFETY: the caller's promise.
    unsafe { OwnedFile::from_raw_handle(file as RawHandle) }
}

pub(crate) fn from_owned_file(file: OwnedFile) -> RawFile {
    file.into_raw_handle() as RawFile
}

/// Calls `f` with a path as the backend takes it, in UTF-8, or returns `None` if it contains a NUL or is not Unicode.
pub(crate) fn with_c_str<T>(path: &Path, f: impl FnOnce(&CStr) -> T) -> Option<T> {
    Some(f(&CString::new(path.to_str()?).ok()?))
}
