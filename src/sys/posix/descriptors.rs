//! Descriptors as std lends and owns them. It needs nothing of POSIX, so that systems without a backend have it too.

pub(crate) use std::os::fd::{AsFd as AsFile, BorrowedFd as BorrowedFile, OwnedFd as OwnedFile};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, RawFd as RawFile};

#[inline]
pub(crate) fn raw_file(file: &impl AsFile) -> RawFile {
    file.as_fd().as_raw_fd()
}

/// Implements `AsFile` for a type whose reference converts into a `BorrowedFile`.
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
    // SAFETY: the caller's promise; an open descriptor is not -1.
    unsafe { BorrowedFile::borrow_raw(file) }
}

/// # Safety
/// The file is open, and the caller no longer owns it.
pub(crate) unsafe fn into_owned_file(file: RawFile) -> OwnedFile {
    // SAFETY: the caller's promise.
    unsafe { OwnedFile::from_raw_fd(file) }
}

pub(crate) fn from_owned_file(file: OwnedFile) -> RawFile {
    file.into_raw_fd()
}
