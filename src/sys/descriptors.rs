//! What std calls files where they are descriptors: the part of the contract that Linux and macOS share.

pub(crate) use std::os::fd::{AsFd as AsFile, BorrowedFd as BorrowedFile, OwnedFd as OwnedFile};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, RawFd as RawFile};

#[inline]
pub(crate) fn raw_file(file: &impl AsFile) -> RawFile {
    file.as_fd().as_raw_fd()
}

/// Implements the trait of what lends an open file, for a type whose reference converts into a lent one.
macro_rules! impl_as_file {
    ($type:ty) => {
        impl std::os::fd::AsFd for $type {
            #[inline]
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
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
    // SAFETY: the caller's promise; a descriptor that is open is not -1.
    unsafe { BorrowedFile::borrow_raw(file) }
}

/// # Safety
/// The file is open, and the caller gives it up.
pub(crate) unsafe fn into_owned_file(file: RawFile) -> OwnedFile {
    // SAFETY: the caller's promise.
    unsafe { OwnedFile::from_raw_fd(file) }
}

pub(crate) fn from_owned_file(file: OwnedFile) -> RawFile {
    file.into_raw_fd()
}
